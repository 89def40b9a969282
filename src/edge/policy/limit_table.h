/*
 * What limiters count, by key: a table that all workers share, in shards with a lock each. Keys are
 * kept as hashes of 128 bits under keys of the table's own, so nobody can make two collide. It
 * grows up to its maximum; then the entry that was used longest ago goes, of those that may.
 */
#pragma once

#include "base/slice.h"

struct limit_table;

struct limit_entry {
    uint64_t hash[2];
    int64_t tat_ns;     /* of a rate: the theoretical arrival time of gcra.h; 0: never */
    uint32_t in_flight; /* of concurrency; above 0 the entry stays */
    uint32_t chain;     /* the table's own: the next of its bucket, and of those by age */
    uint32_t newer, older;
};

/* `keys_max` is rounded up to a multiple of the shards. NULL when memory is used up. */
struct limit_table *limit_table_create(uint32_t keys_max);
void limit_table_destroy(struct limit_table *table);

/*
 * Finds or makes the key's entry and locks its shard until limit_table_unlock: no waits meanwhile.
 * NULL, and nothing locked, when all entries of a full shard must stay, or memory is used up.
 */
struct limit_entry *limit_table_lock(struct limit_table *table, struct slice key);

/* The same by the hash of an entry that was seen before. */
struct limit_entry *limit_table_lock_again(struct limit_table *table, const uint64_t hash[2]);

void limit_table_unlock(struct limit_table *table, struct limit_entry *entry);

/* Takes a locked entry out and unlocks. */
void limit_table_forget(struct limit_table *table, struct limit_entry *entry);

/* How many keys are kept now. */
uint32_t limit_table_count(struct limit_table *table);
