/* Linear probing at a load of at most 3/4; removal shifts the followers back, so no tombstones. */
#include "base/map.h"

#include "base/memory.h"

#include <assert.h>
#include <errno.h>

#define ENTRIES_MIN 16

void map_init(struct map *map, struct hash_key hash_key)
{
    *map = (struct map){.hash_key = hash_key};
}

void map_finish(struct map *map)
{
    if (map == NULL)
        return;
    memory_free(map->entries);
    *map = (struct map){.hash_key = map->hash_key};
}

/* The entry that holds the key, or the free one where it would go. The table has a free entry. */
static struct map_entry *find(const struct map *map, struct slice key, uint64_t hash)
{
    size_t mask = map->entries_count - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct map_entry *entry = &map->entries[i];
        if (entry->key.at == NULL || (entry->hash == hash && slice_equal(entry->key, key)))
            return entry;
    }
}

void *map_get(const struct map *map, struct slice key)
{
    if (map->used == 0)
        return NULL;
    return find(map, key, hash_bytes(map->hash_key, key))->value;
}

static int grow(struct map *map)
{
    size_t count = map->entries_count == 0 ? ENTRIES_MIN : map->entries_count * 2;
    struct map_entry *entries = memory_alloc_array(count, sizeof *entries);
    if (entries == NULL)
        return -ENOMEM;
    struct map bigger = {entries, count, map->used, map->hash_key};
    for (size_t i = 0; i < map->entries_count; i++) {
        struct map_entry *entry = &map->entries[i];
        if (entry->key.at != NULL)
            *find(&bigger, entry->key, entry->hash) = *entry;
    }
    memory_free(map->entries);
    *map = bigger;
    return 0;
}

int map_set(struct map *map, struct slice key, void *value)
{
    assert(value != NULL && key.at != NULL);
    if (map->used * 4 >= map->entries_count * 3) {
        int rc = grow(map);
        if (rc < 0)
            return rc;
    }
    uint64_t hash = hash_bytes(map->hash_key, key);
    struct map_entry *entry = find(map, key, hash);
    if (entry->key.at == NULL)
        map->used++;
    *entry = (struct map_entry){key, value, hash};
    return 0;
}

static void close_gap(struct map *map, size_t gap)
{
    size_t mask = map->entries_count - 1;
    for (size_t i = (gap + 1) & mask; map->entries[i].key.at != NULL; i = (i + 1) & mask) {
        size_t home = map->entries[i].hash & mask;
        if (((i - home) & mask) >= ((i - gap) & mask)) {
            map->entries[gap] = map->entries[i];
            gap = i;
        }
    }
    map->entries[gap] = (struct map_entry){0};
}

void *map_remove(struct map *map, struct slice key)
{
    if (map->used == 0)
        return NULL;
    struct map_entry *entry = find(map, key, hash_bytes(map->hash_key, key));
    void *value = entry->value;
    if (entry->key.at == NULL)
        return NULL;
    close_gap(map, (size_t)(entry - map->entries));
    map->used--;
    return value;
}

const struct map_entry *map_next(const struct map *map, size_t *cursor)
{
    while (*cursor < map->entries_count) {
        const struct map_entry *entry = &map->entries[(*cursor)++];
        if (entry->key.at != NULL)
            return entry;
    }
    return NULL;
}
