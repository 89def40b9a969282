/*
 * One edge process as the supervisor holds it: its start, the word to it (edge/overseer.h) and its
 * end. All on fibers of the supervisor's loop.
 */
#pragma once

#include "base/list.h"
#include "main/supervisor_internal.h"

struct passing;

struct edge_child {
    unsigned references;
    struct list link; /* in the supervisor's edges, from its process on */
    struct supervisor *self;
    struct process process;
    struct io overseer;
    struct io birth;              /* where it said that it is ready and waits for the answer */
    bool serves;                  /* it is ready, or was when it was adopted */
    struct fiber *hearing;        /* reads what it says; NULL: the connection has ended */
    struct fiber *logging;        /* hands it the access log, or NULL */
    unsigned maintenance_version; /* of what it knows, see kept_maintenance */
    bool wants_log;               /* once more, when that has ended */
    struct fiber *asking;         /* waits for an answer, or NULL */
    struct passing *answer;       /* owned; NULL: none yet */
    struct process_end end;       /* once it has ended */
    int64_t began_ms;
    uint64_t start_ticks;
    uint64_t digest;             /* of the configuration that it serves */
    uint64_t credentials_digest; /* of the bundle that it has; 0: not known */
    uint64_t refresh_asked;      /* the last refresh that it asked for; 0: none waits */
    uint64_t refresh_under_way;  /* the last one of those that is being done; 0: none */
};

/*
 * Starts an edge with this configuration and these sockets, and waits until it serves;
 * edge_child_acknowledge follows. On failure nothing is left of it. 0 or an error, which was logged
 * and may stand in *error, which is empty before.
 */
int edge_child_start(struct supervisor *self, const struct configuration *configuration,
                     const struct sockets *sockets, struct edge_child **ret_child,
                     struct error *error);

/*
 * Takes over an edge that another supervisor started: its process, which is owned from then on, its
 * admin socket and its listening sockets. 0 or an error, which was logged.
 */
int edge_child_adopt(struct supervisor *self, struct process *process, uint64_t start_ticks,
                     uint64_t digest, struct edge_child **ret_child);

/* Only to signal it and to see its end. */
int edge_child_hold(struct supervisor *self, struct process *process, uint64_t start_ticks,
                    uint64_t digest, struct edge_child **ret_child);

/*
 * Gives it another configuration. `sockets` are all of that; those that `have` holds it has. 0;
 * -EXDEV when it needs a new process; another error: nothing has changed. Both are told in *error.
 */
int edge_child_apply(struct edge_child *child, const struct configuration *configuration,
                     const struct sockets *sockets, const struct sockets *have,
                     struct error *error);

/* Gives it the files of certificates and keys alone. 0, or an error told in *error. */
int edge_child_renew_credentials(struct edge_child *child, const struct credentials *credentials,
                                 struct error *error);

/* To one that has started, once the note names it: it can be found by whoever comes after. */
void edge_child_acknowledge(struct edge_child *child);

/* After a rotation: its lines go to the file that has the log's name now. Waits for nothing. */
void edge_child_reopen_log(struct edge_child *child);

/* Which sites are closed for maintenance, if that has changed since it was told. */
void edge_child_tell_maintenance(struct edge_child *child);

/* Another one has taken over. */
void edge_child_retire(struct edge_child *child);

/* What came of a reload, for those who asked for it through the edge. */
void edge_child_tell(struct edge_child *child, bool is_ok, struct slice text);

/* What came of the files of certificates and keys, for those who asked up to that number. */
void edge_child_tell_refreshed(struct edge_child *child, uint64_t number, bool is_ok,
                               struct slice text);

struct edge_child *edge_child_ref(struct edge_child *child);
void edge_child_unref(struct edge_child *child); /* NULL is fine */

/* After its end: out of the list, and nothing more is heard of it. */
void edge_child_close(struct edge_child *child);
