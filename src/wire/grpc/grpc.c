/* Content types, time-outs and statuses of gRPC. */
#include "wire/grpc/grpc.h"

#include "base/cleanup.h"

#include <errno.h>

#define US_PER_MS 1000
#define NS_PER_MS 1000000

static const struct slice names[GRPC_STATUSES] = {
    SLICE("OK"),
    SLICE("CANCELLED"),
    SLICE("UNKNOWN"),
    SLICE("INVALID_ARGUMENT"),
    SLICE("DEADLINE_EXCEEDED"),
    SLICE("NOT_FOUND"),
    SLICE("ALREADY_EXISTS"),
    SLICE("PERMISSION_DENIED"),
    SLICE("RESOURCE_EXHAUSTED"),
    SLICE("FAILED_PRECONDITION"),
    SLICE("ABORTED"),
    SLICE("OUT_OF_RANGE"),
    SLICE("UNIMPLEMENTED"),
    SLICE("INTERNAL"),
    SLICE("UNAVAILABLE"),
    SLICE("DATA_LOSS"),
    SLICE("UNAUTHENTICATED"),
};

bool grpc_is_content_type(struct slice content_type)
{
    static const struct slice base = SLICE("application/grpc");
    if (content_type.len < base.len ||
        !slice_equal_nocase(slice_first(content_type, base.len), base))
        return false;
    char next = content_type.len == base.len ? ';' : content_type.at[base.len];
    return next == ';' || next == '+' || next == ' ' || next == '\t';
}

/* In milliseconds, or parts of one. */
static bool find_unit(char unit, uint64_t *ret_each_ms, uint64_t *ret_parts)
{
    *ret_parts = 1;
    *ret_each_ms = 1;
    switch (unit) {
    case 'H':
        *ret_each_ms = UINT64_C(3600000);
        return true;
    case 'M':
        *ret_each_ms = 60000;
        return true;
    case 'S':
        *ret_each_ms = 1000;
        return true;
    case 'm':
        return true;
    case 'u':
        *ret_parts = US_PER_MS;
        return true;
    case 'n':
        *ret_parts = NS_PER_MS;
        return true;
    default:
        return false;
    }
}

int grpc_parse_timeout(struct slice value, int64_t *ret_ms)
{
    enum { DIGITS_MAX = 8 };
    uint64_t number, each_ms, parts;
    if (value.len < 2 || value.len > DIGITS_MAX + 1 ||
        !find_unit(value.at[value.len - 1], &each_ms, &parts) ||
        slice_parse_u64(slice_first(value, value.len - 1), &number) < 0)
        return -EINVAL;
    *ret_ms = (int64_t)((number * each_ms + parts - 1) / parts);
    return 0;
}

enum grpc_status grpc_parse_status(struct slice value)
{
    uint64_t number;
    if (value.len > 2 || slice_parse_u64(value, &number) < 0 || number >= GRPC_STATUSES)
        return GRPC_UNKNOWN;
    return (enum grpc_status)number;
}

struct slice grpc_status_name(enum grpc_status status)
{
    return names[status < GRPC_STATUSES ? status : GRPC_UNKNOWN];
}

enum grpc_status grpc_status_of_http(unsigned status)
{
    switch (status) {
    case 400:
        return GRPC_INTERNAL;
    case 401:
        return GRPC_UNAUTHENTICATED;
    case 403:
        return GRPC_PERMISSION_DENIED;
    case 404:
    case 405:
        return GRPC_UNIMPLEMENTED;
    case 408:
    case 499:
        return GRPC_CANCELLED;
    case 413:
    case 431:
        return GRPC_RESOURCE_EXHAUSTED;
    case 429:
    case 502:
    case 503:
        return GRPC_UNAVAILABLE;
    case 504:
        return GRPC_DEADLINE_EXCEEDED;
    default:
        return GRPC_UNKNOWN;
    }
}

void grpc_write_message(struct writer *writer, struct slice text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c >= ' ' && c <= '~' && c != '%') {
            write_char(writer, (char)c);
            continue;
        }
        write_char(writer, '%');
        write_char(writer, digits[c >> 4]);
        write_char(writer, digits[c & 15]);
    }
}
