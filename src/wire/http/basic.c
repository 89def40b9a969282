/* base64 is decoded strictly: a second spelling of the same credentials would be another key. */
#include "wire/http/basic.h"

#include <errno.h>

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Returns the number of bytes, or -EBADMSG. Padding is needed, bits behind the end are 0. */
static ptrdiff_t decode(struct slice text, char *room)
{
    size_t padding = 0, len = 0;
    while (padding < 2 && padding < text.len && text.at[text.len - 1 - padding] == '=')
        padding++;
    if (text.len % 4 != 0)
        return -EBADMSG;
    uint32_t bits = 0;
    for (size_t i = 0; i < text.len; i++) {
        int digit = i < text.len - padding ? digit_of(text.at[i]) : 0;
        if (digit < 0)
            return -EBADMSG;
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 != 3)
            continue;
        room[len++] = (char)(bits >> 16);
        room[len++] = (char)(bits >> 8);
        room[len++] = (char)bits;
        bits = 0;
    }
    for (size_t i = 1; i <= padding; i++) {
        if (room[len - i] != 0)
            return -EBADMSG;
    }
    len -= padding;
    /* What the last digit has beside its bytes. */
    if (padding > 0) {
        int last = digit_of(text.at[text.len - padding - 1]);
        if ((last & (padding == 1 ? 3 : 15)) != 0)
            return -EBADMSG;
    }
    return (ptrdiff_t)len;
}

static bool has_control(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f)
            return true;
    }
    return false;
}

int basic_parse(struct slice value, char *room, struct slice *ret_name, struct slice *ret_password)
{
    static const struct slice scheme = SLICE("Basic ");
    if (value.len < scheme.len || !slice_equal_nocase(slice_first(value, scheme.len), scheme))
        return -ENOENT;
    ptrdiff_t len = decode(slice_trim(slice_from(value, scheme.len)), room);
    if (len < 0)
        return -EBADMSG;
    struct slice text = slice_of(room, (size_t)len);
    ptrdiff_t colon = slice_find(text, ':');
    if (colon < 0 || has_control(text))
        return -EBADMSG;
    *ret_name = slice_first(text, (size_t)colon);
    *ret_password = slice_from(text, (size_t)colon + 1);
    return 0;
}

/* Bytes as they come, in groups of three. */
struct encoding {
    struct writer *writer;
    uint32_t bits;
    unsigned count;
};

static void put_digits(struct encoding *encoding, unsigned digits)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (unsigned i = 0; i < digits; i++)
        write_char(encoding->writer, alphabet[encoding->bits >> (18 - 6 * i) & 63]);
    encoding->bits = encoding->count = 0;
}

static void encode(struct encoding *encoding, struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        encoding->bits |= (uint32_t)(unsigned char)bytes.at[i] << (16 - 8 * encoding->count);
        if (++encoding->count == 3)
            put_digits(encoding, 4);
    }
}

void basic_write(struct writer *writer, struct slice name, struct slice password)
{
    struct encoding encoding = {.writer = writer};
    write_literal(writer, "Basic ");
    encode(&encoding, name);
    encode(&encoding, SLICE(":"));
    encode(&encoding, password);
    if (encoding.count > 0) {
        unsigned missing = 3 - encoding.count;
        put_digits(&encoding, 4 - missing);
        write_slice(writer, slice_first(SLICE("=="), missing));
    }
}
