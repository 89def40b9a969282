/*
 * The part of the table about choosing targets: what target groups and services have in common.
 */
#pragma once

#include "conf/schema_rows.h"

extern const struct schema_struct schema_balance;
extern const struct schema_struct schema_sticky;
extern const struct schema_struct schema_ejection;
extern const struct schema_struct schema_queue;

/* A rule's. */
extern const struct schema_struct schema_retries;
extern const struct schema_struct schema_mirror;
extern const struct schema_word schema_none_words[];

/* The rows that both have; `at` is the way to the struct conf_group in `type`, with its dot. */
/* clang-format off */
#define BALANCE_ROWS(type_name, at)                                                                \
    {.name = "balance",                                                                            \
     .kind = SCHEMA_STRUCT,                                                                        \
     .type = &schema_balance,                                                                      \
     AT(type_name, at balance),                                                                    \
     .doc = "which target gets the next request"},                                                 \
    {.name = "sticky",                                                                             \
     .kind = SCHEMA_STRUCT,                                                                        \
     .type = &schema_sticky,                                                                       \
     AT(type_name, at sticky),                                                                     \
     .is_choice = true,                                                                            \
     .doc = "a client that comes back gets the target that it had"},                               \
    {.name = "ejection",                                                                           \
     .kind = SCHEMA_STRUCT,                                                                        \
     .type = &schema_ejection,                                                                     \
     AT(type_name, at ejection),                                                                   \
     .is_choice = true,                                                                            \
     .doc = "targets whose answers are errors are left out for a while; without it none is"},      \
    {.name = "limit",                                                                              \
     .kind = SCHEMA_INTEGER,                                                                       \
     .words = schema_none_words,                                                                   \
     .min = 1,                                                                                     \
     .max = 1000000,                                                                               \
     AT(type_name, at limit),                                                                      \
     .standard = "off",                                                                            \
     .doc = "the most requests that a target has under way at one time"},                          \
    {.name = "queue",                                                                              \
     .kind = SCHEMA_STRUCT,                                                                        \
     .type = &schema_queue,                                                                        \
     AT(type_name, at queue),                                                                      \
     .is_choice = true,                                                                            \
     .doc = "with `limit`: requests that wait for a target; without it they are answered 503 at "  \
            "once"},                                                                               \
    {.name = "fail_open",                                                                          \
     .kind = SCHEMA_PERCENT,                                                                       \
     .min = 0,                                                                                     \
     .max = 10000,                                                                                 \
     AT(type_name, at fail_open),                                                                  \
     .standard = "0%",                                                                             \
     .doc = "when a smaller share of the targets is healthy and not left out, all of them are "    \
            "used; `0%` is: when none is"},                                                        \
    {.name = "slow_start",                                                                         \
     .kind = SCHEMA_DURATION,                                                                      \
     .words = schema_none_words,                                                                   \
     .min = 100,                                                                                   \
     .max = MS_PER_H,                                                                              \
     AT(type_name, at slow_start_ms),                                                              \
     .standard = "off",                                                                            \
     .doc = "a target that has just become healthy gets a share of requests that grows so long"}
/* clang-format on */
