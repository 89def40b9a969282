/* The table about choosing targets; see schema.c. */
#include "conf/schema_group.h"

#include "conf/checks.h"
#include "conf/draft.h"

static const struct schema_word balance_words[] = {
    {"least_requests", CONF_BALANCE_LEAST_REQUESTS, false,
     "of two targets taken at random the one with fewer open requests, which count several times "
     "at a slow one"},
    {"round_robin", CONF_BALANCE_ROUND_ROBIN, false, "one after the other, by their weights"},
    {"random", CONF_BALANCE_RANDOM, false, "any of them, by their weights"},
    {"peak_ewma", CONF_BALANCE_PEAK_EWMA, false,
     "of two targets taken at random the one that would answer sooner, by its latency of late"},
    {"ring_hash", CONF_BALANCE_RING_HASH, false, "equal requests to the same target"},
    {NULL},
};

static const struct schema_word no_bound_words[] = {
    {"off", 0, false, "no bound"},
    {NULL},
};

static const struct schema_row balance_rows[] = {
    {.name = "algorithm",
     .kind = SCHEMA_WORD,
     .words = balance_words,
     AT(struct conf_balancing, algorithm),
     .standard = "least_requests",
     .doc = "how a target is chosen"},
    {.name = "by",
     .kind = SCHEMA_HASH_BY,
     AT(struct conf_balancing, by),
     .standard = "address",
     .doc = "with `ring_hash`: what makes requests equal; one without it goes to any target"},
    {.name = "load_max",
     .kind = SCHEMA_PERCENT,
     .words = no_bound_words,
     .min = 10100,
     .max = 100000,
     AT(struct conf_balancing, load_max),
     .standard = "off",
     .doc = "with `ring_hash`: a target with more open requests than this share of the average is "
            "passed over, `125%` for instance"},
};

const struct schema_struct schema_balance = {
    .noun = "balance",
    .doc = "Which target gets the next request.",
    ROWS(balance_rows),
    .shorthand = "algorithm",
    .check = check_balance,
};

static const struct schema_row sticky_rows[] = {
    {.name = "cookie",
     .kind = SCHEMA_COOKIE_NAME,
     AT(struct conf_sticky, cookie),
     .doc = "its name; without it `weir-` and the group's name, or `weir-split` on a rule"},
    {.name = "ttl",
     .kind = SCHEMA_DURATION,
     .min = MS_PER_S,
     .max = 400 * MS_PER_D,
     AT(struct conf_sticky, ttl_ms),
     .doc = "how long a client may stay away; without it until its browser ends"},
    {.name = "key",
     .kind = SCHEMA_LINE,
     AT(struct conf_sticky, key),
     .standard = "",
     .doc = "makes the cookie's value one that nobody can compute; the same on all machines that "
            "serve these clients"},
};

const struct schema_struct schema_sticky = {
    .noun = "sticky",
    .doc = "A cookie that keeps a client where it was. It is not passed on to targets.",
    ROWS(sticky_rows),
    .allows_off = true,
    .shorthand = "cookie",
    .check = check_sticky,
};

const struct schema_word schema_none_words[] = {
    {"off", 0, false, "none"},
    {NULL},
};

static const struct schema_word not_counted_words[] = {
    {"off", 0, false, "any number"},
    {NULL},
};

static const struct schema_row success_rate_rows[] = {
    {.name = "minimum_targets",
     .kind = SCHEMA_INTEGER,
     .min = 2,
     .max = 1000,
     AT(struct conf_success_rate, minimum_targets),
     .standard = "5",
     .doc = "how many targets must have had so many requests to be compared"},
    {.name = "request_volume",
     .kind = SCHEMA_INTEGER,
     .min = 1,
     .max = 1000000,
     AT(struct conf_success_rate, request_volume),
     .standard = "100",
     .doc = "the requests that a target must have had in an interval"},
    {.name = "stdev_factor",
     .kind = SCHEMA_INTEGER,
     .min = 100,
     .max = 10000,
     AT(struct conf_success_rate, stdev_factor),
     .standard = "1900",
     .doc = "thousandths of a standard deviation below the mean"},
};

static const struct schema_struct success_rate_type = {
    .noun = "success rate",
    .doc = "Leaves out targets whose share of good answers is far below the mean of the group's.",
    ROWS(success_rate_rows),
    .allows_off = true,
    .check = check_success_rate,
};

