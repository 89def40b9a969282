/* What this process takes of the machine. */
#pragma once

#include <stdint.h>

struct usage {
    uint64_t memory_bytes;    /* resident */
    uint64_t cpu_us;          /* of all threads, user and system */
    uint64_t descriptors;     /* open */
    uint64_t descriptors_max; /* the soft limit */
};

/* Blocking: with many open descriptors it takes milliseconds. What cannot be found out is 0. */
void usage_read(struct usage *ret_usage);
