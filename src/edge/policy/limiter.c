/*
 * The registry holds each limiter that someone refers to, by its identity; the last reference takes
 * it out. Its lock is taken when planes are made and ended, never for a request.
 */
#include "edge/policy/limiter.h"

#include "base/cleanup.h"
#include "base/list.h"
#include "base/map.h"
#include "base/writer.h"
#include "edge/policy/gcra.h"
#include "edge/policy/limit_table.h"
#include "http/exchange.h"
#include "http/worker.h"
#include "os/address.h"
#include "os/lock.h"
#include "os/loop.h"

#include <errno.h>
#include <stdio.h>

#define IDENTITY_BYTES 512
#define NS_PER_S       INT64_C(1000000000)

enum limiter_kind { LIMITER_RATE, LIMITER_CONCURRENCY };

struct limiter {
    unsigned references; /* under the registry's lock */
    enum limiter_kind kind;
    struct gcra_rule rate;
    struct conf_rate told; /* the rate as it was written, for the client */
    uint32_t max;
    struct conf_limit_key key; /* its header is `header` */
    struct limit_table *table; /* owned */
    char header[256];
    char identity[IDENTITY_BYTES];
};

/* The process's own, as the pool of os/offload.h: planes come and go, counts stay. */
static struct {
    struct lock lock;
    struct map limiters; /* identity → struct limiter; a zeroed map is an empty one */
} registry = {.lock = {PTHREAD_MUTEX_INITIALIZER}};

static void destroy(struct limiter *limiter)
{
    limit_table_destroy(limiter->table);
    memory_free(limiter);
}

/* As `like`, which is a limiter's settings alone. */
static struct limiter *create(const char *identity, const struct limiter *like)
{
    struct limiter *limiter = NEW(struct limiter);
    if (limiter == NULL)
        return NULL;
    *limiter = *like;
    limiter->table = limit_table_create(LIMITER_KEYS_MAX);
    if (limiter->table == NULL) {
        memory_free(limiter);
        return NULL;
    }
    (void)snprintf(limiter->identity, sizeof limiter->identity, "%s", identity);
    (void)snprintf(limiter->header, sizeof limiter->header, "%.*s", SLICE_ARG(like->key.header));
    limiter->key.header = slice_of_cstr(limiter->header);
    return limiter;
}

static struct limiter *take(const char *identity, const struct limiter *like)
{
    lock_take(&registry.lock);
    struct limiter *limiter = map_get(&registry.limiters, slice_of_cstr(identity));
    if (limiter == NULL) {
        limiter = create(identity, like);
        if (limiter != NULL &&
            map_set(&registry.limiters, slice_of_cstr(limiter->identity), limiter) < 0) {
            destroy(limiter);
            limiter = NULL;
        }
    }
    if (limiter != NULL)
        limiter->references++;
    lock_release(&registry.lock);
    return limiter;
}

static struct limiter *limiter_ref(struct limiter *limiter)
{
    lock_take(&registry.lock);
    limiter->references++;
    lock_release(&registry.lock);
    return limiter;
}

void limiter_unref(struct limiter *limiter)
{
    if (limiter == NULL)
        return;
    lock_take(&registry.lock);
    bool is_last = --limiter->references == 0;
    if (is_last)
        (void)map_remove(&registry.limiters, slice_of_cstr(limiter->identity));
    if (is_last && registry.limiters.used == 0)
        map_finish(&registry.limiters);
    lock_release(&registry.lock);
    if (is_last)
        destroy(limiter);
}

struct limiter *limiter_take_rate(struct slice site, unsigned rule,
                                  const struct conf_rate_limit *conf)
{
    char identity[IDENTITY_BYTES];
    (void)snprintf(identity, sizeof identity, "%.*s/%u/rate/%u/%lld/%u/%d/%.*s", SLICE_ARG(site),
                   rule, conf->rate.count, (long long)conf->rate.period_ms, conf->burst,
                   (int)conf->key.by, SLICE_ARG(conf->key.header));
    const struct limiter like = {
        .kind = LIMITER_RATE,
        .told = conf->rate,
        .rate = {conf->rate.period_ms * 1000000 / conf->rate.count, conf->burst},
        .key = conf->key,
    };
    return take(identity, &like);
}

struct limiter *limiter_take_concurrency(struct slice site, unsigned rule,
                                         const struct conf_concurrency *conf)
{
    char identity[IDENTITY_BYTES];
    (void)snprintf(identity, sizeof identity, "%.*s/%u/concurrency/%u/%d/%.*s", SLICE_ARG(site),
                   rule, conf->max, (int)conf->key.by, SLICE_ARG(conf->key.header));
    const struct limiter like = {.kind = LIMITER_CONCURRENCY, .max = conf->max, .key = conf->key};
    return take(identity, &like);
}

uint32_t limiter_keys(struct limiter *limiter)
{
    return limit_table_count(limiter->table);
}

/* Whoever has an IPv6 address has all of its /64. */
static void write_address(struct writer *writer, const struct exchange *exchange)
{
    struct address address;
    if (slice_find(exchange->client, ':') >= 0 &&
        address_from_ip(exchange->client, 0, &address) == 0)
        write_bytes(writer, &address.v6.sin6_addr, 8);
    else
        write_slice(writer, exchange->client);
}

