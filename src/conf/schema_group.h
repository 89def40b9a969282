/*
 * The part of the table about choosing targets: what target groups and services have in common.
 */
#pragma once

#include "conf/schema_rows.h"

extern const struct schema_struct schema_balance;
extern const struct schema_struct schema_sticky;

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
     .doc = "a client that comes back gets the target that it had"},
/* clang-format on */
