/* A record of decisions.h beside what the edge knows now. */
#include "edge/explain/story.h"

#include "base/cleanup.h"
#include "conf/value.h"
#include "edge/access_line.h"
#include "edge/explain/advice.h"
#include "edge/explain/notes.h"
#include "edge/state.h"
#include "edge/view.h"

#define NEAREST_MAX 3

void story_write_id(struct json_writer *json, const char *name, uint64_t id)
{
    char digits[16];
    struct writer writer;
    writer_init(&writer, digits, sizeof digits);
    write_hex(&writer, id, 16);
    json_put_text(json, name, writer_slice(&writer));
}

void story_write_time(struct json_writer *json, const char *name, int64_t wall_us)
{
    char text[ACCESS_TIME_BYTES];
    struct writer writer;
    writer_init(&writer, text, sizeof text);
    access_time_write(&writer, wall_us);
    json_put_text(json, name, writer_slice(&writer));
}

const struct conf_site *story_site(const struct plane *plane, struct slice name)
{
    const struct snapshot *snapshot = plane->snapshot;
    for (unsigned i = 0; i < snapshot->sites_count; i++) {
        if (slice_equal(snapshot->sites[i].name, name))
            return &snapshot->sites[i];
    }
    return NULL;
}

const struct conf_rule *story_rule(const struct plane *plane, struct slice site, unsigned number)
{
    const struct conf_site *found = story_site(plane, site);
    return found != NULL && number > 0 && number <= found->rules_count ? &found->rules[number - 1]
                                                                       : NULL;
}

static void write_target(struct json_writer *json, struct target_group *group,
                         struct balancer *balancer, const struct target *target)
{
    char reason[sizeof target->health_reason];
    const char *why;
    int64_t now_ms = loop_now_ms();
    lock_take(&group->lock);
    memcpy(reason, target->health_reason, sizeof reason);
    lock_release(&group->lock);
    int health = atomic_load(&target->health);
    json_open_object(json, NULL);
    json_put_text(json, "id", target->id);
    json_put_text(json, "address", slice_of_cstr(target->address_text));
    json_put_text(json, "health", slice_of_cstr(target_health_name((enum target_health)health)));
    if (reason[0] != '\0')
        json_put_text(json, "reason", slice_of_cstr(reason));
    json_put_u64(json, "weight", target->weight);
    json_put_u64(json, "in_flight", atomic_load(&target->in_flight));
    json_put_bool(json, "pickable", balancer_why(balancer, target, now_ms, &why));
    if (why[0] != '\0')
        json_put_text(json, "why", slice_of_cstr(why));
    json_close_object(json);
}

static void write_targets(struct json_writer *json, struct target_group *group,
                          struct balancer *balancer)
{
    struct target_set *set = target_group_set(group);
    json_put_text(json, "name", group->name);
    json_put_bool(json, "is_service", group->is_service);
    json_put_bool(json, "checked", atomic_load(&group->is_checked));
    json_put_u64(json, "unresolved", atomic_load(&group->unresolved));
    json_open_list(json, "targets");
    for (unsigned i = 0; i < set->count; i++)
        write_target(json, group, balancer, set->targets[i]);
    json_close_list(json);
    target_set_unref(set);
}

void story_write_group(struct json_writer *json, const struct edge *edge, struct slice group)
{
    json_open_object(json, "group");
    const struct view *view = edge->workers[0].view;
    for (unsigned i = 0; i < view->plane->groups_count; i++) {
        struct target_group *found = view->plane->groups[i].group;
        if (slice_equal(found->name, group))
            write_targets(json, found, &view->balancers[i]->balancer);
    }
    json_close_object(json);
}

struct nearest {
    unsigned distance;
    struct slice domain;
    struct slice site;
};

