/* `weir status`: what the edge's admin socket tells, and the tasks by the notes of their shims. */
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/fiber_run.h"
#include "cli/options.h"
#include "cli/place.h"
#include "http/ask.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/loop.h"
#include "os/proc.h"
#include "os/self.h"
#include "wire/json/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ASK_MS           5000
#define STATUS_BYTES_MAX (16 << 20)
#define NOTE_BYTES_MAX   2048
#define TASKS_MAX        1024

struct task_row {
    char id[96];
    char service[96];
    unsigned port;
    int pid;
    int64_t seconds; /* since it was started */
};

struct status {
    struct place place;
    bool as_json;
    struct buffer answer; /* of the edge; empty when there is none */
    struct arena arena;
    const struct json *edge;
    struct task_row *tasks; /* owned, TASKS_MAX */
    unsigned tasks_count;
    char folder[PATH_MAX];
};

static bool parse_note(const char *text, struct task_row *row)
{
    uint64_t start_ticks;
    struct proc_info info;
    if (sscanf(text,
               "task pid=%d shim=%*d start=%" SCNu64 " label=service=%95s number=%*u hash=%*x "
               "port=%u",
               &row->pid, &start_ticks, row->service, &row->port) != 4)
        return false;
    return proc_read(row->pid, &info) == 0 && info.start_ticks == start_ticks && info.state != 'Z';
}

static int add_task(void *arg, const char *name)
{
    struct status *status = arg;
    char path[PATH_MAX];
    struct file_info info;
    SCOPED(buffer_finish) struct buffer note;
    buffer_init(&note, NOTE_BYTES_MAX);
    int len = snprintf(path, sizeof path, "%s/%s/task", status->folder, name);
    if (len < 0 || (size_t)len >= sizeof path || status->tasks_count == TASKS_MAX ||
        file_stat(path, &info) < 0 || file_read_all(path, &note) < 0 ||
        buffer_append_char(&note, '\0') < 0)
        return 0;
    struct task_row *row = &status->tasks[status->tasks_count];
    (void)snprintf(row->id, sizeof row->id, "%s", name);
    row->seconds = self_wall_s() - info.modified_ns / 1000000000;
    status->tasks_count += parse_note(note.at, row);
    return 0;
}

static int compare_tasks(const void *a, const void *b)
{
    const struct task_row *left = a, *right = b;
    int order = strcmp(left->service, right->service);
    return order != 0 ? order : strverscmp(left->id, right->id);
}

static void find_tasks(struct status *status)
{
    if (place_path(&status->place, "tasks", status->folder))
        (void)folder_each(status->folder, add_task, status);
    qsort(status->tasks, status->tasks_count, sizeof *status->tasks, compare_tasks);
}

static int ask_edge(void *arg)
{
    struct status *status = arg;
    char socket[PATH_MAX];
    if (!place_path(&status->place, "edge.sock", socket))
        return -ENAMETOOLONG;
    int rc =
        ask(socket, "GET", "/v1/status", slice_of(NULL, 0), loop_deadline(ASK_MS), &status->answer);
    if (rc >= 0 && rc != 200)
        return -EPROTO;
    return rc < 0 ? rc : json_parse(buffer_slice(&status->answer), &status->arena, &status->edge);
}

static const char *format_time(int64_t seconds, char ret_text[static 24])
{
    if (seconds < 120)
        (void)snprintf(ret_text, 24, "%llds", (long long)seconds);
    else if (seconds < 7200)
        (void)snprintf(ret_text, 24, "%lldm", (long long)seconds / 60);
    else if (seconds < 172800)
        (void)snprintf(ret_text, 24, "%lldh", (long long)seconds / 3600);
    else
        (void)snprintf(ret_text, 24, "%lldd", (long long)seconds / 86400);
    return ret_text;
}

static const struct json *find_target(const struct status *status, const char *id)
{
    JSON_FOR_EACH(json_get(status->edge, SLICE("groups")), group)
    {
        JSON_FOR_EACH(json_get(group, SLICE("targets")), target)
        {
            if (slice_equal(json_get_text(target, SLICE("id")), slice_of_cstr(id)))
                return target;
        }
    }
    return NULL;
}

static void show_listeners(const struct status *status)
{
    JSON_FOR_EACH(json_get(status->edge, SLICE("listeners")), listener)
    {
        struct slice address = json_get_text(listener, SLICE("address"));
        struct slice name = json_get_text(listener, SLICE("name"));
        printf("listener %-12.*s http://%.*s\n", SLICE_ARG(name), SLICE_ARG(address));
    }
}

static void show_target(struct slice group, const struct json *target)
{
    struct slice address = json_get_text(target, SLICE("address"));
    struct slice health = json_get_text(target, SLICE("health"));
    struct slice reason = json_get_text(target, SLICE("reason"));
    printf("%-16.*s %-22.*s %-10.*s %9lld %9lld  %.*s\n", SLICE_ARG(group), SLICE_ARG(address),
           SLICE_ARG(health), (long long)json_get_integer(target, SLICE("in_flight"), 0),
           (long long)json_get_integer(target, SLICE("requests"), 0), SLICE_ARG(reason));
}

