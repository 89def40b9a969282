/*
 * Where an object's bytes lie: in segments, one after another. A segment of up to 64 KiB is the
 * data of a record in a pack; a larger one is a file of its own, named by its SHA-256. An object
 * that was sent in parts has a segment for each of them and was never copied.
 */
#pragma once

#include "store/codec.h"

/* The most that lies in a pack; a byte more is a file of its own. */
#define CONTENT_SMALL_BYTES_MAX 65536
#define CONTENT_HASH_BYTES      32
/* Parts of one object (S3's own limit), and what they take when they are written down. */
#define CONTENT_SEGMENTS_MAX      10000
#define CONTENT_SEGMENT_BYTES_MAX 48

enum content_kind { CONTENT_PACK, CONTENT_BLOB };

struct content_segment {
    enum content_kind kind;
    uint64_t length;
    uint32_t pack;                          /* PACK: its number */
    uint32_t offset;                        /* PACK: of the data in it */
    uint32_t crc;                           /* PACK: CRC-32C of the data */
    unsigned char hash[CONTENT_HASH_BYTES]; /* BLOB */
};

/* Segments as they are written down; none is the empty object. */
void content_put(struct writer *writer, const struct content_segment *segment);

/* The next one of `segments`, which goes on behind it. 1, 0 at the end, -EBADMSG. */
int content_take(struct slice *segments, struct content_segment *ret_segment);
