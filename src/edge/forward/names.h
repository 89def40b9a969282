/*
 * Host names among the targets of the file. Each is looked up on one worker's loop, again and again
 * as its answers' time to live ends; each of its addresses, of both families, is a target with the
 * id "name:port/address" and the name's weight. A target that stays in the answer keeps its health.
 *
 * The last addresses stay whatever fails: servers that are silent, and a name that is denied. A
 * group whose targets come from the admin API is left alone from then on.
 */
#pragma once

#include "base/list.h"
#include "edge/forward/target.h"
#include "os/resolver.h"

struct fiber;

struct names {
    struct resolver *resolver; /* owned; NULL when there are no names */
    struct list groups;        /* of struct named_group, owned; those with names */
    unsigned running;          /* fibers, one a name */
    unsigned unanswered;       /* names whose first lookup has not ended */
    struct fiber *awaiting;    /* the fiber in names_await or names_await_stopped, or NULL */
};

/*
 * Begins to look up all names of these groups, which are borrowed until names_finish; addresses
 * that a group has already are where it begins. `resolver` (NULL: the system's) is owned from then
 * on, also on failure. 0 or a negative errno; names_stop and names_finish either way.
 */
int names_start(struct names *names, const struct group_setup *groups, unsigned count,
                struct resolver *resolver);

/* Suspends the calling fiber until each name was looked up once, with whatever result. Returns 0,
 * -ETIMEDOUT or -ECANCELED. */
int names_await(struct names *names, int64_t deadline_ms);

/* Cancels all; they end in this turn or the next ones. May be called again. */
void names_stop(struct names *names);

/* All fibers are gone. */
bool names_have_stopped(const struct names *names);

/* After names_stop: suspends the calling fiber, which cannot be cancelled, until then. */
void names_await_stopped(struct names *names);

/* After that, on the same loop. */
void names_finish(struct names *names);
