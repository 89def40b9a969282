/*
 * The way back from the connection to the client, hop by hop. Both fields become one list of hops
 * first. Only listeners with trusted proxies come here.
 */
#include "http/trust.h"

#include "base/cleanup.h"
#include "http/exchange.h"
#include "http/origin.h"
#include "http/session.h"
#include "wire/http/forwarded.h"
#include "wire/http/uri.h"

#include <errno.h>

/* Proxies one behind the other. Of a longer list the last ones count. */
#define HOPS_MAX 32

/* A list of which only the end is kept: a ring. */
struct hops {
    struct forwarded_element at[HOPS_MAX];
    size_t count; /* may be more than there is room for */
    bool is_forwarded;
};

static void add_hop(struct hops *hops, const struct forwarded_element *hop)
{
    hops->at[hops->count++ % HOPS_MAX] = *hop;
}

static size_t hops_kept(const struct hops *hops)
{
    return hops->count < HOPS_MAX ? hops->count : HOPS_MAX;
}

/* Counted from the right. */
static const struct forwarded_element *hop_from_right(const struct hops *hops, size_t index)
{
    return &hops->at[(hops->count - 1 - index) % HOPS_MAX];
}

static void add_list(struct hops *hops, struct slice value)
{
    struct slice part;
    while (slice_cut(&value, ',', &part)) {
        struct forwarded_element hop = {.for_node = slice_trim(part)};
        if (hop.for_node.len > 0)
            add_hop(hops, &hop);
    }
}

static int add_elements(struct hops *hops, struct slice value)
{
    struct forwarded_element hop;
    int rc;
    while ((rc = forwarded_next(&value, &hop)) == 1)
        add_hop(hops, &hop);
    return rc;
}

/* A field that is malformed says nothing, and neither do the others of its name. */
static void collect(const struct exchange *exchange, struct hops *hops)
{
    const struct fields *fields = &exchange->request.fields;
    hops->is_forwarded = fields_find(fields, FIELD_X_FORWARDED_FOR) == NULL &&
                         fields_find(fields, FIELD_X_FORWARDED_PROTO) == NULL &&
                         fields_find(fields, FIELD_X_FORWARDED_HOST) == NULL;
    for (unsigned i = 0; i < fields->count; i++) {
        if (!hops->is_forwarded && fields->at[i].id == FIELD_X_FORWARDED_FOR)
            add_list(hops, fields->at[i].value);
        if (hops->is_forwarded && fields->at[i].id == FIELD_FORWARDED &&
            add_elements(hops, fields->at[i].value) < 0) {
            hops->count = 0;
            return;
        }
    }
}

static bool is_trusted(const struct exchange *exchange, const struct address *address)
{
    const struct server *server = exchange->server;
    return networks_contain(server->trusted, server->trusted_count, address);
}

static int hop_address(const struct hops *hops, const struct forwarded_element *hop,
                       struct address *ret_address)
{
    struct slice host;
    int rc = forwarded_split_node(hop->for_node, !hops->is_forwarded, &host);
    return rc < 0 ? rc : address_from_ip(host, 0, ret_address);
}

/* In the one form that addresses have here, whatever form they came in. */
static struct slice show(struct exchange *exchange, const struct address *address)
{
    char text[ADDRESS_TEXT_BYTES];
    size_t len = address_format_host(address, text);
    return arena_copy(&exchange->arena, slice_of(text, len));
}

/* `proxy` before those that are nearer to us. */
static struct slice join(struct exchange *exchange, struct slice proxy, struct slice via)
{
    return via.len == 0
               ? proxy
               : arena_format(&exchange->arena, "%.*s, %.*s", SLICE_ARG(proxy), SLICE_ARG(via));
}

/*
 * Returns the hop that told of the client; NULL when none did, and the peer is the client. Bounded
 * by HOPS_MAX.
 */
static const struct forwarded_element *walk(struct exchange *exchange, const struct hops *hops)
{
    const struct forwarded_element *told_by = NULL;
    bool goes_on = true;
    for (size_t i = 0; goes_on && i < hops_kept(hops); i++) {
        const struct forwarded_element *hop = hop_from_right(hops, i);
        struct address address;
        if (hop_address(hops, hop, &address) < 0)
            break;
        struct slice client = show(exchange, &address);
        struct slice via = join(exchange, exchange->client, exchange->via);
        if (client.at == NULL || via.at == NULL)
            break;
        exchange->via = via;
        exchange->client = client;
        told_by = hop;
        goes_on = is_trusted(exchange, &address);
    }
    return told_by;
}

/* The last value of the last field: what the nearest proxy said. */
static struct slice last_value(const struct exchange *exchange, enum field_id id)
{
    const struct fields *fields = &exchange->request.fields;
    struct slice value = {NULL, 0}, part;
    for (unsigned i = 0; i < fields->count; i++) {
        if (fields->at[i].id == id)
            value = fields->at[i].value;
    }
    for (part = value; slice_cut(&value, ',', &part);)
        continue;
    return slice_trim(part);
}

static void believe_proto(struct exchange *exchange, struct slice proto)
{
    if (slice_equal_nocase(proto, SLICE("https")))
        exchange->is_secure = true;
    else if (slice_equal_nocase(proto, SLICE("http")))
        exchange->is_secure = false;
}

static void believe_host(struct exchange *exchange, struct slice host)
{
    struct slice name;
    unsigned port;
    if (host.len > 0 && uri_parse_authority(host, &name, &port) == 0)
        exchange->forwarded_host = host;
}

static void believe_port(struct exchange *exchange, struct slice text)
{
    uint64_t port;
    if (slice_parse_u64(text, &port) == 0 && port > 0 && port <= UINT16_MAX)
        exchange->forwarded_port = (unsigned)port;
}

void trust_apply(struct exchange *exchange)
{
    struct address peer;
    UNINITIALISED struct hops hops;
    if (origin_address(exchange->client, 0, &peer) < 0 || !is_trusted(exchange, &peer))
        return;
    exchange->has_trusted_peer = true;
    hops.count = 0;
    collect(exchange, &hops);
    const struct forwarded_element *told_by = walk(exchange, &hops);
    if (!hops.is_forwarded) {
        believe_proto(exchange, last_value(exchange, FIELD_X_FORWARDED_PROTO));
        believe_host(exchange, last_value(exchange, FIELD_X_FORWARDED_HOST));
        believe_port(exchange, last_value(exchange, FIELD_X_FORWARDED_PORT));
    } else if (told_by != NULL) {
        believe_proto(exchange, told_by->proto);
        believe_host(exchange, told_by->host);
    }
}
