/*
 * What came of a body over HTTP/2 and was not looked at yet, and what of it is being looked at, in
 * pooled blocks. Of streams with clients and of calls to targets alike; windows bound it.
 */
#pragma once

#include "http/worker.h"
#include "wire/h2/frame.h"

/* All but the last are full: windows keep a body from needing more of them. */
#define H2_BUFFERS_MAX (H2_WIDE_WINDOW_BYTES / BLOCK_LARGE_BYTES + 1)

struct h2_buffer {
    char *block; /* owned; NULL while empty */
    uint32_t len;
    uint8_t size; /* enum block_size */
};

struct h2_inbox {
    struct h2_buffer in[H2_BUFFERS_MAX]; /* a ring */
    struct h2_buffer lent;               /* what somebody looks at */
    uint32_t len;                        /* bytes in the ring */
    uint8_t first, count;
};

/* 0 or -ENOMEM. */
int h2_inbox_append(struct h2_inbox *inbox, struct slice bytes);

/* Takes back what was lent: so many bytes were used up. */
size_t h2_inbox_use_up(struct h2_inbox *inbox);

/* Lends the next part, until it is used up; false when there is none. */
bool h2_inbox_lend(struct h2_inbox *inbox, struct slice *ret_data);

/* Drops all: so many bytes of it nobody has used. */
size_t h2_inbox_drop(struct h2_inbox *inbox);
