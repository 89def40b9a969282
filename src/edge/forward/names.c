/*
 * A fiber for each name sleeps until the answer's time is over and asks again. It keeps the name's
 * addresses in a sorted list, so that an answer in another order is no change; a change makes the
 * whole list of the group's targets anew.
 */
#include "edge/forward/names.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/writer.h"
#include "os/loop.h"

#include "os/special_use.h"

#include <errno.h>
#include <stdlib.h>

/* Longer than the resolver tries. */
#define LOOKUP_MS 60000

/* Between failures, doubled each time. */
#define RETRY_MS_MIN 1000
#define RETRY_MS_MAX 10000

#define IDS_BYTES_MAX ((size_t)16 << 20)

struct name {
    struct named_group *in;
    const struct conf_target *conf; /* borrowed */
    struct fiber *fiber;            /* NULL when it has ended */
    struct address *addresses;      /* owned, sorted; the last good answer */
    unsigned addresses_count;
    int64_t retry_ms; /* how long to wait after the next failure */
    bool is_answered; /* its first lookup has ended */
    bool is_failing;
};

struct named_group {
    struct list link;
    struct names *names;
    struct target_group *group;    /* borrowed */
    const struct conf_group *conf; /* borrowed */
    unsigned names_count;
    struct name at[]; /* in the file's order */
};

/* "app.internal:80/10.0.0.4", the same however many addresses the name has. */
static struct slice make_id(struct arena *arena, const struct name *name, unsigned index)
{
    char host[ADDRESS_TEXT_BYTES];
    (void)address_format_host(&name->addresses[index], host);
    return arena_format(arena, "%.*s/%s", SLICE_ARG(name->conf->address.text), host);
}

static unsigned count_wishes(const struct named_group *in)
{
    unsigned count = in->conf->targets_count;
    for (unsigned i = 0; i < in->names_count; i++)
        count += in->at[i].addresses_count;
    return count;
}

/* What the group consists of now: the file's targets in their order, names as their addresses. */
static int list_wishes(const struct named_group *in, struct arena *ids, struct target_wish *wishes,
                       unsigned *ret_count)
{
    const struct conf_group *conf = in->conf;
    const struct name *name = in->at;
    unsigned count = 0;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < conf->targets_count; i++) {
        if (!target_is_name(&conf->targets[i])) {
            rc = target_wish_of(&conf->targets[i], &wishes[count++]);
            continue;
        }
        for (unsigned j = 0; rc == 0 && j < name->addresses_count; j++) {
            struct slice id = make_id(ids, name, j);
            rc = id.at == NULL ? -ENOMEM : 0;
            wishes[count++] = (struct target_wish){
                .id = id, .address = name->addresses[j], .weight = conf->targets[i].weight};
        }
        name++;
    }
    *ret_count = count;
    return rc;
}

/* 0, -ENOMEM, or -ESTALE: the group is the admin API's now. */
static int update_group(struct named_group *in)
{
    SCOPED(arena_finish) struct arena ids;
    arena_init(&ids, NULL, 0, IDS_BYTES_MAX);
    SCOPED_FREE struct target_wish *wishes =
        memory_alloc_array(count_wishes(in) + 1, sizeof *wishes);
    if (wishes == NULL)
        return -ENOMEM;
    unsigned count;
    int rc = list_wishes(in, &ids, wishes, &count);
    return rc < 0 ? rc : target_group_update(in->group, 0, wishes, count, loop_now_ms());
}

static int compare(const void *a, const void *b)
{
    return address_compare(a, b);
}

/* Servers turn the order round; hosts files name an address twice. */
static void put_in_order(struct resolver_answer *answer)
{
    struct address *at = answer->addresses;
    unsigned count = 1;
    qsort(at, answer->count, sizeof *at, compare);
    for (unsigned i = 1; i < answer->count; i++) {
        if (!address_equal(&at[i], &at[count - 1]))
            at[count++] = at[i];
    }
    answer->count = count;
}

/* Of a group that denies private addresses: are they all right? Those that are not go. */
static unsigned drop_private(const struct named_group *in, struct address *addresses,
                             unsigned count)
{
    const struct network_guard guard = {.denies_private = in->conf->denies_private != 0};
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++) {
        if (network_guard_judge(&guard, &addresses[i]) == NULL)
            addresses[kept++] = addresses[i];
    }
    return kept;
}

static bool is_known(const struct name *name, const struct resolver_answer *answer)
{
    bool is_same = name->addresses_count == answer->count;
    for (unsigned i = 0; is_same && i < answer->count; i++)
        is_same = address_equal(&name->addresses[i], &answer->addresses[i]);
    return is_same;
}

