/* The time of day, and a pause, for code that may run on a loop or on a thread without one. */
#pragma once

#include <stdint.h>

/* Since 1970. On a loop its kernel's, so that a simulated world has its own; else the system's. */
int64_t clock_wall_us(void);

/* Monotonic, of the same kind on a loop and off it. */
int64_t clock_now_ms(void);

/* Blocks the calling thread. */
void clock_pause(int64_t duration_us);
