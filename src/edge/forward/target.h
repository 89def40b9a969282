/*
 * Targets as all workers share them: who they are, how they are, how much is under way. A target is
 * counted; a group's current ones stand in an immutable set that is replaced as a whole.
 */
#pragma once

#include "base/list.h"
#include "conf/snapshot.h"
#include "edge/series.h"
#include "os/address.h"
#include "os/line.h"
#include "os/lock.h"

#include <stdatomic.h>

/* ALB's states and words. */
enum target_health {
    TARGET_INITIAL,   /* not yet checked; takes no requests */
    TARGET_HEALTHY,   /* or not checked at all */
    TARGET_UNHEALTHY, /* takes requests only when no target of its group is healthy */
    TARGET_DRAINING,  /* takes no new ones */
};

const char *target_health_name(enum target_health health);

#define TARGET_WARM (INT64_MIN / 2)

struct target {
    atomic_uint references;
    struct slice id;   /* unique in its group: a task's name, the address, or "name:80/10.0.0.4" */
    struct slice host; /* that its certificate must be for; empty: a Unix socket has none */
    struct address address;
    struct address other;          /* for connections that `address` refuses; len 0: none */
    atomic_uint weight;            /* 0: draining */
    atomic_int health;             /* enum target_health */
    atomic_uint in_flight;         /* requests of all workers */
    atomic_llong suspect_until_ms; /* after a failure: others first */
    atomic_ullong requests;
    atomic_ullong failures;    /* connects and responses that failed */
    series_slot series;        /* filled by the first try */
    atomic_ullong latency;     /* of late, by ewma.h */
    atomic_ullong pace;        /* by pace.h */
    atomic_llong warm_from_ms; /* when it became healthy beside others; TARGET_WARM: long ago */
    atomic_bool is_ejected;    /* this and those below are ejection.c's */
    atomic_uint ejections;     /* in all */
    atomic_uint errors_in_row, gateway_errors_in_row;
    atomic_uint results, good_results;        /* of this interval */
    unsigned interval_results, interval_good; /* of the last one */
    unsigned ejections_in_row;                /* this and the next two under the group's lock */
    int64_t ejected_until_ms;
    const char *ejection_reason; /* NULL: it is not */
    int64_t added_ms;            /* for the grace of new ones */
    int64_t next_check_ms;       /* this and the next three are the health checks' own */
    unsigned passes;             /* in a row */
    unsigned fails;
    bool is_checking;
    char address_text[ADDRESS_TEXT_BYTES];
    char host_text[ADDRESS_TEXT_BYTES];
    char health_reason[96]; /* of the last failed check; written and read under the group's lock */
    char id_text[];
};

/* What a group consists of at one moment. */
struct target_set {
    atomic_uint references;
    uint64_t epoch; /* of the update that brought it; 0 for the file's own */
    unsigned count;
    struct target *targets[]; /* each counted */
};

/*
 * The run-time state of a target group, for all workers. Its settings stand in the snapshot that is
 * at work; the group is found again by its name when another snapshot takes over.
 */
struct target_group {
    atomic_uint references;
    struct slice name; /* owned */
    bool is_service;
    atomic_bool is_checked;   /* targets begin unknown, not healthy */
    uint64_t digest;          /* of the file's list of targets */
    struct lock lock;         /* of `set` and the targets' reasons; never held over a wait */
    struct target_set *set;   /* owned */
    atomic_uint version;      /* goes up with each change of the set or of a target's health */
    struct line line;         /* of requests that wait for a slot */
    atomic_ullong refused;    /* requests for which no target had room */
    int64_t next_interval_ms; /* ejection.c's, on one worker */
    struct list waiters;      /* in target_group_await */
    atomic_uint unresolved;   /* host names that have no address yet, for names.c */
};

/* A group at work: its state, and what the snapshot that is at work wants of it. */
struct group_setup {
    struct target_group *group;    /* counted by the plane */
    const struct conf_group *conf; /* of the plane's snapshot */
    struct tls_client *tls;        /* counted by the plane, which may change it; NULL: plain */
};

/* With the targets of the file but for host names, which names.c looks up. 0, -ENOMEM, or
 * -ENAMETOOLONG for a socket's path. */
int target_group_init(struct target_group *group, const struct conf_group *conf);
void target_group_finish(struct target_group *group);

/* The same on the heap, with one reference for the caller. */
int target_group_create(const struct conf_group *conf, struct target_group **ret_group);
struct target_group *target_group_ref(struct target_group *group);
void target_group_unref(struct target_group *group); /* NULL is fine */

/*
 * Another snapshot takes the group over. When the file's list of targets is another one, it
 * replaces the set, with epoch 0; addresses that were found for a host name that is still in the
 * list stay, and so does what the admin API said when the list has not changed. 0, or an error:
 * nothing has changed.
 */
int target_group_configure(struct target_group *group, const struct conf_group *conf,
                           int64_t now_ms);

/* One target of an update. */
struct target_wish {
    struct slice id;
    struct address address;
    struct address other; /* len 0: none */
    unsigned weight;
};

/* A host name that has to be looked up; "localhost" and "*.localhost" have not. */
bool target_is_name(const struct conf_target *conf);

/* Is it an address of the host name that is called `text` in the file? Then the target's id is that
 * text, a slash and the address. */
bool target_is_found_for(const struct target *target, struct slice text);

/*
 * The wish for a target of the file that is no such name, its slices borrowed from `conf`. 0 or
 * -ENAMETOOLONG.
 */
int target_wish_of(const struct conf_target *conf, struct target_wish *ret_wish);

/*
 * Replaces the set; targets of the same id and address are carried over with all that is known of
 * them, whatever their weight. An epoch below the current one is refused with -ESTALE. 0 or
 * -ENOMEM.
 */
int target_group_update(struct target_group *group, uint64_t epoch,
                        const struct target_wish *wishes, unsigned count, int64_t now_ms);

/* The current set, with a reference for the caller. */
struct target_set *target_group_set(struct target_group *group);
void target_set_unref(struct target_set *set);

struct target *target_ref(struct target *target);
void target_unref(struct target *target);

/* Tells all workers when it changes. `reason` (may be NULL) is kept. */
void target_set_health(struct target_group *group, struct target *target, enum target_health health,
                       const char *reason);

/* Under the group's lock: something about its targets is another than before. */
void target_group_change(struct target_group *group);

/*
 * Is it not known yet who can take requests? Some target's first check has not ended, or nobody has
 * said yet which targets a service has.
 */
bool target_group_is_undecided(struct target_group *group);

/*
 * Suspends the calling fiber, of whichever loop, until the group's version is another one than
 * `version`. 0, -ETIMEDOUT or -ECANCELED.
 */
int target_group_await(struct target_group *group, unsigned version, int64_t deadline_ms);