static void tell_addresses(const struct name *name)
{
    char text[RESOLVER_ADDRESSES_MAX * INET6_ADDRSTRLEN * 2], host[ADDRESS_TEXT_BYTES];
    struct writer writer;
    writer_init(&writer, text, sizeof text);
    for (unsigned i = 0; i < name->addresses_count; i++) {
        size_t len = address_format_host(&name->addresses[i], host);
        write_slice(&writer, i > 0 ? SLICE(", ") : SLICE(""));
        write_slice(&writer, slice_of(host, len));
    }
    log_info("target %.*s of %.*s is at %.*s", SLICE_ARG(name->conf->address.text),
             SLICE_ARG(name->in->group->name), SLICE_ARG(writer_slice(&writer)));
}

/* Puts the addresses in the place of the old ones, in the name and in its group. On failure nothing
 * has changed. */
static int replace_addresses(struct name *name, const struct resolver_answer *answer)
{
    struct address *old = name->addresses;
    unsigned old_count = name->addresses_count;
    struct address *copy = memory_alloc_array(answer->count, sizeof *copy);
    if (copy == NULL)
        return -ENOMEM;
    memcpy(copy, answer->addresses, answer->count * sizeof *copy);
    name->addresses = copy;
    name->addresses_count = answer->count;
    int rc = update_group(name->in);
    if (rc < 0) {
        name->addresses = old;
        name->addresses_count = old_count;
        memory_free(copy);
        return rc;
    }
    memory_free(old);
    if (old_count == 0)
        atomic_fetch_sub(&name->in->group->unresolved, 1);
    tell_addresses(name);
    return 0;
}

static const char *describe(int error)
{
    switch (error) {
    case -ENOENT:
        return "the name does not exist or has no address";
    case -EREMOTEIO:
        return "the name servers failed or refused";
    case -ETIMEDOUT:
        return "the name servers do not answer";
    case -EINVAL:
        return "this is no host name";
    case -EACCES:
        return "it leads to private addresses, and the group says deny_private";
    default:
        return "there is no memory or descriptor for it";
    }
}

/* Once for each time that it begins or ends. */
static void tell_failure(struct name *name, int error)
{
    bool was_failing = name->is_failing;
    struct slice text = name->conf->address.text, group = name->in->group->name;
    name->is_failing = error < 0;
    if (error < 0 && !was_failing)
        log_warn("target %.*s of %.*s cannot be resolved: %s; %s", SLICE_ARG(text),
                 SLICE_ARG(group), describe(error),
                 name->addresses_count > 0 ? "its last addresses stay"
                                           : "it takes no requests yet");
    else if (error == 0 && was_failing)
        log_info("target %.*s of %.*s is resolved again", SLICE_ARG(text), SLICE_ARG(group));
}

static void cancel_group(struct named_group *in)
{
    for (unsigned i = 0; i < in->names_count; i++) {
        if (in->at[i].fiber != NULL)
            fiber_cancel(in->at[i].fiber);
    }
}

/* The admin API has given it other targets. */
static void leave_group(struct named_group *in)
{
    log_info("the targets of %.*s came by the admin API: its host names are not looked up any more",
             SLICE_ARG(in->group->name));
    atomic_store(&in->group->unresolved, 0);
    cancel_group(in);
}

/* 0, or what went wrong. An old answer is taken as well: it may be one that was waited for in vain
 * when it was new. */
static int take_result(struct name *name, int rc, struct resolver_answer *answer)
{
    if (rc < 0)
        return rc;
    answer->count = drop_private(name->in, answer->addresses, answer->count);
    if (answer->count == 0)
        return -EACCES;
    put_in_order(answer);
    rc = is_known(name, answer) ? 0 : replace_addresses(name, answer);
    if (rc == -ESTALE)
        leave_group(name->in);
    return rc < 0 ? rc : answer->error;
}

/* Until the next lookup, in ms. */
static int64_t next_wait_ms(struct name *name, int error, const struct resolver_answer *answer)
{
    if (error == 0) {
        name->retry_ms = RETRY_MS_MIN;
        int64_t fresh_ms = answer->fresh_until_ms - loop_now_ms();
        return fresh_ms < RESOLVER_TTL_MS_MIN ? RESOLVER_TTL_MS_MIN : fresh_ms;
    }
    int64_t wait_ms = name->retry_ms;
    name->retry_ms = wait_ms * 2 < RETRY_MS_MAX ? wait_ms * 2 : RETRY_MS_MAX;
    return wait_ms;
}

static void note_answered(struct name *name)
{
    struct names *names = name->in->names;
    if (name->is_answered)
        return;
    name->is_answered = true;
    names->unanswered--;
    if (names->unanswered == 0 && names->awaiting != NULL)
        fiber_wake(names->awaiting);
}