/* Keeps the closest ones, in order. A wildcard is as far as what it stands for is. */
static void consider(struct nearest *best, struct slice host, struct slice domain,
                     struct slice site)
{
    struct nearest next = {value_distance(host, domain), domain, site};
    for (unsigned i = 0; i < NEAREST_MAX; i++) {
        if (next.distance < best[i].distance) {
            struct nearest pushed = best[i];
            best[i] = next;
            next = pushed;
        }
    }
}

void story_write_nearest(struct json_writer *json, const struct plane *plane, struct slice host)
{
    struct nearest best[NEAREST_MAX];
    for (unsigned i = 0; i < NEAREST_MAX; i++)
        best[i] = (struct nearest){.distance = VALUE_DISTANCE_FAR};
    for (unsigned i = 0; i < plane->snapshot->sites_count; i++) {
        const struct conf_site *site = &plane->snapshot->sites[i];
        for (unsigned j = 0; j < site->domains_count; j++)
            consider(best, host, site->domains[j], site->name);
    }
    json_open_list(json, "nearest");
    for (unsigned i = 0; i < NEAREST_MAX && best[i].distance < VALUE_DISTANCE_FAR; i++) {
        json_open_object(json, NULL);
        json_put_text(json, "domain", best[i].domain);
        json_put_text(json, "site", best[i].site);
        json_close_object(json);
    }
    json_close_list(json);
}

static void write_if_any(struct json_writer *json, const char *name, struct slice text)
{
    if (text.len > 0)
        json_put_text(json, name, text);
}

static void write_rule(struct json_writer *json, const struct edge *edge,
                       const struct decision *decision)
{
    json_open_object(json, "rule");
    json_put_u64(json, "number", decision->rule);
    json_put_text(json, "file", edge->workers[0].view->plane->snapshot->file);
    json_put_u64(json, "line", decision->rule_line);
    json_put_text(json, "action", slice_of_cstr(decision->action));
    json_close_object(json);
}

static void write_try(struct json_writer *json, const struct decision *decision, unsigned number)
{
    const struct decision_try *tried = &decision_tries(decision)[number];
    json_open_object(json, NULL);
    json_put_text(json, "target", decision_try_target(decision, number));
    json_put_text(json, "outcome",
                  slice_of_cstr(try_outcome_name((enum try_outcome)tried->outcome)));
    write_if_any(json, "why", decision_try_why(decision, number));
    if (tried->connected_us > 0)
        json_put_text(json, "connection", tried->was_kept ? SLICE("kept") : SLICE("new"));
    if (tried->status > 0)
        json_put_u64(json, "status", tried->status);
    json_put_u64(json, "begun_us", tried->begun_us);
    if (tried->connected_us > 0)
        json_put_u64(json, "connected_us", tried->connected_us);
    if (tried->answered_us > 0)
        json_put_u64(json, "answered_us", tried->answered_us);
    json_put_u64(json, "ended_us", tried->ended_us);
    json_close_object(json);
}

static void write_tries(struct json_writer *json, const struct decision *decision)
{
    json_put_u64(json, "tries_total", decision->tries);
    json_put_bool(json, "retry_denied", decision->is_retry_denied);
    json_open_list(json, "tries");
    for (unsigned i = 0; i < decision->tries_told; i++)
        write_try(json, decision, i);
    json_close_list(json);
}

/* The client's response: whole, cut short, or handed to a relay. */
static struct slice ending(const struct decision *decision)
{
    switch ((enum response_state)decision->state) {
    case RESPONSE_COMPLETE:
        return SLICE("complete");
    case RESPONSE_UPGRADED:
        return SLICE("upgraded");
    default:
        return SLICE("cut_short");
    }
}

static struct slice answerer(const struct decision *decision)
{
    unsigned last = decision->tries_told;
    bool is_targets = last > 0 && decision_tries(decision)[last - 1].status != 0 &&
                      decision_tries(decision)[last - 1].status == decision->status;
    return is_targets ? SLICE("target") : decision->status == 0 ? SLICE("nobody") : SLICE("weir");
}

