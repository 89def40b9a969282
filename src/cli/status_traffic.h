/* Requests, failures and percentiles between two looks at a site or a target. */
#pragma once

#include "wire/json/json.h"

struct traffic {
    int64_t requests;
    int64_t failed; /* answered with a status from 500 on */
    double p50_us;  /* below 0: not known */
    double p99_us;
};

/*
 * Of the object's "responses" and "latency", since `before` (the same at an earlier look, or NULL:
 * since the edge began). `ends` is "latency_ends_us" of the status. Percentiles lie within their
 * bucket as if it were filled evenly.
 */
void traffic_between(const struct json *now, const struct json *before, const struct json *ends,
                     struct traffic *ret_traffic);

/* The same of all targets in a list together; of those that were there before, by their "id". */
void traffic_of_targets(const struct json *now, const struct json *before, const struct json *ends,
                        struct traffic *ret_traffic);
