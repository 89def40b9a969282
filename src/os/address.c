/* Conversion of socket addresses to and from text. */
#include "os/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

int address_from_ip(struct slice host, uint16_t port, struct address *ret_address)
{
    char text[INET6_ADDRSTRLEN];
    if (host.len == 0 || host.len >= sizeof text || slice_find(host, '\0') >= 0)
        return -EINVAL;
    memcpy(text, host.at, host.len);
    text[host.len] = '\0';
    struct address address = {0};
    if (inet_pton(AF_INET, text, &address.v4.sin_addr) == 1) {
        address.len = sizeof address.v4;
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons(port);
    } else if (inet_pton(AF_INET6, text, &address.v6.sin6_addr) == 1) {
        address.len = sizeof address.v6;
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_port = htons(port);
    } else {
        return -EINVAL;
    }
    *ret_address = address;
    return 0;
}

int address_from_path(struct slice path, struct address *ret_address)
{
    struct address address = {0};
    if (path.len >= sizeof address.path.sun_path)
        return -ENAMETOOLONG;
    address.path.sun_family = AF_UNIX;
    memcpy(address.path.sun_path, path.at, path.len);
    address.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
    *ret_address = address;
    return 0;
}

/* By hand: this is done for every request, and inet_ntop goes through printf for it. */
static size_t format_ipv4(const unsigned char *bytes, char *ret_text)
{
    char *at = ret_text;
    for (int i = 0; i < 4; i++) {
        unsigned value = bytes[i];
        if (i > 0)
            *at++ = '.';
        if (value >= 100)
            *at++ = (char)('0' + value / 100);
        if (value >= 10)
            *at++ = (char)('0' + value / 10 % 10);
        *at++ = (char)('0' + value % 10);
    }
    *at = '\0';
    return (size_t)(at - ret_text);
}

size_t address_format_host(const struct address *address, char ret_text[static ADDRESS_TEXT_BYTES])
{
    if (address->len == 0 || address->any.sa_family == AF_UNIX) {
        memcpy(ret_text, "unix", sizeof "unix");
        return sizeof "unix" - 1;
    }
    if (address->any.sa_family == AF_INET)
        return format_ipv4((const unsigned char *)&address->v4.sin_addr, ret_text);
    const struct in6_addr *v6 = &address->v6.sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(v6))
        return format_ipv4(&v6->s6_addr[12], ret_text);
    if (inet_ntop(AF_INET6, v6, ret_text, ADDRESS_TEXT_BYTES) == NULL)
        ret_text[0] = '\0';
    return strlen(ret_text);
}

/* For each line of a log: by hand. */
static size_t format_port(uint16_t port, char *ret_text)
{
    char digits[5];
    size_t count = 0, len = 0;
    do {
        digits[count++] = (char)('0' + port % 10);
        port /= 10;
    } while (port > 0);
    ret_text[len++] = ':';
    while (count > 0)
        ret_text[len++] = digits[--count];
    ret_text[len] = '\0';
    return len;
}

size_t address_format(const struct address *address, char ret_text[static ADDRESS_TEXT_BYTES])
{
    if (address->len != 0 && address->any.sa_family == AF_UNIX) {
        int len = snprintf(ret_text, ADDRESS_TEXT_BYTES, "unix:%.*s",
                           (int)sizeof address->path.sun_path, address->path.sun_path);
        return len < 0                            ? 0
               : (size_t)len < ADDRESS_TEXT_BYTES ? (size_t)len
                                                  : ADDRESS_TEXT_BYTES - 1;
    }
    size_t len = address_format_host(address, ret_text);
    if (memchr(ret_text, ':', len) != NULL) {
        memmove(ret_text + 1, ret_text, len);
        ret_text[0] = '[';
        ret_text[len + 1] = ']';
        len += 2;
    }
    return len + format_port(address_port(address), ret_text + len);
}

uint16_t address_port(const struct address *address)
{
    if (address->len == 0 || address->any.sa_family == AF_UNIX)
        return 0;
    return ntohs(address->any.sa_family == AF_INET6 ? address->v6.sin6_port : address->v4.sin_port);
}

bool address_equal(const struct address *a, const struct address *b)
{
    return a->len == b->len && memcmp(&a->any, &b->any, a->len) == 0;
}

int address_compare(const struct address *a, const struct address *b)
{
    if (a->len == b->len)
        return memcmp(&a->any, &b->any, a->len);
    return a->len < b->len ? -1 : 1;
}