static void write_trace(struct json_writer *json, const struct decision *decision)
{
    char digits[32];
    struct writer writer;
    writer_init(&writer, digits, sizeof digits);
    write_hex(&writer, decision->trace_high, 16);
    write_hex(&writer, decision->trace_low, 16);
    json_put_text(json, "trace_id", writer_slice(&writer));
}

static void write_traffic(struct json_writer *json, const struct decision *decision)
{
    json_put_text(json, "client", decision_text(decision, DECISION_CLIENT));
    json_put_u64(json, "request_bytes", decision->request_bytes);
    json_put_u64(json, "response_bytes", decision->response_bytes);
    json_put_u64(json, "duration_us", decision->duration_us);
}

/* The forward proxy, and which of its rules has decided. */
static void write_proxy(struct json_writer *json, const struct decision *decision)
{
    struct slice proxy = decision_text(decision, DECISION_PROXY);
    if (proxy.len == 0)
        return;
    json_put_text(json, "proxy", proxy);
    if (decision->rule == 0)
        return;
    json_open_object(json, "proxy_rule");
    json_put_u64(json, "number", decision->rule);
    json_put_u64(json, "line", decision->rule_line);
    json_close_object(json);
}

/* One that was passed on as it was. */
static void write_connection(struct json_writer *json, const struct edge *edge,
                             const struct decision *decision)
{
    struct slice group = decision_text(decision, DECISION_GROUP);
    json_open_object(json, NULL);
    json_put_text(json, "protocol", SLICE("tcp"));
    story_write_id(json, "id", decision->id);
    story_write_time(json, "time", decision->wall_us);
    json_put_text(json, "ending", ending(decision));
    write_traffic(json, decision);
    json_put_text(json, "listener", decision_text(decision, DECISION_LISTENER));
    write_proxy(json, decision);
    write_if_any(json, "host", decision_text(decision, DECISION_HOST));
    write_if_any(json, "reason", decision_text(decision, DECISION_REASON));
    write_tries(json, decision);
    if (group.len > 0)
        story_write_group(json, edge, group);
    json_close_object(json);
}

static void write_request(struct json_writer *json, const struct decision *decision)
{
    story_write_id(json, "id", decision->id);
    story_write_time(json, "time", decision->wall_us);
    if ((decision->trace_high | decision->trace_low) != 0)
        write_trace(json, decision);
    json_put_u64(json, "status", decision->status);
    json_put_text(json, "answered_by", answerer(decision));
    json_put_text(json, "ending", ending(decision));
    json_put_text(json, "method", decision_text(decision, DECISION_METHOD));
    json_put_text(json, "host", decision_text(decision, DECISION_HOST));
    json_put_text(json, "path", decision_text(decision, DECISION_PATH));
    json_put_bool(json, "path_cut", decision->is_path_cut);
    write_traffic(json, decision);
    json_put_text(json, "protocol", slice_of_cstr(decision->protocol));
}

void story_write(struct json_writer *json, const struct edge *edge, const struct decision *decision)
{
    if (decision->is_connection) {
        write_connection(json, edge, decision);
        return;
    }
    const struct plane *plane = edge->workers[0].view->plane;
    struct slice group = decision_text(decision, DECISION_GROUP);
    struct slice site = decision_text(decision, DECISION_SITE);
    json_open_object(json, NULL);
    write_request(json, decision);
    json_put_text(json, "listener", decision_text(decision, DECISION_LISTENER));
    bool has_proxy = decision_text(decision, DECISION_PROXY).len > 0;
    write_if_any(json, "site", site);
    write_proxy(json, decision);
    if (decision->rule > 0 && !has_proxy)
        write_rule(json, edge, decision);
    write_if_any(json, "reason", decision_text(decision, DECISION_REASON));
    write_tries(json, decision);
    if (group.len > 0)
        story_write_group(json, edge, group);
    if (site.len == 0 && !has_proxy)
        story_write_nearest(json, plane, decision_text(decision, DECISION_HOST));
    if (!has_proxy)
        advice_write(json, plane, decision);
    json_close_object(json);
}
