/* Origins are compared as browsers write them; a pattern's star is any run of characters. */
#include "edge/filter/cors.h"

#include "base/cleanup.h"
#include "base/list.h"
#include "edge/route/match.h"
#include "http/exchange.h"
#include "http/head_edit.h"

#include <errno.h>

static const struct slice allow_origin = SLICE("Access-Control-Allow-Origin");

/* All that the protocol has in responses. */
static const struct slice cors_fields[] = {
    {"Access-Control-Allow-Origin", 27},   {"Access-Control-Allow-Credentials", 32},
    {"Access-Control-Allow-Methods", 28},  {"Access-Control-Allow-Headers", 28},
    {"Access-Control-Expose-Headers", 29}, {"Access-Control-Max-Age", 22},
};

struct cors_filter {
    struct exchange_filter filter;
    const struct conf_cors *conf; /* borrowed from the snapshot */
    struct slice origin;          /* of the request, when it is allowed */
    bool is_preflight;
};

static struct slice request_field(const struct exchange *exchange, struct slice name)
{
    const struct field *field = fields_find_name(&exchange->request.fields, name);
    return field == NULL ? (struct slice){NULL, 0} : field->value;
}

static bool is_allowed(const struct conf_cors *cors, struct slice origin)
{
    if (origin.len == 0)
        return false;
    for (unsigned i = 0; i < cors->origins_count; i++) {
        if (pattern_matches(&cors->origins[i], origin))
            return true;
    }
    return cors->any_origin;
}

static void write_list(struct writer *head, struct slice name, const struct slice *at,
                       unsigned count)
{
    if (count == 0)
        return;
    write_slice(head, name);
    for (unsigned i = 0; i < count; i++) {
        write_slice(head, i == 0 ? SLICE(": ") : SLICE(", "));
        write_slice(head, at[i]);
    }
    write_literal(head, "\r\n");
}

static bool filter_head(struct exchange_filter *filter, struct exchange *exchange)
{
    const struct cors_filter *cors = CONTAINER_OF(filter, struct cors_filter, filter);
    const struct conf_cors *conf = cors->conf;
    struct writer *head = &exchange->head;
    for (size_t i = 0; i < COUNT_OF(cors_fields) && !cors->is_preflight; i++)
        head_remove(head, cors_fields[i]);
    if (conf->any_origin) {
        h1_write_field(head, allow_origin, SLICE("*"));
    } else {
        /* Caches must not show one origin what another one got, allowed or not. */
        head_add_token(head, field_name(FIELD_VARY), SLICE("Origin"));
        if (cors->origin.len == 0)
            return false;
        h1_write_field(head, allow_origin, cors->origin);
        if (conf->credentials != 0)
            h1_write_field(head, SLICE("Access-Control-Allow-Credentials"), SLICE("true"));
    }
    if (!cors->is_preflight)
        write_list(head, SLICE("Access-Control-Expose-Headers"), conf->expose, conf->expose_count);
    return false;
}

static const struct exchange_filter_ops ops = {.head = filter_head};

static bool is_preflight(const struct exchange *exchange)
{
    return exchange->request.method == METHOD_OPTIONS &&
           request_field(exchange, SLICE("Origin")).len > 0 &&
           request_field(exchange, SLICE("Access-Control-Request-Method")).len > 0;
}

int cors_add_filter(struct exchange *exchange, const struct conf_cors *cors)
{
    struct cors_filter *filter = arena_alloc(&exchange->arena, sizeof *filter);
    if (filter == NULL)
        return -ENOMEM;
    struct slice origin = request_field(exchange, SLICE("Origin"));
    *filter = (struct cors_filter){{&ops, NULL, false}, cors, {NULL, 0}, is_preflight(exchange)};
    if (is_allowed(cors, origin))
        filter->origin = origin;
    exchange_add_filter(exchange, &filter->filter);
    return 0;
}

static void write_methods(struct writer *head, const struct conf_cors *cors)
{
    static const struct slice standard[] = {{"PUT", 3}, {"PATCH", 5}, {"DELETE", 6}};
    bool is_standard = cors->methods_count == 0;
    const struct slice *at = is_standard ? standard : cors->methods;
    unsigned count = is_standard ? (unsigned)COUNT_OF(standard) : cors->methods_count;
    write_literal(head, "Access-Control-Allow-Methods: GET, HEAD, POST");
    for (unsigned i = 0; i < count; i++) {
        write_literal(head, ", ");
        write_slice(head, at[i]);
    }
    write_literal(head, "\r\n");
}

/* The fields that are named, or those that are asked for, when that is a list of names. */
static void write_allowed_fields(struct writer *head, const struct exchange *exchange,
                                 const struct conf_cors *cors)
{
    static const struct slice name = SLICE("Access-Control-Allow-Headers");
    struct slice asked = request_field(exchange, SLICE("Access-Control-Request-Headers"));
    struct slice rest = asked, element;
    write_list(head, name, cors->headers, cors->headers_count);
    if (cors->headers_count > 0 || asked.len == 0)
        return;
    while (http_list_next(&rest, &element)) {
        if (!http_is_token(element))
            return;
    }
    h1_write_field(head, name, asked);
}

bool cors_answer_preflight(struct exchange *exchange, const struct conf_cors *cors)
{
    if (!is_preflight(exchange))
        return false;
    struct writer *head = exchange_begin(exchange, 204, (struct slice){0}, 0);
    if (head == NULL)
        return true;
    exchange_write_own_fields(head);
    write_literal(head, "Vary: Access-Control-Request-Method, Access-Control-Request-Headers\r\n");
    if (is_allowed(cors, request_field(exchange, SLICE("Origin")))) {
        write_methods(head, cors);
        write_allowed_fields(head, exchange, cors);
        write_literal(head, "Access-Control-Max-Age: ");
        write_u64(head, (uint64_t)cors->max_age_ms / 1000);
        write_literal(head, "\r\n");
    }
    (void)exchange_send(exchange, (struct slice){0}, false);
    return true;
}
