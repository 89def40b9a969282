/* A look as tables, or as JSON. */
#include "base/json.h"
#include "cli/status.h"
#include "cli/status_traffic.h"
#include "cli/table.h"

#include <errno.h>
#include <stdlib.h>

/* Nobody reads more of them; --json has all. */
#define SITES_MAX 1000

#define CERTIFICATE_NAMES_SHOWN 3

struct view {
    struct status *status;
    const struct status *before; /* NULL: none */
    struct buffer *out;
};

static struct slice text_of(const struct json *object, const char *name)
{
    return json_get_text(object, slice_of_cstr(name));
}

static long long number_of(const struct json *object, const char *name)
{
    return (long long)json_get_integer(object, slice_of_cstr(name), 0);
}

static struct slice number_text(struct view *view, const struct json *object, const char *name)
{
    return arena_format(&view->status->arena, "%lld", number_of(object, name));
}

static struct slice time_text(struct view *view, int64_t seconds)
{
    struct arena *arena = &view->status->arena;
    if (seconds < 120)
        return arena_format(arena, "%llds", (long long)seconds);
    if (seconds < 7200)
        return arena_format(arena, "%lldm", (long long)seconds / 60);
    if (seconds < 172800)
        return arena_format(arena, "%lldh", (long long)seconds / 3600);
    return arena_format(arena, "%lldd", (long long)seconds / 86400);
}

/* How much a counter grew each second; empty when that is not known. */
static struct slice rate_text(struct view *view, const struct json *now, const struct json *before,
                              const char *name)
{
    if (view->before == NULL || before == NULL)
        return SLICE("");
    int64_t ms = view->status->asked_ms - view->before->asked_ms;
    long long more = number_of(now, name) - number_of(before, name);
    if (ms <= 0 || more < 0)
        return SLICE("");
    return arena_format(&view->status->arena, "%.1f", (double)more * 1000 / (double)ms);
}

static const struct json *find_named(const struct json *list, const char *key, struct slice name)
{
    JSON_FOR_EACH(list, element)
    {
        if (slice_equal(text_of(element, key), name))
            return element;
    }
    return NULL;
}

static const struct json *part_of(const struct status *status, const char *name)
{
    return status == NULL ? NULL : json_get(status->edge, slice_of_cstr(name));
}

/* What happened at a site or target since the look before, or since the start. */
static struct traffic traffic_of(struct view *view, const struct json *now,
                                 const struct json *before)
{
    struct traffic traffic;
    traffic_between(now, view->before == NULL ? NULL : before,
                    part_of(view->status, "latency_ends_us"), &traffic);
    return traffic;
}

/* Three digits, and "-" where nothing was counted. */
static struct slice duration_text(struct view *view, double us)
{
    struct arena *arena = &view->status->arena;
    if (us < 0)
        return SLICE("-");
    if (us < 10000)
        return arena_format(arena, "%.2fms", us / 1000);
    if (us < 1000000)
        return arena_format(arena, "%.0fms", us / 1000);
    return arena_format(arena, "%.1fs", us / 1000000);
}

static struct slice share_text(struct view *view, int64_t part, int64_t all)
{
    if (all <= 0)
        return SLICE("-");
    return arena_format(&view->status->arena, part == 0 ? "%.0f%%" : "%.1f%%",
                        (double)part * 100 / (double)all);
}

static struct slice each_second(struct view *view, int64_t count)
{
    int64_t ms = view->before == NULL ? 0 : view->status->asked_ms - view->before->asked_ms;
    if (ms <= 0)
        return SLICE("");
    return arena_format(&view->status->arena, "%.1f", (double)count * 1000 / (double)ms);
}

/* "requests 12 (3.0/s)" */
static int write_counter(struct view *view, const char *label, const char *name)
{
    const struct json *counters = part_of(view->status, "counters");
    struct slice rate = rate_text(view, counters, part_of(view->before, "counters"), name);
    return buffer_format(view->out, "%s %lld%s%.*s%s  ", label, number_of(counters, name),
                         rate.len > 0 ? " (" : "", SLICE_ARG(rate), rate.len > 0 ? "/s)" : "");
}

