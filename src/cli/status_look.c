/* What the edge's admin socket tells, and the tasks by the notes of their shims. */
#include "base/cleanup.h"
#include "cli/fiber_run.h"
#include "cli/status.h"
#include "http/ask.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/loop.h"
#include "os/proc.h"
#include "os/self.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ASK_MS           5000
#define STATUS_BYTES_MAX ((size_t)16 << 20)
#define NOTE_BYTES_MAX   2048
#define TASKS_MAX        1024

static bool parse_note(const char *text, struct status_task *task)
{
    uint64_t start_ticks;
    struct proc_info info;
    if (sscanf(text,
               "task pid=%d shim=%*d start=%" SCNu64 " label=service=%95s number=%*u hash=%*x "
               "port=%u",
               &task->pid, &start_ticks, task->service, &task->port) != 4)
        return false;
    return proc_read(task->pid, &info) == 0 && info.start_ticks == start_ticks && info.state != 'Z';
}

static int add_task(void *arg, const char *name)
{
    struct status *status = arg;
    char path[PATH_MAX];
    struct file_info info;
    SCOPED(buffer_finish) struct buffer note;
    buffer_init(&note, NOTE_BYTES_MAX);
    int len = snprintf(path, sizeof path, "%s/tasks/%s/task", status->place->state, name);
    if (len < 0 || (size_t)len >= sizeof path || status->tasks_count == TASKS_MAX ||
        file_stat(path, &info) < 0 || file_read_all(path, &note) < 0 ||
        buffer_append_char(&note, '\0') < 0)
        return 0;
    struct status_task *task = &status->tasks[status->tasks_count];
    (void)snprintf(task->id, sizeof task->id, "%s", name);
    task->seconds = self_wall_s() - info.modified_ns / 1000000000;
    status->tasks_count += parse_note(note.at, task);
    return 0;
}

static int compare_tasks(const void *a, const void *b)
{
    const struct status_task *left = a, *right = b;
    int order = strcmp(left->service, right->service);
    return order != 0 ? order : strverscmp(left->id, right->id);
}

static int find_tasks(struct status *status)
{
    char folder[PATH_MAX];
    status->tasks = memory_alloc_array(TASKS_MAX, sizeof *status->tasks);
    if (status->tasks == NULL)
        return -ENOMEM;
    if (place_path(status->place, "tasks", folder))
        (void)folder_each(folder, add_task, status);
    qsort(status->tasks, status->tasks_count, sizeof *status->tasks, compare_tasks);
    return 0;
}

/* How the certificates are that Weir gets by itself; no edge is needed for that. */
static void look_at_kept(struct status *status)
{
    char path[PATH_MAX];
    const struct json *document = NULL;
    if (place_path(status->place, "certificates/state.json", path) &&
        file_read_all(path, &status->kept_text) == 0 &&
        json_parse(buffer_slice(&status->kept_text), &status->arena, &document) == 0)
        status->kept = json_get(document, SLICE("certificates"));
}

static int ask_edge(void *arg)
{
    struct status *status = arg;
    char socket[PATH_MAX];
    if (!place_path(status->place, "edge.sock", socket))
        return -ENAMETOOLONG;
    int rc =
        ask(socket, "GET", "/v1/status", slice_of(NULL, 0), loop_deadline(ASK_MS), &status->answer);
    status->asked_ms = loop_wall_us() / 1000;
    if (rc >= 0 && rc != 200)
        return -EPROTO;
    return rc < 0 ? rc : json_parse(buffer_slice(&status->answer), &status->arena, &status->edge);
}

int status_look(struct status *status, const struct place *place)
{
    *status = (struct status){.place = place};
    buffer_init(&status->answer, STATUS_BYTES_MAX);
    buffer_init(&status->kept_text, STATUS_BYTES_MAX);
    arena_init(&status->arena, NULL, 0, 4 * STATUS_BYTES_MAX);
    status->error = fiber_run(ask_edge, status);
    if (status->error < 0)
        status->edge = NULL;
    look_at_kept(status);
    return find_tasks(status);
}

void status_finish(struct status *status)
{
    memory_free(status->tasks);
    arena_finish(&status->arena);
    buffer_finish(&status->answer);
    buffer_finish(&status->kept_text);
}
