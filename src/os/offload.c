/*
 * One queue under one lock for the whole process: jobs take microseconds to milliseconds, so the
 * lock is not what they wait for. Jobs are linked in place; nothing is allocated.
 */
#include "os/offload.h"

#include "os/loop_internal.h"
#include "os/random.h"
#include "os/thread.h"

#include <assert.h>
#include <errno.h>

/* A simulated job takes up to this long. */
#define SIMULATED_MS_MAX 4

struct offload_pool {
    pthread_mutex_t lock;
    pthread_cond_t wanted;
    struct list queue; /* struct offload_job by `link`, oldest first */
    struct offload_stats stats;
    bool is_open;
    struct thread threads[OFFLOAD_THREADS_MAX];
};

static struct offload_pool pool = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .wanted = PTHREAD_COND_INITIALIZER,
    .queue = {&pool.queue, &pool.queue},
};

static void complete(struct job *completion)
{
    struct offload_job *job = CONTAINER_OF(completion, struct offload_job, completion);
    job->done(job);
}

/* The oldest job; NULL when the pool is closed and empty. */
static struct offload_job *next_job(void)
{
    while (list_is_empty(&pool.queue)) {
        if (!pool.is_open)
            return NULL;
        (void)pthread_cond_wait(&pool.wanted, &pool.lock);
    }
    struct offload_job *job = CONTAINER_OF(pool.queue.next, struct offload_job, link);
    list_remove(&job->link);
    pool.stats.queued--;
    return job;
}

static void work(void *arg)
{
    (void)arg;
    struct offload_job *job;
    (void)pthread_mutex_lock(&pool.lock);
    while ((job = next_job()) != NULL) {
        (void)pthread_mutex_unlock(&pool.lock);
        job->fn(job->arg);
        loop_post(job->loop, &job->completion); /* from here on the job is gone */
        (void)pthread_mutex_lock(&pool.lock);
        pool.stats.finished++;
    }
    (void)pthread_mutex_unlock(&pool.lock);
}

int offload_start(unsigned threads)
{
    assert(!pool.is_open && threads > 0 && threads <= OFFLOAD_THREADS_MAX);
    pool.is_open = true;
    pool.stats = (struct offload_stats){0};
    for (unsigned i = 0; i < threads; i++) {
        int rc = thread_start(&pool.threads[i], "weir-offload", THREAD_CPU_ANY, work, NULL);
        if (rc < 0) {
            offload_stop();
            return rc;
        }
        (void)pthread_mutex_lock(&pool.lock);
        pool.stats.threads++;
        (void)pthread_mutex_unlock(&pool.lock);
    }
    return 0;
}

void offload_stop(void)
{
    (void)pthread_mutex_lock(&pool.lock);
    pool.is_open = false;
    unsigned threads = pool.stats.threads;
    pool.stats.threads = 0;
    (void)pthread_cond_broadcast(&pool.wanted);
    (void)pthread_mutex_unlock(&pool.lock);
    for (unsigned i = 0; i < threads; i++)
        thread_join(&pool.threads[i]);
}

static int enqueue(struct offload_job *job)
{
    (void)pthread_mutex_lock(&pool.lock);
    bool is_open = pool.is_open;
    if (is_open) {
        list_append(&pool.queue, &job->link);
        pool.stats.queued++;
        if (pool.stats.queued > pool.stats.queued_high)
            pool.stats.queued_high = pool.stats.queued;
        (void)pthread_cond_signal(&pool.wanted);
    }
    (void)pthread_mutex_unlock(&pool.lock);
    return is_open ? 0 : -ESHUTDOWN;
}

static void run_simulated(struct timer *timer)
{
    struct offload_job *job = CONTAINER_OF(timer, struct offload_job, moment);
    job->fn(job->arg);
    job->done(job);
}

int offload_submit(struct offload_job *job)
{
    job->loop = loop_self;
    job->completion = (struct job){.run = complete};
    list_init(&job->link);
    if (!loop_self->kernel->is_simulated)
        return enqueue(job);
    struct prng prng;
    random_seed(&prng);
    timer_init(&job->moment, run_simulated);
    timer_arm(&job->moment, loop_deadline((int64_t)prng_below(&prng, SIMULATED_MS_MAX + 1)));
    return 0;
}

struct waiting_job {
    struct offload_job job;
    struct fiber *fiber;
    bool is_done;
};

static void end_wait(struct offload_job *job)
{
    struct waiting_job *waiting = CONTAINER_OF(job, struct waiting_job, job);
    waiting->is_done = true;
    fiber_wake(waiting->fiber);
}

int offload(void (*fn)(void *arg), void *arg)
{
    struct waiting_job waiting = {
        .job = {.fn = fn, .arg = arg, .done = end_wait},
        .fiber = fiber_current(),
    };
    int rc = offload_submit(&waiting.job);
    while (rc == 0 && !waiting.is_done)
        fiber_wait_held();
    return rc;
}

void offload_stats_read(struct offload_stats *ret_stats)
{
    (void)pthread_mutex_lock(&pool.lock);
    *ret_stats = pool.stats;
    (void)pthread_mutex_unlock(&pool.lock);
}
