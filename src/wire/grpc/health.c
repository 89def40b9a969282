/* Two messages, by hand: a library would be much for so little. */
#include "wire/grpc/health.h"

#include <errno.h>
#include <limits.h>

/* Before each message: whether it is compressed, and its length. */
#define PREFIX_BYTES 5

enum wire_type { TYPE_VARINT = 0, TYPE_64 = 1, TYPE_BYTES = 2, TYPE_32 = 5 };

#define SERVICE_FIELD (1 << 3 | TYPE_BYTES)
#define STATUS_FIELD  1

static void write_varint(struct writer *writer, uint64_t value)
{
    for (; value > 0x7f; value >>= 7)
        write_char(writer, (char)(value | 0x80));
    write_char(writer, (char)value);
}

void grpc_health_write(struct writer *writer, struct slice service)
{
    size_t len = service.len == 0 ? 0 : 1 + (service.len > 0x7f ? 2 : 1) + service.len;
    const char prefix[PREFIX_BYTES] = {0, 0, 0, (char)(len >> 8), (char)len};
    write_bytes(writer, prefix, sizeof prefix);
    if (service.len == 0)
        return;
    write_char(writer, SERVICE_FIELD);
    write_varint(writer, service.len);
    write_slice(writer, service);
}

static bool take_varint(struct slice *bytes, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && bytes->len > 0; shift += 7) {
        unsigned char byte = (unsigned char)bytes->at[0];
        *bytes = slice_from(*bytes, 1);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static bool skip(struct slice *bytes, uint64_t len)
{
    if (len > bytes->len)
        return false;
    *bytes = slice_from(*bytes, (size_t)len);
    return true;
}

/* A field's value; *ret_number where it is one. */
static bool take_value(struct slice *bytes, unsigned type, uint64_t *ret_number)
{
    uint64_t len;
    switch (type) {
    case TYPE_VARINT:
        return take_varint(bytes, ret_number);
    case TYPE_64:
        return skip(bytes, 8);
    case TYPE_BYTES:
        return take_varint(bytes, &len) && skip(bytes, len);
    case TYPE_32:
        return skip(bytes, 4);
    default:
        return false;
    }
}

int grpc_health_parse(struct slice message)
{
    if (message.len < PREFIX_BYTES || message.at[0] != 0)
        return -EBADMSG;
    const unsigned char *prefix = (const unsigned char *)message.at;
    uint32_t len = (uint32_t)prefix[1] << 24 | (uint32_t)prefix[2] << 16 |
                   (uint32_t)prefix[3] << 8 | prefix[4];
    struct slice rest = slice_from(message, PREFIX_BYTES);
    uint64_t status = GRPC_HEALTH_UNKNOWN; /* what is not there is 0 */
    if (len != rest.len)
        return -EBADMSG;
    while (rest.len > 0) {
        uint64_t tag, number = 0;
        if (!take_varint(&rest, &tag) || !take_value(&rest, tag & 7, &number))
            return -EBADMSG;
        if (tag == (STATUS_FIELD << 3 | TYPE_VARINT))
            status = number;
    }
    return status > INT_MAX ? INT_MAX : (int)status;
}
