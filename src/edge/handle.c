/* Routing, then the action: an explicit switch over what conf knows. */
#include "edge/handle.h"

#include "base/cleanup.h"
#include "edge/access_log.h"
#include "edge/bucket/bucket.h"
#include "edge/explain/decisions.h"
#include "edge/explain/notes.h"
#include "edge/files/files.h"
#include "edge/filter/cors.h"
#include "edge/filter/filters.h"
#include "edge/filter/headers.h"
#include "edge/forward/forward.h"
#include "edge/proxy/proxy.h"
#include "edge/proxy/socks.h"
#include "edge/respond.h"
#include "edge/route/ambiguity.h"
#include "edge/route/rewrite.h"
#include "edge/s3/s3.h"
#include "edge/state.h"
#include "edge/tcp/peek.h"
#include "edge/tcp/tcp.h"
#include "edge/tls/door.h"
#include "edge/trace/trace.h"
#include "edge/trace/tracer.h"
#include "http/session_internal.h"
#include "http/tls_io.h"

#include <errno.h>

static void run_action(struct exchange *exchange, const struct route *route, struct view *view)
{
    const struct conf_rule *rule = route->rule;
    if (UNLIKELY(rule->has_rewrite) && !rewrite_apply(exchange, rule))
        return;
    switch (rule->action) {
    case CONF_ACTION_FORWARD:
        forward_run(exchange, route, view);
        break;
    case CONF_ACTION_FILES:
        files_run(exchange, &rule->files);
        break;
    case CONF_ACTION_REDIRECT:
        redirect_run(exchange, &rule->redirect);
        break;
    case CONF_ACTION_RESPOND:
        respond_run(exchange, &rule->respond);
        break;
    case CONF_ACTION_BUCKET:
        bucket_run(exchange, rule);
        break;
    case CONF_ACTION_S3:
        s3_run(exchange, rule);
        break;
    }
}

static struct worker_listener *listener_of(const struct exchange *exchange)
{
    return CONTAINER_OF(exchange->server, struct worker_listener, server);
}

static struct maintenance *maintenance_of_edge(void)
{
    return &edge_worker_current()->edge->maintenance;
}

static void refuse_memory(struct exchange *exchange)
{
    exchange_respond_error(exchange, 503, "out of memory for this request");
}

/* What the request has to pass before the action. False: it has been answered. */
static bool admit(struct exchange *exchange, const struct conf_site *site,
                  const struct conf_rule *rule, const struct view *view)
{
    struct maintenance *maintenance = maintenance_of_edge();
    const struct gate *gate = rule->gate == 0 ? NULL : &view->plane->gates[rule->gate];
    if (maintenance_is_on(maintenance) && !maintenance_admit(maintenance, site->name, exchange))
        return false;
    if (gate != NULL && !gate_admit_client(gate, exchange))
        return false;
    /* Browsers send no credentials with a preflight: it comes before those are asked for. */
    if (rule->cors.enabled && cors_answer_preflight(exchange, &rule->cors))
        return false;
    struct balancer *auth_balancer =
        rule->auth.enabled ? &view->balancers[gate->auth_group]->balancer : NULL;
    return gate == NULL || gate_admit_user(gate, exchange, auth_balancer);
}

/* The action behind what its rule and site ask for besides. */
static __attribute__((noinline)) void run_guarded(struct exchange *exchange,
                                                  const struct conf_site *site,
                                                  const struct route *route, struct view *view)
{
    const struct conf_rule *rule = route->rule;
    /* The log tells what the client sent. */
    struct fields received = exchange->request.fields;
    if (rule->has_filters && filters_add(exchange, site, rule) < 0)
        refuse_memory(exchange);
    else if (!admit(exchange, site, rule, view))
        ; /* it has been answered */
    else if (headers_edit_request(exchange, &site->request_headers, &rule->request_headers) < 0)
        refuse_memory(exchange);
    else
        run_action(exchange, route, view);
    exchange->request.fields = received;
}

