/* Breadth first, so that a page made of it goes from the outside in. */
#include "conf/walk.h"

#include <assert.h>

const struct schema_struct *walk_struct_of(const struct schema_row *row)
{
    while (row->element != NULL)
        row = row->element;
    return row->kind == SCHEMA_STRUCT ? row->type : NULL;
}

static void meet(struct walk *walk, const struct schema_struct *type)
{
    for (unsigned i = 0; i < walk->count; i++) {
        if (walk->at[i] == type)
            return;
    }
    assert(walk->count < WALK_STRUCTS_MAX);
    walk->at[walk->count++] = type;
}

void walk_schema(struct walk *ret_walk)
{
    *ret_walk = (struct walk){.count = 0};
    meet(ret_walk, schema_top.type);
    for (unsigned i = 0; i < ret_walk->count; i++) {
        const struct schema_struct *type = ret_walk->at[i];
        if (type->also != NULL)
            meet(ret_walk, type->also);
        for (unsigned j = 0; j < type->rows_count; j++) {
            const struct schema_struct *below = walk_struct_of(&type->rows[j]);
            if (below != NULL)
                meet(ret_walk, below);
        }
    }
}
