/*
 * The event loop of one thread: timers, readiness of descriptors, fibers, and jobs posted by other
 * threads. All functions but loop_post and loop_stop belong to the loop's own thread.
 *
 * The kernel below it is a table of functions (os/kernel.h): the real one, or the simulated one of
 * os/sim.h with a virtual clock and network.
 */
#pragma once

#include "base/wheel.h"
#include "os/fiber.h"

#include <stdint.h>

struct loop;
struct kernel;

/* Makes a loop over this kernel (borrowed until loop_destroy) and binds it to the calling thread.
 */
int loop_create(struct kernel *kernel, struct loop **ret_loop);
void loop_destroy(struct loop *loop);

/* Runs what was posted and has not run, as a turn would: of a loop that has ended, and that nobody
 * posts to any more. */
void loop_finish_posted(struct loop *loop);

/* Runs until loop_stop. Returns 0, or the kernel's error. */
int loop_run(struct loop *loop);

/* One turn: waits for something to happen and sees to it. 0, or the kernel's error. */
int loop_turn(struct loop *loop);

/* From any thread or signal handler. Not taken back: loop_run returns at the end of its turn. */
void loop_stop(struct loop *loop);

/* This thread's loop; NULL when it has none. */
struct loop *loop_current(void);

/* Monotonic, read once a turn. */
int64_t loop_now_ms(void);
int64_t loop_now_us(void);

/* Wall clock, microseconds since 1970. That it was set is seen within 10 ms. */
int64_t loop_wall_us(void);

/* The deadline that lies `timeout_ms` ahead. */
static inline int64_t loop_deadline(int64_t timeout_ms)
{
    int64_t deadline_ms;
    return __builtin_add_overflow(loop_now_ms(), timeout_ms, &deadline_ms) ? INT64_MAX
                                                                           : deadline_ms;
}

/* Whatever the layer above hangs on its thread. Borrowed. */
void loop_set_context(struct loop *loop, void *context);
void *loop_context(void);

struct timer {
    struct wheel_timer wheel;
    void (*fire)(struct timer *timer);
};

void timer_init(struct timer *timer, void (*fire)(struct timer *timer));

/* Arms or moves. It fires on the loop's own stack, once. */
void timer_arm(struct timer *timer, int64_t deadline_ms);

static inline void timer_cancel(struct timer *timer)
{
    wheel_cancel(&timer->wheel);
}

static inline bool timer_is_armed(const struct timer *timer)
{
    return wheel_timer_is_armed(&timer->wheel);
}

/* Work for a loop. Owned by the caller until `run` is called, then by `run`. */
struct job {
    struct job *next;
    void (*run)(struct job *job);
};

/* From any thread: `job->run` is called on the loop's own stack, in a later turn. */
void loop_post(struct loop *loop, struct job *job);

/* Calls task->run on the loop's own stack later in this turn; removing the link takes it back. */
struct task {
    struct list link;
    void (*run)(struct task *task);
};

void task_init(struct task *task, void (*run)(struct task *task));
void task_queue(struct task *task); /* harmless when queued already */
