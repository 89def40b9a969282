/* The structs of the schema, each once, in the order in which a reader of the file meets them. */
#pragma once

#include "conf/schema.h"

#define WALK_STRUCTS_MAX 64

struct walk {
    const struct schema_struct *at[WALK_STRUCTS_MAX];
    unsigned count;
};

/* All structs reachable from the top of the file. */
void walk_schema(struct walk *ret_walk);

/* The struct that a row's values are, or its elements are; NULL for single values. */
const struct schema_struct *walk_struct_of(const struct schema_row *row);
