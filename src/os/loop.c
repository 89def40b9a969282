/*
 * One turn: what the kernel reports, due timers, posted jobs, then fibers and tasks until none is
 * ready, with a look at the kernel in between so that a busy fiber cannot starve the rest.
 */
#include "os/loop.h"

#include "base/cleanup.h"
#include "os/loop_internal.h"

#include <assert.h>
#include <errno.h>

#define EVENTS_MAX   256
#define TASKS_A_TURN 16

/*
 * With a thousand connections under way each of them has left the caches when its turn comes. Whose
 * turn is next is known by then: it is asked for while the one before is at work, an io so many
 * events ahead.
 */
#define EVENTS_AHEAD 4

/* To both sides of a task: it stands in the middle of its owner. */
#define TASK_AROUND_BYTES 128

/* How soon it is seen that the wall clock was set. */
#define WALL_READ_US 10000

_Thread_local struct loop *loop_self;

/* Both clocks run alike but where one is set: how far they are apart need not be read each turn. */
static void read_clocks(struct loop *loop)
{
    loop->now_us = loop->kernel->ops->now_us(loop->kernel);
    if (loop->now_us >= loop->wall_due_us) {
        loop->wall_ahead_us = loop->kernel->ops->wall_us(loop->kernel) - loop->now_us;
        loop->wall_due_us = loop->now_us + WALL_READ_US;
    }
}

int loop_create(struct kernel *kernel, struct loop **ret_loop)
{
    assert(loop_self == NULL);
    struct loop *loop = NEW(struct loop);
    if (loop == NULL)
        return -ENOMEM;
    loop->kernel = kernel;
    loop->wall_due_us = INT64_MIN;
    list_init(&loop->ready);
    list_init(&loop->tasks);
    int rc = -pthread_mutex_init(&loop->posted_lock, NULL);
    if (rc < 0) {
        memory_free(loop);
        return rc;
    }
    fiber_pool_init(loop);
    read_clocks(loop);
    wheel_init(&loop->wheel, loop->now_us / 1000);
    loop_self = loop;
    *ret_loop = loop;
    return 0;
}

void loop_destroy(struct loop *loop)
{
    if (loop == NULL)
        return;
    assert(loop_self == loop && loop->fibers.running == 0);
    fiber_pool_finish(loop);
    (void)pthread_mutex_destroy(&loop->posted_lock);
    memory_free(loop->slots);
    memory_free(loop);
    loop_self = NULL;
}

static void fire_timers(struct loop *loop)
{
    struct list due;
    list_init(&due);
    wheel_advance(&loop->wheel, loop->now_us / 1000, &due);
    while (!list_is_empty(&due)) {
        struct timer *timer =
            CONTAINER_OF(CONTAINER_OF(due.next, struct wheel_timer, link), struct timer, wheel);
        list_remove(&timer->wheel.link);
        if (timer->wheel.deadline_ms > loop->now_us / 1000)
            timer_arm(timer, timer->wheel.deadline_ms); /* moved on by one that just fired */
        else
            timer->fire(timer);
    }
}

static void run_posted(struct loop *loop)
{
    /* Without the lock: who posts interrupts the next wait, so nothing stays unseen. */
    if (LIKELY(atomic_load_explicit(&loop->posted, memory_order_relaxed) == NULL))
        return;
    (void)pthread_mutex_lock(&loop->posted_lock);
    struct job *newest_first = atomic_load_explicit(&loop->posted, memory_order_relaxed);
    atomic_store_explicit(&loop->posted, NULL, memory_order_relaxed);
    (void)pthread_mutex_unlock(&loop->posted_lock);
    struct job *jobs = NULL;
    while (newest_first != NULL) {
        struct job *next = newest_first->next;
        newest_first->next = jobs;
        jobs = newest_first;
        newest_first = next;
    }
    while (jobs != NULL) {
        struct job *next = jobs->next;
        jobs->run(jobs);
        jobs = next;
    }
}

void loop_finish_posted(struct loop *loop)
{
    run_posted(loop);
}

static void run_first_fiber(struct list *fibers)
{
    struct list *link = fibers->next;
    list_remove(link);
    if (!list_is_empty(fibers))
        fiber_prefetch(fiber_of_link(fibers->next));
    fiber_resume(fiber_of_link(link));
}

