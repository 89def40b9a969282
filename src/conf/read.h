/*
 * Reading: a tree is held against the schema and fills C structs. What is wrong is noted and
 * reading goes on, so that one run finds all errors; a field whose value is wrong keeps its
 * default. No function here returns an error: ask the reading at the end.
 */
#pragma once

#include "conf/draft.h"
#include "conf/errors.h"
#include "conf/tree.h"

struct reading {
    struct arena *arena;        /* borrowed: for what the snapshot keeps */
    struct arena *scratch;      /* borrowed: for drafts */
    struct conf_errors *errors; /* borrowed */
    struct conf_errors warnings;
    struct slice folder;      /* absolute, the file's */
    bool was_accepted;        /* before: a folder that is gone since is not an error */
    struct slice last_folder; /* that was there: the next rule may name the same */
    bool lacks_files;         /* that it names: they could not be read */
    bool out_of_memory;
};

/* Notes an error. */
void reading_error(struct reading *reading, struct conf_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Notes what is taken and should be known. */
void reading_warning(struct reading *reading, struct conf_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A copy in the snapshot's arena. On a full heap the reading fails and the copy is empty. */
struct slice reading_keep(struct reading *reading, struct slice text);

/* Zeroed memory from either arena; NULL, and the reading fails, when the heap is used up. */
void *reading_alloc(struct reading *reading, struct arena *arena, size_t count, size_t bytes_each);

/* `path` below the file's folder unless it is absolute; "./" at its front goes. Kept. */
struct slice reading_resolve(struct reading *reading, struct slice path);

/*
 * Fills the zeroed `object` from `node` by the row's type: defaults first, then what is given, then
 * the checks.
 */
void read_struct(struct reading *reading, const struct tree_node *node,
                 const struct schema_row *row, void *object);

/* Only the defaults. */
void read_defaults(struct reading *reading, const struct schema_struct *type, void *object);

/*
 * Single values, by kind (scalar.c). `why` is what to say when the text is not such a value: NULL
 * when it is, and then *field is set.
 */
struct scalar_kind {
    const char *noun;         /* "a duration" */
    const char *allowed;      /* "a number with its unit: 200ms, 30s, 5m, 1h, 1d" */
    const char *json_pattern; /* for the JSON Schema; NULL for any text */
    uint16_t size;
    const char *(*parse)(struct reading *reading, struct slice text, void *field);
};

extern const struct scalar_kind scalar_kinds[SCHEMA_SCALARS_COUNT];
