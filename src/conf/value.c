/* Single values: see value.h. Nothing here allocates or knows the file. */
#include "conf/value.h"

#include "wire/http/host.h"

#include "base/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>

#define UNIX_PATH_LEN_MAX 107 /* sun_path without its NUL */
#define VARIABLE_LEN_MAX  255
#define LABEL_LEN_MAX     63

struct unit {
    struct slice name;
    uint64_t factor;
};

static bool is_letter(char c)
{
    char lower = ascii_lower(c);
    return lower >= 'a' && lower <= 'z';
}

static bool is_alphanumeric(char c)
{
    return is_letter(c) || ascii_is_digit(c);
}

/* Digits and one of the units. */
static int parse_with_unit(struct slice text, const struct unit *units, size_t units_count,
                           uint64_t *ret_value)
{
    size_t digits = 0;
    while (digits < text.len && ascii_is_digit(text.at[digits]))
        digits++;
    uint64_t number;
    int rc = slice_parse_u64(slice_first(text, digits), &number);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < units_count; i++) {
        if (slice_equal(slice_from(text, digits), units[i].name))
            return __builtin_mul_overflow(number, units[i].factor, ret_value) ? -ERANGE : 0;
    }
    return -EINVAL;
}

int value_duration(struct slice text, int64_t *ret_ms)
{
    const struct unit units[] = {{SLICE("ms"), 1},
                                 {SLICE("s"), 1000},
                                 {SLICE("m"), 60000},
                                 {SLICE("h"), 3600000},
                                 {SLICE("d"), 86400000}};
    uint64_t value;
    int rc = parse_with_unit(text, units, COUNT_OF(units), &value);
    if (rc < 0)
        return rc;
    if (value > INT64_MAX)
        return -ERANGE;
    *ret_ms = (int64_t)value;
    return 0;
}

int value_size(struct slice text, uint64_t *ret_bytes)
{
    const struct unit units[] = {{SLICE(""), 1},
                                 {SLICE("B"), 1},
                                 {SLICE("KiB"), 1u << 10},
                                 {SLICE("MiB"), 1u << 20},
                                 {SLICE("GiB"), 1u << 30},
                                 {SLICE("TiB"), (uint64_t)1 << 40},
                                 {SLICE("kB"), 1000},
                                 {SLICE("KB"), 1000},
                                 {SLICE("MB"), 1000000},
                                 {SLICE("GB"), 1000000000},
                                 {SLICE("TB"), 1000000000000}};
    return parse_with_unit(text, units, COUNT_OF(units), ret_bytes);
}

int value_percent(struct slice text, unsigned *ret_hundredths)
{
    if (!slice_ends_with(text, SLICE("%")))
        return -EINVAL;
    struct slice rest = slice_first(text, text.len - 1), whole, part = {0};
    uint64_t value, decimals = 0;
    (void)slice_cut(&rest, '.', &whole);
    bool has_part = slice_cut(&rest, '.', &part);
    if (slice_parse_u64(whole, &value) < 0 || rest.at != NULL ||
        (has_part && (part.len > 2 || slice_parse_u64(part, &decimals) < 0)))
        return -EINVAL;
    if (value > 1000000)
        return -ERANGE;
    *ret_hundredths = (unsigned)(value * 100 + (part.len == 1 ? decimals * 10 : decimals));
    return 0;
}

bool value_is_name(struct slice text, bool dots)
{
    if (text.len == 0 || text.len > VALUE_NAME_LEN_MAX || !is_alphanumeric(text.at[0]))
        return false;
    for (size_t i = 1; i < text.len; i++) {
        char c = text.at[i];
        if (!is_alphanumeric(c) && c != '-' && c != '_' && !(dots && c == '.'))
            return false;
    }
    return true;
}

bool value_is_variable(struct slice text)
{
    if (text.len == 0 || text.len > VARIABLE_LEN_MAX || ascii_is_digit(text.at[0]))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_alphanumeric(text.at[i]) && text.at[i] != '_')
            return false;
    }
    return true;
}

static bool is_ip(struct slice text, int family)
{
    char copy[INET6_ADDRSTRLEN];
    unsigned char address[sizeof(struct in6_addr)];
    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    return inet_pton(family, copy, address) == 1;
}

bool value_is_ipv4(struct slice text)
{
    return is_ip(text, AF_INET);
}

bool value_is_ipv6(struct slice text)
{
    return is_ip(text, AF_INET6);
}