static int write_requests(struct view *view)
{
    const struct json *counters = part_of(view->status, "counters");
    const struct json *responses = json_get(counters, SLICE("responses"));
    long long connections = number_of(counters, "connections_open") - 1; /* that of our question */
    int rc = write_counter(view, "requests", "requests");
    if (rc == 0)
        rc = buffer_format(view->out, "5xx %lld  ", number_of(responses, "5xx"));
    if (rc == 0)
        rc = write_counter(view, "retries", "upstream_retries");
    return rc < 0
               ? rc
               : buffer_format(view->out, "connections %lld\n", connections > 0 ? connections : 0);
}

static int write_head(struct view *view)
{
    const struct json *edge = view->status->edge;
    const struct json *workers = part_of(view->status, "workers");
    struct slice up = time_text(view, number_of(edge, "uptime_s"));
    int rc = buffer_format(
        view->out, "weir %.*s  pid %lld  up %.*s  %u workers  %lld MiB%s\n",
        SLICE_ARG(text_of(edge, "version")), number_of(edge, "pid"), SLICE_ARG(up),
        workers == NULL ? 0 : workers->count,
        number_of(part_of(view->status, "process"), "memory_bytes") >> 20,
        json_get_bool(edge, SLICE("draining"), false) ? "  draining: finishing open requests" : "");
    return rc < 0 ? rc : write_requests(view);
}

static int write_table(struct view *view, const struct table *table)
{
    if (table->rows_count == 0)
        return 0;
    int rc = buffer_append_char(view->out, '\n');
    return rc < 0 ? rc : table_write(table, view->out);
}

static int write_listeners(struct view *view)
{
    static const struct table_column columns[] = {{"LISTENER", false}, {"ADDRESS", false}, {0}};
    struct table table;
    table_init(&table, &view->status->arena, columns);
    JSON_FOR_EACH(part_of(view->status, "listeners"), listener)
    {
        struct slice address = text_of(listener, "address");
        bool is_port = slice_starts_with(address, SLICE(":"));
        bool is_path = slice_starts_with(address, SLICE("unix:"));
        bool is_tcp = slice_equal(text_of(listener, "protocol"), SLICE("tcp"));
        bool has_tls = json_get_bool(listener, SLICE("tls"), false);
        struct slice url = arena_format(&view->status->arena, "%s%s%.*s",
                                        is_path   ? ""
                                        : is_tcp  ? has_tls ? "tls://" : "tcp://"
                                        : has_tls ? "https://"
                                                  : "http://",
                                        is_port ? "*" : "", SLICE_ARG(address));
        int rc = table_add(&table, (struct slice[]){text_of(listener, "name"), url});
        if (rc < 0)
            return rc;
    }
    return write_table(view, &table);
}

/* "a.org, b.org and 3 more" */
static struct slice names_text(struct view *view, const struct json *certificate)
{
    struct arena *arena = &view->status->arena;
    struct slice text = SLICE("");
    unsigned shown = 0;
    long long total = number_of(certificate, "names_total");
    JSON_FOR_EACH(json_get(certificate, SLICE("names")), name)
    {
        if (shown++ < CERTIFICATE_NAMES_SHOWN)
            text = arena_format(arena, "%.*s%s%.*s", SLICE_ARG(text), shown > 1 ? ", " : "",
                                SLICE_ARG(name->text));
    }
    if (total > CERTIFICATE_NAMES_SHOWN)
        text = arena_format(arena, "%.*s and %lld more", SLICE_ARG(text),
                            total - CERTIFICATE_NAMES_SHOWN);
    return text;
}

/* With a warning once two thirds of its time are over: then it should have been renewed. */
static struct slice expiry_text(struct view *view, const struct json *certificate)
{
    long long begins_s = number_of(certificate, "not_before_s");
    long long ends_s = number_of(certificate, "not_after_s");
    long long left_s = ends_s - view->status->asked_ms / 1000;
    if (!json_get_bool(certificate, SLICE("present"), false))
        return SLICE("missing");
    if (left_s <= 0)
        return SLICE("expired");
    struct slice left = time_text(view, left_s);
    return arena_format(&view->status->arena, "in %.*s%s", SLICE_ARG(left),
                        left_s * 3 < ends_s - begins_s ? "  soon" : "");
}

static struct slice base_name(struct slice path)
{
    for (ptrdiff_t slash; (slash = slice_find(path, '/')) >= 0;)
        path = slice_from(path, (size_t)slash + 1);
    return path;
}

