/*
 * A hash map from byte strings to pointers: open addressing, keyed hash, keys compared exactly. The
 * keys' bytes are borrowed and must live as long as their entries; the values are borrowed too.
 */
#pragma once

#include "base/hash.h"

struct map_entry {
    struct slice key; /* borrowed; a NULL start marks a free entry */
    void *value;
    uint64_t hash;
};

struct map {
    struct map_entry *entries; /* owned */
    size_t entries_count;      /* a power of two, or 0 */
    size_t used;
    struct hash_key hash_key;
};

void map_init(struct map *map, struct hash_key hash_key);
void map_finish(struct map *map);

/* The value, or NULL. */
void *map_get(const struct map *map, struct slice key);

/* Sets or replaces. `value` is not NULL. Returns 0 or -ENOMEM. */
int map_set(struct map *map, struct slice key, void *value);

/* Returns the value that was there, or NULL. */
void *map_remove(struct map *map, struct slice key);

/* Walks all entries: start with *cursor = 0; NULL at the end. No changes during a walk. */
const struct map_entry *map_next(const struct map *map, size_t *cursor);
