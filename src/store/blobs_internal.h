/* What blobs.c and blob_writer.c share. */
#pragma once

#include "base/map.h"
#include "os/lock.h"
#include "store/blobs.h"

/* Names of files: "blobs/3a/" and 62 digits. */
#define BLOBS_PATH_BYTES 80

struct blobs {
    struct disk *disk; /* borrowed */
    struct lock lock;  /* of the next two */
    struct map pins;   /* hash → struct pin, owned */
    uint64_t incoming; /* how many were begun: names */
};

void blobs_path(char path[static BLOBS_PATH_BYTES], const unsigned char hash[CONTENT_HASH_BYTES]);

void blobs_write_tail(unsigned char tail[BLOB_TAIL_BYTES], uint64_t size, uint32_t checksums_crc);
