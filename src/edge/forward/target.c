/* Shared targets and the replacement of their sets. Called by the admin API and health checks. */
#include "edge/forward/target.h"

#include "base/cleanup.h"
#include "base/hash.h"
#include "edge/forward/slot.h"
#include "os/fiber.h"
#include "os/loop.h"

#include <errno.h>
#include <stdio.h>

const char *target_health_name(enum target_health health)
{
    static const char *const names[] = {"initial", "healthy", "unhealthy", "draining"};
    return names[health];
}

struct target *target_ref(struct target *target)
{
    atomic_fetch_add_explicit(&target->references, 1, memory_order_relaxed);
    return target;
}

void target_unref(struct target *target)
{
    if (target == NULL || atomic_fetch_sub(&target->references, 1) != 1)
        return;
    series_release(atomic_load(&target->series));
    memory_free(target);
}

void target_set_unref(struct target_set *set)
{
    if (set == NULL || atomic_fetch_sub(&set->references, 1) != 1)
        return;
    for (unsigned i = 0; i < set->count; i++)
        target_unref(set->targets[i]);
    memory_free(set);
}

static struct target_set *make_set(uint64_t epoch, unsigned count)
{
    struct target_set *set = memory_alloc(sizeof *set + count * sizeof *set->targets);
    if (set == NULL)
        return NULL;
    atomic_init(&set->references, 1);
    set->epoch = epoch;
    return set;
}

/* The name that it was found for, of "name:443" or "name:443/10.0.0.4"; or else its address. */
static struct slice host_of(struct target *target)
{
    struct address address;
    ptrdiff_t slash = slice_find(target->id, '/');
    struct slice name = slash < 0 ? target->id : slice_first(target->id, (size_t)slash);
    if (target->address.any.sa_family == AF_UNIX)
        return (struct slice){0};
    while (name.len > 0 && name.at[name.len - 1] != ':')
        name.len--;
    name.len -= name.len > 0; /* the colon */
    if (name.len > 0 && name.at[0] != '[' && address_from_ip(name, 0, &address) < 0)
        return name;
    size_t len = address_format_host(&target->address, target->host_text);
    return slice_of(target->host_text, len);
}

static struct target *make_target(const struct target_wish *wish, enum target_health health,
                                  int64_t now_ms)
{
    struct target *target = memory_alloc(sizeof *target + wish->id.len + 1);
    if (target == NULL)
        return NULL;
    atomic_init(&target->references, 1);
    memcpy(target->id_text, wish->id.at, wish->id.len);
    target->id = slice_of(target->id_text, wish->id.len);
    target->address = wish->address;
    target->other = wish->other;
    atomic_init(&target->weight, wish->weight);
    atomic_init(&target->warm_from_ms, TARGET_WARM);
    target->added_ms = now_ms;
    atomic_init(&target->health, health);
    (void)address_format(&wish->address, target->address_text);
    target->host = host_of(target);
    return target;
}

static struct target *find_same(const struct target_set *set, const struct target_wish *wish)
{
    for (unsigned i = 0; set != NULL && i < set->count; i++) {
        struct target *target = set->targets[i];
        if (slice_equal(target->id, wish->id) && address_equal(&target->address, &wish->address))
            return target;
    }
    return NULL;
}

/* A fiber that awaits another version. */
struct waiter {
    struct list link; /* in the group's list, under its lock; on its own once it is being told */
    struct job job;
    struct loop *loop;
    struct fiber *fiber;
    bool is_told; /* on the fiber's own loop */
};

static void tell_waiter(struct job *job)
{
    struct waiter *waiter = CONTAINER_OF(job, struct waiter, job);
    waiter->is_told = true;
    fiber_wake(waiter->fiber);
}

void target_group_change(struct target_group *group)
{
    atomic_fetch_add(&group->version, 1);
    line_wake(&group->line);
    while (!list_is_empty(&group->waiters)) {
        struct waiter *waiter = CONTAINER_OF(group->waiters.next, struct waiter, link);
        list_remove(&waiter->link);
        loop_post(waiter->loop, &waiter->job);
    }
}