/* What Weir tries in vain to get; nothing when all is well. */
static int write_failures(struct view *view)
{
    int rc = 0;
    JSON_FOR_EACH(view->status->kept, kept)
    {
        const struct json *names = json_get(kept, SLICE("names"));
        long long wait_s = number_of(kept, "next_try") - view->status->asked_ms / 1000;
        if (!slice_equal(text_of(kept, "phase"), SLICE("failing")) || names == NULL ||
            names->first == NULL)
            continue;
        struct slice wait = time_text(view, wait_s < 0 ? 0 : wait_s);
        rc = buffer_format(
            view->out, "%.*s: no %scertificate: %.*s (tried %lld×, again in %.*s)\n",
            SLICE_ARG(names->first->text), number_of(kept, "not_after") > 0 ? "new " : "",
            SLICE_ARG(text_of(kept, "error")), number_of(kept, "failures"), SLICE_ARG(wait));
        if (rc < 0)
            break;
    }
    return rc;
}

static int write_certificates(struct view *view)
{
    static const struct table_column columns[] = {
        {"CERTIFICATE", false}, {"FROM", false}, {"EXPIRES", false}, {"FOR", false}, {0}};
    struct table table;
    unsigned count = 0;
    table_init(&table, &view->status->arena, columns);
    JSON_FOR_EACH(part_of(view->status, "certificates"), certificate)
    {
        if (++count > SITES_MAX)
            break;
        int rc = table_add(&table, (struct slice[]){base_name(text_of(certificate, "name")),
                                                    text_of(certificate, "source"),
                                                    expiry_text(view, certificate),
                                                    names_text(view, certificate)});
        if (rc < 0)
            return rc;
    }
    return write_table(view, &table);
}

/* The sites that are closed; nothing when none is. */
static int write_closed(struct view *view)
{
    static const struct table_column columns[] = {{"MAINTENANCE", false}, {"MESSAGE", false}, {0}};
    struct table table;
    table_init(&table, &view->status->arena, columns);
    JSON_FOR_EACH(part_of(view->status, "sites"), site)
    {
        if (json_get(site, SLICE("maintenance")) == NULL)
            continue;
        int rc = table_add(&table,
                           (struct slice[]){text_of(site, "name"), text_of(site, "maintenance")});
        if (rc < 0)
            return rc;
    }
    return write_table(view, &table);
}

/* All since the start. */
static struct slice requests_text(struct view *view, const struct json *object)
{
    struct traffic all;
    traffic_between(object, NULL, NULL, &all);
    return arena_format(&view->status->arena, "%lld", (long long)all.requests);
}

/* "shop.test and 2 more" */
static struct slice domains_text(struct view *view, const struct json *domains)
{
    if (domains == NULL || domains->first == NULL)
        return SLICE("");
    if (domains->count == 1)
        return domains->first->text;
    return arena_format(&view->status->arena, "%.*s and %u more", SLICE_ARG(domains->first->text),
                        domains->count - 1);
}

static int write_sites(struct view *view)
{
    static const struct table_column columns[] = {
        {"SITE", false}, {"DOMAINS", false}, {"OPEN", true}, {"REQUESTS", true}, {"PER S", true},
        {"P50", true},   {"P99", true},      {"5XX", true},  {"RETRIES", true},  {0},
    };
    struct table table;
    table_init(&table, &view->status->arena, columns);
    const struct json *sites = part_of(view->status, "sites");
    JSON_FOR_EACH(sites, site)
    {
        if (table.rows_count == SITES_MAX)
            break;
        struct slice name = text_of(site, "name");
        struct traffic now =
            traffic_of(view, site, find_named(part_of(view->before, "sites"), "name", name));
        int rc = table_add(&table, (struct slice[]){
                                       name,
                                       domains_text(view, json_get(site, SLICE("domains"))),
                                       number_text(view, site, "in_flight"),
                                       requests_text(view, site),
                                       each_second(view, now.requests),
                                       duration_text(view, now.p50_us),
                                       duration_text(view, now.p99_us),
                                       share_text(view, now.failed, now.requests),
                                       number_text(view, site, "retries"),
                                   });
        if (rc < 0)
            return rc;
    }
    int rc = write_table(view, &table);
    if (rc == 0 && sites != NULL && sites->count > SITES_MAX)
        rc = buffer_format(view->out, "and %u more sites\n", sites->count - SITES_MAX);
    return rc;
}

static struct slice kept_text(struct view *view, const struct json *target)
{
    int64_t kept = number_of(target, "connections_kept");
    return share_text(view, kept, kept + number_of(target, "connections_new"));
}

