/*
 * The hot part of the index: what is known of keys that were asked for or changed lately, shared by
 * all threads. Changes stand in it from the moment they are on the disk until the index has them,
 * and cannot be pushed out meanwhile; the rest goes by SIEVE (Zhang et al., NSDI 2024) when the
 * budget is used up. A shard's lock is held for a look-up or a change, never over a call.
 */
#pragma once

#include "store/object.h"

#include <stddef.h>

struct recent;

enum recent_answer {
    RECENT_UNKNOWN, /* ask the index */
    RECENT_OBJECT,
    RECENT_NONE,  /* there is no such key */
    RECENT_LATER, /* ask the index once it has come to `sequence` */
};

/* 0 or a negative errno. */
int recent_create(size_t bytes_max, struct recent **ret_recent);
void recent_destroy(struct recent *recent); /* NULL is fine */

/* What a look-up found. */
struct recent_found {
    enum recent_answer answer;
    struct object *object; /* OBJECT: counted, the caller's */
    uint64_t sequence;     /* LATER */
    uint64_t moment;       /* UNKNOWN: for recent_offer */
};

void recent_find(struct recent *recent, uint32_t bucket, struct slice key,
                 struct recent_found *ret_found);

/*
 * The change `sequence` has made this the latest of its key: an object (a reference is taken), NONE
 * or LATER. Held until recent_settle with that sequence or a later one. 0 or -ENOMEM.
 */
int recent_change(struct recent *recent, uint32_t bucket, struct slice key, uint64_t sequence,
                  enum recent_answer answer, struct object *object);

/* The index has this change of the key now. */
void recent_settle(struct recent *recent, uint32_t bucket, struct slice key, uint64_t sequence);

/* What the index has told (NULL: no such key), unless something has changed since `moment`. */
void recent_offer(struct recent *recent, uint32_t bucket, struct slice key, uint64_t moment,
                  struct object *object);

struct recent_stats {
    size_t items, bytes;
    uint64_t hits, misses;
};
void recent_stats_read(struct recent *recent, struct recent_stats *ret_stats);
