/* A gate that one thread opens once and others wait at. For starting threads up, not for loops. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

struct latch {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool is_open;
};

void latch_init(struct latch *latch);
void latch_finish(struct latch *latch);
void latch_open(struct latch *latch);

/* Blocks the calling thread until it is open. */
void latch_wait(struct latch *latch);
