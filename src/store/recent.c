/*
 * 64 shards by the key's hash, each a chained table, a list by age and a hand that evicts. What the
 * index does not have yet is in no list: the hand need not walk over it, however much there is.
 */
#include "store/recent.h"

#include "base/hash.h"
#include "base/list.h"
#include "base/memory.h"
#include "os/lock.h"
#include "os/random.h"

#include <errno.h>
#include <string.h>

#define SHARDS        64
#define BUCKETS_LEAST 64

struct item {
    struct item *next; /* in its bucket */
    struct list link;  /* by age; unlinked while it is held */
    uint64_t hash;
    uint64_t held_by;      /* the change that is not in the index yet; 0: may go */
    struct object *object; /* counted; NULL: none, or later */
    uint32_t bucket;
    enum recent_answer answer;
    bool was_hit;
    uint16_t key_len;
    char key[];
};

struct shard {
    struct lock lock;
    struct item **at; /* owned */
    size_t count;     /* of `at`, a power of two */
    size_t items;
    size_t bytes;
    struct list by_age;
    struct list *hand;
    uint64_t moment; /* another one with each change */
    uint64_t hits, misses;
} __attribute__((aligned(64)));

struct recent {
    struct hash_key hash_key;
    size_t shard_bytes_max;
    struct shard shards[SHARDS];
};

int recent_create(size_t bytes_max, struct recent **ret_recent)
{
    struct recent *recent = memory_alloc(sizeof *recent);
    if (recent == NULL)
        return -ENOMEM;
    recent->hash_key = random_hash_key();
    recent->shard_bytes_max = bytes_max / SHARDS;
    int rc = 0;
    for (unsigned i = 0; i < SHARDS; i++) {
        struct shard *shard = &recent->shards[i];
        list_init(&shard->by_age);
        shard->hand = &shard->by_age;
        shard->at = memory_alloc_array(BUCKETS_LEAST, sizeof(struct item *));
        shard->count = BUCKETS_LEAST;
        if (lock_init(&shard->lock) < 0 || shard->at == NULL)
            rc = -ENOMEM;
    }
    if (rc < 0) {
        recent_destroy(recent);
        return rc;
    }
    *ret_recent = recent;
    return 0;
}

static size_t bytes_of(const struct item *item)
{
    return sizeof *item + item->key_len + (item->object == NULL ? 0 : item->object->bytes);
}

static struct item **place_of(struct shard *shard, uint64_t hash, uint32_t bucket, struct slice key)
{
    struct item **place = &shard->at[(hash >> 8) & (shard->count - 1)];
    while (*place != NULL &&
           !((*place)->hash == hash && (*place)->bucket == bucket && (*place)->key_len == key.len &&
             memcmp((*place)->key, key.at, key.len) == 0))
        place = &(*place)->next;
    return place;
}

/* Out of the list by age. */
static void take_out(struct shard *shard, struct item *item)
{
    if (shard->hand == &item->link)
        shard->hand = item->link.prev;
    list_remove(&item->link);
}

static void drop(struct shard *shard, struct item **place)
{
    struct item *item = *place;
    *place = item->next;
    take_out(shard, item);
    shard->items--;
    shard->bytes -= bytes_of(item);
    object_unref(item->object);
    memory_free(item);
}

void recent_destroy(struct recent *recent)
{
    if (recent == NULL)
        return;
    for (unsigned i = 0; i < SHARDS; i++) {
        struct shard *shard = &recent->shards[i];
        for (size_t j = 0; shard->at != NULL && j < shard->count; j++) {
            while (shard->at[j] != NULL)
                drop(shard, &shard->at[j]);
        }
        memory_free(shard->at);
        lock_finish(&shard->lock);
    }
    memory_free(recent);
}

/* SIEVE: the hand goes from the oldest towards the newest, spares what was hit and forgets that. */
static void evict(struct shard *shard, size_t bytes_max)
{
    for (size_t steps = 2 * shard->items + 2; shard->bytes > bytes_max && steps > 0; steps--) {
        if (shard->hand == &shard->by_age)
            shard->hand = shard->hand->next;
        if (shard->hand == &shard->by_age)
            return;
        struct item *item = CONTAINER_OF(shard->hand, struct item, link);
        shard->hand = shard->hand->next;
        if (item->was_hit) {
            item->was_hit = false;
            continue;
        }
        struct list *hand = shard->hand;
        drop(shard, place_of(shard, item->hash, item->bucket, slice_of(item->key, item->key_len)));
        shard->hand = hand;
    }
}