struct slice status_health(const struct json *group, const struct json *target)
{
    struct slice health = text_of(target, "health");
    bool is_checked = json_get_bool(group, SLICE("checked"), true);
    return !is_checked && slice_equal(health, SLICE("healthy")) ? SLICE("unchecked") : health;
}

static int add_target(struct view *view, struct table *table, const struct json *group,
                      const struct json *target, const struct json *earlier)
{
    struct traffic now = traffic_of(view, target, earlier);
    return table_add(table, (struct slice[]){
                                text_of(group, "name"),
                                text_of(target, "id"),
                                status_health(group, target),
                                number_text(view, target, "weight"),
                                number_text(view, target, "in_flight"),
                                number_text(view, target, "requests"),
                                rate_text(view, target, earlier, "requests"),
                                duration_text(view, now.p50_us),
                                duration_text(view, now.p99_us),
                                share_text(view, now.failed, now.requests),
                                number_text(view, target, "failures"),
                                kept_text(view, target),
                                text_of(target, "reason"),
                            });
}

static long long sum_of(const struct json *list, const char *name)
{
    long long sum = 0;
    JSON_FOR_EACH(list, one)
    sum += number_of(one, name);
    return sum;
}

static struct slice sum_text(struct view *view, const struct json *list, const char *name)
{
    return arena_format(&view->status->arena, "%lld", sum_of(list, name));
}

/* A group of several targets has a row for all of them. */
static int add_group(struct view *view, struct table *table, struct slice group,
                     const struct json *targets, const struct json *earlier)
{
    struct traffic now;
    int64_t kept = sum_of(targets, "connections_kept");
    if (targets == NULL || targets->count < 2)
        return 0;
    traffic_of_targets(targets, view->before == NULL ? NULL : earlier,
                       part_of(view->status, "latency_ends_us"), &now);
    return table_add(table, (struct slice[TABLE_COLUMNS_MAX]){
                                group,
                                arena_format(&view->status->arena, "all %u", targets->count),
                                SLICE(""),
                                SLICE(""),
                                sum_text(view, targets, "in_flight"),
                                sum_text(view, targets, "requests"),
                                each_second(view, now.requests),
                                duration_text(view, now.p50_us),
                                duration_text(view, now.p99_us),
                                share_text(view, now.failed, now.requests),
                                sum_text(view, targets, "failures"),
                                share_text(view, kept, kept + sum_of(targets, "connections_new")),
                            });
}

/* A row for what a group has not. */
static int add_lack(struct view *view, struct table *table, const struct json *group)
{
    const struct json *targets = json_get(group, SLICE("targets"));
    long long unresolved = number_of(group, "unresolved");
    struct slice what = SLICE("none");
    if (unresolved > 0)
        what = arena_format(&view->status->arena, "%lld host name%s", unresolved,
                            unresolved > 1 ? "s" : "");
    else if (targets != NULL && targets->count > 0)
        return 0;
    return table_add(
        table, (struct slice[TABLE_COLUMNS_MAX]){text_of(group, "name"), what,
                                                 unresolved > 0 ? SLICE("unresolved") : SLICE("")});
}

static int write_groups(struct view *view)
{
    static const struct table_column columns[] = {
        {"GROUP", false},   {"TARGET", false},
        {"HEALTH", false},  {"WEIGHT", true},
        {"OPEN", true},     {"REQUESTS", true},
        {"PER S", true},    {"P50", true},
        {"P99", true},      {"5XX", true},
        {"FAILURES", true}, {"KEPT", true},
        {"", false},        {0},
    };
    struct table table;
    table_init(&table, &view->status->arena, columns);
    JSON_FOR_EACH(part_of(view->status, "groups"), group)
    {
        struct slice name = text_of(group, "name");
        const struct json *targets = json_get(group, SLICE("targets"));
        const struct json *earlier =
            json_get(find_named(part_of(view->before, "groups"), "name", name), SLICE("targets"));
        int rc = add_lack(view, &table, group);
        if (rc == 0)
            rc = add_group(view, &table, name, targets, earlier);
        JSON_FOR_EACH(targets, target)
        {
            if (rc == 0)
                rc = add_target(view, &table, group, target,
                                find_named(earlier, "id", text_of(target, "id")));
        }
        if (rc < 0)
            return rc;
    }
    return write_table(view, &table);
}

static struct slice task_health(const struct status *status, const struct status_task *task)
{
    JSON_FOR_EACH(part_of(status, "groups"), group)
    {
        const struct json *target =
            find_named(json_get(group, SLICE("targets")), "id", slice_of_cstr(task->id));
        if (target != NULL)
            return status_health(group, target);
    }
    return task->port == 0 ? SLICE("running") : SLICE("starting");
}

