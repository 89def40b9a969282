/*
 * What a client of SOCKS says. Holds: a message is read from no more bytes than there are, none of
 * its first bytes alone is another message, and the first byte chooses the parser.
 */
#include "fuzz.h"

#include "wire/socks/socks5.h"

union message {
    struct socks5_greeting greeting;
    struct socks5_password password;
    struct socks5_request request;
};

static int parse(int which, struct slice bytes, union message *message)
{
    return which == 0   ? socks5_parse_greeting(bytes, &message->greeting)
           : which == 1 ? socks5_parse_password(bytes, &message->password)
                        : socks5_parse_request(bytes, &message->request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice bytes = slice_of(data, len);
    union message message;
    for (int which = 0; which < 3; which++) {
        int used = parse(which, bytes, &message);
        CHECK(used <= (int)len && used <= SOCKS5_BYTES_MAX);
        CHECK(used != 0 || len < SOCKS5_BYTES_MAX);
        for (int part = 0; part < used; part++)
            CHECK(parse(which, slice_first(bytes, (size_t)part), &message) == 0);
        if (used > 0)
            CHECK(parse(which, slice_first(bytes, (size_t)used), &message) == used);
    }
    return 0;
}
