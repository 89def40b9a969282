/* Called by the files for HTTP and SOCKS once there is a connection; ends by the relay. */
#include "edge/proxy/tunnel.h"

#include "base/cleanup.h"
#include "edge/access_line.h"
#include "edge/access_log.h"
#include "edge/explain/decisions.h"
#include "edge/state.h"
#include "http/client.h"
#include "http/exchange.h"
#include "http/relay.h"
#include "http/session_internal.h"

#include <errno.h>

struct tunnel {
    struct access_connection facts; /* its texts stand in `text` */
    struct usage *usage;            /* owned */
    int64_t started_us;
    bool is_told; /* `explain` knows of it already */
    char text[];
};

/* The longest: a name of 255, a user of 255, "[" 39 "]:65535", a client's address, two names. */
#define TEXT_BYTES_MAX 1024

static struct slice put(struct writer *writer, struct slice text)
{
    char *start = writer->at;
    write_slice(writer, text);
    return slice_of(start, (size_t)(writer->at - start));
}

static struct slice put_host(struct writer *writer, const struct passage *passage)
{
    char *start = writer->at;
    passage_write_authority(writer, passage);
    return slice_of(start, (size_t)(writer->at - start));
}

static struct slice put_address(struct writer *writer, const struct address *address)
{
    char text[ADDRESS_TEXT_BYTES];
    if (address->len == 0)
        return (struct slice){0};
    return put(writer, slice_of(text, address_format(address, text)));
}

/* All that the line tells, its texts in `room`. */
static void describe(struct access_connection *facts, struct writer *room,
                     const struct session *session, const struct passage *passage)
{
    facts->client = put(room, slice_of(session->client, session->client_len));
    facts->listener = put(room, session->server->name);
    facts->host = put_host(room, passage);
    facts->user = put(room, passage->user);
    facts->target = put_address(room, &passage->address);
    facts->proxy = put(room, passage->proxy->conf->name);
    if (passage->rule != NULL) {
        facts->rule = passage->rule->number;
        facts->rule_line = passage->rule->place.line;
    }
}

static void tell(const struct tunnel *tunnel)
{
    struct edge_worker *worker = edge_worker_current();
    if (!tunnel->is_told)
        decisions_add_connection(worker->decisions, &tunnel->facts);
    access_lines_add_connection(worker->access_lines, &tunnel->facts);
}

static void count_open(int more)
{
    uint64_t *open = &worker_current()->counters.proxy_tunnels_open;
    if (more > 0)
        counter_add(open, 1);
    else
        counter_subtract(open, 1);
}

static void ended(void *arg, const struct relay_result *result)
{
    struct tunnel *tunnel = arg;
    struct worker_counters *counters = &worker_current()->counters;
    struct access_connection *facts = &tunnel->facts;
    facts->bytes_received = result->to_target_bytes;
    facts->bytes_sent = result->to_client_bytes;
    facts->reason = relay_reason(result->error);
    facts->duration_us = loop_now_us() - tunnel->started_us;
    counter_add(&counters->proxy_bytes_received, facts->bytes_received);
    counter_add(&counters->proxy_bytes_sent, facts->bytes_sent);
    count_open(-1);
    tell(tunnel);
    usage_leave(tunnel->usage);
    memory_free(tunnel);
}

/* A text that was written at `from` stands at `to` now. */
static void rebase(struct slice *text, const char *from, const char *to)
{
    if (text->at != NULL)
        text->at = to + (text->at - from);
}

static struct tunnel *create(const struct session *session, const struct passage *passage,
                             int64_t started_us)
{
    char text[TEXT_BYTES_MAX];
    struct access_connection facts = {0};
    struct writer room;
    writer_init(&room, text, sizeof text);
    describe(&facts, &room, session, passage);
    size_t len = writer_slice(&room).len;
    struct tunnel *tunnel = memory_alloc(sizeof *tunnel + len);
    if (tunnel == NULL)
        return NULL;
    struct slice *const texts[] = {&facts.client, &facts.listener, &facts.host,
                                   &facts.user,   &facts.target,   &facts.proxy};
    memcpy(tunnel->text, text, len);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        rebase(texts[i], text, tunnel->text);
    facts.tries = 1;
    facts.status = 200;
    facts.connect_us = loop_now_us() - started_us;
    tunnel->facts = facts;
    tunnel->started_us = started_us;
    return tunnel;
}

static int64_t pace(void *arg, uint64_t bytes)
{
    const struct tunnel *tunnel = arg;
    return usage_spend(tunnel->usage, bytes, loop_now_us());
}

static struct relay_terms terms_of(const struct passage *passage, const struct usage *usage,
                                   struct tunnel *tunnel)
{
    return (struct relay_terms){.idle_ms = passage->proxy->conf->timeouts.idle_ms,
                                .resets_idle = true,
                                .on_end = ended,
                                .pace = usage_has_bandwidth(usage) ? pace : NULL,
                                .arg = tunnel};
}

static void opened(struct tunnel *tunnel, struct usage *usage)
{
    tunnel->usage = usage;
    count_open(1);
    counter_add(&worker_current()->counters.proxy_tunnels, 1);
}

int tunnel_begin(struct exchange *exchange, const struct passage *passage, struct usage *usage,
                 struct io *target, struct inflow *from_target)
{
    struct tunnel *tunnel = create(exchange->session, passage, exchange->started_us);
    if (tunnel == NULL)
        return -ENOMEM;
    const struct relay_terms terms = terms_of(passage, usage, tunnel);
    tunnel->facts.id = exchange->id;
    tunnel->facts.method = exchange->request.method == METHOD_CONNECT ? "CONNECT" : "GET";
    tunnel->facts.protocol = http_version_name(&exchange->request).at;
    tunnel->facts.status = exchange->status;
    tunnel->is_told = true;
    int rc = exchange_relay(exchange, target, from_target, &terms);
    if (rc < 0) {
        memory_free(tunnel);
        return rc;
    }
    exchange->state = RESPONSE_UPGRADED;
    exchange->notes.is_tunnel = true;
    opened(tunnel, usage);
    return 0;
}

int tunnel_begin_socks(const struct socks_client *client, const struct passage *passage,
                       struct usage *usage, struct upstream *way)
{
    struct session *session = client->session;
    struct tunnel *tunnel = create(session, passage, client->started_us);
    if (tunnel == NULL)
        return -ENOMEM;
    const struct relay_terms terms = terms_of(passage, usage, tunnel);
    tunnel->facts.id = client->id;
    tunnel->facts.method = "CONNECT";
    tunnel->facts.protocol = "SOCKS5";
    int rc = relay_start(&session->io, &session->inflow, &way->io, &way->inflow, &terms);
    if (rc < 0) {
        memory_free(tunnel);
        return rc;
    }
    opened(tunnel, usage);
    return 0;
}

void tunnel_refused(const struct socks_client *client, const struct passage *passage,
                    enum passage_result result)
{
    const struct passage_end *end = passage_end_of(result);
    char text[TEXT_BYTES_MAX];
    struct writer room;
    struct tunnel tunnel = {
        .facts = {.id = client->id,
                  .method = "CONNECT",
                  .protocol = "SOCKS5",
                  .status = end->status,
                  .reason = end->why,
                  .duration_us = loop_now_us() - client->started_us},
    };
    writer_init(&room, text, sizeof text);
    describe(&tunnel.facts, &room, client->session, passage);
    passage_count(result);
    tell(&tunnel);
}
