/* Called once a rule is found that asks for it; what it writes lives in the exchange's arena. */
#include "edge/route/rewrite.h"

#include "conf/snapshot.h"
#include "edge/route/location.h"
#include "http/exchange.h"
#include "wire/http/uri.h"

static void strip(struct exchange *exchange, struct slice prefix)
{
    struct slice path = exchange->action_path;
    if (!slice_starts_with(path, prefix))
        path = exchange->path; /* "/%40a" is what a rule takes for "/@a" */
    if (!slice_starts_with(path, prefix))
        return;
    struct slice rest = slice_from(path, prefix.len);
    if (rest.len > 0 && rest.at[0] != '/')
        return; /* "/apis" is not below "/api" */
    exchange->action_path = rest.len == 0 ? SLICE("/") : rest;
    exchange->action_prefix = prefix;
}

static bool refuse(struct exchange *exchange, unsigned status, const char *reason)
{
    exchange_respond_error(exchange, status, reason);
    return false;
}

/* Behind a '?' stands the new query. Where the text says nothing of one, the old one stays. */
static void take_query(struct exchange *exchange, struct slice to, struct slice query)
{
    if (query.len > 0)
        exchange->action_query = query;
    else if (query.at != NULL || slice_search(to, SLICE("{query}")) >= 0)
        exchange->action_query = (struct slice){NULL, 0};
}

static bool rewrite(struct exchange *exchange, struct slice to)
{
    struct arena *arena = &exchange->arena;
    size_t room = location_bytes_max(to, exchange);
    char *memory = arena_alloc(arena, room);
    if (memory == NULL)
        return refuse(exchange, 503, "out of memory for this request");
    struct writer writer;
    writer_init(&writer, memory, room);
    location_expand(&writer, to, exchange);
    struct slice rest = writer_slice(&writer), raw, path;
    if (rest.len > HTTP_URI_BYTES_MAX)
        return refuse(exchange, 414, "the rewritten address would be too long");
    (void)slice_cut(&rest, '?', &raw); /* leaves the query */
    /* What is put together may hold "//" or a dot segment that its parts did not. */
    char *normal = arena_alloc(arena, raw.len * 3 + 1);
    if (normal == NULL)
        return refuse(exchange, 503, "out of memory for this request");
    if (uri_normalise_path(raw, normal, &path) < 0)
        return refuse(exchange, 400, "the rewritten path is malformed or leaves the root");
    exchange->action_path = path;
    take_query(exchange, to, rest);
    return true;
}

bool rewrite_apply(struct exchange *exchange, const struct conf_rule *rule)
{
    if (!slice_starts_with(exchange->action_path, SLICE("/")))
        return true;
    if (rule->strip_prefix.len > 0)
        strip(exchange, rule->strip_prefix);
    return rule->rewrite.len == 0 || rewrite(exchange, rule->rewrite);
}
