/* The targets of one group: told, and replaced as a whole. */
#include "edge/admin/targets.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "edge/admin/reply.h"
#include "edge/admin/routes.h"
#include "edge/admin/target_list.h"
#include "edge/admin/traffic.h"
#include "edge/state.h"
#include "http/exchange.h"
#include "os/special_use.h"

#include <errno.h>
#include <stdio.h>

#define NAMES_BYTES 512

/* Nothing before its first try. */
static void write_traffic(struct json_writer *json, const struct target *target)
{
    const struct series *series = atomic_load(&target->series);
    struct series_cell sum;
    if (series == NULL)
        return;
    series_sum(series, &sum);
    json_put_u64(json, "connections_new", sum.connections[0]);
    json_put_u64(json, "connections_kept", sum.connections[1]);
    traffic_write(json, &sum);
}

static void write_target(struct json_writer *json, struct target_group *group,
                         struct target *target)
{
    char reason[sizeof target->health_reason];
    lock_take(&group->lock);
    const char *ejection_reason = target->ejection_reason;
    memcpy(reason, target->health_reason, sizeof reason);
    lock_release(&group->lock);
    enum target_health health = (enum target_health)atomic_load(&target->health);
    json_open_object(json, NULL);
    json_put_text(json, "id", target->id);
    json_put_text(json, "address", slice_of_cstr(target->address_text));
    json_put_u64(json, "weight", target->weight);
    json_put_text(json, "health", slice_of_cstr(target_health_name(health)));
    if (reason[0] != '\0')
        json_put_text(json, "reason", slice_of_cstr(reason));
    json_put_bool(json, "ejected", ejection_reason != NULL);
    if (ejection_reason != NULL)
        json_put_text(json, "ejection_reason", slice_of_cstr(ejection_reason));
    json_put_u64(json, "ejections", atomic_load(&target->ejections));
    json_put_u64(json, "in_flight", atomic_load(&target->in_flight));
    json_put_u64(json, "requests", atomic_load(&target->requests));
    json_put_u64(json, "failures", atomic_load(&target->failures));
    write_traffic(json, target);
    json_close_object(json);
}

void targets_write(struct json_writer *json, struct target_group *group)
{
    struct target_set *set = target_group_set(group);
    json_put_text(json, "name", group->name);
    json_put_u64(json, "epoch", set->epoch);
    json_put_bool(json, "checked", atomic_load(&group->is_checked));
    json_put_u64(json, "unresolved", atomic_load(&group->unresolved));
    json_put_u64(json, "queued", atomic_load(&group->line.count));
    json_put_u64(json, "refused", atomic_load(&group->refused));
    json_open_list(json, "targets");
    for (unsigned i = 0; i < set->count; i++)
        write_target(json, group, set->targets[i]);
    json_close_list(json);
    target_set_unref(set);
}

static void render_group(struct writer *writer, const void *arg)
{
    struct target_group *const *group = arg;
    struct json_writer json;
    json_writer_init(&json, writer);
    json_open_object(&json, NULL);
    targets_write(&json, *group);
    json_close_object(&json);
    write_char(writer, '\n');
}

static void refuse_name(struct exchange *exchange, const struct plane *plane, struct slice name)
{
    char names[NAMES_BYTES];
    struct writer writer;
    writer_init(&writer, names, sizeof names);
    for (unsigned i = 0; i < plane->groups_count; i++) {
        write_slice(&writer, i > 0 ? SLICE(", ") : SLICE(""));
        write_slice(&writer, plane->groups[i].group->name);
    }
    struct slice known = writer_slice(&writer);
    reply_error(exchange, 404, (struct slice){0}, "no target group is called \"%.*s\"; %s%.*s",
                SLICE_ARG(slice_first(name, 100)), known.len > 0 ? "there are: " : "there are none",
                SLICE_ARG(known));
}

