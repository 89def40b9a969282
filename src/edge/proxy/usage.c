/*
 * A proxy without limits has no accounts: all its users share one that counts nothing. Else a shard
 * is locked when a connection begins and ends; what moves bytes touches the account's numbers
 * alone.
 */
#include "edge/proxy/usage.h"

#include "base/cleanup.h"
#include "base/map.h"
#include "os/lock.h"
#include "os/random.h"

#include <errno.h>
#include <stdatomic.h>

#define SHARDS        16 /* a power of two */
#define BURST_NS      INT64_C(250000000)
#define NS_PER_S      1e9
#define KEY_SEPARATOR '\0' /* no name of a proxy has one */

struct shard {
    struct lock lock;
    struct map accounts; /* key → struct usage, owned */
};

struct usage_table {
    struct hash_key key;
    struct shard shards[SHARDS];
};

struct usage {
    struct shard *shard; /* borrowed; NULL: the account that counts nothing */
    unsigned under_way;  /* under the shard's lock */
    atomic_uint_fast64_t bandwidth;
    atomic_int_fast64_t paid_ns; /* until when what was moved lasts at that rate */
    size_t key_len;
    char key[];
};

static struct usage unlimited;

int usage_table_create(struct usage_table **ret_table)
{
    struct usage_table *table = NEW(struct usage_table);
    if (table == NULL)
        return -ENOMEM;
    table->key = random_hash_key();
    for (unsigned i = 0; i < SHARDS; i++) {
        (void)lock_init(&table->shards[i].lock);
        map_init(&table->shards[i].accounts, table->key);
    }
    *ret_table = table;
    return 0;
}

void usage_table_destroy(struct usage_table *table)
{
    for (unsigned i = 0; table != NULL && i < SHARDS; i++) {
        size_t cursor = 0;
        const struct map_entry *entry;
        while ((entry = map_next(&table->shards[i].accounts, &cursor)) != NULL)
            memory_free(entry->value);
        map_finish(&table->shards[i].accounts);
        lock_finish(&table->shards[i].lock);
    }
    memory_free(table);
}

static struct usage *create(struct shard *shard, struct slice proxy, struct slice user)
{
    size_t len = proxy.len + 1 + user.len;
    struct usage *usage = memory_alloc(sizeof *usage + len);
    if (usage == NULL)
        return NULL;
    usage->shard = shard;
    usage->key_len = len;
    memcpy(usage->key, proxy.at, proxy.len);
    usage->key[proxy.len] = KEY_SEPARATOR;
    memcpy(usage->key + proxy.len + 1, user.at, user.len);
    if (map_set(&shard->accounts, slice_of(usage->key, len), usage) == 0)
        return usage;
    memory_free(usage);
    return NULL;
}

static void destroy(struct usage *usage)
{
    (void)map_remove(&usage->shard->accounts, slice_of(usage->key, usage->key_len));
    memory_free(usage);
}

/* Under the shard's lock. */
static struct usage *enter(struct shard *shard, struct slice key, struct slice proxy,
                           struct slice user, const struct conf_proxy_limits *limits,
                           bool *ret_is_limited)
{
    struct usage *usage = map_get(&shard->accounts, key);
    if (usage == NULL)
        usage = create(shard, proxy, user);
    if (usage == NULL)
        return NULL;
    if (limits->connections > 0 && usage->under_way >= limits->connections) {
        *ret_is_limited = true;
        return NULL;
    }
    usage->under_way++;
    atomic_store_explicit(&usage->bandwidth, limits->bandwidth, memory_order_relaxed);
    return usage;
}

#define KEY_BYTES_MAX 768

struct usage *usage_enter(struct usage_table *table, const struct conf_forward_proxy *proxy,
                          struct slice user, bool *ret_is_limited)
{
    const struct conf_proxy_limits *limits = &proxy->limits;
    char key[KEY_BYTES_MAX];
    *ret_is_limited = false;
    if (limits->connections == 0 && limits->bandwidth == 0)
        return &unlimited;
    if (proxy->name.len + 1 + user.len > sizeof key)
        return NULL;
    memcpy(key, proxy->name.at, proxy->name.len);
    key[proxy->name.len] = KEY_SEPARATOR;
    memcpy(key + proxy->name.len + 1, user.at, user.len);
    struct slice text = slice_of(key, proxy->name.len + 1 + user.len);
    struct shard *shard = &table->shards[hash_bytes(table->key, text) & (SHARDS - 1)];
    lock_take(&shard->lock);
    struct usage *usage = enter(shard, text, proxy->name, user, limits, ret_is_limited);
    lock_release(&shard->lock);
    return usage;
}

void usage_leave(struct usage *usage)
{
    if (usage == NULL || usage->shard == NULL)
        return;
    struct shard *shard = usage->shard;
    lock_take(&shard->lock);
    if (--usage->under_way == 0)
        destroy(usage);
    lock_release(&shard->lock);
}

bool usage_has_bandwidth(const struct usage *usage)
{
    return atomic_load_explicit(&usage->bandwidth, memory_order_relaxed) > 0;
}

int64_t usage_spend(struct usage *usage, uint64_t bytes, int64_t now_us)
{
    uint64_t bandwidth = atomic_load_explicit(&usage->bandwidth, memory_order_relaxed);
    if (bandwidth == 0)
        return 0;
    int64_t now_ns = now_us * 1000;
    int64_t cost_ns = (int64_t)((double)bytes * NS_PER_S / (double)bandwidth);
    int64_t paid_ns = atomic_load_explicit(&usage->paid_ns, memory_order_relaxed), next_ns;
    do {
        next_ns = (paid_ns > now_ns ? paid_ns : now_ns) + cost_ns;
    } while (!atomic_compare_exchange_weak(&usage->paid_ns, &paid_ns, next_ns));
    int64_t ahead_ns = next_ns - now_ns - BURST_NS;
    return ahead_ns > 0 ? (ahead_ns + 999) / 1000 : 0;
}

unsigned usage_table_count(struct usage_table *table)
{
    unsigned count = 0;
    for (unsigned i = 0; i < SHARDS; i++) {
        lock_take(&table->shards[i].lock);
        count += (unsigned)table->shards[i].accounts.used;
        lock_release(&table->shards[i].lock);
    }
    return count;
}
