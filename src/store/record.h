/*
 * The log's records: every change of the store is one, and nothing is acknowledged before its
 * record is on the disk. docs/store-format.md shows the layout byte by byte.
 *
 *     0  4  magic "WRC1"
 *     4  2  kind
 *     6  2  flags, 0
 *     8  8  sequence: one more than that of the record before it
 *    16  4  bytes of `meta`
 *    20  4  bytes of `data`
 *    24  4  CRC-32C of `data`
 *    28  4  where in this pack the batch begins that it was written with: what lies before that
 *           place was on the disk before this record was written
 *    32  4  CRC-32C of the 32 bytes above and of `meta`
 *    36     meta, data, zeros up to a multiple of 8
 *
 * All numbers are little-endian.
 */
#pragma once

#include "base/slice.h"

#include <stdint.h>

#define RECORD_HEAD_BYTES     36
#define RECORD_META_BYTES_MAX ((size_t)1 << 20)
#define RECORD_ALIGN          8

enum record_kind {
    RECORD_PUT = 1,    /* a version of an object, or a delete marker; data: its content */
    RECORD_DELETE = 2, /* a version goes */
    RECORD_AMEND = 3,  /* a version's tags, retention or hold become others */
    RECORD_BUCKET = 4, /* a bucket is made, or its settings become others */
    RECORD_BUCKET_GONE = 5,
    RECORD_UPLOAD = 6,      /* an upload in parts begins */
    RECORD_PART = 7,        /* a part of it; data: its content */
    RECORD_UPLOAD_GONE = 8, /* it was given up */
    RECORD_MOVE = 9,        /* data that lay in another pack lies here now */
};
#define RECORD_KIND_LAST RECORD_MOVE

struct record {
    enum record_kind kind;
    uint64_t sequence;
    uint32_t batch; /* where the batch begins */
    struct slice meta;
    struct slice data;
    uint32_t data_crc;
    uint32_t data_len; /* also where `data` itself was not read */
};

/* With its padding. */
static inline uint64_t record_bytes(size_t meta_len, size_t data_len)
{
    uint64_t bytes = RECORD_HEAD_BYTES + (uint64_t)meta_len + data_len;
    return (bytes + RECORD_ALIGN - 1) & ~(uint64_t)(RECORD_ALIGN - 1);
}

/* The first bytes of a record, for what is in it but sequence and batch, which come last. */
void record_write_head(const struct record *record, unsigned char ret_head[RECORD_HEAD_BYTES]);

/*
 * Reads the head: kind, sequence, batch and lengths (meta and data have NULL starts). 0, or
 * -EBADMSG for what cannot be one. Its checksum is record_check_meta's.
 */
int record_read_head(const unsigned char head[RECORD_HEAD_BYTES], struct record *ret_record);

/* Do head and meta hold together? */
bool record_check_meta(const unsigned char head[RECORD_HEAD_BYTES], struct slice meta);
