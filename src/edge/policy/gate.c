/* The order of docs/filters.md stands here and in handle.c, and nowhere else. */
#include "edge/policy/gate.h"

#include "base/cleanup.h"
#include "edge/policy/auth_request.h"
#include "edge/policy/basic_auth.h"
#include "edge/policy/limiter.h"
#include "http/exchange.h"

#include <errno.h>

static unsigned group_index(const struct snapshot *snapshot, struct slice name)
{
    unsigned index = 0;
    while (index < snapshot->groups_count && !slice_equal(snapshot->groups[index].name, name))
        index++;
    return index;
}

static int fill(struct gate *gate, const struct snapshot *snapshot, const struct conf_site *site,
                const struct conf_rule *rule)
{
    gate->rule = rule;
    if (rule->rate_limit.enabled) {
        gate->rate = limiter_take_rate(site->name, rule->number, &rule->rate_limit);
        if (gate->rate == NULL)
            return -ENOMEM;
    }
    if (rule->concurrency.enabled) {
        gate->concurrency = limiter_take_concurrency(site->name, rule->number, &rule->concurrency);
        if (gate->concurrency == NULL)
            return -ENOMEM;
    }
    if (rule->basic_auth.enabled) {
        gate->basic_auth = basic_auth_create(&rule->basic_auth);
        if (gate->basic_auth == NULL)
            return -ENOMEM;
    }
    if (rule->auth.enabled)
        gate->auth_group = group_index(snapshot, rule->auth.group);
    return 0;
}

int gates_create(const struct snapshot *snapshot, struct gate **ret_gates)
{
    struct gate *gates = memory_alloc_array((size_t)snapshot->gates_count + 1, sizeof *gates);
    int rc = gates == NULL ? -ENOMEM : 0;
    for (unsigned i = 0; rc == 0 && i < snapshot->sites_count; i++) {
        const struct conf_site *site = &snapshot->sites[i];
        for (unsigned k = 0; rc == 0 && k < site->rules_count; k++) {
            if (site->rules[k].gate != 0)
                rc = fill(&gates[site->rules[k].gate], snapshot, site, &site->rules[k]);
        }
    }
    if (rc < 0)
        gates_destroy(snapshot, gates);
    else
        *ret_gates = gates;
    return rc;
}

void gates_destroy(const struct snapshot *snapshot, struct gate *gates)
{
    for (unsigned i = 1; gates != NULL && i <= snapshot->gates_count; i++) {
        limiter_unref(gates[i].rate);
        limiter_unref(gates[i].concurrency);
        basic_auth_destroy(gates[i].basic_auth);
    }
    memory_free(gates);
}

static bool admit_limits(const struct gate *gate, struct exchange *exchange, bool by_user)
{
    const struct conf_rule *rule = gate->rule;
    if (gate->rate != NULL && (rule->rate_limit.key.by == CONF_LIMIT_BY_USER) == by_user &&
        !limiter_admit(gate->rate, exchange))
        return false;
    return gate->concurrency == NULL ||
           (rule->concurrency.key.by == CONF_LIMIT_BY_USER) != by_user ||
           limiter_admit(gate->concurrency, exchange);
}

bool gate_admit_client(const struct gate *gate, struct exchange *exchange)
{
    return admit_limits(gate, exchange, false);
}

static bool admit_body(const struct conf_rule *rule, struct exchange *exchange)
{
    const struct framing *framing = &exchange->request.framing;
    exchange->body_max = rule->body_max;
    /* S3 has a document for it. */
    if (!framing->has_content_length || framing->content_length <= rule->body_max ||
        rule->action == CONF_ACTION_S3)
        return true;
    exchange->keep_alive = false;
    exchange_respond_error(exchange, 413, "the request's body is larger than body_max");
    return false;
}

bool gate_admit_user(const struct gate *gate, struct exchange *exchange,
                     struct balancer *auth_balancer)
{
    const struct conf_rule *rule = gate->rule;
    if (gate->basic_auth != NULL && !basic_auth_admit(gate->basic_auth, exchange))
        return false;
    if (!admit_limits(gate, exchange, true))
        return false;
    if (rule->auth.enabled && !auth_request_admit(exchange, &rule->auth, auth_balancer))
        return false;
    return admit_body(rule, exchange);
}
