/* A service's fiber: plan, take the steps, wait for a change. */
#include "control/service.h"

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/log.h"
#include "control/control.h"
#include "os/loop.h"

#include <errno.h>

/* Healthy for so long, it has proved itself: earlier failures are forgotten. */
#define PROVED_MS 60000
/* A task that had become healthy is started anew at once, but not more often than this. */
#define START_INTERVAL_MS 1000

static uint64_t mix(uint64_t hash, struct slice part)
{
    return hash_bytes((struct hash_key){hash, part.len}, part);
}

uint64_t service_hash(const struct conf_service *conf)
{
    uint64_t hash = mix(0x77656972, conf->command);
    hash = mix(hash, conf->directory);
    hash = mix(hash, conf->build_run);
    hash = mix(hash, conf->group == NULL ? SLICE("worker") : SLICE("server"));
    for (unsigned i = 0; i < conf->env_count; i++)
        hash = mix(mix(hash, conf->env[i].name), conf->env[i].value);
    return hash;
}

void service_init(struct service *service, struct control *control, const struct conf_service *conf)
{
    *service = (struct service){
        .control = control,
        .conf = conf,
        .hash = service_hash(conf),
        .not_before_ms = INT64_MIN,
    };
    list_init(&service->tasks);
}

unsigned service_healthy(const struct service *service)
{
    unsigned count = 0;
    LIST_FOR_EACH (&service->tasks, link)
        count += CONTAINER_OF(link, struct service_task, link)->state == TASK_HEALTHY;
    return count;
}

bool service_is_short(const struct service *service)
{
    unsigned count = 0;
    LIST_FOR_EACH (&service->tasks, link)
        count += CONTAINER_OF(link, struct service_task, link)->hash == service->hash;
    return count < service->conf->tasks_min;
}

void service_changed(struct service *service)
{
    if (service->fiber != NULL)
        fiber_wake(service->fiber);
    control_progress(service->control);
}

int64_t service_back_off(struct service *service, const struct service_task *task)
{
    int64_t now_ms = loop_now_ms();
    if (task->was_healthy && now_ms - task->healthy_ms >= PROVED_MS)
        service->failures = 0;
    int64_t not_before_ms = task->started_ms + START_INTERVAL_MS;
    if (!task->was_healthy) {
        /* Tasks that fail side by side are one failure. */
        if (now_ms >= service->not_before_ms)
            service->failures++;
        not_before_ms = now_ms + plan_backoff_ms(service->failures);
    }
    if (not_before_ms > service->not_before_ms)
        service->not_before_ms = not_before_ms;
    return service->not_before_ms > now_ms ? service->not_before_ms - now_ms : 0;
}

static struct service_task *find_task(struct service *service, unsigned number)
{
    LIST_FOR_EACH (&service->tasks, link) {
        struct service_task *task = CONTAINER_OF(link, struct service_task, link);
        if (task->number == number)
            return task;
    }
    return NULL;
}

static void take_step(struct service *service, const struct plan_step *step)
{
    struct service_task *task = step->verb == PLAN_RETIRE ? find_task(service, step->number) : NULL;
    if (task != NULL)
        task_retire(task);
    if (step->verb != PLAN_START)
        return;
    int rc = task_start(service, step->number);
    if (rc < 0)
        log_error("%.*s: cannot start a task: %s", SLICE_ARG(service->conf->name), strerror(-rc));
}

/* Returns when to plan again at the latest. */
static int64_t make_progress(struct service *service)
{
    SCOPED_FREE struct plan_task *tasks =
        memory_alloc_array(service->tasks_count + 1, sizeof *tasks);
    struct plan_input input = {
        .wanted = service->control->is_stopping ? 0 : service->conf->tasks_min,
        .now_ms = loop_now_ms(),
        .not_before_ms = service->not_before_ms,
        .tasks = tasks,
    };
    if (tasks == NULL)
        return loop_deadline(START_INTERVAL_MS);
    LIST_FOR_EACH (&service->tasks, link) {
        struct service_task *task = CONTAINER_OF(link, struct service_task, link);
        tasks[input.tasks_count++] = (struct plan_task){
            .number = task->number,
            .is_current = task->hash == service->hash,
            .state = task->state,
        };
    }
    struct plan plan;
    plan_make(&input, &plan);
    for (unsigned i = 0; i < plan.steps_count; i++)
        take_step(service, &plan.steps[i]);
    return plan.again_ms;
}

static void service_main(void *arg)
{
    struct service *service = arg;
    while (!service->control->is_stopping || service->tasks_count > 0) {
        int64_t again_ms = make_progress(service);
        if (fiber_wait(again_ms) == -ECANCELED)
            break;
    }
    service->fiber = NULL;
    service->control->services_running--;
    fiber_wake(service->control->main);
}

int service_run(struct service *service)
{
    int rc = fiber_start(service_main, service, &service->fiber);
    if (rc == 0)
        service->control->services_running++;
    return rc;
}
