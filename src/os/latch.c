/* A mutex, a condition, a flag. */
#include "os/latch.h"

void latch_init(struct latch *latch)
{
    latch->is_open = false;
    (void)pthread_mutex_init(&latch->lock, NULL);
    (void)pthread_cond_init(&latch->opened, NULL);
}

void latch_finish(struct latch *latch)
{
    (void)pthread_cond_destroy(&latch->opened);
    (void)pthread_mutex_destroy(&latch->lock);
}

void latch_open(struct latch *latch)
{
    (void)pthread_mutex_lock(&latch->lock);
    latch->is_open = true;
    (void)pthread_cond_broadcast(&latch->opened);
    (void)pthread_mutex_unlock(&latch->lock);
}

void latch_wait(struct latch *latch)
{
    (void)pthread_mutex_lock(&latch->lock);
    while (!latch->is_open)
        (void)pthread_cond_wait(&latch->opened, &latch->lock);
    (void)pthread_mutex_unlock(&latch->lock);
}