/* Twice the buckets when there are more items; without memory it just gets slower. */
static void grow(struct shard *shard)
{
    if (shard->items < shard->count)
        return;
    struct item **at = memory_alloc_array(2 * shard->count, sizeof(struct item *));
    if (at == NULL)
        return;
    for (size_t i = 0; i < shard->count; i++) {
        while (shard->at[i] != NULL) {
            struct item *item = shard->at[i];
            shard->at[i] = item->next;
            struct item **place = &at[(item->hash >> 8) & (2 * shard->count - 1)];
            item->next = *place;
            *place = item;
        }
    }
    memory_free(shard->at);
    shard->at = at;
    shard->count *= 2;
}

/* The item of that key, made when it is missing; NULL: no memory. */
static struct item *item_of(struct shard *shard, uint64_t hash, uint32_t bucket, struct slice key)
{
    struct item **place = place_of(shard, hash, bucket, key);
    if (*place != NULL)
        return *place;
    struct item *item = memory_alloc(sizeof *item + key.len);
    if (item == NULL)
        return NULL;
    item->hash = hash;
    item->bucket = bucket;
    item->key_len = (uint16_t)key.len;
    memcpy(item->key, key.at, key.len);
    list_append(&shard->by_age, &item->link);
    *place = item;
    shard->items++;
    shard->bytes += bytes_of(item);
    grow(shard);
    return item;
}

static void set(struct shard *shard, struct item *item, enum recent_answer answer,
                struct object *object)
{
    struct object *old = item->object;
    shard->bytes -= bytes_of(item);
    item->answer = answer;
    item->object = object == NULL ? NULL : object_ref(object);
    shard->bytes += bytes_of(item);
    object_unref(old);
}

static struct shard *shard_of(struct recent *recent, uint32_t bucket, struct slice key,
                              uint64_t *ret_hash)
{
    struct hash_key hash_key = recent->hash_key;
    hash_key.a ^= bucket;
    *ret_hash = hash_bytes(hash_key, key);
    return &recent->shards[*ret_hash % SHARDS];
}

void recent_find(struct recent *recent, uint32_t bucket, struct slice key,
                 struct recent_found *ret_found)
{
    uint64_t hash;
    struct shard *shard = shard_of(recent, bucket, key, &hash);
    *ret_found = (struct recent_found){.answer = RECENT_UNKNOWN};
    lock_take(&shard->lock);
    struct item *item = *place_of(shard, hash, bucket, key);
    if (item == NULL) {
        shard->misses++;
        ret_found->moment = shard->moment;
    } else {
        shard->hits++;
        item->was_hit = true;
        ret_found->answer = item->answer;
        ret_found->sequence = item->held_by;
        ret_found->object = item->object == NULL ? NULL : object_ref(item->object);
    }
    lock_release(&shard->lock);
}

int recent_change(struct recent *recent, uint32_t bucket, struct slice key, uint64_t sequence,
                  enum recent_answer answer, struct object *object)
{
    uint64_t hash;
    struct shard *shard = shard_of(recent, bucket, key, &hash);
    lock_take(&shard->lock);
    shard->moment++;
    struct item *item = item_of(shard, hash, bucket, key);
    if (item != NULL) {
        set(shard, item, answer, object);
        item->held_by = sequence;
        take_out(shard, item);
        evict(shard, recent->shard_bytes_max);
    }
    lock_release(&shard->lock);
    return item == NULL ? -ENOMEM : 0;
}

void recent_settle(struct recent *recent, uint32_t bucket, struct slice key, uint64_t sequence)
{
    uint64_t hash;
    struct shard *shard = shard_of(recent, bucket, key, &hash);
    lock_take(&shard->lock);
    struct item **place = place_of(shard, hash, bucket, key);
    struct item *item = *place;
    if (item != NULL && item->held_by != 0 && item->held_by <= sequence) {
        item->held_by = 0;
        list_append(&shard->by_age, &item->link);
        if (item->answer == RECENT_LATER)
            drop(shard, place);
        evict(shard, recent->shard_bytes_max);
    }
    lock_release(&shard->lock);
}

void recent_offer(struct recent *recent, uint32_t bucket, struct slice key, uint64_t moment,
                  struct object *object)
{
    uint64_t hash;
    struct shard *shard = shard_of(recent, bucket, key, &hash);
    lock_take(&shard->lock);
    if (shard->moment == moment) {
        struct item *item = item_of(shard, hash, bucket, key);
        if (item != NULL && item->held_by == 0) {
            set(shard, item, object == NULL ? RECENT_NONE : RECENT_OBJECT, object);
            evict(shard, recent->shard_bytes_max);
        }
    }
    lock_release(&shard->lock);
}

void recent_stats_read(struct recent *recent, struct recent_stats *ret_stats)
{
    *ret_stats = (struct recent_stats){0};
    for (unsigned i = 0; i < SHARDS; i++) {
        struct shard *shard = &recent->shards[i];
        lock_take(&shard->lock);
        ret_stats->items += shard->items;
        ret_stats->bytes += shard->bytes;
        ret_stats->hits += shard->hits;
        ret_stats->misses += shard->misses;
        lock_release(&shard->lock);
    }
}