static void show_targets(const struct status *status)
{
    bool has_head = false;
    JSON_FOR_EACH(json_get(status->edge, SLICE("groups")), group)
    {
        struct slice name = json_get_text(group, SLICE("name"));
        const struct json *targets = json_get(group, SLICE("targets"));
        if (!has_head)
            printf("\n%-16s %-22s %-10s %9s %9s\n", "GROUP", "TARGET", "HEALTH", "IN FLIGHT",
                   "REQUESTS");
        has_head = true;
        if (targets == NULL || targets->count == 0)
            printf("%-16.*s %-22s\n", SLICE_ARG(name), "none");
        JSON_FOR_EACH(targets, target)
        show_target(name, target);
    }
}

static void show_tasks(const struct status *status)
{
    if (status->tasks_count == 0)
        return;
    printf("\n%-16s %-16s %8s %6s %6s  %s\n", "SERVICE", "TASK", "PID", "PORT", "UP", "STATE");
    for (unsigned i = 0; i < status->tasks_count; i++) {
        const struct task_row *row = &status->tasks[i];
        char up[24], port[16] = "-";
        const struct json *target = find_target(status, row->id);
        struct slice health = target != NULL   ? json_get_text(target, SLICE("health"))
                              : row->port == 0 ? SLICE("running")
                                               : SLICE("starting");
        if (row->port != 0)
            (void)snprintf(port, sizeof port, "%u", row->port);
        printf("%-16s %-16s %8d %6s %6s  %.*s\n", row->service, row->id, row->pid, port,
               format_time(row->seconds, up), SLICE_ARG(health));
    }
}

static int print_json(struct status *status, bool has_edge)
{
    SCOPED(buffer_finish) struct buffer out;
    buffer_init(&out, STATUS_BYTES_MAX);
    int rc = buffer_append(&out, SLICE("{\"edge\":"));
    if (rc == 0)
        rc = buffer_append(&out, has_edge ? buffer_slice(&status->answer) : SLICE("null"));
    if (rc == 0)
        rc = buffer_append(&out, SLICE(",\"tasks\":["));
    for (unsigned i = 0; rc == 0 && i < status->tasks_count; i++) {
        const struct task_row *row = &status->tasks[i];
        rc = buffer_format(&out,
                           "%s{\"id\":\"%s\",\"service\":\"%s\",\"pid\":%d,\"port\":%u,"
                           "\"seconds\":%lld}",
                           i > 0 ? "," : "", row->id, row->service, row->pid, row->port,
                           (long long)row->seconds);
    }
    if (rc == 0)
        rc = buffer_append(&out, SLICE("]}\n"));
    return rc < 0 || fwrite(out.at, 1, out.len, stdout) != out.len;
}

static int show(struct status *status)
{
    int rc = fiber_run(ask_edge, status);
    find_tasks(status);
    if (status->as_json)
        return print_json(status, rc >= 0);
    if (rc < 0 && rc != -ENOENT && rc != -ECONNREFUSED)
        fprintf(stderr, "weir status: the edge does not answer: %s\n", strerror(-rc));
    else if (rc < 0)
        fprintf(stderr, "weir status: no edge runs here; `weir up` starts everything\n");
    show_listeners(status);
    show_targets(status);
    show_tasks(status);
    return rc < 0;
}

int cli_status(int argc, const char **argv)
{
    static struct status status;
    const char *file = NULL, *state = NULL, **arguments;
    const struct option_row options[] = {
        {'\0', "json", OPTION_FLAG, NULL, "as JSON", .flag = &status.as_json},
        {'f', "file", OPTION_TEXT, "FILE", "the configuration; weir.yaml without it",
         .text = &file},
        {'\0', "state", OPTION_TEXT, "FOLDER", "the state folder; .weir beside the file without it",
         .text = &state},
        {.name = NULL},
    };
    const struct command_usage usage = {
        "status", "[--json]",
        "Shows what runs here: listeners, target groups with the health of their targets, tasks.\n"
        "Exits with 1 when no edge runs.",
        0, options};
    unsigned count;
    int exit_code;
    if (!options_parse(&usage, argc, argv, &count, &arguments, &exit_code))
        return exit_code;
    if (!place_find("status", file, state, false, &status.place))
        return 1;
    buffer_init(&status.answer, STATUS_BYTES_MAX);
    arena_init(&status.arena, NULL, 0, 4 * (size_t)STATUS_BYTES_MAX);
    status.tasks = memory_alloc_array(TASKS_MAX, sizeof *status.tasks);
    exit_code = status.tasks == NULL || show(&status) != 0;
    memory_free(status.tasks);
    arena_finish(&status.arena);
    buffer_finish(&status.answer);
    return exit_code;
}
