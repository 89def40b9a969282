/* Remove, set, add: in the request's parsed fields, and in the response's written head. */
#include "edge/filter/headers.h"

#include "base/list.h"
#include "conf/template.h"
#include "edge/filter/expand.h"
#include "edge/filter/request_edit.h"
#include "http/exchange.h"
#include "http/head_edit.h"

#include <errno.h>

/* Requests. */

static int expand_value(struct exchange *exchange, struct slice text, struct slice *ret_value)
{
    *ret_value = text;
    if (!template_has_braces(text))
        return 0;
    size_t len = expand_length(exchange, text);
    char *memory = arena_alloc(&exchange->arena, len + 1);
    if (memory == NULL)
        return -ENOMEM;
    struct writer writer;
    writer_init(&writer, memory, len);
    expand_write(&writer, exchange, text);
    *ret_value = writer_slice(&writer);
    return 0;
}

static int put_field(struct exchange *exchange, const struct conf_field *conf)
{
    struct slice value;
    int rc = expand_value(exchange, conf->value, &value);
    if (rc < 0)
        return rc;
    if (value.len == 0 && conf->value.len > 0)
        return 0; /* there is nothing to be said, such as who a client without certificate is */
    if (field_id_of(conf->name) == FIELD_HOST)
        exchange->upstream_host = value;
    else
        request_edit_add(exchange, conf->name, value);
    return 0;
}

static int edit_fields(struct exchange *exchange, const struct conf_header_edits *edits)
{
    int rc = 0;
    for (unsigned i = 0; i < edits->remove_count; i++)
        request_edit_remove(exchange, edits->remove[i]);
    for (unsigned i = 0; i < edits->set_count && rc == 0; i++) {
        request_edit_remove(exchange, edits->set[i].name);
        rc = put_field(exchange, &edits->set[i]);
    }
    for (unsigned i = 0; i < edits->add_count && rc == 0; i++)
        rc = put_field(exchange, &edits->add[i]);
    return rc;
}

static unsigned new_fields(const struct conf_header_edits *edits)
{
    return edits->set_count + edits->add_count;
}

int headers_edit_request(struct exchange *exchange, const struct conf_header_edits *site,
                         const struct conf_header_edits *rule)
{
    unsigned more = new_fields(site) + new_fields(rule);
    if (site->remove_count + rule->remove_count + more == 0)
        return 0;
    int rc = request_edit_begin(exchange, more);
    if (rc == 0)
        rc = edit_fields(exchange, site);
    return rc < 0 ? rc : edit_fields(exchange, rule);
}

/* Responses. */

struct headers_filter {
    struct exchange_filter filter;
    const struct conf_header_edits *site; /* borrowed from the snapshot, as the rule's */
    const struct conf_header_edits *rule;
};

static void write_field(struct exchange *exchange, const struct conf_field *conf)
{
    struct writer *head = &exchange->head;
    if (!template_has_braces(conf->value)) {
        h1_write_field(head, conf->name, conf->value);
        return;
    }
    write_slice(head, conf->name);
    write_literal(head, ": ");
    expand_write(head, exchange, conf->value);
    write_literal(head, "\r\n");
}

static void edit_head(struct exchange *exchange, const struct conf_header_edits *edits)
{
    for (unsigned i = 0; i < edits->remove_count; i++)
        head_remove(&exchange->head, edits->remove[i]);
    for (unsigned i = 0; i < edits->set_count; i++) {
        head_remove(&exchange->head, edits->set[i].name);
        write_field(exchange, &edits->set[i]);
    }
    for (unsigned i = 0; i < edits->add_count; i++)
        write_field(exchange, &edits->add[i]);
}

static bool filter_head(struct exchange_filter *filter, struct exchange *exchange)
{
    const struct headers_filter *headers = CONTAINER_OF(filter, struct headers_filter, filter);
    edit_head(exchange, headers->site);
    edit_head(exchange, headers->rule);
    return false;
}

static const struct exchange_filter_ops ops = {.head = filter_head};

int headers_add_filter(struct exchange *exchange, const struct conf_header_edits *site,
                       const struct conf_header_edits *rule)
{
    if (site->remove_count + rule->remove_count + new_fields(site) + new_fields(rule) == 0)
        return 0;
    struct headers_filter *headers = arena_alloc(&exchange->arena, sizeof *headers);
    if (headers == NULL)
        return -ENOMEM;
    *headers = (struct headers_filter){{&ops, NULL, false}, site, rule};
    exchange_add_filter(exchange, &headers->filter);
    return 0;
}