struct slice limiter_key(const struct exchange *exchange, const struct conf_limit_key *conf,
                         char room[static LIMITER_KEY_BYTES])
{
    struct writer writer;
    struct slice value = {NULL, 0};
    writer_init(&writer, room, LIMITER_KEY_BYTES);
    if (conf->by == CONF_LIMIT_BY_ALL)
        return writer_slice(&writer);
    if (conf->by == CONF_LIMIT_BY_USER)
        value = exchange->notes.user;
    const struct field *field = conf->by == CONF_LIMIT_BY_HEADER
                                    ? fields_find_name(&exchange->request.fields, conf->header)
                                    : NULL;
    if (field != NULL)
        value = field->value;
    /* An address is never taken for a value that looks like one. */
    write_char(&writer, value.len > 0 ? 'v' : 'a');
    if (value.len > 0)
        write_slice(&writer, slice_first(value, LIMITER_KEY_BYTES - 1));
    else
        write_address(&writer, exchange);
    return writer_slice(&writer);
}

static int64_t whole_seconds(int64_t ns)
{
    return (ns + NS_PER_S - 1) / NS_PER_S;
}

/* RateLimit fields as of draft-ietf-httpapi-ratelimit-headers-10. */
static void refuse_rate(const struct limiter *limiter, struct exchange *exchange, int64_t wait_ns)
{
    char text[256];
    int len =
        snprintf(text, sizeof text,
                 "Retry-After: %lld\r\nRateLimit-Policy: \"rate\";q=%u;w=%lld\r\n"
                 "RateLimit: \"rate\";r=0;t=%lld\r\n",
                 (long long)whole_seconds(wait_ns), limiter->told.count,
                 (long long)(limiter->told.period_ms / 1000), (long long)whole_seconds(wait_ns));
    counter_add(&worker_current()->counters.rate_refused, 1);
    exchange_refuse(exchange, 429, "over the rate limit", slice_of(text, (size_t)len));
}

static bool admit_rate(struct limiter *limiter, struct exchange *exchange, struct slice key)
{
    struct limit_entry *entry = limit_table_lock(limiter->table, key);
    if (entry == NULL) {
        exchange_refuse(exchange, 503, "no room to count the request", SLICE("Retry-After: 1\r\n"));
        return false;
    }
    struct gcra_answer answer = gcra_take(&limiter->rate, &entry->tat_ns, loop_now_us() * 1000);
    limit_table_unlock(limiter->table, entry);
    if (!answer.is_taken)
        refuse_rate(limiter, exchange, answer.wait_ns);
    return answer.is_taken;
}

/* What a request is counted for. */
struct limiter_hold {
    struct limiter *limiter; /* counted: it may outlive its plane; NULL: none */
    uint64_t hash[2];        /* of its entry */
};

/* A request that is counted, until its end. */
struct counted {
    struct exchange_filter filter;
    struct limiter_hold hold;
};

static void give_back(const struct limiter_hold *hold)
{
    if (hold->limiter == NULL)
        return;
    struct limit_table *table = hold->limiter->table;
    /* It is there: an entry in use does not go. */
    struct limit_entry *entry = limit_table_lock_again(table, hold->hash);
    if (--entry->in_flight == 0)
        limit_table_forget(table, entry);
    else
        limit_table_unlock(table, entry);
    limiter_unref(hold->limiter);
}

static void end_count(struct exchange_filter *filter, struct exchange *exchange)
{
    (void)exchange;
    give_back(&CONTAINER_OF(filter, struct counted, filter)->hold);
}

static const struct exchange_filter_ops counted_ops = {.finish = end_count};

static bool admit_concurrency(struct limiter *limiter, struct exchange *exchange, struct slice key)
{
    struct counted *counted = arena_alloc(&exchange->arena, sizeof *counted);
    struct limit_entry *entry = counted == NULL ? NULL : limit_table_lock(limiter->table, key);
    if (entry == NULL) {
        exchange_refuse(exchange, 503, "no room to count the request", SLICE("Retry-After: 1\r\n"));
        return false;
    }
    bool is_taken = entry->in_flight < limiter->max;
    if (is_taken)
        entry->in_flight++;
    memcpy(counted->hold.hash, entry->hash, sizeof counted->hold.hash);
    limit_table_unlock(limiter->table, entry);
    if (!is_taken) {
        counter_add(&worker_current()->counters.concurrency_refused, 1);
        exchange_refuse(exchange, limiter->key.by == CONF_LIMIT_BY_ALL ? 503 : 429,
                        "too many requests at one time", SLICE("Retry-After: 1\r\n"));
        return false;
    }
    counted->filter = (struct exchange_filter){&counted_ops, NULL, false};
    counted->hold.limiter = limiter_ref(limiter);
    exchange_add_filter(exchange, &counted->filter);
    return true;
}

int limiter_keep(struct exchange *exchange, struct limiter_hold **ret_hold)
{
    struct exchange_filter *filter = exchange->filters;
    while (filter != NULL && filter->ops != &counted_ops)
        filter = filter->next;
    *ret_hold = NULL;
    if (filter == NULL)
        return 0;
    struct limiter_hold *hold = NEW(struct limiter_hold);
    if (hold == NULL)
        return -ENOMEM;
    struct counted *counted = CONTAINER_OF(filter, struct counted, filter);
    *hold = counted->hold;
    counted->hold.limiter = NULL;
    *ret_hold = hold;
    return 0;
}

void limiter_let_go(struct limiter_hold *hold)
{
    if (hold == NULL)
        return;
    give_back(hold);
    memory_free(hold);
}

bool limiter_admit(struct limiter *limiter, struct exchange *exchange)
{
    char room[LIMITER_KEY_BYTES];
    struct slice key = limiter_key(exchange, &limiter->key, room);
    return limiter->kind == LIMITER_RATE ? admit_rate(limiter, exchange, key)
                                         : admit_concurrency(limiter, exchange, key);
}
