/*
 * What the data plane runs on, from edge_run's start to its end: the plane that is at work, made
 * from a snapshot, and each worker's own part.
 */
#pragma once

#include "edge/acme/challenges.h"
#include "edge/events/outbox.h"
#include "edge/filter/encoder_pool.h"
#include "edge/forward/health.h"
#include "edge/forward/names.h"
#include "edge/plane.h"
#include "edge/policy/maintenance.h"
#include "edge/proxy/destinations.h"
#include "edge/report.h"
#include "edge/s3/log_book.h"
#include "edge/view.h"
#include "edge/watchdog.h"
#include "edge/worker_listener.h"
#include "http/session.h"
#include "http/worker.h"
#include "os/io.h"
#include "os/latch.h"
#include "os/signals.h"
#include "os/thread.h"

struct edge;
struct edge_options;
struct errand;
struct overseer;
struct access_log;
struct access_lines;
struct files_cache;
struct decisions;
struct tracer;
struct objects;
struct senders;
struct signing_keys;
struct usage_table;

struct edge_worker {
    struct worker http; /* the first member */
    struct edge *edge;
    struct view *view;      /* counted; the one at work */
    struct view *next_view; /* counted; during a reload, or NULL */
    struct list listeners;  /* of struct worker_listener, owned */
    struct acceptor admin_acceptor;
    bool accepts_admin;
    struct access_lines *access_lines; /* the access log's; NULL: off */
    struct decisions *decisions;       /* owned; for `explain` */
    struct worker_report report;
    struct files_cache *files_cache;  /* owned */
    struct destinations destinations; /* of forward proxies */
    struct resolver *resolver;        /* owned; theirs; NULL until it is wanted */
    struct list mirrors;              /* of struct mirror, owned by their fibers */
    unsigned mirrors_count;
    struct encoder_pool encoders;
    struct signing_keys *signing_keys; /* owned; NULL until some are wanted */
    int64_t
        remote_told_ms; /* when the log was last told of a bucket that is not at hand; 0: never */
    struct loop *loop;
    struct lock loop_lock; /* of `loop` for other threads, which may outlive it, and of the next */
    bool has_ended;
    struct kernel *kernel;
    struct thread thread;
    struct job drain_job;
    struct job cut_off_job;
    struct job beat_job; /* the watchdog's, with the next two */
    atomic_bool owes_beat;
    unsigned beats_missed;
    struct job errand_job; /* this and the next two are those of workers_each */
    struct errand *errand;
    int errand_result;
    struct latch begun;
    int start_result;
    struct timer drain_timer;
    int64_t drain_deadline_ms;
    bool is_cut_off;
    bool is_draining;
    atomic_bool has_drained; /* all sessions have ended, or were given up */
};

struct edge {
    const struct edge_options *options; /* borrowed */
    struct plane *plane;                /* counted; worker 0's own */
    struct edge_worker *workers;        /* owned */
    unsigned workers_count;
    struct server admin;
    int admin_fd;                  /* -1: none */
    struct access_log *access_log; /* owned; NULL: off */
    struct series_table *series;   /* owned; NULL: nothing is counted by rule and target */
    struct tracer *tracer;         /* owned; NULL: spans are not sent */
    series_slot no_site;           /* requests for which there is no site */
    struct objects *objects;       /* owned; NULL: no store */
    struct outbox outbox;          /* what webhooks are to be told */
    struct senders *senders;       /* owned */
    struct log_book log_book;      /* lines about requests of buckets */
    struct usage_table *usages;    /* owned; of the users of forward proxies */
    struct hash_key hash_key;
    struct tls_tickets *tickets; /* counted */
    struct timer tickets_timer;  /* worker 0's: changes their keys */
    struct maintenance maintenance;
    struct challenges challenges;
    struct signals signals;
    struct fiber *signals_fiber; /* NULL when it has ended */
    struct health_checks health;
    struct names names;
    struct fiber *ready_fiber;      /* NULL when it has ended */
    struct fiber *applying;         /* the fiber that changes the plane, or NULL */
    struct fiber *awaiting_applied; /* the one that waits for its end, or NULL */
    struct watchdog watchdog;
    struct overseer *overseer;  /* owned; NULL: none */
    int64_t started_ms;         /* loop_now_ms of worker 0 */
    struct list report_waiters; /* worker 0's own, as the next */
    struct list lookups;        /* struct lookup, owned */
    atomic_bool is_draining;
};

static inline struct edge_worker *edge_worker_current(void)
{
    return (struct edge_worker *)worker_current();
}

/* From any thread: posts to the worker's loop; false when that has ended. */
bool edge_worker_post(struct edge_worker *worker, struct job *job);

/* On its own thread, when its loop has ended: from now on nothing is posted, and what was is run,
 * since others wait for it. */
void edge_worker_finish_posted(struct edge_worker *worker);

/* On its own thread, before the loop's end. NULL: had none. */
struct loop *edge_worker_take_loop(struct edge_worker *worker);
