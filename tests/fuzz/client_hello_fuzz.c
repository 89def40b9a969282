/*
 * The first message of a TLS connection. Holds: of one that is taken every shorter piece is
 * awaited, what follows it makes no difference, nor does cutting it into records of one byte; a
 * name is in lower case and printable.
 */
#include "fuzz.h"

#include "wire/tls/client_hello.h"

static int parse(struct slice bytes, struct client_hello *ret_hello)
{
    const char *why = NULL;
    int rc = client_hello_parse(bytes, ret_hello, &why);
    CHECK((rc < 0) == (why != NULL));
    return rc;
}

/* The same message with a record around each of its bytes. */
static struct slice cut_up(struct slice bytes, char *room)
{
    size_t at = 0, len = 0;
    while (at + 5 <= bytes.len) {
        size_t left = (size_t)(uint8_t)bytes.at[at + 3] << 8 | (uint8_t)bytes.at[at + 4];
        for (at += 5; left > 0 && at < bytes.len; left--, at++) {
            memcpy(room + len, "\x16\x03\x01\x00\x01", 5);
            room[len + 5] = bytes.at[at];
            len += 6;
        }
    }
    return slice_of(room, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static char room[6 * 4096];
    struct client_hello hello, other;
    struct slice bytes = slice_of(data, len);
    int rc = parse(bytes, &hello);
    if (rc != 1)
        return 0;
    for (size_t i = 0; i < hello.server_name.len; i++) {
        char c = hello.server_name.at[i];
        CHECK(c > ' ' && c <= '~' && !(c >= 'A' && c <= 'Z'));
    }
    size_t taken = len;
    while (taken > 0 && parse(slice_first(bytes, taken - 1), &other) == 1)
        taken--;
    for (size_t i = 0; i < taken; i++)
        CHECK(parse(slice_first(bytes, i), &other) == 0);
    if (taken > 4096)
        return 0;
    CHECK(parse(cut_up(slice_first(bytes, taken), room), &other) == 1);
    CHECK(slice_equal(other.server_name, hello.server_name));
    CHECK(other.offers_h2 == hello.offers_h2 && other.wants_acme == hello.wants_acme);
    return 0;
}
