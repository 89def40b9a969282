/*
 * Authorization fields: what is taken lies within the room, has no control characters, and is
 * spelled in the only way there is: encoded anew it is the same.
 */
#include "fuzz.h"

#include "wire/http/basic.h"

static size_t encode(struct slice bytes, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t len = 0;
    for (size_t i = 0; i < bytes.len; i += 3) {
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (i + k < bytes.len ? (uint8_t)bytes.at[i + k] : 0);
        for (int k = 3; k >= 0; k--)
            out[len++] = digits[bits >> (6 * k) & 63];
        for (size_t k = bytes.len - i; k < 3; k++)
            out[len - 3 + k] = '=';
    }
    return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice value = slice_of(data, len), name, password;
    char *room = malloc(len + 1), *again = malloc(len * 2 + 8);
    if (room == NULL || again == NULL)
        abort();
    if (basic_parse(value, room, &name, &password) == 0) {
        CHECK(name.at == room && password.at == name.at + name.len + 1);
        CHECK(name.len + password.len < len);
        struct slice text = slice_of(room, name.len + 1 + password.len);
        for (size_t i = 0; i < text.len; i++)
            CHECK((unsigned char)text.at[i] >= 0x20 && text.at[i] != 0x7f);
        struct slice sent = slice_trim(slice_from(value, 6));
        CHECK(slice_equal(sent, slice_of(again, encode(text, again))));
    }
    free(room);
    free(again);
    return 0;
}
