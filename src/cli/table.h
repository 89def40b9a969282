/* Columns as wide as their longest cell, for the terminal; those without any cell are left out. */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"

#define TABLE_COLUMNS_MAX 14
#define TABLE_ROWS_MAX    4096

struct table_column {
    const char *title;
    bool is_number; /* aligned to the right */
};

struct table {
    struct arena *arena; /* borrowed; of the rows */
    const struct table_column *columns;
    unsigned columns_count;
    struct table_row *first, *last;
    unsigned rows_count;
    unsigned widths[TABLE_COLUMNS_MAX]; /* of the cells */
};

/* `columns` ends in a row without a title; at most TABLE_COLUMNS_MAX. */
void table_init(struct table *table, struct arena *arena, const struct table_column *columns);

/* One cell a column, in UTF-8, borrowed until the table is written. 0, -ENOMEM, or -EMSGSIZE. */
int table_add(struct table *table, const struct slice *cells);

/* Titles and rows, no blanks at the ends of lines; nothing for a table without rows. 0 or the
 * buffer's error. */
int table_write(const struct table *table, struct buffer *out);