/* The health that a target begins with. */
static enum target_health first_health(const struct target_group *group, unsigned weight)
{
    if (weight == 0)
        return TARGET_DRAINING;
    return atomic_load(&group->is_checked) ? TARGET_INITIAL : TARGET_HEALTHY;
}

/* Under the lock: one that stays follows the list's weight. What drained begins anew. */
static void set_weight(struct target_group *group, struct target *target, unsigned weight,
                       int64_t now_ms)
{
    unsigned before = atomic_exchange(&target->weight, weight);
    if ((before == 0) == (weight == 0))
        return;
    target->added_ms = now_ms;
    atomic_store(&target->warm_from_ms, now_ms);
    atomic_store(&target->health, (int)first_health(group, weight));
}

/* `is_final` asks for no epoch: the file was changed, which is the last word. */
static int replace_set(struct target_group *group, uint64_t epoch, bool is_final,
                       const struct target_wish *wishes, unsigned count, int64_t now_ms)
{
    lock_take(&group->lock);
    struct target_set *old = group->set;
    int rc = !is_final && old != NULL && epoch < old->epoch ? -ESTALE : 0;
    struct target_set *set = rc < 0 ? NULL : make_set(epoch, count);
    if (rc == 0 && set == NULL)
        rc = -ENOMEM;
    for (unsigned i = 0; rc == 0 && i < count; i++) {
        struct target *same = find_same(old, &wishes[i]);
        struct target *target =
            same != NULL ? target_ref(same)
                         : make_target(&wishes[i], first_health(group, wishes[i].weight), now_ms);
        if (target == NULL)
            rc = -ENOMEM;
        else
            set->targets[set->count++] = target;
        /* One that is not checked is taken for healthy now; the first ones always were. */
        if (rc == 0 && same == NULL && old != NULL)
            atomic_store(&target->warm_from_ms, now_ms);
    }
    for (unsigned i = 0; rc == 0 && i < count; i++)
        set_weight(group, set->targets[i], wishes[i].weight, now_ms);
    if (rc == 0) {
        group->set = set;
        set = old;
        target_group_change(group);
    }
    lock_release(&group->lock);
    target_set_unref(set);
    return rc;
}

int target_group_update(struct target_group *group, uint64_t epoch,
                        const struct target_wish *wishes, unsigned count, int64_t now_ms)
{
    return replace_set(group, epoch, false, wishes, count, now_ms);
}

/* "localhost" and what lies below it: this machine, without asking anybody (RFC 6761 §6.3). */
static bool is_localhost(const struct conf_target *conf)
{
    struct slice host = conf->address.host;
    struct slice last = SLICE(".localhost");
    if (host.len > last.len)
        host = slice_from(host, host.len - last.len);
    else
        last = slice_from(last, 1);
    return conf->address.kind == CONF_ADDRESS_NAME && slice_equal_nocase(host, last);
}

bool target_is_name(const struct conf_target *conf)
{
    return conf->address.kind == CONF_ADDRESS_NAME && !is_localhost(conf);
}

/* One server that may listen on either address: one target, not two. */
static int wish_of_localhost(const struct conf_target *conf, struct target_wish *wish)
{
    int rc = address_from_ip(SLICE("127.0.0.1"), conf->address.port, &wish->address);
    return rc < 0 ? rc : address_from_ip(SLICE("::1"), conf->address.port, &wish->other);
}

int target_wish_of(const struct conf_target *conf, struct target_wish *ret_wish)
{
    *ret_wish = (struct target_wish){.id = conf->address.text, .weight = conf->weight};
    if (conf->address.kind == CONF_ADDRESS_UNIX)
        return address_from_path(conf->address.host, &ret_wish->address);
    if (is_localhost(conf))
        return wish_of_localhost(conf, ret_wish);
    return address_from_ip(conf->address.host, conf->address.port, &ret_wish->address);
}

