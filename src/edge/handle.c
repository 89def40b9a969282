/* Routing, then the action: an explicit switch over what conf knows. */
#include "edge/handle.h"

#include "base/cleanup.h"
#include "edge/access_log.h"
#include "edge/files/files.h"
#include "edge/forward/forward.h"
#include "edge/respond.h"
#include "edge/route/rewrite.h"
#include "edge/state.h"
#include "edge/tcp/tcp.h"

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
    }
}

static struct worker_listener *listener_of(const struct exchange *exchange)
{
    return CONTAINER_OF(exchange->server, struct worker_listener, server);
}

void edge_handle(struct exchange *exchange)
{
    const struct worker_listener *listener = listener_of(exchange);
    struct view *view = view_ref(listener->view);
    const struct conf_site *site;
    exchange->held = view;
    if (exchange->request.form == TARGET_AUTHORITY) {
        exchange_respond_error(exchange, 405, "CONNECT is for forward proxies");
        return;
    }
    const struct route *route = router_find(&view->plane->router, listener->index, exchange, &site);
    if (site != NULL)
        exchange->notes.site = site->name;
    if (route == NULL) {
        exchange_respond_error(exchange, 404,
                               site == NULL ? "no site has this host" : "no rule matched");
        return;
    }
    exchange->notes.rule = route->rule->number;
    run_action(exchange, route, view);
}

void edge_record(const struct exchange *exchange)
{
    struct edge_worker *worker = edge_worker_current();
    latency_add(&listener_of(exchange)->listener->latencies[worker->http.number],
                loop_now_us() - exchange->started_us);
    access_lines_add(worker->access_lines, exchange);
    view_unref(exchange->held);
}

static void record_connection(const struct access_connection *facts, void *held)
{
    if (facts != NULL)
        access_lines_add_connection(edge_worker_current()->access_lines, facts);
    view_unref(held);
}

void edge_serve(struct session *session, struct server *server)
{
    const struct worker_listener *self = CONTAINER_OF(server, struct worker_listener, server);
    struct view *view = view_ref(self->view);
    const struct conf_listener *listener = &view->plane->snapshot->listeners[self->index];
    const struct tcp_route route = {.listener = listener,
                                    .balancer = &view->balancers[listener->group]->balancer,
                                    .held = view,
                                    .ended = record_connection};
    tcp_serve(session, &route);
}
