/* Called by handle.c: who asks, where to, then the way out. */
#include "edge/proxy/proxy.h"

#include "base/cleanup.h"
#include "edge/proxy/answer.h"
#include "edge/proxy/outbound.h"
#include "edge/proxy/pac.h"
#include "edge/proxy/tunnel.h"
#include "edge/proxy/visitor.h"
#include "edge/proxy/way.h"
#include "edge/state.h"
#include "http/exchange.h"
#include "http/origin.h"
#include "http/worker.h"

#define HTTP_PORT 80

const struct proxy *proxy_of_listener(const struct view *view, unsigned listener)
{
    const struct snapshot *snapshot = view->plane->snapshot;
    const struct conf_forward_proxy *conf = snapshot->listeners[listener].proxy;
    return conf == NULL ? NULL : &view->plane->proxies[conf - snapshot->proxies];
}

static bool is_pac(const struct exchange *exchange, const struct proxy *proxy)
{
    return proxy->conf->pac.path.len > 0 && slice_equal(exchange->path, proxy->conf->pac.path);
}

/* Is it asked as if it were a server? By HTTP/2 all requests look alike: then its port tells. */
static bool is_for_us(const struct exchange *exchange, const struct proxy *proxy)
{
    const struct request_head *request = &exchange->request;
    if (request->form == TARGET_AUTHORITY || request->form == TARGET_ABSOLUTE)
        return false;
    if (request->version_major >= 2)
        return is_pac(exchange, proxy) && exchange->port == exchange->server->port;
    return request->scheme.len == 0;
}

/* What is asked of the proxy as if it were a server. */
static void answer_directly(struct exchange *exchange, const struct proxy *proxy)
{
    if (is_pac(exchange, proxy))
        pac_respond(exchange, proxy);
    else
        exchange_respond_error(exchange, 400,
                               "this is a forward proxy: it takes CONNECT and whole URLs");
}

/* Where to. False: it has been answered. */
static bool read_destination(struct exchange *exchange, struct passage *passage)
{
    bool is_tunnel = exchange->request.form == TARGET_AUTHORITY;
    unsigned port = exchange->port > 0 ? exchange->port : is_tunnel ? 0 : HTTP_PORT;
    if (!is_tunnel && !slice_equal_nocase(exchange->request.scheme, SLICE("http"))) {
        exchange_respond_error(exchange, 501,
                               "the proxy takes http:// URLs, and CONNECT for all else");
        return false;
    }
    if (passage_set_host(passage, exchange->host, (uint16_t)port) == PASSAGE_OPEN)
        return true;
    answer_end(exchange, passage, PASSAGE_BAD_HOST);
    return false;
}

static int join(struct exchange *exchange, const struct passage *passage, struct usage **usage,
                struct upstream *way)
{
    if (exchange_begin(exchange, 200, SLICE("Connection Established"), EXCHANGE_LENGTH_UNKNOWN) ==
            NULL ||
        exchange_flush(exchange) < 0)
        return -1;
    int rc = tunnel_begin(exchange, passage, *usage, &way->io, &way->inflow);
    if (rc == 0)
        *usage = NULL;
    return rc;
}

static void open_tunnel(struct exchange *exchange, struct passage *passage, struct usage **usage)
{
    struct upstream way;
    enum passage_result result = way_open(passage, &way);
    if (result == PASSAGE_OPEN) {
        exchange->notes.upstream_us = loop_now_us() - exchange->started_us;
        if (join(exchange, passage, usage, &way) < 0)
            exchange_break(exchange);
    } else {
        answer_end(exchange, passage, result);
    }
    way_close(&way);
}

