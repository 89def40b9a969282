/*
 * Passive health, after Envoy's outlier detection: a target whose answers are errors, several in a
 * row or more than those of its peers, is left out for a while that grows with each time. The
 * workers count results; worker 0's tick compares targets and lets them back in.
 */
#pragma once

#include "edge/forward/target.h"

/* Of a request at a target. */
enum result {
    RESULT_GOOD,          /* any status below 500 */
    RESULT_ERROR,         /* 500 and above */
    RESULT_GATEWAY_ERROR, /* 502, 503, 504; no connection, a reset, no answer in time */
};

/* From any worker. May eject the target, and then logs it. */
void ejection_record(struct target_group *group, const struct conf_ejection *conf,
                     struct target *target, enum result result, int64_t now_ms);

/* On one worker, several times a second. */
void ejection_tick(struct target_group *group, const struct conf_ejection *conf, int64_t now_ms);
