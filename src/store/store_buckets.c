/* The table of buckets: all of them are in memory. */
#include "base/memory.h"
#include "store/store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct store_bucket *store_bucket_create(const struct change_bucket *bucket)
{
    size_t bytes = sizeof(struct store_bucket) + bucket->name.len + 1 + bucket->settings.len;
    struct store_bucket *made = memory_alloc(bytes);
    if (made == NULL)
        return NULL;
    atomic_init(&made->references, 1);
    made->id = bucket->id;
    made->made_ms = bucket->made_ms;
    memcpy(made->memory, bucket->name.at, bucket->name.len);
    made->name = slice_of(made->memory, bucket->name.len);
    char *settings = made->memory + bucket->name.len + 1;
    if (bucket->settings.len > 0)
        memcpy(settings, bucket->settings.at, bucket->settings.len);
    made->settings = slice_of(settings, bucket->settings.len);
    return made;
}

void store_bucket_unref(struct store_bucket *bucket)
{
    if (bucket != NULL && atomic_fetch_sub(&bucket->references, 1) == 1)
        memory_free(bucket);
}

int store_bucket_set(struct store *store, struct store_bucket *bucket)
{
    lock_take(&store->buckets_lock);
    struct store_bucket *old = map_remove(&store->buckets, bucket->name);
    int rc = map_set(&store->buckets, bucket->name, bucket);
    if (rc < 0 && old != NULL)
        (void)map_set(&store->buckets, old->name, old);
    lock_release(&store->buckets_lock);
    if (rc == 0)
        store_bucket_unref(old);
    return rc;
}

/* The lock is held. */
static struct store_bucket *find_id(struct store *store, uint32_t id)
{
    const struct map_entry *entry;
    for (size_t cursor = 0; (entry = map_next(&store->buckets, &cursor)) != NULL;) {
        struct store_bucket *bucket = entry->value;
        if (bucket->id == id)
            return bucket;
    }
    return NULL;
}

void store_bucket_forget(struct store *store, uint32_t id)
{
    lock_take(&store->buckets_lock);
    struct store_bucket *bucket = find_id(store, id);
    if (bucket != NULL)
        (void)map_remove(&store->buckets, bucket->name);
    lock_release(&store->buckets_lock);
    store_bucket_unref(bucket);
}

bool store_bucket_is_there(struct store *store, uint32_t id)
{
    lock_take(&store->buckets_lock);
    bool is_there = find_id(store, id) != NULL;
    lock_release(&store->buckets_lock);
    return is_there;
}

int store_bucket_find(struct store *store, struct slice name, struct store_bucket **ret_bucket)
{
    lock_take(&store->buckets_lock);
    struct store_bucket *bucket = map_get(&store->buckets, name);
    if (bucket != NULL)
        atomic_fetch_add(&bucket->references, 1);
    lock_release(&store->buckets_lock);
    if (bucket == NULL)
        return -ENOENT;
    *ret_bucket = bucket;
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    const struct store_bucket *const *left = a, *const *right = b;
    return slice_compare((*left)->name, (*right)->name);
}

int store_bucket_each(struct store *store, int (*visit)(void *arg, struct store_bucket *bucket),
                      void *arg)
{
    const struct map_entry *entry;
    size_t count = 0;
    int rc = 0;
    lock_take(&store->buckets_lock);
    struct store_bucket **buckets =
        memory_alloc_array(store->buckets.used + 1, sizeof(struct store_bucket *));
    for (size_t cursor = 0;
         buckets != NULL && (entry = map_next(&store->buckets, &cursor)) != NULL;) {
        buckets[count] = entry->value;
        atomic_fetch_add(&buckets[count++]->references, 1);
    }
    lock_release(&store->buckets_lock);
    if (buckets == NULL)
        return -ENOMEM;
    qsort(buckets, count, sizeof(struct store_bucket *), compare_names);
    for (size_t i = 0; i < count; i++) {
        if (rc == 0)
            rc = visit(arg, buckets[i]);
        store_bucket_unref(buckets[i]);
    }
    memory_free(buckets);
    return rc;
}

void store_buckets_finish(struct store *store)
{
    const struct map_entry *entry;
    for (size_t cursor = 0; (entry = map_next(&store->buckets, &cursor)) != NULL;)
        store_bucket_unref(entry->value);
    map_finish(&store->buckets);
}
