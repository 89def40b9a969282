/*
 * One happening on another thread that a fiber waits for to the end, cancelled or not, so that what
 * the other thread works on may lie on the fiber's stack. A thread without a loop waits as well.
 */
#pragma once

#include "os/lock.h"
#include "os/loop.h"

struct arrival {
    struct job job;
    struct loop *loop; /* NULL: a thread without fibers waits */
    struct fiber *fiber;
    bool has_come;
    struct lock lock; /* this and the next: of a thread that waits */
    struct condition told;
};

/* By who will wait. 0 or a negative errno. */
int arrival_init(struct arrival *arrival);

/* Until arrival_tell; ends it. Once for each arrival_init. */
void arrival_wait(struct arrival *arrival);

/* From any thread, once; the arrival may be gone when it returns. */
void arrival_tell(struct arrival *arrival);
