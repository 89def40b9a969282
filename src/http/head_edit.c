/* Lines of a written head, found by their ends and moved over each other. */
#include "http/head_edit.h"

#include "wire/h1/serialise.h"

#include <assert.h>

/* The line at `at`, without its CRLF; moves `at` behind it. */
static struct slice take_line(const struct writer *head, size_t *at)
{
    struct slice rest = slice_from(writer_slice(head), *at);
    const char *end = memchr(rest.at, '\r', rest.len);
    assert(end != NULL && (size_t)(end - rest.at) + 1 < rest.len && end[1] == '\n');
    struct slice line = slice_first(rest, (size_t)(end - rest.at));
    *at += line.len + 2;
    return line;
}

bool head_next(const struct writer *head, size_t *cursor, struct slice *ret_name,
               struct slice *ret_value)
{
    if (head->overflown)
        return false; /* the last line may be half of one */
    if (*cursor == 0)
        (void)take_line(head, cursor); /* the status line */
    if (*cursor >= writer_slice(head).len)
        return false;
    struct slice line = take_line(head, cursor);
    ptrdiff_t colon = slice_find(line, ':');
    assert(colon > 0);
    *ret_name = slice_first(line, (size_t)colon);
    *ret_value = slice_trim(slice_from(line, (size_t)colon + 1));
    return true;
}

struct slice head_value(const struct writer *head, struct slice name)
{
    size_t cursor = 0;
    struct slice at, value;
    while (head_next(head, &cursor, &at, &value)) {
        if (slice_equal_nocase(at, name))
            return value;
    }
    return (struct slice){NULL, 0};
}

void head_remove(struct writer *head, struct slice name)
{
    size_t cursor = 0;
    struct slice at, value;
    while (head_next(head, &cursor, &at, &value)) {
        if (!slice_equal_nocase(at, name))
            continue;
        size_t start = (size_t)(at.at - head->start);
        size_t rest = writer_slice(head).len - cursor;
        memmove(head->start + start, head->start + cursor, rest);
        head->at = head->start + start + rest;
        cursor = start;
    }
}

void head_set(struct writer *head, struct slice name, struct slice value)
{
    head_remove(head, name);
    h1_write_field(head, name, value);
}

void head_add_token(struct writer *head, struct slice name, struct slice token)
{
    size_t cursor = 0;
    struct slice at, list;
    while (head_next(head, &cursor, &at, &list)) {
        if (slice_equal_nocase(at, name) &&
            (http_list_has(list, token) || slice_equal(list, SLICE("*"))))
            return;
    }
    h1_write_field(head, name, token);
}