static const struct schema_row ejection_rows[] = {
    {.name = "consecutive_errors",
     .kind = SCHEMA_INTEGER,
     .words = not_counted_words,
     .min = 1,
     .max = 1000000,
     AT(struct conf_ejection, consecutive_errors),
     .standard = "5",
     .doc = "so many in a row: answers of 500 and above, and all that `gateway_errors` counts"},
    {.name = "gateway_errors",
     .kind = SCHEMA_INTEGER,
     .words = not_counted_words,
     .min = 1,
     .max = 1000000,
     AT(struct conf_ejection, gateway_errors),
     .standard = "5",
     .doc = "so many in a row: answers of 502, 503 and 504, connections that failed or were reset, "
            "and no answer in time"},
    {.name = "success_rate",
     .kind = SCHEMA_STRUCT,
     .type = &success_rate_type,
     AT(struct conf_ejection, success_rate),
     .doc = "targets compared with each other; on, unless it is `off`"},
    {.name = "interval",
     .kind = SCHEMA_DURATION,
     .min = 100,
     .max = MS_PER_H,
     AT(struct conf_ejection, interval_ms),
     .standard = "10s",
     .doc = "from one comparison to the next"},
    {.name = "time",
     .kind = SCHEMA_DURATION,
     .min = 100,
     .max = MS_PER_D,
     AT(struct conf_ejection, time_ms),
     .standard = "30s",
     .doc = "how long a target is left out the first time; twice that the second time in a row, "
            "and so on"},
    {.name = "time_max",
     .kind = SCHEMA_DURATION,
     .min = 100,
     .max = MS_PER_D,
     AT(struct conf_ejection, time_max_ms),
     .standard = "5m",
     .doc = "how long at most"},
    {.name = "max_ejected",
     .kind = SCHEMA_PERCENT,
     .min = 1,
     .max = 10000,
     AT(struct conf_ejection, max_ejected),
     .standard = "50%",
     .doc = "the share of the group that may be left out at one time; one target may always be"},
};

const struct schema_struct schema_ejection = {
    .noun = "ejection",
    .doc =
        "Passive health: targets are judged by their answers, as Envoy's outlier detection does.",
    ROWS(ejection_rows),
    .allows_off = true,
    .check = check_ejection,
};

static const struct schema_row queue_rows[] = {
    {.name = "max",
     .kind = SCHEMA_INTEGER,
     .min = 1,
     .max = 1000000,
     AT(struct conf_queue, max),
     .standard = "100",
     .doc = "how many may wait, over all workers; further ones are answered 503"},
    {.name = "timeout",
     .kind = SCHEMA_DURATION,
     .min = 1,
     .max = MS_PER_H,
     AT(struct conf_queue, timeout_ms),
     .standard = "5s",
     .doc = "how long one waits; then it is answered 503"},
};

const struct schema_struct schema_queue = {
    .noun = "queue",
    .doc = "Requests that wait, first come first served, until a target has fewer requests under "
           "way than its `limit`.",
    ROWS(queue_rows),
    .allows_off = true,
    .shorthand = "max",
    .check = check_queue,
};

static const struct schema_word retry_words[] = {
    {"connect", CONF_RETRY_CONNECT, false, "no connection"},
    {"reset", CONF_RETRY_RESET, false, "the connection broke before an answer"},
    {"timeout", CONF_RETRY_TIMEOUT, false, "no answer in time"},
    {"429", CONF_RETRY_429, false, NULL},
    {"500", CONF_RETRY_500, false, NULL},
    {"502", CONF_RETRY_502, false, NULL},
    {"503", CONF_RETRY_503, false, NULL},
    {"504", CONF_RETRY_504, false, NULL},
    {NULL},
};

static const struct schema_row retry_cause_row = {
    .name = "on", .kind = SCHEMA_WORD, .words = retry_words};

static const struct schema_row retries_rows[] = {
    {.name = "max",
     .kind = SCHEMA_INTEGER,
     .min = 0,
     .max = 10,
     AT(struct conf_retries, max),
     .standard = "2",
     .doc = "how many further tries, each on another target"},
    {.name = "on",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct conf_retries, on),
     .element = &retry_cause_row,
     .element_size = sizeof(unsigned),
     .min = 1,
     .max = 8,
     .doc = "after what; without it after `connect` and `reset`"},
    {.name = "timeout",
     .kind = SCHEMA_DURATION,
     .min = 1,
     .max = MS_PER_D,
     AT(struct conf_retries, timeout_ms),
     .doc = "how long each try may take to the head of its response"},
};

const struct schema_struct schema_retries = {
    .noun = "retries",
    .doc = "Further tries of a request whose first one failed. Only methods that may be sent twice "
           "(RFC 9110 §9.2.2) are, with a body of up to 64 KiB; any request is where no connection "
           "was made. At most a fifth of the requests of a group are tried again.",
    ROWS(retries_rows),
    .shorthand = "max",
};

static const struct schema_row mirror_rows[] = {
    {.name = "to",
     .kind = SCHEMA_NAMED,
     .is_required = true,
     AT(struct draft_mirror, to),
     .doc = "the service or target group"},
    {.name = "sample",
     .kind = SCHEMA_PERCENT,
     .min = 1,
     .max = 10000,
     AT(struct draft_mirror, sample),
     .standard = "100%",
     .doc = "the share of the requests"},
};

const struct schema_struct schema_mirror = {
    .noun = "mirror",
    .doc = "Copies of requests for another group. The original is answered first and never waits; "
           "upgrades and bodies over 64 KiB are not copied.",
    ROWS(mirror_rows),
    .shorthand = "to",
};
