/*
 * A target's pace: how long the quicker tenth of its answers takes. A target that has become slow
 * is slow in those too, while one that also has long polls, large reports or a burst of hard
 * requests still gives quick answers: unlike a mean or a peak, the pace does not follow what single
 * requests ask for. It is kept as a logarithm and tracked in small steps, nine times as large down
 * as up, so that it comes to rest where a tenth of the answers lies below. One word, shared by all
 * workers without a lock; an observation that races with another one may be lost.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/*
 * No difference of pace counts for fewer doublings than these, which may be the way to a target or
 * the chance of what was asked, nor for more.
 */
#define PACE_DOUBLINGS_MIN 2
#define PACE_DOUBLINGS_MAX 3

/* A good answer took so long. What fails quickly is not quick. */
void pace_observe(atomic_ullong *pace, uint64_t latency_us, int64_t now_ms);

/*
 * How many times twice as slow `a` is as `b`, in whole numbers; negative where `b` is slower; 0
 * where that is less than four times, or the slower one has not answered some times yet: one answer
 * that found the machine busy makes nobody slow. What was not heard of counts
 * for less: the difference shrinks by a doubling for each second since the last answer, so that a
 * slow target is tried again.
 */
int pace_compare(const atomic_ullong *a, const atomic_ullong *b, int64_t now_ms);