/* Of what the file says about the targets: a list that has not changed is left alone. */
static uint64_t digest_targets(const struct conf_group *conf)
{
    static const struct hash_key key = {0x74617267, 0x657473};
    uint64_t digest = conf->targets_count;
    for (unsigned i = 0; i < conf->targets_count; i++) {
        struct hash_key next = {key.a ^ digest, key.b + conf->targets[i].weight};
        digest = hash_bytes(next, conf->targets[i].address.text);
    }
    return digest;
}

bool target_is_found_for(const struct target *target, struct slice text)
{
    return target->id.len > text.len && slice_starts_with(target->id, text) &&
           target->id.at[text.len] == '/';
}

/* Room for all of the file's, and for all that the set has. */
static unsigned wishes_max(const struct conf_group *conf, const struct target_set *set)
{
    return conf->targets_count + (set == NULL ? 0 : set->count);
}

/* Returns how many addresses of the name were known. */
static unsigned keep_found(const struct target_set *set, const struct conf_target *conf,
                           struct target_wish *wishes, unsigned *count)
{
    unsigned found = 0;
    for (unsigned i = 0; set != NULL && i < set->count; i++) {
        const struct target *target = set->targets[i];
        if (!target_is_found_for(target, conf->address.text))
            continue;
        wishes[(*count)++] = (struct target_wish){
            .id = target->id, .address = target->address, .weight = conf->weight};
        found++;
    }
    return found;
}

/* The file's targets in their order; of host names what `set` (may be NULL) knows. */
static int list_wishes(const struct conf_group *conf, const struct target_set *set,
                       struct target_wish *wishes, unsigned *ret_count, unsigned *ret_unresolved)
{
    int rc = 0;
    *ret_count = *ret_unresolved = 0;
    for (unsigned i = 0; rc == 0 && i < conf->targets_count; i++) {
        if (!target_is_name(&conf->targets[i]))
            rc = target_wish_of(&conf->targets[i], &wishes[(*ret_count)++]);
        else if (keep_found(set, &conf->targets[i], wishes, ret_count) == 0)
            (*ret_unresolved)++;
    }
    return rc;
}

/* The file's list becomes the set. `old` (may be NULL) stays the caller's. */
static int take_list(struct target_group *group, const struct conf_group *conf,
                     const struct target_set *old, int64_t now_ms)
{
    unsigned count, unresolved;
    SCOPED_FREE struct target_wish *wishes =
        memory_alloc_array(wishes_max(conf, old) + 1, sizeof *wishes);
    if (wishes == NULL)
        return -ENOMEM;
    int rc = list_wishes(conf, old, wishes, &count, &unresolved);
    if (rc == 0)
        rc = replace_set(group, 0, true, wishes, count, now_ms);
    if (rc < 0)
        return rc;
    atomic_store(&group->unresolved, unresolved);
    group->digest = digest_targets(conf);
    return 0;
}

int target_group_init(struct target_group *group, const struct conf_group *conf)
{
    *group = (struct target_group){.is_service = conf->is_service};
    atomic_init(&group->references, 1);
    atomic_init(&group->is_checked, conf->health.enabled);
    list_init(&group->waiters);
    int rc = lock_init(&group->lock);
    if (rc == 0)
        rc = line_init(&group->line);
    if (rc < 0)
        return rc;
    char *name = memory_alloc(conf->name.len + 1);
    if (name == NULL)
        return -ENOMEM;
    memcpy(name, conf->name.at == NULL ? "" : conf->name.at, conf->name.len);
    group->name = slice_of(name, conf->name.len);
    return take_list(group, conf, NULL, 0);
}

void target_group_finish(struct target_group *group)
{
    target_set_unref(group->set);
    memory_free((void *)(uintptr_t)group->name.at);
    line_finish(&group->line);
    lock_finish(&group->lock);
}

int target_group_create(const struct conf_group *conf, struct target_group **ret_group)
{
    struct target_group *group = NEW(struct target_group);
    if (group == NULL)
        return -ENOMEM;
    int rc = target_group_init(group, conf);
    if (rc < 0)
        target_group_unref(group);
    else
        *ret_group = group;
    return rc;
}

