/* A lock between threads, for short stretches without a wait. No fiber waits while it holds one. */
#pragma once

#include <pthread.h>
#include <stdint.h>
#include <time.h>

struct lock {
    pthread_mutex_t mutex;
};

/* 0 or a negative errno. */
static inline int lock_init(struct lock *lock)
{
    return -pthread_mutex_init(&lock->mutex, NULL);
}

static inline void lock_finish(struct lock *lock)
{
    (void)pthread_mutex_destroy(&lock->mutex);
}

static inline void lock_take(struct lock *lock)
{
    (void)pthread_mutex_lock(&lock->mutex);
}

static inline void lock_release(struct lock *lock)
{
    (void)pthread_mutex_unlock(&lock->mutex);
}

/* For threads that are not loops: waiting until another one says that something changed. */
struct condition {
    pthread_cond_t cond;
};

/* 0 or a negative errno. */
static inline int condition_init(struct condition *condition)
{
    return -pthread_cond_init(&condition->cond, NULL);
}

static inline void condition_finish(struct condition *condition)
{
    (void)pthread_cond_destroy(&condition->cond);
}

/* Releases the lock while it waits. May return without a signal: ask again. */
static inline void condition_wait(struct condition *condition, struct lock *lock)
{
    (void)pthread_cond_wait(&condition->cond, &lock->mutex);
}

/* The same, at most for so long. */
static inline void condition_wait_for(struct condition *condition, struct lock *lock,
                                      int64_t duration_ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(duration_ms / 1000);
    until.tv_nsec += (long)(duration_ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_cond_clockwait(&condition->cond, &lock->mutex, CLOCK_MONOTONIC, &until);
}

static inline void condition_signal(struct condition *condition)
{
    (void)pthread_cond_signal(&condition->cond);
}