static void run_first_task(struct list *tasks)
{
    struct task *task = CONTAINER_OF(tasks->next, struct task, link);
    list_remove(&task->link);
    if (!list_is_empty(tasks))
        prefetch((const char *)tasks->next - TASK_AROUND_BYTES, (size_t)2 * TASK_AROUND_BYTES);
    task->run(task);
}

/*
 * Runs what is ready now; what becomes ready meanwhile waits for the next turn. Fibers end old
 * work, tasks begin new: all of the old, but only TASKS_A_TURN of the new before the kernel is
 * asked again what can be ended. So the work under way stays small, and with it the connections,
 * blocks and stacks in use: they stay warm in the caches, however many clients wait.
 */
static void run_ready(struct loop *loop)
{
    struct list fibers;
    list_init(&fibers);
    list_take_all(&fibers, &loop->ready);
    while (!list_is_empty(&fibers))
        run_first_fiber(&fibers);
    for (int i = 0; i < TASKS_A_TURN && !list_is_empty(&loop->tasks); i++)
        run_first_task(&loop->tasks);
}

static int64_t next_deadline_us(struct loop *loop)
{
    if (!list_is_empty(&loop->ready) || !list_is_empty(&loop->tasks))
        return 0;
    int64_t next_ms = wheel_next_ms(&loop->wheel);
    return next_ms > INT64_MAX / 1000 ? INT64_MAX : next_ms * 1000;
}

int loop_turn(struct loop *loop)
{
    UNINITIALISED struct kernel_event events[EVENTS_MAX];
    int count = loop->kernel->ops->wait(loop->kernel, events, EVENTS_MAX, next_deadline_us(loop));
    if (count < 0)
        return count;
    read_clocks(loop);
    for (int i = 0; i < count; i++) {
        if (i + EVENTS_AHEAD < count)
            io_prefetch(loop, events[i + EVENTS_AHEAD].tag);
        io_dispatch(loop, events[i].tag, events[i].what);
    }
    fire_timers(loop);
    run_posted(loop);
    run_ready(loop);
    return 0;
}

int loop_run(struct loop *loop)
{
    assert(loop_self == loop);
    int rc = 0;
    while (rc == 0 && !atomic_load_explicit(&loop->stopping, memory_order_relaxed))
        rc = loop_turn(loop);
    atomic_store(&loop->stopping, false);
    return rc;
}

void loop_stop(struct loop *loop)
{
    atomic_store(&loop->stopping, true);
    loop->kernel->ops->interrupt(loop->kernel);
}

struct loop *loop_current(void)
{
    return loop_self;
}

int64_t loop_now_ms(void)
{
    return loop_self->now_us / 1000;
}

int64_t loop_now_us(void)
{
    return loop_self->now_us;
}

int64_t loop_wall_us(void)
{
    return loop_self->now_us + loop_self->wall_ahead_us;
}

void loop_set_context(struct loop *loop, void *context)
{
    loop->context = context;
}

void *loop_context(void)
{
    return loop_self->context;
}

void timer_init(struct timer *timer, void (*fire)(struct timer *timer))
{
    wheel_timer_init(&timer->wheel);
    timer->fire = fire;
}

void timer_arm(struct timer *timer, int64_t deadline_ms)
{
    wheel_arm(&loop_self->wheel, &timer->wheel, deadline_ms);
}

void loop_post(struct loop *loop, struct job *job)
{
    (void)pthread_mutex_lock(&loop->posted_lock);
    job->next = atomic_load_explicit(&loop->posted, memory_order_relaxed);
    atomic_store_explicit(&loop->posted, job, memory_order_relaxed);
    /* Under the lock: once the job has run, the loop and its kernel may be gone. */
    if (job->next == NULL)
        loop->kernel->ops->interrupt(loop->kernel);
    (void)pthread_mutex_unlock(&loop->posted_lock);
}

void task_init(struct task *task, void (*run)(struct task *task))
{
    list_init(&task->link);
    task->run = run;
}

void task_queue(struct task *task)
{
    if (list_is_empty(&task->link))
        list_append(&loop_self->tasks, &task->link);
}