static bool is_label(struct slice label)
{
    if (label.len == 0 || label.len > LABEL_LEN_MAX || label.at[0] == '-' ||
        label.at[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++) {
        if (!is_alphanumeric(label.at[i]) && label.at[i] != '-' && label.at[i] != '_')
            return false;
    }
    return true;
}

bool value_is_host(struct slice text)
{
    struct slice label = {NULL, 0};
    if (text.len == 0 || text.len > VALUE_DOMAIN_LEN_MAX)
        return false;
    while (slice_cut(&text, '.', &label)) {
        if (!is_label(label))
            return false;
    }
    /* Names end in a label that is not a number: what does is meant to be an IPv4 address. */
    uint64_t number;
    return slice_parse_u64(label, &number) < 0;
}

static int parse_unix(struct slice text, struct conf_address *ret_address, const char **ret_why)
{
    struct slice path = slice_from(text, strlen("unix:"));
    *ret_why = "the path of a Unix socket has 1 to 107 characters";
    if (path.len == 0 || path.len > UNIX_PATH_LEN_MAX)
        return -EINVAL;
    *ret_address = (struct conf_address){CONF_ADDRESS_UNIX, text, path, 0};
    return 0;
}

/* Splits at the last colon, or behind a ']'. A host without a port leaves *ret_port empty. */
static bool split_port(struct slice text, struct slice *ret_host, struct slice *ret_port)
{
    size_t colon = text.len;
    while (colon > 0 && text.at[colon - 1] != ':')
        colon--;
    if (text.len > 0 && text.at[0] == '[') {
        ptrdiff_t bracket = slice_find(text, ']');
        if (bracket < 0 || (size_t)bracket + 2 != colon)
            return false;
        *ret_host = slice_of(text.at + 1, (size_t)bracket - 1);
    } else if (colon == 0) {
        return false;
    } else {
        *ret_host = slice_first(text, colon - 1);
    }
    *ret_port = slice_from(text, colon);
    return true;
}

int value_address(struct slice text, struct conf_address *ret_address, const char **ret_why)
{
    if (slice_starts_with(text, SLICE("unix:")))
        return parse_unix(text, ret_address, ret_why);
    struct slice host, port_text;
    uint64_t port;
    *ret_why = "only host and port, without http://";
    if (slice_search(text, SLICE("://")) >= 0)
        return -EINVAL;
    *ret_why = "the port is missing: write host:port, [v6]:port or unix:/path";
    if (!split_port(text, &host, &port_text))
        return -EINVAL;
    *ret_why = "a port is a number from 1 to 65535";
    if (slice_parse_u64(port_text, &port) < 0 || port < 1 || port > 65535)
        return -EINVAL;
    bool in_brackets = text.at[0] == '[';
    bool is_ip = host.len == 0 || value_is_ipv4(host);
    if (in_brackets)
        is_ip = value_is_ipv6(host);
    *ret_why = in_brackets           ? "no IPv6 address stands in the brackets"
               : value_is_ipv6(host) ? "an IPv6 address stands in brackets: [::1]:80"
                                     : "neither an IP address nor a host's name";
    if (!is_ip && (in_brackets || !value_is_host(host)))
        return -EINVAL;
    *ret_address = (struct conf_address){is_ip ? CONF_ADDRESS_IP : CONF_ADDRESS_NAME, text, host,
                                         (uint16_t)port};
    return 0;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment by three rows of the usual table. */
unsigned value_distance(struct slice a, struct slice b)
{
    unsigned rows[3][VALUE_NAME_LEN_MAX + 1];
    if (a.len > VALUE_NAME_LEN_MAX || b.len > VALUE_NAME_LEN_MAX)
        return VALUE_DISTANCE_FAR;
    for (unsigned j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i + 2) % 3], *above_two = rows[(i + 1) % 3];
        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            char from = ascii_lower(a.at[i - 1]), to = ascii_lower(b.at[j - 1]);
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (from != to));
            if (i > 1 && j > 1 && from == ascii_lower(b.at[j - 2]) &&
                to == ascii_lower(a.at[i - 2]))
                row[j] = least(row[j], above_two[j - 2] + 1);
        }
    }
    return rows[a.len % 3][b.len];
}

bool value_is_closer(struct slice written, struct slice candidate, unsigned *distance)
{
    unsigned changes = value_distance(written, candidate);
    size_t longer = written.len > candidate.len ? written.len : candidate.len;
    if (changes >= *distance || changes > (longer + 2) / 3)
        return false;
    *distance = changes;
    return true;
}

/* Destinations. */

