/*
 * The cache of names and those who wait for them, and the stub that simulated loops ask. The
 * answers themselves come from a source: resolver_cares.c, or the stub.
 */
#include "os/resolver.h"

#include "base/memory.h"
#include "os/loop_internal.h"
#include "os/random.h"
#include "os/resolver_internal.h"

#include <assert.h>
#include <errno.h>

#define NAME_BYTES_MAX 254 /* RFC 1035 §2.3.4, and a dot at the end */

#define DENIAL_MS      3000     /* a name that does not exist */
#define RETRY_MS       1000     /* after a failure */
#define KEEP_MS        86400000 /* the last good answer, while servers fail */
#define KEEP_DENIED_MS 60000    /* the same, once the name is denied */

/* Who has an old answer does not wait longer for a new one. */
#define PATIENCE_MS 500

#define STUB_MS_MAX 20

struct waiter {
    struct list link;
    struct fiber *fiber;
};

struct stub {
    resolver_stub *answer;
    void *arg; /* borrowed */
};

int resolver_create_over(const struct resolver_source_ops *source_ops, void *source,
                         struct resolver **ret_resolver)
{
    struct resolver *resolver = NEW(struct resolver);
    if (resolver == NULL)
        return -ENOMEM;
    resolver->source_ops = source_ops;
    resolver->source = source;
    map_init(&resolver->names, random_hash_key());
    list_init(&resolver->entries);
    *ret_resolver = resolver;
    return 0;
}

static void free_entry(struct resolver_entry *entry)
{
    assert(entry->pins == 0 && !entry->is_asking);
    struct resolver *resolver = entry->resolver;
    (void)map_remove(&resolver->names, slice_of(entry->name, entry->name_len));
    list_remove(&entry->link);
    resolver->stats.names--;
    memory_free(entry->addresses);
    memory_free(entry);
}

void resolver_destroy(struct resolver *resolver)
{
    if (resolver == NULL)
        return;
    resolver->source_ops->destroy(resolver);
    LIST_FOR_EACH (&resolver->entries, link)
        free_entry(CONTAINER_OF(link, struct resolver_entry, link));
    map_finish(&resolver->names);
    memory_free(resolver);
}

static bool is_name_char(char c)
{
    return ascii_is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_' || c == '.';
}

/* Lower case, as it is asked and kept. */
static int normalise(struct slice name, char ret_name[static NAME_BYTES_MAX])
{
    if (name.len == 0 || name.len > NAME_BYTES_MAX || name.at[0] == '.')
        return -EINVAL;
    for (size_t i = 0; i < name.len; i++) {
        ret_name[i] = ascii_lower(name.at[i]);
        if (!is_name_char(ret_name[i]) || (ret_name[i] == '.' && ret_name[i - 1] == '.'))
            return -EINVAL;
    }
    return 0;
}

/* The longest unused entry goes that nobody holds. */
static int make_room(struct resolver *resolver)
{
    if (resolver->stats.names < RESOLVER_NAMES_MAX)
        return 0;
    for (struct list *link = resolver->entries.prev; link != &resolver->entries;
         link = link->prev) {
        struct resolver_entry *entry = CONTAINER_OF(link, struct resolver_entry, link);
        if (entry->pins == 0 && !entry->is_asking) {
            free_entry(entry);
            return 0;
        }
    }
    return -ENOBUFS;
}

static int add_entry(struct resolver *resolver, struct slice name,
                     struct resolver_entry **ret_entry)
{
    int rc = make_room(resolver);
    if (rc < 0)
        return rc;
    struct resolver_entry *entry = memory_alloc(sizeof *entry + name.len + 1);
    if (entry == NULL)
        return -ENOMEM;
    memcpy(entry->name, name.at, name.len);
    entry->name_len = name.len;
    rc = map_set(&resolver->names, slice_of(entry->name, name.len), entry);
    if (rc < 0) {
        memory_free(entry);
        return rc;
    }
    entry->resolver = resolver;
    entry->fresh_until_ms = INT64_MIN;
    list_init(&entry->waiting);
    list_prepend(&resolver->entries, &entry->link);
    resolver->stats.names++;
    *ret_entry = entry;
    return 0;
}

