/* Addresses as inet_aton and inet_pton read them; nothing is looked up. */
#include "wire/http/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define PARTS_MAX 4

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

/* -1: no digit of that base. */
static int digit_of(char c, unsigned base)
{
    int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
    return digit < (int)base ? digit : -1;
}

static bool is_hex(struct slice part)
{
    return part.len >= 2 && part.at[0] == '0' && part.at[1] == 'x';
}

/* Decimal, octal behind "0", hexadecimal behind "0x", where no digit at all is 0. Values over 32
 * bits become 2^32. */
static int parse_number(struct slice part, uint64_t *ret_value)
{
    unsigned base = is_hex(part) ? 16 : part.len > 1 && part.at[0] == '0' ? 8 : 10;
    struct slice digits = slice_from(part, base == 16 ? 2 : base == 8 ? 1 : 0);
    uint64_t value = 0;
    if (part.len == 0)
        return -EINVAL;
    for (size_t i = 0; i < digits.len; i++) {
        int digit = digit_of(digits.at[i], base);
        if (digit < 0)
            return -EINVAL;
        value = value * base + (unsigned)digit;
        if (value > UINT32_MAX)
            value = UINT64_C(1) << 32;
    }
    *ret_value = value;
    return 0;
}

/* Only digits, or "0x" with hexadecimal digits: such a last label makes the whole a number. */
static bool is_number(struct slice label)
{
    uint64_t value;
    bool is_decimal = label.len > 0;
    for (size_t i = 0; i < label.len; i++)
        is_decimal &= ascii_is_digit(label.at[i]);
    return is_decimal || (is_hex(label) && parse_number(label, &value) == 0);
}

static struct slice last_label(struct slice host)
{
    size_t start = host.len;
    while (start > 0 && host.at[start - 1] != '.')
        start--;
    return slice_from(host, start);
}

/* One to four numbers: the last one fills all bytes that are left. */
static int parse_ipv4(struct slice text, uint32_t *ret_address)
{
    uint64_t parts[PARTS_MAX] = {0};
    struct slice part;
    unsigned count = 0;
    while (slice_cut(&text, '.', &part)) {
        if (count == PARTS_MAX || parse_number(part, &parts[count]) < 0)
            return -EBADMSG;
        count++;
    }
    if (count == 0)
        return -EBADMSG;
    uint32_t address = 0;
    for (unsigned i = 0; i + 1 < count; i++) {
        if (parts[i] > 255)
            return -EBADMSG;
        address |= (uint32_t)parts[i] << (24 - 8 * i);
    }
    if (parts[count - 1] >> (8 * (PARTS_MAX + 1 - count)) != 0)
        return -EBADMSG;
    *ret_address = address | (uint32_t)parts[count - 1];
    return 0;
}

static int set_ipv4(struct slice text, struct host *ret_host)
{
    uint32_t address;
    if (parse_ipv4(text, &address) < 0)
        return -EBADMSG;
    ret_host->kind = HOST_IPV4;
    memcpy(ret_host->address, mapped, sizeof mapped);
    for (int i = 0; i < 4; i++)
        ret_host->address[12 + i] = (unsigned char)(address >> (24 - 8 * i));
    return 0;
}

static int set_ipv6(struct slice text, struct host *ret_host)
{
    char room[INET6_ADDRSTRLEN];
    if (text.len >= sizeof room)
        return -EBADMSG;
    memcpy(room, text.at, text.len);
    room[text.len] = '\0';
    if (strlen(room) != text.len || inet_pton(AF_INET6, room, ret_host->address) != 1)
        return -EBADMSG;
    ret_host->kind = memcmp(ret_host->address, mapped, sizeof mapped) == 0 ? HOST_IPV4 : HOST_IPV6;
    return 0;
}

static int set_name(struct slice name, struct host *ret_host)
{
    struct slice rest = name, label;
    if (name.len > HOST_NAME_BYTES_MAX)
        return -EBADMSG;
    while (slice_cut(&rest, '.', &label)) {
        if (label.len == 0)
            return -EBADMSG;
    }
    ret_host->kind = HOST_NAME;
    ret_host->name = name;
    return 0;
}

int host_parse(struct slice host, struct host *ret_host)
{
    struct host parsed = {0};
    int rc;
    if (host.len >= 2 && host.at[0] == '[' && host.at[host.len - 1] == ']') {
        rc = set_ipv6(slice_first(slice_from(host, 1), host.len - 2), &parsed);
    } else if (slice_find(host, ':') >= 0) {
        rc = set_ipv6(host, &parsed);
    } else {
        if (host.len > 1 && host.at[host.len - 1] == '.')
            host.len--;
        if (host.len == 0)
            rc = -EBADMSG;
        else
            rc = is_number(last_label(host)) ? set_ipv4(host, &parsed) : set_name(host, &parsed);
    }
    if (rc == 0)
        *ret_host = parsed;
    return rc;
}
