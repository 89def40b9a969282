/* The first member for a request, and further ones. */
#include "edge/forward/take.h"

#include "base/cleanup.h"
#include "edge/explain/notes.h"
#include "edge/forward/hash_key.h"
#include "edge/forward/slot.h"
#include "http/worker.h"

#include <errno.h>

/* How long a request waits for the first word on who can take it. */
#define UNDECIDED_MS 2000

/* Whether another member may be asked. Only what was sent twice draws on the budget. */
static bool goes_on(const struct attempt *attempt, enum verdict verdict)
{
    if (verdict == VERDICT_NOT_SENT)
        return attempt_is_repeatable(attempt);
    return verdict == VERDICT_RETRY_OTHER && attempt_is_repeatable(attempt) &&
           (balancer_may_retry(attempt->balancer) || notes_retry_denied(attempt->exchange));
}

/* No member took the request. */
enum verdict take_refuse(struct attempt *attempt)
{
    if (fiber_is_cancelled(fiber_current()))
        return attempt_fail(attempt, VERDICT_FAILED, 499, "the client left");
    if (attempt->retry_after_s > 0) {
        atomic_fetch_add(&attempt->balancer->group->refused, 1);
        return attempt_fail(attempt, VERDICT_FAILED, 503, attempt->why);
    }
    bool is_unresolved = atomic_load(&attempt->balancer->group->unresolved) > 0;
    return attempt_fail(attempt, VERDICT_FAILED, 503,
                        is_unresolved
                            ? "no target can take requests: a host name of the group is not "
                              "resolved yet"
                            : "no target can take requests");
}

static struct member *take_now(struct attempt *attempt, bool *ret_is_full)
{
    struct choice *choice = &attempt->choice;
    choice->now_ms = loop_now_ms();
    choice->tried_count = attempt->tried_count;
    return balancer_take(attempt->balancer, choice, ret_is_full);
}

/*
 * Nobody can take the request, but that may be because nobody knows yet: an edge that has just
 * begun asks its targets first, and those who came to it meanwhile need not hear of that.
 */
static struct member *await_decision(struct attempt *attempt, bool *ret_is_full)
{
    int64_t deadline_ms = loop_deadline(UNDECIDED_MS);
    struct target_group *group = attempt->balancer->group;
    struct member *member;
    unsigned version;
    do {
        version = atomic_load(&group->version);
        member = take_now(attempt, ret_is_full);
    } while (member == NULL && !*ret_is_full && target_group_is_undecided(group) &&
             target_group_await(group, version, deadline_ms) == 0);
    return member;
}

static void note_full(struct attempt *attempt, const char *why)
{
    const struct conf_queue *queue = &attempt->balancer->conf->queue;
    int64_t after_ms = queue->enabled ? queue->timeout_ms : 1;
    attempt->retry_after_s = (unsigned)((after_ms + 999) / 1000);
    attempt->why = why;
}

/* A place in line was had; what came of it. */
static struct member *stand_in_line(struct attempt *attempt, struct line_place *place,
                                    bool is_first, int64_t deadline_ms)
{
    struct target_group *group = attempt->balancer->group;
    struct member *member = NULL;
    bool is_full = true;
    int rc = 0;
    if (is_first)
        member = take_now(attempt, &is_full);
    while (rc == 0 && member == NULL && is_full) {
        rc = line_wait(&group->line, place, deadline_ms);
        if (rc == 0)
            member = take_now(attempt, &is_full);
    }
    line_leave(&group->line, place, member != NULL);
    if (rc == -ETIMEDOUT)
        attempt->why = "no target had room in time";
    if (!is_full)
        attempt->retry_after_s = 0;
    return member;
}

/* In line behind those who came before. */
static struct member *await_slot(struct attempt *attempt)
{
    struct balancer *balancer = attempt->balancer;
    struct target_group *group = balancer->group;
    const struct conf_queue *queue = &balancer->conf->queue;
    int64_t deadline_ms = loop_deadline(queue->timeout_ms);
    struct line_place place;
    note_full(attempt, "every target has as many requests as it may have");
    if (!queue->enabled)
        return NULL;
    int rc = line_enter(&group->line, queue->max, &place);
    if (rc < 0)
        attempt->why = "as many requests wait for a target as may";
    struct member *member = rc < 0 ? NULL : stand_in_line(attempt, &place, rc == 1, deadline_ms);
    if (member == NULL)
        return NULL;
    attempt->retry_after_s = 0;
    /* When a target came, not a slot, there is room for more. */
    if (!line_is_empty(&group->line) && balancer_has_room(balancer))
        line_wake(&group->line);
    return member;
}

/* For the first try. A request does not overtake those that wait. */
struct member *take_first(struct attempt *attempt)
{
    bool is_full = true;
    struct member *member = NULL;
    if (LIKELY(line_is_empty(&attempt->balancer->group->line)))
        member = take_now(attempt, &is_full);
    if (UNLIKELY(member == NULL && !is_full))
        member = await_decision(attempt, &is_full);
    if (UNLIKELY(member == NULL && is_full))
        member = await_slot(attempt);
    return member;
}

struct member *take_next(struct attempt *attempt, enum verdict verdict)
{
    bool is_full;
    const char *why = attempt->why;
    struct member *member = take_now(attempt, &is_full);
    bool may_wait = is_full && attempt->balancer->conf->queue.enabled;
    if (member == NULL && !may_wait)
        return NULL;
    if (goes_on(attempt, verdict)) {
        if (member == NULL)
            member = await_slot(attempt);
        attempt->retry_after_s = 0;
        attempt->why = why;
        return member;
    }
    if (member != NULL)
        target_leave(attempt->balancer->group, member->target);
    member_unref(member);
    return NULL;
}

bool take_is_possible(const struct attempt *attempt)
{
    struct choice choice = attempt->choice;
    choice.now_ms = loop_now_ms();
    choice.tried_count = attempt->tried_count;
    return attempt->tried_count < attempt->tries_max && balancer_has_retry(attempt->balancer) &&
           balancer_has_other(attempt->balancer, &choice);
}

void take_begin(struct attempt *attempt)
{
    const struct conf_balancing *balance = &attempt->balancer->conf->balance;
    struct choice *choice = &attempt->choice;
    *choice = (struct choice){.prng = &worker_current()->prng,
                              .tried = attempt->tried,
                              .token = attempt->own.token,
                              .has_token = attempt->own.is_there};
    if (balance->algorithm == CONF_BALANCE_RING_HASH)
        choice->key = forward_hash_key(attempt->exchange, &balance->by, choice->prng);
}
