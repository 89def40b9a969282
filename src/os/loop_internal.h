/* What loop.c, fiber.c and io.c share. Not for other layers. */
#pragma once

#include "os/kernel.h"
#include "os/loop.h"

#include <pthread.h>
#include <stdatomic.h>

struct io;
struct stack_slab;

/* Finds an io by its slot; the generation tells stale events. */
struct io_slot {
    struct io *io; /* NULL when free */
    uint32_t generation;
    uint32_t next_free; /* index + 1; 0: none */
};

/* Where a stack was left, and what the sanitizers want to know of it. */
struct stack_context {
    void *stack_pointer;
    const void *bottom; /* lowest byte */
    size_t bytes;
    void *fake_stack; /* ASan */
    void *tsan;
};

struct fiber_pool {
    struct list idle; /* struct fiber by `link`, warm ones first */
    struct stack_slab *slabs;
    size_t idle_warm;
    size_t stacks;
    size_t running;
    size_t fibers_max;
    size_t stack_bytes_high;
};

struct loop {
    struct kernel *kernel;
    void *context;
    int64_t now_us;
    int64_t wall_ahead_us; /* of now_us */
    int64_t wall_due_us;   /* when it is read again */
    struct wheel wheel;
    struct list ready; /* fibers that go on in this turn */
    struct list tasks; /* struct task */
    struct fiber *current;
    struct stack_context home; /* the loop's own stack */
    struct fiber_pool fibers;
    struct io_slot *slots;
    uint32_t slots_count;
    uint32_t slots_free; /* index + 1 of the first free one; 0: none */
    pthread_mutex_t posted_lock;
    _Atomic(struct job *) posted; /* newest first; written under the lock */
    atomic_bool stopping;
};

extern _Thread_local struct loop *loop_self;

/*
 * Suspends the calling fiber until fiber_wake, whatever else happens: no deadline, no cancellation.
 * It may be woken for other reasons: the caller asks its own condition again.
 */
void fiber_wait_held(void);

/* Cancels every fiber of the loop that has not ended. */
void fiber_cancel_all(struct loop *loop);

/* Runs a fiber on top of the loop's stack until it waits or ends. */
void fiber_resume(struct fiber *fiber);

/* The fiber whose `link` this is. */
struct fiber *fiber_of_link(struct list *link);

/* Asks for memory that will be needed soon; it need not be there. */
static inline void prefetch(const void *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64)
        __builtin_prefetch((const char *)at + i);
}

/* Of what these touch first. */
void fiber_prefetch(const struct fiber *fiber);
void io_prefetch(const struct loop *loop, uint64_t tag);

void fiber_pool_init(struct loop *loop);
void fiber_pool_finish(struct loop *loop);

void io_dispatch(struct loop *loop, uint64_t tag, unsigned what);
