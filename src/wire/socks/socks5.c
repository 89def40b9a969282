/* Lengths are looked at before what they are of: a byte may be the last that has come. */
#include "wire/socks/socks5.h"

#include <errno.h>

#define PASSWORD_VERSION 1

static uint8_t byte_at(struct slice bytes, size_t at)
{
    return (uint8_t)bytes.at[at];
}

int socks5_parse_greeting(struct slice bytes, struct socks5_greeting *ret_greeting)
{
    if (bytes.len > 0 && byte_at(bytes, 0) != SOCKS5_VERSION)
        return -EBADMSG;
    if (bytes.len < 2)
        return 0;
    size_t count = byte_at(bytes, 1);
    if (count == 0)
        return -EBADMSG;
    if (bytes.len < 2 + count)
        return 0;
    *ret_greeting = (struct socks5_greeting){0};
    for (size_t i = 0; i < count; i++) {
        ret_greeting->offers_none |= byte_at(bytes, 2 + i) == SOCKS5_METHOD_NONE;
        ret_greeting->offers_password |= byte_at(bytes, 2 + i) == SOCKS5_METHOD_PASSWORD;
    }
    return (int)(2 + count);
}

int socks5_parse_password(struct slice bytes, struct socks5_password *ret_password)
{
    if (bytes.len > 0 && byte_at(bytes, 0) != PASSWORD_VERSION)
        return -EBADMSG;
    if (bytes.len < 2)
        return 0;
    size_t name_len = byte_at(bytes, 1);
    if (name_len == 0)
        return -EBADMSG;
    if (bytes.len < 3 + name_len)
        return 0;
    size_t password_len = byte_at(bytes, 2 + name_len);
    if (password_len == 0)
        return -EBADMSG;
    if (bytes.len < 3 + name_len + password_len)
        return 0;
    ret_password->name = slice_of(bytes.at + 2, name_len);
    ret_password->password = slice_of(bytes.at + 3 + name_len, password_len);
    return (int)(3 + name_len + password_len);
}

/* Where the host begins and how long it is; 0 when that is not known yet. */
static size_t host_len(struct slice bytes, uint8_t kind, size_t *ret_start)
{
    *ret_start = kind == SOCKS5_NAME ? 5 : 4;
    if (kind == SOCKS5_IPV4)
        return 4;
    if (kind == SOCKS5_IPV6)
        return 16;
    return bytes.len < 5 ? 0 : byte_at(bytes, 4);
}

int socks5_parse_request(struct slice bytes, struct socks5_request *ret_request)
{
    if (bytes.len > 0 && byte_at(bytes, 0) != SOCKS5_VERSION)
        return -EBADMSG;
    if (bytes.len > 2 && byte_at(bytes, 2) != 0)
        return -EBADMSG;
    if (bytes.len < 4)
        return 0;
    uint8_t kind = byte_at(bytes, 3);
    struct socks5_request request = {.command = byte_at(bytes, 1), .kind = kind};
    if (kind != SOCKS5_IPV4 && kind != SOCKS5_NAME && kind != SOCKS5_IPV6) {
        *ret_request = request;
        return 4;
    }
    size_t start, len = host_len(bytes, kind, &start);
    if (len == 0)
        return bytes.len < 5 ? 0 : -EBADMSG;
    if (bytes.len < start + len + 2)
        return 0;
    request.host = slice_of(bytes.at + start, len);
    request.port = (uint16_t)(byte_at(bytes, start + len) << 8 | byte_at(bytes, start + len + 1));
    *ret_request = request;
    return (int)(start + len + 2);
}

void socks5_write_method(struct writer *writer, enum socks5_method method)
{
    const unsigned char bytes[] = {SOCKS5_VERSION, (unsigned char)method};
    write_bytes(writer, bytes, sizeof bytes);
}

void socks5_write_password_result(struct writer *writer, bool is_right)
{
    const unsigned char bytes[] = {PASSWORD_VERSION, is_right ? 0 : 1};
    write_bytes(writer, bytes, sizeof bytes);
}

void socks5_write_reply(struct writer *writer, enum socks5_reply reply)
{
    const unsigned char bytes[10] = {SOCKS5_VERSION, (unsigned char)reply, 0, SOCKS5_IPV4};
    write_bytes(writer, bytes, sizeof bytes);
}
