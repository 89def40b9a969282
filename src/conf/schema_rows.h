/* How the files of the table write their rows. For them alone. */
#pragma once

#include "base/cleanup.h"
#include "conf/schema.h"

#define AT(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)NULL)->member)
#define LIST_AT(type, member)                                                                      \
    .offset = offsetof(type, member), .count_offset = offsetof(type, member##_count)
#define ROWS(table) .rows = (table), .rows_count = COUNT_OF(table)
#define LATER(key, meaning)                                                                        \
    {                                                                                              \
        .name = key, .kind = SCHEMA_LATER, .doc = meaning                                          \
    }

#define LATER_BUT_OFF(key, meaning)                                                                \
    {                                                                                              \
        .name = key, .kind = SCHEMA_LATER, .words = only_off_words, .doc = meaning                 \
    }

#define MS_PER_S   INT64_C(1000)
#define MS_PER_MIN (60 * MS_PER_S)
#define MS_PER_H   (60 * MS_PER_MIN)
#define MS_PER_D   (24 * MS_PER_H)

/* Where nothing but the absence of a thing can be said yet. */
extern const struct schema_word only_off_words[];

/* true and false, for an unsigned. */
extern const struct schema_word bool_words[];

/* `listeners` (schema_listener.c). */
extern const struct schema_row listener_row;

/* The parts of it that all who listen have in common. */
extern const struct schema_struct proxy_protocol_type;

/* `forward_proxies` (schema_proxy.c). */
extern const struct schema_row proxy_row;
