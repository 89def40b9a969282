/* The loop's clock where there is one, else clock_gettime. */
#include "os/clock.h"

#include "os/loop_internal.h"

#include <errno.h>
#include <time.h>

int64_t clock_wall_us(void)
{
    if (loop_self != NULL)
        return loop_self->kernel->ops->wall_us(loop_self->kernel);
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

int64_t clock_now_ms(void)
{
    if (loop_self != NULL)
        return loop_self->kernel->ops->now_us(loop_self->kernel) / 1000;
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

void clock_pause(int64_t duration_us)
{
    struct timespec left = {.tv_sec = (time_t)(duration_us / 1000000),
                            .tv_nsec = (long)(duration_us % 1000000) * 1000};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
        continue;
}