static int find_entry(struct resolver *resolver, struct slice name,
                      struct resolver_entry **ret_entry)
{
    struct resolver_entry *entry = map_get(&resolver->names, name);
    if (entry == NULL)
        return add_entry(resolver, name, ret_entry);
    list_remove(&entry->link);
    list_prepend(&resolver->entries, &entry->link);
    *ret_entry = entry;
    return 0;
}

static int keep_answer(struct resolver_entry *entry, const struct address *addresses,
                       unsigned count, int64_t ttl_ms)
{
    assert(count > 0);
    if (count > RESOLVER_ADDRESSES_MAX)
        count = RESOLVER_ADDRESSES_MAX;
    struct address *copy = memory_alloc_array(count, sizeof *copy);
    if (copy == NULL)
        return -ENOMEM;
    memcpy(copy, addresses, count * sizeof *copy);
    memory_free(entry->addresses);
    entry->addresses = copy;
    entry->addresses_count = count;
    if (ttl_ms < RESOLVER_TTL_MS_MIN)
        ttl_ms = RESOLVER_TTL_MS_MIN;
    if (ttl_ms > RESOLVER_TTL_MS_MAX)
        ttl_ms = RESOLVER_TTL_MS_MAX;
    entry->fresh_until_ms = loop_deadline(ttl_ms);
    entry->keep_until_ms = loop_deadline(ttl_ms + KEEP_MS);
    return 0;
}

static void keep_failure(struct resolver_entry *entry, int rc)
{
    if (rc != -ENOENT) {
        entry->fresh_until_ms = loop_deadline(RETRY_MS);
        entry->resolver->stats.failures++;
        return;
    }
    entry->fresh_until_ms = loop_deadline(DENIAL_MS);
    if (loop_deadline(KEEP_DENIED_MS) < entry->keep_until_ms)
        entry->keep_until_ms = loop_deadline(KEEP_DENIED_MS);
}

void resolver_answered(struct resolver_entry *entry, int rc, const struct address *addresses,
                       unsigned count, int64_t ttl_ms)
{
    if (rc == 0)
        rc = keep_answer(entry, addresses, count, ttl_ms);
    if (rc < 0)
        keep_failure(entry, rc);
    entry->error = rc;
    entry->is_asking = false;
    LIST_FOR_EACH (&entry->waiting, link)
        fiber_wake(CONTAINER_OF(link, struct waiter, link)->fiber);
}

static bool has_addresses(const struct resolver_entry *entry)
{
    return entry->addresses_count > 0 && loop_now_ms() < entry->keep_until_ms;
}

/* Until the query has ended. 0, -ETIMEDOUT or -ECANCELED. */
static int wait_for_answer(struct resolver_entry *entry, int64_t deadline_ms)
{
    struct waiter waiter = {.fiber = fiber_current()};
    int rc = 0;
    list_init(&waiter.link);
    list_append(&entry->waiting, &waiter.link);
    while (rc == 0 && entry->is_asking)
        rc = fiber_wait(deadline_ms);
    list_remove(&waiter.link);
    return entry->is_asking ? rc : 0;
}

static int copy_addresses(struct resolver_entry *entry, uint16_t port,
                          struct address *ret_addresses, unsigned max)
{
    unsigned count = entry->addresses_count < max ? entry->addresses_count : max;
    for (unsigned i = 0; i < count; i++) {
        ret_addresses[i] = entry->addresses[i];
        if (ret_addresses[i].any.sa_family == AF_INET6)
            ret_addresses[i].v6.sin6_port = htons(port);
        else
            ret_addresses[i].v4.sin_port = htons(port);
    }
    return (int)count;
}

static int resolve(struct resolver *resolver, struct resolver_entry *entry, int64_t deadline_ms)
{
    if (loop_now_ms() < entry->fresh_until_ms)
        return entry->error;
    if (!entry->is_asking) {
        entry->is_asking = true;
        resolver->stats.queries++;
        resolver->source_ops->ask(resolver, entry);
    }
    int rc = entry->is_asking ? wait_for_answer(entry, deadline_ms) : 0;
    return rc < 0 ? rc : entry->error;
}

/* The entry of a name, pinned. */
static int pin_entry(struct resolver *resolver, struct slice name,
                     struct resolver_entry **ret_entry)
{
    char normal[NAME_BYTES_MAX];
    int rc = normalise(name, normal);
    if (rc < 0)
        return rc;
    rc = find_entry(resolver, slice_of(normal, name.len), ret_entry);
    if (rc < 0)
        return rc;
    resolver->stats.lookups++;
    (*ret_entry)->pins++;
    return 0;
}