struct target_group *target_group_ref(struct target_group *group)
{
    atomic_fetch_add_explicit(&group->references, 1, memory_order_relaxed);
    return group;
}

void target_group_unref(struct target_group *group)
{
    if (group == NULL || atomic_fetch_sub(&group->references, 1) != 1)
        return;
    target_group_finish(group);
    memory_free(group);
}

/* Nobody looks at them any more: none is held to be unhealthy for good. */
static void trust_all(struct target_group *group)
{
    struct target_set *set = target_group_set(group);
    for (unsigned i = 0; i < set->count; i++) {
        if (atomic_load(&set->targets[i]->health) != TARGET_DRAINING)
            target_set_health(group, set->targets[i], TARGET_HEALTHY, NULL);
    }
    target_set_unref(set);
}

/* Nobody would let them in again. */
static void let_all_in(struct target_group *group)
{
    lock_take(&group->lock);
    bool was_any = false;
    for (unsigned i = 0; i < group->set->count; i++) {
        group->set->targets[i]->ejection_reason = NULL;
        was_any |= atomic_exchange(&group->set->targets[i]->is_ejected, false);
    }
    if (was_any)
        target_group_change(group);
    lock_release(&group->lock);
}

int target_group_configure(struct target_group *group, const struct conf_group *conf,
                           int64_t now_ms)
{
    int rc = 0;
    bool was_checked = atomic_exchange(&group->is_checked, conf->health.enabled);
    if (digest_targets(conf) != group->digest) {
        struct target_set *old = target_group_set(group);
        rc = take_list(group, conf, old, now_ms);
        target_set_unref(old);
    }
    if (rc < 0)
        atomic_store(&group->is_checked, was_checked);
    else if (was_checked && !conf->health.enabled)
        trust_all(group);
    if (rc == 0 && !conf->ejection.enabled)
        let_all_in(group);
    return rc;
}

struct target_set *target_group_set(struct target_group *group)
{
    lock_take(&group->lock);
    struct target_set *set = group->set;
    atomic_fetch_add(&set->references, 1);
    lock_release(&group->lock);
    return set;
}

void target_set_health(struct target_group *group, struct target *target, enum target_health health,
                       const char *reason)
{
    lock_take(&group->lock);
    (void)snprintf(target->health_reason, sizeof target->health_reason, "%s",
                   reason == NULL ? "" : reason);
    if (atomic_exchange(&target->health, (int)health) != (int)health)
        target_group_change(group);
    lock_release(&group->lock);
}

bool target_group_is_undecided(struct target_group *group)
{
    struct target_set *set = target_group_set(group);
    bool is_undecided = group->is_service && set->epoch == 0;
    for (unsigned i = 0; i < set->count; i++)
        is_undecided |= atomic_load(&set->targets[i]->health) == TARGET_INITIAL;
    target_set_unref(set);
    return is_undecided;
}

static int await_told(void *arg)
{
    struct waiter *waiter = arg;
    while (!waiter->is_told)
        (void)fiber_wait(FIBER_FOREVER);
    return 0;
}

int target_group_await(struct target_group *group, unsigned version, int64_t deadline_ms)
{
    struct waiter waiter = {
        .job.run = tell_waiter, .loop = loop_current(), .fiber = fiber_current()};
    lock_take(&group->lock);
    bool has_changed = atomic_load(&group->version) != version;
    if (!has_changed)
        list_append(&group->waiters, &waiter.link);
    lock_release(&group->lock);
    int rc = 0;
    while (rc == 0 && !has_changed && !waiter.is_told)
        rc = fiber_wait(deadline_ms);
    if (rc == 0)
        return 0;
    lock_take(&group->lock);
    bool is_under_way = list_is_empty(&waiter.link); /* its job points to this stack */
    list_remove(&waiter.link);
    lock_release(&group->lock);
    if (is_under_way)
        (void)fiber_shield(await_told, &waiter, FIBER_FOREVER);
    return rc;
}
