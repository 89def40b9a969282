/* What the action sends goes by unseen; behind it the page follows, its two variables filled in. */
#include "edge/filter/error_page.h"

#include "base/cleanup.h"
#include "base/list.h"
#include "conf/template.h"
#include "edge/files/types.h"
#include "http/exchange.h"
#include "http/head_edit.h"

#include <errno.h>

struct error_page_filter {
    struct exchange_filter filter;        /* the first member */
    const struct conf_error_pages *pages; /* borrowed from the snapshot */
    const struct conf_error_page *page;   /* once the status is known; NULL: none */
};

/* Fields about the body that is not shown. */
static const struct slice body_fields[] = {
    {"Accept-Ranges", 13},
    {"Cache-Control", 13},
    {"Content-Disposition", 19},
    {"Content-Digest", 14},
    {"Content-Encoding", 16},
    {"Content-Language", 16},
    {"Content-Location", 16},
    {"Content-MD5", 11},
    {"Content-Range", 13},
    {"Digest", 6},
    {"ETag", 4},
    {"Expires", 7},
    {"Last-Modified", 13},
    {"Repr-Digest", 11},
};

static const struct conf_error_page *find_page(const struct conf_error_pages *pages,
                                               const struct exchange *exchange)
{
    if (exchange->status < 400 || (exchange->notes.reason == NULL && !pages->intercept))
        return NULL;
    for (unsigned i = 0; i < pages->pages_count; i++) {
        const struct conf_error_page *page = &pages->pages[i];
        if (exchange->status >= page->first && exchange->status <= page->last)
            return page;
    }
    return NULL;
}

static bool is_filled_in(enum template_variable variable)
{
    return variable == TEMPLATE_STATUS || variable == TEMPLATE_REQUEST_ID;
}

/* The next run of bytes that stand as they are, or a value written into `room`. False at the end.
 * What else is in braces is the page's own. */
static bool page_next(struct slice *rest, const struct exchange *exchange, char room[static 16],
                      struct slice *ret_piece)
{
    struct slice start = *rest, text;
    enum template_variable variable;
    struct slice next = *rest;
    while (template_next(&next, &variable, &text)) {
        if (!is_filled_in(variable)) {
            *rest = next;
            continue;
        }
        if (rest->at > start.at)
            break; /* first what stands before it */
        struct writer writer;
        writer_init(&writer, room, 16);
        if (variable == TEMPLATE_STATUS)
            write_u64(&writer, exchange->status);
        else
            write_hex(&writer, exchange->id, 16);
        *ret_piece = writer_slice(&writer);
        *rest = next;
        return true;
    }
    *ret_piece = slice_first(start, (size_t)(rest->at - start.at));
    return ret_piece->len > 0;
}

static uint64_t page_length(const struct conf_error_page *page, const struct exchange *exchange)
{
    struct slice rest = page->body, piece;
    char room[16];
    uint64_t length = 0;
    while (page_next(&rest, exchange, room, &piece))
        length += piece.len;
    return length;
}

static bool filter_head(struct exchange_filter *filter, struct exchange *exchange)
{
    struct error_page_filter *error = CONTAINER_OF(filter, struct error_page_filter, filter);
    struct writer *head = &exchange->head;
    error->page = find_page(error->pages, exchange);
    if (error->page == NULL)
        return false;
    for (size_t i = 0; i < COUNT_OF(body_fields); i++)
        head_remove(head, body_fields[i]);
    head_set(head, field_name(FIELD_CONTENT_TYPE), content_type_of(error->page->file));
    write_literal(head, "Cache-Control: no-store\r\n");
    exchange->is_replaced = true;
    exchange_set_length(exchange, page_length(error->page, exchange));
    return true;
}

static int filter_body(struct exchange_filter *filter, struct exchange *exchange, struct slice data,
                       enum exchange_part part)
{
    const struct error_page_filter *error = CONTAINER_OF(filter, struct error_page_filter, filter);
    struct slice rest = error->page->body, piece;
    char room[16];
    int rc = 0;
    (void)data;
    if (part != PART_LAST)
        return 0;
    while (rc == 0 && page_next(&rest, exchange, room, &piece)) {
        bool is_last = rest.len == 0;
        rc = exchange_pass(filter, exchange, piece, is_last ? PART_LAST : PART_MORE);
        if (is_last)
            return rc;
    }
    return rc < 0 ? rc : exchange_pass(filter, exchange, (struct slice){0}, PART_LAST);
}

static bool replaces(const struct exchange_filter *filter, const struct exchange *exchange)
{
    const struct error_page_filter *error = (const struct error_page_filter *)filter;
    return find_page(error->pages, exchange) != NULL;
}

static const struct exchange_filter_ops ops = {
    .replaces = replaces, .head = filter_head, .body = filter_body};

int error_page_add_filter(struct exchange *exchange, const struct conf_error_pages *pages)
{
    struct error_page_filter *filter = arena_alloc(&exchange->arena, sizeof *filter);
    if (filter == NULL)
        return -ENOMEM;
    *filter = (struct error_page_filter){{&ops, NULL, false}, pages, NULL};
    exchange_add_filter(exchange, &filter->filter);
    return 0;
}