/* True: the addresses serve, and *ret_error is 0 or why they are old. False: it is the failure. */
static bool obtain(struct resolver_entry *entry, int64_t deadline_ms, int *ret_error)
{
    *ret_error = resolve(entry->resolver, entry, deadline_ms);
    bool is_old = *ret_error < 0 && *ret_error != -ECANCELED && has_addresses(entry);
    if (is_old)
        entry->resolver->stats.served_old++;
    return is_old || *ret_error == 0;
}

int resolver_lookup(struct resolver *resolver, struct slice name, uint16_t port,
                    struct address *ret_addresses, unsigned max, int64_t deadline_ms)
{
    assert(max > 0);
    if (address_from_ip(name, port, ret_addresses) == 0)
        return 1;
    struct resolver_entry *entry = NULL;
    int rc = pin_entry(resolver, name, &entry);
    if (rc < 0)
        return rc;
    if (has_addresses(entry) && loop_deadline(PATIENCE_MS) < deadline_ms)
        deadline_ms = loop_deadline(PATIENCE_MS);
    if (obtain(entry, deadline_ms, &rc))
        rc = copy_addresses(entry, port, ret_addresses, max);
    entry->pins--;
    return rc;
}

int resolver_lookup_all(struct resolver *resolver, struct slice name, uint16_t port,
                        int64_t deadline_ms, struct resolver_answer *ret_answer)
{
    if (address_from_ip(name, port, ret_answer->addresses) == 0) {
        ret_answer->count = 1;
        ret_answer->fresh_until_ms = INT64_MAX;
        ret_answer->error = 0;
        return 1;
    }
    struct resolver_entry *entry = NULL;
    int rc = pin_entry(resolver, name, &entry);
    if (rc < 0)
        return rc;
    if (obtain(entry, deadline_ms, &rc)) {
        ret_answer->error = rc;
        ret_answer->fresh_until_ms = entry->fresh_until_ms;
        rc = copy_addresses(entry, port, ret_answer->addresses, RESOLVER_ADDRESSES_MAX);
        ret_answer->count = (unsigned)rc;
    }
    entry->pins--;
    return rc;
}

void resolver_stats_read(const struct resolver *resolver, struct resolver_stats *ret_stats)
{
    *ret_stats = resolver->stats;
}

static void answer_from_stub(struct timer *timer)
{
    struct resolver_entry *entry = CONTAINER_OF(timer, struct resolver_entry, moment);
    const struct stub *stub = entry->resolver->source;
    struct address addresses[RESOLVER_ADDRESSES_MAX];
    int64_t ttl_ms = 60000;
    int rc = stub->answer(stub->arg, slice_of(entry->name, entry->name_len), addresses,
                          RESOLVER_ADDRESSES_MAX, &ttl_ms);
    unsigned count = rc > 0 ? (unsigned)rc : 0;
    resolver_answered(entry, rc > 0 ? 0 : rc == 0 ? -ENOENT : rc, addresses, count, ttl_ms);
}

static void ask_stub(struct resolver *resolver, struct resolver_entry *entry)
{
    (void)resolver;
    struct prng prng;
    random_seed(&prng);
    timer_init(&entry->moment, answer_from_stub);
    timer_arm(&entry->moment, loop_deadline((int64_t)prng_below(&prng, STUB_MS_MAX + 1)));
}

static void destroy_stub(struct resolver *resolver)
{
    LIST_FOR_EACH (&resolver->entries, link) {
        struct resolver_entry *entry = CONTAINER_OF(link, struct resolver_entry, link);
        if (entry->is_asking) {
            timer_cancel(&entry->moment);
            resolver_answered(entry, -ECONNABORTED, NULL, 0, 0);
        }
    }
    memory_free(resolver->source);
}

static const struct resolver_source_ops stub_ops = {.ask = ask_stub, .destroy = destroy_stub};

int resolver_create_stub(resolver_stub *answer, void *arg, struct resolver **ret_resolver)
{
    struct stub *stub = NEW(struct stub);
    if (stub == NULL)
        return -ENOMEM;
    *stub = (struct stub){answer, arg};
    int rc = resolver_create_over(&stub_ops, stub, ret_resolver);
    if (rc < 0)
        memory_free(stub);
    return rc;
}
