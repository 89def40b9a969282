/* Widths are taken as rows come; all is written at the end. */
#include "cli/table.h"

#include <assert.h>
#include <errno.h>

struct table_row {
    struct table_row *next;
    struct slice cells[TABLE_COLUMNS_MAX];
};

/* Characters, not bytes; all count as one column wide. */
static unsigned width_of(struct slice text)
{
    unsigned width = 0;
    for (size_t i = 0; i < text.len; i++)
        width += ((unsigned char)text.at[i] & 0xc0) != 0x80;
    return width;
}

static void widen(struct table *table, unsigned column, struct slice text)
{
    unsigned width = width_of(text);
    if (width > table->widths[column])
        table->widths[column] = width;
}

void table_init(struct table *table, struct arena *arena, const struct table_column *columns)
{
    *table = (struct table){.arena = arena, .columns = columns};
    while (columns[table->columns_count].title != NULL) {
        assert(table->columns_count < TABLE_COLUMNS_MAX);
        table->columns_count++;
    }
}

int table_add(struct table *table, const struct slice *cells)
{
    if (table->rows_count == TABLE_ROWS_MAX)
        return -EMSGSIZE;
    struct table_row *row = arena_alloc_zero(table->arena, sizeof *row);
    if (row == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < table->columns_count; i++) {
        row->cells[i] = cells[i];
        widen(table, i, cells[i]);
    }
    if (table->last == NULL)
        table->first = row;
    else
        table->last->next = row;
    table->last = row;
    table->rows_count++;
    return 0;
}

static int write_blanks(struct buffer *out, unsigned count)
{
    int rc = 0;
    while (rc == 0 && count-- > 0)
        rc = buffer_append_char(out, ' ');
    return rc;
}

static unsigned column_width(const struct table *table, unsigned column)
{
    unsigned title = width_of(slice_of_cstr(table->columns[column].title));
    return title > table->widths[column] ? title : table->widths[column];
}

/* Blanks are held back until something follows them. */
static int write_row(const struct table *table, const struct slice *cells, struct buffer *out)
{
    unsigned blanks = 0;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < table->columns_count; i++) {
        if (table->widths[i] == 0)
            continue;
        unsigned missing = column_width(table, i) - width_of(cells[i]);
        bool is_number = table->columns[i].is_number;
        blanks += is_number ? missing : 0;
        if (cells[i].len > 0) {
            rc = write_blanks(out, blanks);
            blanks = 0;
            if (rc == 0)
                rc = buffer_append(out, cells[i]);
        }
        blanks += is_number ? 0 : missing;
        blanks += 2;
    }
    return rc < 0 ? rc : buffer_append_char(out, '\n');
}

int table_write(const struct table *table, struct buffer *out)
{
    struct slice titles[TABLE_COLUMNS_MAX];
    if (table->rows_count == 0)
        return 0;
    for (unsigned i = 0; i < table->columns_count; i++)
        titles[i] = slice_of_cstr(table->columns[i].title);
    int rc = write_row(table, titles, out);
    for (const struct table_row *row = table->first; rc == 0 && row != NULL; row = row->next)
        rc = write_row(table, row->cells, out);
    return rc;
}