static void run_passage(struct exchange *exchange, struct passage *passage)
{
    bool is_limited = false;
    struct usage *usage =
        usage_enter(edge_worker_current()->edge->usages, passage->proxy->conf,
                    passage->user.len > 0 ? passage->user : exchange->client, &is_limited);
    if (usage == NULL) {
        answer_end(exchange, passage, is_limited ? PASSAGE_LIMITED : PASSAGE_NO_RESOURCES);
        return;
    }
    if (exchange->request.form == TARGET_AUTHORITY)
        open_tunnel(exchange, passage, &usage);
    else
        outbound_run(exchange, passage, &usage);
    usage_leave(usage);
}

/* At least 1, so that 0 stays "never". */
static uint32_t since(const struct exchange *exchange, int64_t us)
{
    int64_t passed = us == 0 ? 0 : us - exchange->started_us;
    return us == 0 ? 0 : passed < 1 ? 1 : passed > UINT32_MAX ? UINT32_MAX : (uint32_t)passed;
}

/* The try at the destination. */
static void note_try(struct exchange *exchange, const struct passage *passage)
{
    struct exchange_notes *notes = &exchange->notes;
    bool is_answered = notes->upstream_us > 0;
    notes->tries = 1;
    notes->tried[0] = (struct exchange_try){
        .target = notes->target,
        .why = notes->reason,
        .begun_us = since(exchange, passage->dialled_us),
        .connected_us = since(exchange, passage->connected_us),
        .answered_us = is_answered ? since(exchange, exchange->started_us + notes->upstream_us) : 0,
        .ended_us = since(exchange, loop_now_us()),
        .status = is_answered ? (uint16_t)exchange->status : 0,
        .outcome = notes->reason == NULL        ? TRY_ANSWERED
                   : passage->connected_us == 0 ? TRY_CONNECT_FAILED
                   : is_answered                ? TRY_CUT_SHORT
                                                : TRY_BROKEN,
        .was_kept = passage->was_kept,
    };
}

/* For the log and `explain`: the rule, and where it went. */
static void note(struct exchange *exchange, const struct passage *passage)
{
    char text[ADDRESS_TEXT_BYTES];
    if (passage->rule != NULL) {
        exchange->notes.rule = passage->rule->number;
        exchange->notes.rule_line = passage->rule->place.line;
    }
    if (passage->address.len > 0)
        exchange->notes.target =
            arena_copy(&exchange->arena, slice_of(text, address_format(&passage->address, text)));
    if (passage->dialled_us > 0)
        note_try(exchange, passage);
}

/* By its rule, however it ended. */
static void count(struct exchange *exchange, const struct proxy *proxy)
{
    const struct edge_worker *worker = edge_worker_current();
    unsigned rule = exchange->notes.rule;
    exchange->notes.series = series_of(&proxy->series[rule], worker->edge->series, SERIES_RULE,
                                       proxy->series_name, rule, (struct slice){0});
    series_begin_request(exchange->notes.series, worker->http.number);
}

/* Who asks, where to, and the way there. */
static void serve(struct exchange *exchange, struct view *view, const struct proxy *proxy)
{
    struct passage passage = {
        .snapshot = view->plane->snapshot,
        .proxy = proxy,
        .method = exchange->request.method,
        .method_name = exchange->request.method_name,
    };
    if (!visitor_admit(exchange, proxy, &passage.user))
        return;
    exchange->notes.user = passage.user;
    (void)origin_address(exchange->client, 0, &passage.source);
    if (exchange->request.form != TARGET_AUTHORITY)
        passage.path = exchange->path;
    if (!read_destination(exchange, &passage))
        return;
    run_passage(exchange, &passage);
    note(exchange, &passage);
}

void proxy_run(struct exchange *exchange, struct view *view, unsigned listener)
{
    const struct proxy *proxy = proxy_of_listener(view, listener);
    exchange->notes.proxy = proxy->conf->name;
    counter_add(&worker_current()->counters.proxy_requests, 1);
    if (is_for_us(exchange, proxy))
        answer_directly(exchange, proxy);
    else
        serve(exchange, view, proxy);
    count(exchange, proxy);
}