static int write_tasks(struct view *view)
{
    static const struct table_column columns[] = {
        {"SERVICE", false}, {"TASK", false},  {"PID", true}, {"PORT", true},
        {"UP", true},       {"STATE", false}, {0},
    };
    struct arena *arena = &view->status->arena;
    struct table table;
    table_init(&table, arena, columns);
    for (unsigned i = 0; i < view->status->tasks_count; i++) {
        const struct status_task *task = &view->status->tasks[i];
        int rc = table_add(&table,
                           (struct slice[]){
                               slice_of_cstr(task->service),
                               slice_of_cstr(task->id),
                               arena_format(arena, "%d", task->pid),
                               task->port == 0 ? SLICE("-") : arena_format(arena, "%u", task->port),
                               time_text(view, task->seconds),
                               task_health(view->status, task),
                           });
        if (rc < 0)
            return rc;
    }
    return write_table(view, &table);
}

int status_write_error(const struct status *status, struct buffer *out)
{
    if (status->error == -ENOENT || status->error == -ECONNREFUSED)
        return buffer_append(out, SLICE("no edge runs here; `weir up` starts everything\n"));
    return buffer_format(out, "the edge does not answer: %s\n", strerror(-status->error));
}

int status_write_text(struct status *status, const struct status *before, struct buffer *out)
{
    bool is_same =
        before != NULL && number_of(before->edge, "pid") == number_of(status->edge, "pid");
    struct view view = {status, is_same ? before : NULL, out};
    int rc = 0;
    if (status->edge != NULL) {
        rc = write_head(&view);
        if (rc == 0)
            rc = write_listeners(&view);
        if (rc == 0)
            rc = write_sites(&view);
        if (rc == 0)
            rc = write_closed(&view);
        if (rc == 0)
            rc = write_certificates(&view);
        if (rc == 0)
            rc = write_failures(&view);
        if (rc == 0)
            rc = write_groups(&view);
    }
    return rc < 0 ? rc : write_tasks(&view);
}

static int write_task_json(const struct status_task *task, bool is_first, struct buffer *out)
{
    /* Each byte of a name may become six. */
    char memory[(sizeof task->id + sizeof task->service) * 6 + 200];
    struct writer writer;
    struct json_writer json;
    writer_init(&writer, memory, sizeof memory);
    json_writer_init(&json, &writer);
    json_open_object(&json, NULL);
    json_put_text(&json, "id", slice_of_cstr(task->id));
    json_put_text(&json, "service", slice_of_cstr(task->service));
    json_put_u64(&json, "pid", (uint64_t)task->pid);
    json_put_u64(&json, "port", task->port);
    json_put_u64(&json, "seconds", task->seconds > 0 ? (uint64_t)task->seconds : 0);
    json_close_object(&json);
    int rc = is_first ? 0 : buffer_append_char(out, ',');
    return rc < 0 ? rc : buffer_append(out, writer_slice(&writer));
}

/* The list as it stands in the keeper's file, from its bracket to the last one. */
static struct slice kept_list(const struct status *status)
{
    struct slice text = buffer_slice(&status->kept_text);
    ptrdiff_t begin = slice_find(text, '[');
    size_t end = text.len;
    while (end > 0 && text.at[end - 1] != ']')
        end--;
    return status->kept == NULL || begin < 0 || (size_t)begin >= end
               ? SLICE("[]")
               : slice_of(text.at + begin, end - (size_t)begin);
}

int status_write_json(const struct status *status, struct buffer *out)
{
    struct slice edge = slice_trim(buffer_slice(&status->answer));
    int rc = buffer_append(out, SLICE("{\"edge\":"));
    if (rc == 0)
        rc = buffer_append(out, status->edge == NULL ? SLICE("null") : edge);
    if (rc == 0)
        rc = buffer_append(out, SLICE(",\"tasks\":["));
    for (unsigned i = 0; rc == 0 && i < status->tasks_count; i++)
        rc = write_task_json(&status->tasks[i], i == 0, out);
    if (rc == 0)
        rc = buffer_append(out, SLICE("],\"certificates\":"));
    if (rc == 0)
        rc = buffer_append(out, kept_list(status));
    return rc < 0 ? rc : buffer_append(out, SLICE("}\n"));
}
