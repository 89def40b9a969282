/* How the files of the table write their rows. For them alone. */
#pragma once

#include "base/cleanup.h"
#include "conf/schema.h"

#define AT(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)NULL)->member)
#define LIST_AT(type, member)                                                                      \
    .offset = offsetof(type, member), .count_offset = offsetof(type, member##_count)
#define ROWS(table) .rows = (table), .rows_count = COUNT_OF(table)

#define MS_PER_S   INT64_C(1000)
#define MS_PER_MIN (60 * MS_PER_S)
#define MS_PER_H   (60 * MS_PER_MIN)
#define MS_PER_D   (24 * MS_PER_H)
