/*
 * In the upper half of the word the logarithm, and above it how many answers there were while they
 * were few, so that 0 is "never"; in the lower half the time of the last answer, milliseconds,
 * which may wrap.
 */
#include "edge/forward/pace.h"

#include <stdbool.h>
#include <stdlib.h>

#define DOUBLING_BITS 10
#define DOUBLING      (1 << DOUBLING_BITS)

/* A quarter of a doubling, split one to nine. */
#define STEP_UP   (DOUBLING / 40)
#define STEP_DOWN (DOUBLING * 9 / 40)

/* Of the first answers the quickest is taken, and nobody is slow before them; a quick one after a
 * second of silence is believed. */
#define FIRST_ANSWERS 16
#define SILENCE_MS    1000

/* What is slower than this is tried again no later: after two seconds. */
#define DIFFERENCE_MAX (4 * DOUBLING)

#define LOG_BITS 20

/* The logarithm of base 2, drawn as straight lines between its whole numbers. */
static int64_t log_of(uint64_t latency_us)
{
    uint64_t value = latency_us > 0 ? latency_us : 1;
    int whole = 63 - __builtin_clzll(value);
    uint64_t rest = whole >= DOUBLING_BITS ? value >> (whole - DOUBLING_BITS)
                                           : value << (DOUBLING_BITS - whole);
    return (int64_t)whole * DOUBLING + (int64_t)(rest & (DOUBLING - 1));
}

static uint64_t pack(int64_t log, unsigned answers, int64_t now_ms)
{
    return ((uint64_t)answers << LOG_BITS | (uint64_t)log) << 32 | (uint32_t)now_ms;
}

static int64_t log_in(uint64_t word)
{
    return (int64_t)(word >> 32 & ((1U << LOG_BITS) - 1));
}

static unsigned answers_in(uint64_t word)
{
    return (unsigned)(word >> 32 >> LOG_BITS);
}

/* Since the last answer. A clock of another worker may be a turn behind. */
static int64_t age_ms_of(uint64_t word, int64_t now_ms)
{
    uint32_t age_ms = (uint32_t)now_ms - (uint32_t)word;
    return age_ms > INT32_MAX ? 0 : (int64_t)age_ms;
}

/* What was forgotten since then. */
static int64_t fading_of(uint64_t word, int64_t now_ms)
{
    return age_ms_of(word, now_ms) * DOUBLING / SILENCE_MS;
}

/* What the pace is after an answer that took `seen`. */
static int64_t step(int64_t log, int64_t seen, int64_t step_down)
{
    if (seen > log)
        return seen - log < STEP_UP ? seen : log + STEP_UP;
    return log - seen < step_down ? seen : log - step_down;
}

void pace_observe(atomic_ullong *pace, uint64_t latency_us, int64_t now_ms)
{
    unsigned long long word = atomic_load_explicit(pace, memory_order_relaxed);
    unsigned answers = answers_in(word);
    bool is_believed = answers < FIRST_ANSWERS || age_ms_of(word, now_ms) >= SILENCE_MS;
    int64_t seen = log_of(latency_us), log = seen;
    if (answers > 0)
        log = step(log_in(word), seen, is_believed ? INT64_MAX : STEP_DOWN);
    answers += answers < FIRST_ANSWERS ? 1 : 0;
    (void)atomic_compare_exchange_strong_explicit(pace, &word, pack(log, answers, now_ms),
                                                  memory_order_relaxed, memory_order_relaxed);
}

int pace_compare(const atomic_ullong *a, const atomic_ullong *b, int64_t now_ms)
{
    uint64_t word_a = atomic_load_explicit(a, memory_order_relaxed);
    uint64_t word_b = atomic_load_explicit(b, memory_order_relaxed);
    if (word_a == 0 || word_b == 0)
        return 0;
    int64_t slower = log_in(word_a) - log_in(word_b), left = llabs(slower);
    if (answers_in(slower > 0 ? word_a : word_b) < FIRST_ANSWERS)
        return 0;
    left = left < DIFFERENCE_MAX ? left : DIFFERENCE_MAX;
    left -= fading_of(word_a, now_ms) + fading_of(word_b, now_ms);
    int doublings = left < 0 ? 0 : (int)(left / DOUBLING);
    if (doublings < PACE_DOUBLINGS_MIN)
        return 0;
    if (doublings > PACE_DOUBLINGS_MAX)
        doublings = PACE_DOUBLINGS_MAX;
    return slower < 0 ? -doublings : doublings;
}
