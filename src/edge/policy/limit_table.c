/* Entries of a shard lie in one array and name each other by index, so that the array may grow. */
#include "edge/policy/limit_table.h"

#include "base/cleanup.h"
#include "base/hash.h"
#include "os/lock.h"
#include "os/random.h"

#include <errno.h>

#define SHARDS      16
#define NONE        UINT32_MAX
#define FIRST_COUNT 16
#define LOOK_MAX    16 /* entries looked at for one that may go */

struct shard {
    struct lock lock;
    struct limit_entry *entries; /* owned */
    uint32_t *buckets;           /* owned; as many as entries: a power of two */
    uint32_t count, cap;
    uint32_t unused; /* a chain of entries that were forgotten */
    uint32_t newest, oldest;
};

struct limit_table {
    struct hash_key keys[2];
    uint32_t shard_max;
    struct shard shards[SHARDS];
};

struct limit_table *limit_table_create(uint32_t keys_max)
{
    struct limit_table *table = NEW(struct limit_table);
    if (table == NULL)
        return NULL;
    table->keys[0] = random_hash_key();
    table->keys[1] = random_hash_key();
    table->shard_max = (keys_max + SHARDS - 1) / SHARDS;
    for (unsigned i = 0; i < SHARDS; i++) {
        struct shard *shard = &table->shards[i];
        (void)lock_init(&shard->lock);
        shard->unused = shard->newest = shard->oldest = NONE;
    }
    return table;
}

void limit_table_destroy(struct limit_table *table)
{
    if (table == NULL)
        return;
    for (unsigned i = 0; i < SHARDS; i++) {
        memory_free(table->shards[i].entries);
        memory_free(table->shards[i].buckets);
        lock_finish(&table->shards[i].lock);
    }
    memory_free(table);
}

static uint32_t *bucket_of(struct shard *shard, const uint64_t hash[2])
{
    return &shard->buckets[hash[0] & (shard->cap - 1)];
}

static void link_newest(struct shard *shard, uint32_t index)
{
    struct limit_entry *entry = &shard->entries[index];
    entry->newer = NONE;
    entry->older = shard->newest;
    if (shard->newest != NONE)
        shard->entries[shard->newest].newer = index;
    else
        shard->oldest = index;
    shard->newest = index;
}

static void unlink_age(struct shard *shard, const struct limit_entry *entry)
{
    if (entry->newer != NONE)
        shard->entries[entry->newer].older = entry->older;
    else
        shard->newest = entry->older;
    if (entry->older != NONE)
        shard->entries[entry->older].newer = entry->newer;
    else
        shard->oldest = entry->newer;
}

static void unlink_bucket(struct shard *shard, uint32_t index)
{
    uint32_t *at = bucket_of(shard, shard->entries[index].hash);
    while (*at != index)
        at = &shard->entries[*at].chain;
    *at = shard->entries[index].chain;
}

static void take_out(struct shard *shard, uint32_t index)
{
    struct limit_entry *entry = &shard->entries[index];
    unlink_age(shard, entry);
    unlink_bucket(shard, index);
    entry->chain = shard->unused;
    shard->unused = index;
    shard->count--;
}

/* Twice the room. The buckets are dealt out anew. */
static int grow(struct shard *shard)
{
    uint32_t cap = shard->cap == 0 ? FIRST_COUNT : shard->cap * 2;
    struct limit_entry *entries =
        memory_resize(shard->entries, (size_t)cap * sizeof *shard->entries);
    if (entries == NULL)
        return -ENOMEM;
    shard->entries = entries;
    uint32_t *buckets = memory_resize(shard->buckets, (size_t)cap * sizeof *buckets);
    if (buckets == NULL)
        return -ENOMEM;
    shard->buckets = buckets;
    for (uint32_t i = shard->cap; i < cap; i++) {
        shard->entries[i].chain = shard->unused;
        shard->unused = i;
    }
    shard->cap = cap;
    memset(buckets, 0xff, (size_t)cap * sizeof *buckets); /* NONE */
    for (uint32_t i = shard->newest; i != NONE; i = shard->entries[i].older) {
        uint32_t *bucket = bucket_of(shard, shard->entries[i].hash);
        shard->entries[i].chain = *bucket;
        *bucket = i;
    }
    return 0;
}

/* Of the oldest, the first that nobody is under way for goes. */
static bool evict(struct shard *shard)
{
    uint32_t index = shard->oldest;
    for (unsigned i = 0; i < LOOK_MAX && index != NONE; i++) {
        if (shard->entries[index].in_flight == 0) {
            take_out(shard, index);
            return true;
        }
        index = shard->entries[index].newer;
    }
    return false;
}

static uint32_t find(struct shard *shard, const uint64_t hash[2])
{
    uint32_t index = shard->cap == 0 ? NONE : *bucket_of(shard, hash);
    while (index != NONE &&
           (shard->entries[index].hash[0] != hash[0] || shard->entries[index].hash[1] != hash[1]))
        index = shard->entries[index].chain;
    return index;
}

static uint32_t make(struct shard *shard, uint32_t max, const uint64_t hash[2])
{
    if (shard->count >= max) {
        if (!evict(shard))
            return NONE;
    } else if (shard->unused == NONE && grow(shard) < 0 && !evict(shard)) {
        return NONE;
    }
    uint32_t index = shard->unused;
    struct limit_entry *entry = &shard->entries[index];
    shard->unused = entry->chain;
    shard->count++;
    *entry = (struct limit_entry){.hash = {hash[0], hash[1]}};
    uint32_t *bucket = bucket_of(shard, hash);
    entry->chain = *bucket;
    *bucket = index;
    link_newest(shard, index);
    return index;
}

static struct shard *shard_of(struct limit_table *table, const uint64_t hash[2])
{
    return &table->shards[hash[1] % SHARDS];
}

struct limit_entry *limit_table_lock(struct limit_table *table, struct slice key)
{
    const uint64_t hash[2] = {hash_bytes(table->keys[0], key), hash_bytes(table->keys[1], key)};
    return limit_table_lock_again(table, hash);
}

struct limit_entry *limit_table_lock_again(struct limit_table *table, const uint64_t hash[2])
{
    struct shard *shard = shard_of(table, hash);
    lock_take(&shard->lock);
    uint32_t index = find(shard, hash);
    if (index == NONE) {
        index = make(shard, table->shard_max, hash);
    } else {
        unlink_age(shard, &shard->entries[index]);
        link_newest(shard, index);
    }
    if (index != NONE)
        return &shard->entries[index];
    lock_release(&shard->lock);
    return NULL;
}

void limit_table_unlock(struct limit_table *table, struct limit_entry *entry)
{
    lock_release(&shard_of(table, entry->hash)->lock);
}

void limit_table_forget(struct limit_table *table, struct limit_entry *entry)
{
    struct shard *shard = shard_of(table, entry->hash);
    take_out(shard, (uint32_t)(entry - shard->entries));
    lock_release(&shard->lock);
}

uint32_t limit_table_count(struct limit_table *table)
{
    uint32_t count = 0;
    for (unsigned i = 0; i < SHARDS; i++) {
        lock_take(&table->shards[i].lock);
        count += table->shards[i].count;
        lock_release(&table->shards[i].lock);
    }
    return count;
}
