/*
 * Fibers: straight-line code over the event loop. A fiber runs on its loop's thread until it waits;
 * it never leaves that thread, and holds no lock while it waits.
 *
 * Cancellation is sticky and delivered only at waits, as -ECANCELED; what was completed before wins
 * over it. Clean-up that must wait runs in fiber_shield with a deadline of its own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fiber;

typedef void fiber_main(void *arg);

/* No deadline. */
#define FIBER_FOREVER INT64_MAX

/*
 * Starts a fiber on this thread's loop. Called from the loop's own stack it runs at once, until its
 * first wait; called from a fiber it runs later in this turn. Returns 0, -ENOMEM, or -EAGAIN when
 * the loop's limit of fibers is reached. *ret_fiber (may be NULL) is valid until `main` returns.
 */
int fiber_start(fiber_main *main, void *arg, struct fiber **ret_fiber);

/* NULL on the loop's own stack. */
struct fiber *fiber_current(void);

/*
 * Suspends the calling fiber until fiber_wake. Returns 0 when woken, -ETIMEDOUT at the deadline
 * (loop_now_ms time), -ECANCELED.
 */
int fiber_wait(int64_t deadline_ms);

/* Lets a waiting fiber of this loop go on, later in this turn. Harmless when it does not wait. */
void fiber_wake(struct fiber *fiber);

/* From now on every wait of this fiber returns -ECANCELED at once. */
void fiber_cancel(struct fiber *fiber);
bool fiber_is_cancelled(const struct fiber *fiber);

/* 0, or -ECANCELED. */
int fiber_sleep(int64_t duration_ms);

/* Lets everything else that is ready run first. Not a point of cancellation. */
void fiber_yield(void);

/*
 * Calls fn(arg) with cancellation held off: waits inside end at `deadline_ms` at the latest, with
 * -ETIMEDOUT. Returns what fn returns.
 */
int fiber_shield(int (*fn)(void *arg), void *arg, int64_t deadline_ms);

struct fiber_stats {
    size_t running; /* started and not yet returned */
    size_t stacks;  /* in use and pooled */
    size_t fibers_max;
    size_t stack_bytes_high; /* deepest use seen at a wait */
};

void fiber_stats_read(struct fiber_stats *ret_stats);