/* A site without a rule for the request still has its pages and headers, and may be closed. */
static __attribute__((noinline)) void refuse_unmatched(struct exchange *exchange,
                                                       const struct conf_site *site)
{
    struct maintenance *maintenance = maintenance_of_edge();
    if (site == NULL)
        exchange_respond_error(exchange, 404, "no site has this host");
    else if (site->has_filters && filters_add(exchange, site, NULL) < 0)
        refuse_memory(exchange);
    else if (!maintenance_is_on(maintenance) ||
             maintenance_admit(maintenance, site->name, exchange))
        exchange_respond_error(exchange, 404, "no rule matched");
}

/* Where a request counts that no site, or no rule of its site, is for. */
static struct series *series_without_rule(const struct exchange *exchange, struct router_site *site)
{
    struct edge *edge = edge_worker_current()->edge;
    return site == NULL ? series_of(&edge->no_site, edge->series, SERIES_RULE, SLICE("(none)"), 0,
                                    (struct slice){0})
                        : series_of(&site->series, edge->series, SERIES_RULE, exchange->notes.site,
                                    0, (struct slice){0});
}

static void begin_count(struct exchange *exchange, const struct worker_listener *listener,
                        struct route *route)
{
    const struct edge_worker *worker = edge_worker_current();
    exchange->notes.series =
        LIKELY(route != NULL)
            ? series_of(&route->series, worker->edge->series, SERIES_RULE, route->site->name,
                        route->rule->number, (struct slice){0})
            : series_without_rule(exchange, router_find_site(&listener->view->plane->router,
                                                             listener->index, exchange->host));
    series_begin_request(exchange->notes.series, worker->http.number);
}

/* False: it has been answered. */
static bool is_unambiguous(struct exchange *exchange, const struct router *router,
                           unsigned listener, const struct conf_rule *rule)
{
    int rc = ambiguity_find(router, listener, exchange, rule);
    if (LIKELY(rc == 0))
        return true;
    if (rc < 0)
        refuse_memory(exchange);
    else
        exchange_respond_error(exchange, 400, AMBIGUITY_REASON);
    return false;
}

void edge_handle(struct exchange *exchange)
{
    const struct worker_listener *listener = listener_of(exchange);
    struct view *view = view_ref(listener->view);
    const struct conf_site *site;
    exchange->held = view;
    if (UNLIKELY(view->plane->snapshot->tracing.is_on))
        trace_begin(exchange, &view->plane->snapshot->tracing);
    if (UNLIKELY(exchange->server->serve_socks != NULL)) {
        proxy_run(exchange, view, listener->index);
        return;
    }
    if (exchange->request.form == TARGET_AUTHORITY) {
        exchange_respond_error(exchange, 405, "CONNECT is for forward proxies");
        return;
    }
    struct challenges *challenges = &edge_worker_current()->edge->challenges;
    if (UNLIKELY(challenges_are_there(challenges)) && challenges_answer(challenges, exchange))
        return;
    if (UNLIKELY(view->plane->snapshot->has_client_auth) &&
        !door_admit(exchange, view, listener->index))
        return;
    struct route *route = router_find(&view->plane->router, listener->index, exchange, &site);
    if (site != NULL)
        exchange->notes.site = site->name;
    begin_count(exchange, listener, route);
    if (site != NULL && UNLIKELY(site->redirects_https || site->needs_client_certificate) &&
        door_turn_away(exchange, view, site))
        return;
    if (route == NULL) {
        refuse_unmatched(exchange, site);
        return;
    }
    notes_rule(exchange, route->rule);
    if (route->rule->action == CONF_ACTION_FORWARD && !site->passes_ambiguous_paths &&
        !is_unambiguous(exchange, &view->plane->router, listener->index, route->rule))
        return;
    if (UNLIKELY(route->rule->has_filters || route->rule->gate != 0 ||
                 maintenance_is_on(maintenance_of_edge())))
        run_guarded(exchange, site, route, view);
    else
        run_action(exchange, route, view);
}

