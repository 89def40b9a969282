/* Routing, then the action: an explicit switch over what conf knows. */
#include "edge/handle.h"

#include "edge/access_log.h"
#include "edge/files/files.h"
#include "edge/forward/forward.h"
#include "edge/respond.h"
#include "edge/state.h"

static void run_action(struct exchange *exchange, const struct route *route,
                       struct edge_worker *worker)
{
    const struct conf_rule *rule = route->rule;
    switch (rule->action) {
    case CONF_ACTION_FORWARD:
        forward_run(exchange, rule, &worker->balancers[route->group]);
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

static size_t listener_of(const struct edge_worker *worker, const struct exchange *exchange)
{
    return (size_t)(exchange->server - worker->plane->servers);
}

void edge_handle(struct exchange *exchange)
{
    struct edge_worker *worker = edge_worker_current();
    const struct conf_site *site;
    if (exchange->request.form == TARGET_AUTHORITY) {
        exchange_respond_error(exchange, 405, "CONNECT is for forward proxies");
        return;
    }
    const struct route *route =
        router_find(&worker->plane->router, listener_of(worker, exchange), exchange, &site);
    if (site != NULL)
        exchange->notes.site = site->name;
    if (route == NULL) {
        exchange_respond_error(exchange, 404,
                               site == NULL ? "no site has this host" : "no rule matched");
        return;
    }
    exchange->notes.rule = route->rule->number;
    run_action(exchange, route, worker);
}

void edge_record(const struct exchange *exchange)
{
    struct edge_worker *worker = edge_worker_current();
    latency_add(&worker->latencies[listener_of(worker, exchange)],
                loop_now_us() - exchange->started_us);
    access_lines_add(worker->access_lines, exchange);
}