/* ":443" or ":8000-8999". */
static int parse_ports(struct slice text, struct conf_destination *destination,
                       const char **ret_why)
{
    struct slice first;
    uint64_t min, max;
    *ret_why = "a port is a number from 1 to 65535, a range two of them, as in :8000-8999";
    if (!slice_cut(&text, '-', &first) || slice_parse_u64(first, &min) < 0)
        return -EINVAL;
    max = min;
    if (text.at != NULL && slice_parse_u64(text, &max) < 0)
        return -EINVAL;
    if (min < 1 || max > 65535)
        return -EINVAL;
    *ret_why = "the range of ports ends before it begins";
    destination->port_min = (uint16_t)min;
    destination->port_max = (uint16_t)max;
    return min > max ? -EINVAL : 0;
}

/* What stands before the ports, and those behind their colon; in IPv6 without brackets there are
 * none. */
static void split_ports(struct slice text, struct slice *ret_host, struct slice *ret_ports)
{
    ptrdiff_t first = slice_find(text, ':');
    size_t at = text.len;
    *ret_host = text;
    *ret_ports = (struct slice){0};
    if (text.len > 0 && text.at[0] == '[') {
        ptrdiff_t bracket = slice_find(text, ']');
        at = bracket < 0 ? text.len : (size_t)bracket + 1;
    } else if (first >= 0 && slice_find(slice_from(text, (size_t)first + 1), ':') < 0) {
        at = (size_t)first;
    }
    if (at < text.len && text.at[at] == ':') {
        *ret_host = slice_first(text, at);
        *ret_ports = slice_from(text, at + 1);
    }
}

static struct slice without_brackets(struct slice host)
{
    bool has_both = host.len > 1 && host.at[0] == '[' && host.at[host.len - 1] == ']';
    return has_both ? slice_of(host.at + 1, host.len - 2) : host;
}

static bool is_network(struct slice host, struct conf_destination *destination,
                       const char **ret_why)
{
    switch (network_parse(without_brackets(host), &destination->network)) {
    case 0:
        destination->kind = CONF_DESTINATION_NETWORK;
        return true;
    case -EDOM:
        *ret_why = "bits behind the length are set: 10.0.0.0/8 is all that begins with 10";
        return false;
    case -ERANGE:
        *ret_why = "a length is at most 32 behind an IPv4 address and 128 behind an IPv6 one";
        return false;
    default:
        return false;
    }
}

/* Names, and what looks like one. */
static int parse_host(struct slice host, struct conf_destination *destination, const char **ret_why)
{
    struct host parsed;
    bool is_below = slice_starts_with(host, SLICE("*."));
    struct slice name = is_below ? slice_from(host, 2) : host;
    if (name.len > 1 && name.at[name.len - 1] == '.')
        name.len--;
    bool is_address = host_parse(name, &parsed) == 0 && parsed.kind != HOST_NAME;
    if (is_address)
        *ret_why = "an address is written in four decimal numbers, as in 127.0.0.1";
    else if (slice_find(host, '/') >= 0)
        *ret_why = "a network is an address and a length, as in 10.0.0.0/8; paths have a key of "
                   "their own";
    else if (slice_find(name, '*') >= 0)
        *ret_why = "a star stands alone, or as the whole first label: *.example.org";
    else
        *ret_why = "a name, *.example.org, an address, a network, \"private\", \"loopback\" or *, "
                   "each perhaps with a port";
    if (is_address || !value_is_host(name))
        return -EINVAL;
    destination->kind = is_below ? CONF_DESTINATION_BELOW : CONF_DESTINATION_NAME;
    destination->name = name;
    return 0;
}

int value_destination(struct slice text, struct conf_destination *ret_destination,
                      const char **ret_why)
{
    struct conf_destination destination = {.text = text};
    struct slice host, ports;
    const char *why = NULL;
    *ret_why = "only the host and its port, without http://; paths have a key of their own";
    if (slice_search(text, SLICE("://")) >= 0)
        return -EINVAL;
    split_ports(text, &host, &ports);
    if (ports.at != NULL && parse_ports(ports, &destination, ret_why) < 0)
        return -EINVAL;
    if (slice_equal(host, SLICE("*"))) {
        destination.kind = CONF_DESTINATION_ANY;
    } else if (!is_network(host, &destination, &why)) {
        *ret_why = why;
        if (why != NULL || parse_host(host, &destination, ret_why) < 0)
            return -EINVAL;
    }
    *ret_destination = destination;
    return 0;
}
