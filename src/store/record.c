/* Heads of records, written and read. */
#include "store/record.h"

#include "base/crc32c.h"
#include "store/content.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define MAGIC          UINT32_C(0x31435257) /* "WRC1" */
#define CHECKED_BYTES  32
#define META_LEN_PLACE 16

static void put16(unsigned char *at, uint16_t value)
{
    value = htole16(value);
    memcpy(at, &value, sizeof value);
}

static void put32(unsigned char *at, uint32_t value)
{
    value = htole32(value);
    memcpy(at, &value, sizeof value);
}

static void put64(unsigned char *at, uint64_t value)
{
    value = htole64(value);
    memcpy(at, &value, sizeof value);
}

static uint16_t get16(const unsigned char *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return le16toh(value);
}

static uint32_t get32(const unsigned char *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return le32toh(value);
}

static uint64_t get64(const unsigned char *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return le64toh(value);
}

static uint32_t meta_crc(const unsigned char *head, struct slice meta)
{
    return crc32c_add(crc32c_add(0, slice_of(head, CHECKED_BYTES)), meta);
}

void record_write_head(const struct record *record, unsigned char ret_head[RECORD_HEAD_BYTES])
{
    put32(ret_head, MAGIC);
    put16(ret_head + 4, (uint16_t)record->kind);
    put16(ret_head + 6, 0);
    put64(ret_head + 8, record->sequence);
    put32(ret_head + META_LEN_PLACE, (uint32_t)record->meta.len);
    put32(ret_head + 20, (uint32_t)record->data.len);
    put32(ret_head + 24, record->data_crc);
    put32(ret_head + 28, record->batch);
    put32(ret_head + CHECKED_BYTES, meta_crc(ret_head, record->meta));
}

int record_read_head(const unsigned char head[RECORD_HEAD_BYTES], struct record *ret_record)
{
    unsigned kind = get16(head + 4);
    uint32_t meta_len = get32(head + META_LEN_PLACE), data_len = get32(head + 20);
    if (get32(head) != MAGIC || get16(head + 6) != 0 || kind == 0 || kind > RECORD_KIND_LAST ||
        meta_len > RECORD_META_BYTES_MAX || data_len > CONTENT_SMALL_BYTES_MAX)
        return -EBADMSG;
    *ret_record = (struct record){
        .kind = (enum record_kind)kind,
        .sequence = get64(head + 8),
        .meta = {NULL, meta_len},
        .data_len = data_len,
        .data_crc = get32(head + 24),
        .batch = get32(head + 28),
    };
    return 0;
}

bool record_check_meta(const unsigned char head[RECORD_HEAD_BYTES], struct slice meta)
{
    return get32(head + CHECKED_BYTES) == meta_crc(head, meta);
}
