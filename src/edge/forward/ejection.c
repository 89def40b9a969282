/* Counting, comparing, leaving out and letting in again. */
#include "edge/forward/ejection.h"

#include "base/cleanup.h"
#include "base/log.h"

#define WHOLE 10000 /* hundredths of a percent */

/* Under the lock: may one more be left out? The first always, where there is another one. */
static bool may_eject(const struct target_group *group, const struct conf_ejection *conf,
                      const struct target *target)
{
    const struct target_set *set = group->set;
    uint64_t count = 0, ejected = 0;
    bool is_there = false;
    for (unsigned i = 0; i < set->count; i++) {
        is_there |= set->targets[i] == target;
        count += atomic_load(&set->targets[i]->weight) > 0;
        ejected += atomic_load(&set->targets[i]->is_ejected);
    }
    return is_there && count > 1 &&
           (ejected == 0 || (ejected + 1) * WHOLE <= conf->max_ejected * count);
}

static int64_t ejection_time(const struct conf_ejection *conf, unsigned times)
{
    int64_t time_ms;
    if (__builtin_mul_overflow(conf->time_ms, (int64_t)times, &time_ms) ||
        time_ms > conf->time_max_ms)
        return conf->time_max_ms;
    return time_ms;
}

static void forget_results(struct target *target)
{
    atomic_store(&target->errors_in_row, 0);
    atomic_store(&target->gateway_errors_in_row, 0);
    atomic_store(&target->results, 0);
    atomic_store(&target->good_results, 0);
}

static void eject(struct target_group *group, const struct conf_ejection *conf,
                  struct target *target, const char *why, int64_t now_ms)
{
    int64_t time_ms = 0;
    lock_take(&group->lock);
    if (!atomic_load(&target->is_ejected) && may_eject(group, conf, target)) {
        target->ejections_in_row++;
        atomic_fetch_add(&target->ejections, 1);
        time_ms = ejection_time(conf, target->ejections_in_row);
        target->ejected_until_ms = now_ms + time_ms;
        target->ejection_reason = why;
        atomic_store(&target->is_ejected, true);
        target_group_change(group);
    }
    lock_release(&group->lock);
    forget_results(target);
    if (time_ms > 0)
        log_warn("target %.*s of %.*s is left out for %lld s: %s", SLICE_ARG(target->id),
                 SLICE_ARG(group->name), (long long)(time_ms / 1000), why);
}

/* Most answers are good, and then this only reads. */
static void clear(atomic_uint *in_row)
{
    if (atomic_load_explicit(in_row, memory_order_relaxed) != 0)
        atomic_store_explicit(in_row, 0, memory_order_relaxed);
}

static bool reaches(atomic_uint *in_row, unsigned limit)
{
    return atomic_fetch_add_explicit(in_row, 1, memory_order_relaxed) + 1 >= limit && limit > 0;
}

void ejection_record(struct target_group *group, const struct conf_ejection *conf,
                     struct target *target, enum result result, int64_t now_ms)
{
    atomic_fetch_add_explicit(&target->results, 1, memory_order_relaxed);
    if (result != RESULT_GATEWAY_ERROR)
        clear(&target->gateway_errors_in_row);
    if (result == RESULT_GOOD) {
        clear(&target->errors_in_row);
        atomic_fetch_add_explicit(&target->good_results, 1, memory_order_relaxed);
        return;
    }
    bool is_gateway_limit = result == RESULT_GATEWAY_ERROR &&
                            reaches(&target->gateway_errors_in_row, conf->gateway_errors);
    bool is_limit = reaches(&target->errors_in_row, conf->consecutive_errors);
    if (is_gateway_limit)
        eject(group, conf, target, "it failed or answered 502 to 504 several times in a row",
              now_ms);
    else if (is_limit)
        eject(group, conf, target, "its answers were errors several times in a row", now_ms);
}

static void let_in(struct target_group *group, struct target *target, int64_t now_ms)
{
    lock_take(&group->lock);
    forget_results(target);
    atomic_store(&target->warm_from_ms, now_ms);
    target->ejection_reason = NULL;
    atomic_store(&target->is_ejected, false);
    target_group_change(group);
    lock_release(&group->lock);
    log_info("target %.*s of %.*s takes requests again", SLICE_ARG(target->id),
             SLICE_ARG(group->name));
}

/* The results of an interval, of those that had enough of them. */
struct rates {
    double sum, squares; /* of the shares of good ones */
    unsigned count;
};

static double rate_of(const struct target *target)
{
    return (double)target->interval_good / (double)target->interval_results;
}

static void take_results(struct target *target)
{
    target->interval_good = atomic_exchange(&target->good_results, 0);
    target->interval_results = atomic_exchange(&target->results, 0);
    /* A worker between its two additions. */
    if (target->interval_good > target->interval_results)
        target->interval_good = target->interval_results;
}

static bool is_compared(const struct conf_ejection *conf, const struct target *target)
{
    return !atomic_load(&target->is_ejected) && target->interval_results > 0 &&
           target->interval_results >= conf->success_rate.request_volume;
}

/* Below mean - factor·stdev; in squares, which need no root. */
static bool is_outlier(const struct conf_ejection *conf, const struct rates *rates, double rate)
{
    double mean = rates->sum / rates->count;
    double variance = rates->squares / rates->count - mean * mean;
    double factor = conf->success_rate.stdev_factor / 1000.0, below = mean - rate;
    return below > 1e-9 && below * below > factor * factor * (variance > 0 ? variance : 0);
}

static void compare(struct target_group *group, const struct conf_ejection *conf,
                    const struct target_set *set, int64_t now_ms)
{
    struct rates rates = {0};
    for (unsigned i = 0; i < set->count; i++) {
        if (!is_compared(conf, set->targets[i]))
            continue;
        double rate = rate_of(set->targets[i]);
        rates.sum += rate;
        rates.squares += rate * rate;
        rates.count++;
    }
    if (!conf->success_rate.enabled || rates.count < conf->success_rate.minimum_targets)
        return;
    for (unsigned i = 0; i < set->count; i++) {
        if (is_compared(conf, set->targets[i]) &&
            is_outlier(conf, &rates, rate_of(set->targets[i])))
            eject(group, conf, set->targets[i], "it errs more than the other targets", now_ms);
    }
}

/* Each interval in peace takes one time off what the next ejection is multiplied by. */
static void forgive(struct target_group *group, const struct target_set *set)
{
    lock_take(&group->lock);
    for (unsigned i = 0; i < set->count; i++) {
        struct target *target = set->targets[i];
        if (!atomic_load(&target->is_ejected) && target->ejections_in_row > 0)
            target->ejections_in_row--;
    }
    lock_release(&group->lock);
}

void ejection_tick(struct target_group *group, const struct conf_ejection *conf, int64_t now_ms)
{
    struct target_set *set = target_group_set(group);
    if (now_ms >= group->next_interval_ms) {
        group->next_interval_ms = now_ms + conf->interval_ms;
        for (unsigned i = 0; i < set->count; i++)
            take_results(set->targets[i]);
        forgive(group, set);
        compare(group, conf, set, now_ms);
    }
    for (unsigned i = 0; i < set->count; i++) {
        struct target *target = set->targets[i];
        if (atomic_load(&target->is_ejected) && now_ms >= target->ejected_until_ms)
            let_in(group, target, now_ms);
    }
    target_set_unref(set);
}