/* A request that was refused before its handler met no view. */
static const struct conf_access_log *log_conf(const struct edge_worker *worker,
                                              const struct exchange *exchange)
{
    const struct view *view = exchange->held != NULL ? exchange->held : worker->view;
    return &view->plane->snapshot->access_log;
}

void edge_record(const struct exchange *exchange)
{
    struct edge_worker *worker = edge_worker_current();
    int64_t us = loop_now_us() - exchange->started_us;
    unsigned bucket = latency_bucket(us), number = worker->http.number;
    latency_count(&listener_of(exchange)->listener->latencies[number], bucket, us);
    if (LIKELY(exchange->notes.series != NULL))
        series_end_request(exchange->notes.series, number, exchange, bucket, us);
    else
        series_count_request(series_without_rule(exchange, NULL), number, exchange, bucket, us);
    const struct decision *decision = decisions_add(worker->decisions, exchange, us);
    if (UNLIKELY(exchange->notes.trace.is_sampled))
        tracer_add(worker->edge->tracer, number, decision);
    if (LIKELY(!exchange->notes.is_tunnel))
        access_lines_add(worker->access_lines, log_conf(worker, exchange), exchange);
    view_unref(exchange->held);
}

static void record_connection(const struct access_connection *facts, void *held)
{
    struct edge_worker *worker = edge_worker_current();
    if (facts != NULL) {
        decisions_add_connection(worker->decisions, facts);
        access_lines_add_connection(worker->access_lines, facts);
    }
    view_unref(held);
}

/* By the name that the client asks for, where the listener wants that; else its only group. */
static unsigned choose_group(const struct view *view, unsigned index, struct session *session,
                             struct client_hello *hello, struct tcp_route *route)
{
    const struct conf_listener *listener = route->listener;
    int rc = tcp_peek_hello(session, listener->timeouts.head_ms, hello, &route->why);
    bool is_silent = rc < 0 && rc != -EBADMSG;
    if (is_silent)
        return CONF_NO_GROUP;
    if (rc < 0) /* no TLS: who gets all others gets it */
        return listener->group;
    route->server_name = hello->server_name;
    route->why = "no group is for the name that the client asks for";
    const struct conf_sni_route *found =
        identities_route(view->identities, index, hello->server_name);
    return found == NULL ? listener->group : found->group;
}

static struct slice name_asked_for(const struct session *session)
{
    const struct tls_connection *connection = tls_io_connection(&session->io);
    return connection == NULL ? (struct slice){0} : tls_connection_server_name(connection);
}

void edge_serve(struct session *session, struct server *server)
{
    const struct worker_listener *self = CONTAINER_OF(server, struct worker_listener, server);
    struct view *view = view_ref(self->view);
    unsigned index = self->index;
    const struct conf_listener *listener = &view->plane->snapshot->listeners[index];
    struct client_hello hello;
    struct tcp_route route = {.listener = listener,
                              .held = view,
                              .server_name = name_asked_for(session),
                              .ended = record_connection};
    unsigned group = listener->group;
    if (listener->sni_count > 0)
        group = choose_group(view, index, session, &hello, &route);
    if (group != CONF_NO_GROUP) {
        route.balancer = &view->balancers[group]->balancer;
        route.group = view->plane->snapshot->groups[group].name;
    }
    tcp_serve(session, &route);
}

void edge_serve_socks(struct session *session, struct server *server)
{
    const struct worker_listener *self = CONTAINER_OF(server, struct worker_listener, server);
    struct view *view = view_ref(self->view);
    const struct proxy *proxy = proxy_of_listener(view, self->index);
    if (proxy != NULL)
        socks_serve(session, view->plane->snapshot, proxy);
    view_unref(view);
}
