/* The table about choosing targets; see schema.c. */
#include "conf/schema_group.h"

#include "conf/checks.h"

static const struct schema_word balance_words[] = {
    {"least_requests", CONF_BALANCE_LEAST_REQUESTS, false,
     "of two targets taken at random the one with fewer open requests"},
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