/* With a reference for the caller; NULL when there is none, and the request was answered. */
static struct target_group *find_group(struct exchange *exchange, struct slice name,
                                       const struct conf_group **ret_conf)
{
    const struct plane *plane = edge_worker_current()->edge->plane;
    for (unsigned i = 0; i < plane->groups_count; i++) {
        if (!slice_equal(plane->groups[i].group->name, name))
            continue;
        *ret_conf = plane->groups[i].conf;
        return target_group_ref(plane->groups[i].group);
    }
    refuse_name(exchange, plane, name);
    return NULL;
}

void targets_get(struct exchange *exchange, struct slice name)
{
    const struct conf_group *conf;
    struct target_group *group = find_group(exchange, name, &conf);
    if (group != NULL)
        reply_document(exchange, REPLY_JSON, render_group, &group);
    target_group_unref(group);
}

/* 0, or the request was answered. */
static int read_body(struct exchange *exchange, struct buffer *body)
{
    struct slice part;
    int rc;
    while ((rc = exchange_read_body(exchange, &part)) == 1) {
        rc = buffer_append(body, part);
        if (rc < 0)
            break;
    }
    if (rc == -EFBIG || rc == -EMSGSIZE)
        reply_error(exchange, 413, (struct slice){0}, "the list is larger than 1 MiB");
    else if (rc == -ENOMEM)
        reply_error(exchange, 503, (struct slice){0}, "out of memory for this request");
    else if (rc < 0)
        reply_error(exchange, 400, (struct slice){0}, "the body did not arrive whole");
    return rc;
}

static void refuse_update(struct exchange *exchange, struct target_group *group, int rc,
                          uint64_t epoch)
{
    if (rc != -ESTALE) {
        reply_error(exchange, 503, (struct slice){0}, "out of memory for this request");
        return;
    }
    struct target_set *set = target_group_set(group);
    reply_error(exchange, 409, SLICE("epoch"),
                "epoch %llu is older than the current one, %llu; nothing was changed",
                (unsigned long long)epoch, (unsigned long long)set->epoch);
    target_set_unref(set);
}

/* True: one may not be dialled, and the request was answered. */
static bool refuse_private(struct exchange *exchange, const struct target_list *list)
{
    static const struct network_guard guard = {.denies_private = true};
    char at[40];
    for (unsigned i = 0; i < list->count; i++) {
        const char *use = network_guard_judge(&guard, &list->wishes[i].address);
        if (use == NULL)
            continue;
        (void)snprintf(at, sizeof at, "targets[%u].address", i);
        reply_error(exchange, 400, slice_of_cstr(at),
                    "it is not on the public Internet: %s; and the group says deny_private", use);
        return true;
    }
    return false;
}

static void replace_targets(struct exchange *exchange, struct target_group *group,
                            bool denies_private)
{
    SCOPED(buffer_finish) struct buffer body;
    buffer_init(&body, exchange->body_max);
    if (read_body(exchange, &body) < 0)
        return;
    SCOPED(target_list_finish) struct target_list list;
    struct target_list_fault fault = {0};
    int rc = target_list_parse(&list, buffer_slice(&body), &fault);
    if (rc < 0) {
        reply_error(exchange, rc == -ENOMEM ? 503 : 400, slice_of_cstr(fault.at), "%s", fault.text);
        return;
    }
    if (denies_private && refuse_private(exchange, &list))
        return;
    rc = target_group_update(group, list.epoch, list.wishes, list.count, loop_now_ms());
    if (rc < 0)
        refuse_update(exchange, group, rc, list.epoch);
    else
        reply_document(exchange, REPLY_JSON, render_group, &group);
}

void targets_put(struct exchange *exchange, struct slice name)
{
    const struct conf_group *conf;
    struct target_group *group = find_group(exchange, name, &conf);
    if (group != NULL)
        replace_targets(exchange, group, conf->denies_private != 0);
    target_group_unref(group);
}