static void name_main(void *arg)
{
    struct name *name = arg;
    const struct conf_address *conf = &name->conf->address;
    while (!fiber_is_cancelled(name->fiber)) {
        struct resolver_answer answer;
        int rc = resolver_lookup_all(name->in->names->resolver, conf->host, conf->port,
                                     loop_deadline(LOOKUP_MS), &answer);
        if (fiber_is_cancelled(name->fiber))
            break;
        rc = take_result(name, rc, &answer);
        if (rc != -ESTALE)
            tell_failure(name, rc);
        note_answered(name);
        (void)fiber_sleep(next_wait_ms(name, rc, &answer));
    }
    note_answered(name);
    struct names *names = name->in->names;
    name->fiber = NULL;
    names->running--;
    if (names->running == 0 && names->awaiting != NULL)
        fiber_wake(names->awaiting);
}

static int start_name(struct name *name)
{
    struct names *names = name->in->names;
    names->running++;
    names->unanswered++;
    int rc = fiber_start(name_main, name, &name->fiber);
    if (rc < 0) {
        names->running--;
        names->unanswered--;
    }
    return rc;
}

static unsigned count_names(const struct conf_group *conf)
{
    unsigned count = 0;
    for (unsigned i = 0; i < conf->targets_count; i++)
        count += target_is_name(&conf->targets[i]) ? 1 : 0;
    return count;
}

/* What an earlier run over the same group has found. */
static int take_found(struct name *name, const struct target_set *set)
{
    struct slice text = name->conf->address.text;
    name->addresses = memory_alloc_array(set->count + 1, sizeof *name->addresses);
    if (name->addresses == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < set->count; i++) {
        const struct target *target = set->targets[i];
        if (target_is_found_for(target, text))
            name->addresses[name->addresses_count++] = target->address;
    }
    name->addresses_count = drop_private(name->in, name->addresses, name->addresses_count);
    qsort(name->addresses, name->addresses_count, sizeof *name->addresses, compare);
    return 0;
}

static int take_all_found(struct named_group *in)
{
    struct target_set *set = target_group_set(in->group);
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < in->names_count; i++)
        rc = take_found(&in->at[i], set);
    target_set_unref(set);
    /* What an earlier configuration allowed gets nothing more. */
    if (rc == 0 && in->conf->denies_private)
        rc = update_group(in);
    return rc == -ESTALE ? 0 : rc;
}

static int start_group(struct names *names, const struct group_setup *setup, unsigned names_count)
{
    const struct conf_group *conf = setup->conf;
    struct named_group *in = memory_alloc(sizeof *in + names_count * sizeof *in->at);
    if (in == NULL)
        return -ENOMEM;
    in->names = names;
    in->group = setup->group;
    in->conf = conf;
    list_append(&names->groups, &in->link);
    for (unsigned i = 0; i < conf->targets_count; i++) {
        if (target_is_name(&conf->targets[i]))
            in->at[in->names_count++] =
                (struct name){.in = in, .conf = &conf->targets[i], .retry_ms = RETRY_MS_MIN};
    }
    int rc = take_all_found(in);
    for (unsigned i = 0; rc == 0 && i < names_count; i++)
        rc = start_name(&in->at[i]);
    return rc;
}

int names_start(struct names *names, const struct group_setup *groups, unsigned count,
                struct resolver *resolver)
{
    *names = (struct names){.resolver = resolver};
    list_init(&names->groups);
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < count; i++) {
        unsigned names_count = count_names(groups[i].conf);
        if (names_count == 0)
            continue;
        if (names->resolver == NULL)
            rc = resolver_create(NULL, &names->resolver);
        if (rc == 0)
            rc = start_group(names, &groups[i], names_count);
    }
    return rc;
}

int names_await(struct names *names, int64_t deadline_ms)
{
    int rc = 0;
    names->awaiting = fiber_current();
    while (rc == 0 && names->unanswered > 0)
        rc = fiber_wait(deadline_ms);
    names->awaiting = NULL;
    return rc;
}

void names_stop(struct names *names)
{
    LIST_FOR_EACH (&names->groups, link)
        cancel_group(CONTAINER_OF(link, struct named_group, link));
}

bool names_have_stopped(const struct names *names)
{
    return names->running == 0;
}

static int await_stopped(void *arg)
{
    struct names *names = arg;
    names->awaiting = fiber_current();
    while (!names_have_stopped(names))
        (void)fiber_wait(FIBER_FOREVER);
    names->awaiting = NULL;
    return 0;
}

void names_await_stopped(struct names *names)
{
    (void)fiber_shield(await_stopped, names, FIBER_FOREVER);
}

void names_finish(struct names *names)
{
    LIST_FOR_EACH (&names->groups, link) {
        struct named_group *in = CONTAINER_OF(link, struct named_group, link);
        for (unsigned i = 0; i < in->names_count; i++)
            memory_free(in->at[i].addresses);
        list_remove(link);
        memory_free(in);
    }
    resolver_destroy(names->resolver);
    names->resolver = NULL;
}
