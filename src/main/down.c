/*
 * A running supervisor gets SIGTERM and is waited for. Where there is none, its edge and its tasks
 * may have outlived it: those are stopped one by one, by its note and by the sockets of the shims.
 */
#include "main/down.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/fiber_run.h"
#include "cli/options.h"
#include "cli/place.h"
#include "control/shim_link.h"
#include "main/configuration.h"
#include "main/edge_note.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/loop.h"
#include "os/proc.h"
#include "os/unix_path.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define WAIT_MS      120000
#define WAKE_MS      200
#define STOP_TASK_MS 10000

struct down {
    struct place place;
    unsigned stopped;
    unsigned failed;
    char tasks[PATH_MAX];
};

/* One that a signal was just stopping when it was told to end is woken again and again. */
static int await_end(struct process *process)
{
    struct process_end end;
    int64_t deadline_ms = loop_deadline(WAIT_MS);
    int rc;
    while ((rc = process_wait(process, loop_deadline(WAKE_MS), &end)) == -ETIMEDOUT &&
           loop_now_ms() < deadline_ms)
        process_wake(process->pid);
    process_release(process);
    return rc;
}

/* 1: there was one, and it has ended. 0: there is none. */
static int stop_supervisor(struct down *down)
{
    char path[PATH_MAX];
    SCOPED(buffer_finish) struct buffer note;
    struct proc_info info;
    struct process process;
    buffer_init(&note, 64);
    if (!place_path(&down->place, "lock", path))
        return -ENAMETOOLONG;
    int fd = file_lock(path);
    if (fd >= 0) {
        (void)close(fd);
        return 0;
    }
    if (fd != -EAGAIN)
        return fd;
    uint64_t pid = 0;
    int rc = file_read_all(path, &note);
    struct slice digits = slice_first(buffer_slice(&note), note.len - (note.len > 0));
    if (rc < 0 || slice_parse_u64(digits, &pid) < 0 || proc_read((pid_t)pid, &info) < 0)
        return -ESRCH;
    rc = process_hold(info.pid, info.start_ticks, &process);
    if (rc == 0)
        rc = process_terminate(&process);
    if (rc < 0)
        return rc;
    log_info("stopping weir (pid %d); requests and tasks may finish what they do", info.pid);
    rc = await_end(&process);
    return rc < 0 ? rc : 1;
}

static void stop_edge(struct down *down, const struct noted_edge *noted)
{
    struct process edge;
    if (edge_note_hold(noted, &edge) < 0)
        return;
    log_info("stopping the edge that was left (pid %d)", edge.pid);
    if (process_terminate(&edge) == 0 && await_end(&edge) == 0)
        down->stopped++;
}

static void stop_edges(struct down *down)
{
    char path[PATH_MAX];
    SCOPED_FREE struct edge_note *note = NEW(struct edge_note);
    if (note == NULL || !place_path(&down->place, "edge.note", path) ||
        edge_note_read(path, note) < 0)
        return;
    for (unsigned i = 0; i < note->count; i++)
        stop_edge(down, &note->edges[i]);
}

/* Files of Unix sockets that the edge listened on. */
static void remove_sockets(const struct down *down)
{
    struct configuration kept = {0};
    char path[PATH_MAX];
    int64_t since_s;
    if (!place_path(&down->place, CONFIGURATION_KEPT, path) ||
        configuration_read_kept(path, &down->place, &since_s, &kept) < 0)
        return;
    for (unsigned i = 0; i < kept.snapshot->listeners_count; i++) {
        const struct conf_address *address = &kept.snapshot->listeners[i].address;
        if (address->kind == CONF_ADDRESS_UNIX)
            unix_path_clear(address->host.at);
    }
    configuration_release(&kept);
}

/* What a supervisor that was killed has left. */
static void remove_files(const struct down *down)
{
    static const char *const names[] = {"edge.note", "edge.sock", "supervisor.sock",
                                        "supervisor.sock.new", CONFIGURATION_KEPT};
    char path[PATH_MAX];
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (place_path(&down->place, names[i], path))
            (void)file_remove(path);
    }
}

static void wake_waiter(struct shim_link *link)
{
    (void)link;
}

static int stop_task(void *arg, const char *name)
{
    struct down *down = arg;
    struct shim_link link;
    char folder[PATH_MAX];
    int len = snprintf(folder, sizeof folder, "%s/%s", down->tasks, name);
    if (len < 0 || (size_t)len >= sizeof folder)
        return 0;
    int rc = shim_find(&link, folder, wake_waiter);
    if (rc == -ETIMEDOUT) {
        log_error("%s: its shim does not answer; it is left as it is", name);
        down->failed++;
        return 0;
    }
    if (rc == 0) {
        log_info("stopping %s", name);
        shim_stop(&link, STOP_TASK_MS);
        while (!link.is_gone && fiber_sleep(20) == 0)
            ;
        shim_finish(&link);
        down->stopped++;
    }
    (void)folder_remove(folder);
    return 0;
}

static int down_fiber(void *arg)
{
    struct down *down = arg;
    int rc = stop_supervisor(down);
    if (rc > 0)
        down->stopped++;
    if (rc < 0) {
        log_error("weir down: cannot stop weir: %s", strerror(-rc));
        return 1;
    }
    stop_edges(down);
    remove_sockets(down);
    remove_files(down);
    if (place_path(&down->place, "tasks", down->tasks))
        (void)folder_each(down->tasks, stop_task, down);
    if (down->failed == 0)
        log_info(down->stopped > 0 ? "stopped" : "nothing runs here");
    return down->failed > 0;
}

int down_main(int argc, const char **argv)
{
    static struct down down;
    const char *file = NULL, *state = NULL, **arguments;
    const struct option_row options[] = {
        PLACE_FILE_ROW('f', file),
        PLACE_STATE_ROW(state),
        {.name = NULL},
    };
    const struct command_usage usage = {"down", "[-f FILE]",
                                        "Stops the weir that runs here, and what is left of one "
                                        "that was killed. Waits for the end.",
                                        0, options};
    unsigned count;
    int exit_code;
    struct file_info info;
    if (!options_parse(&usage, argc, argv, &count, &arguments, &exit_code))
        return exit_code;
    if (!place_find("down", file, state, false, &down.place))
        return 1;
    if (file_stat(down.place.state, &info) < 0) {
        log_info("nothing runs here");
        return 0;
    }
    int rc = fiber_run(down_fiber, &down);
    return rc < 0 ? 1 : rc;
}
