/*
 * Services and their tasks at work. Each service has a fiber that plans (control/plan.h) whenever
 * something changed; each task has one that takes it from its start to its end. All of it lives on
 * control's one loop.
 */
#pragma once

#include "base/list.h"
#include "conf/snapshot.h"
#include "control/plan.h"
#include "control/shim_link.h"
#include "os/line_log.h"

struct control;

enum task_health { HEALTH_UNKNOWN, HEALTH_GOOD, HEALTH_BAD };

#define TASK_ID_BYTES     96
#define TASK_REASON_BYTES 128

struct service_task {
    struct list link;        /* in its service */
    struct service *service; /* borrowed; outlives it */
    struct fiber *fiber;
    struct shim_link shim;
    unsigned number;
    char id[TASK_ID_BYTES]; /* "api-1": of its folder, its log, its target */
    uint64_t hash;          /* of the definition it runs */
    uint16_t port;          /* 0: none */
    enum task_state state;
    bool is_adopted;
    bool must_stop;
    bool was_healthy;
    int64_t started_ms;
    int64_t healthy_ms;              /* when it last became healthy */
    struct line_log_place log_begin; /* of its output in the log */
    /* As the edge sees its target. */
    enum task_health health;
    int64_t in_flight; /* requests; -1: not told since the last change */
    char reason[TASK_REASON_BYTES];
};

struct service {
    struct control *control;         /* borrowed */
    const struct conf_service *conf; /* borrowed from control's snapshot */
    uint64_t hash;
    struct list tasks;
    unsigned tasks_count;
    struct fiber *fiber; /* NULL before service_run and after its end */
    unsigned failures;   /* in a row: tasks that never became healthy */
    int64_t not_before_ms;
    bool is_built;
    /* The edge's group of targets. */
    bool targets_changed;
    bool is_unknown; /* the edge knows no such group; it was told once */
    uint64_t epoch;
};

/* What identifies a definition: a task that runs another one is stale. */
uint64_t service_hash(const struct conf_service *conf);

void service_init(struct service *service, struct control *control,
                  const struct conf_service *conf);

/* Starts the fiber that keeps the service as it is wanted until control stops. 0 or -errno. */
int service_run(struct service *service);

/* Something changed: plan again. */
void service_changed(struct service *service);

/* A task failed to become healthy, or ended by itself; returns in how many ms the next may start.
 */
int64_t service_back_off(struct service *service, const struct service_task *task);

/* How many are healthy. */
unsigned service_healthy(const struct service *service);

/* Does a new task have to be started to get what is wanted? */
bool service_is_short(const struct service *service);

/* Begins a new task. 0, or -errno. */
int task_start(struct service *service, unsigned number);

/* Takes over a task that runs under its shim. 0 or -errno. */
int task_adopt(struct service *service, unsigned number, uint64_t hash, uint16_t port);

/* Drain and stop, as a step of a plan. */
void task_retire(struct service_task *task);

/* What it runs for has changed (health, stop): its fiber looks again. */
void task_wake(struct service_task *task);
