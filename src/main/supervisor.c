/*
 * The life of the supervisor: its files, its signals, and the order of an end: the edge drains
 * while tasks still answer, then control stops the tasks; a second signal ends all at once. What it
 * keeps running stands in edges.c and control_child.c, reloads in reload.c.
 */
#include "main/supervisor.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/options.h"
#include "control/shim_link.h"
#include "main/control_child.h"
#include "main/edge_child.h"
#include "main/edge_note.h"
#include "main/edges.h"
#include "main/keeper_child.h"
#include "main/reload.h"
#include "main/upgrade.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/kernel.h"
#include "os/loop.h"
#include "os/self.h"
#include "os/signals.h"
#include "os/unix_path.h"
#include "wire/http/date.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define WAKE_MS 200

int64_t supervisor_note_crash(const char *name, const struct process_end *end, int64_t began_ms,
                              unsigned *crashes)
{
    char text[PROCESS_END_TEXT_BYTES];
    if (loop_now_ms() - began_ms >= PROVED_MS)
        *crashes = 0;
    int64_t wait_ms = *crashes > 9 ? RESTART_MAX_MS : (int64_t)RESTART_FIRST_MS << *crashes;
    ++*crashes;
    log_error("%s ended with %s; it is started anew in %.2f s", name, process_end_format(end, text),
              (double)wait_ms / 1000);
    return wait_ms;
}

static void close_listeners(struct supervisor *self)
{
    sockets_close(&self->sockets, NULL);
    if (self->admin_fd >= 0)
        (void)close(self->admin_fd);
    self->admin_fd = -1;
}

/* A port must refuse from the first moment of a stop: nobody would accept from its queue. */
void supervisor_stop(struct supervisor *self, int result)
{
    sockets_close(&self->sockets, NULL);
    if (result != 0 && self->result == 0)
        self->result = result;
    self->is_hurried = self->is_stopping;
    self->is_stopping = true;
    keeper_terminate(self);
    if (self->is_hurried) {
        edges_signal(self, SIGKILL);
        control_terminate(self);
    } else {
        edges_terminate(self);
    }
    fiber_wake(self->main);
}

/* A terminal that is gone means an end; whoever sends SIGHUP by hand wants a reload. */
static void hear_signal(struct supervisor *self, int number, bool by_kernel)
{
    if (number == SIGUSR1)
        edges_reopen_log(self);
    else if (number == SIGHUP && !by_kernel)
        reload_ask(self);
    else if (number == SIGUSR2)
        reload_ask_upgrade(self);
    else
        supervisor_stop(self, 0);
}

static void signals_main(void *arg)
{
    struct supervisor *self = arg;
    bool by_kernel = false;
    int rc = 0;
    while (rc >= 0) {
        rc = signals_next_from(&self->signals, FIBER_FOREVER, &by_kernel);
        if (rc > 0)
            hear_signal(self, rc, by_kernel);
    }
}

static void tell_listeners(const struct supervisor *self)
{
    for (unsigned i = 0; i < self->configuration.snapshot->listeners_count; i++) {
        const struct conf_listener *listener = &self->configuration.snapshot->listeners[i];
        const struct conf_address *address = &listener->address;
        const char *host = address->kind != CONF_ADDRESS_UNIX && address->host.len == 0 ? "*" : "";
        bool is_unix = address->kind == CONF_ADDRESS_UNIX;
        bool has_tls = listener->tls.source != CONF_TLS_OFF;
        const char *scheme = listener->protocol == CONF_PROTOCOL_TCP ? has_tls ? "tls://" : "tcp://"
                             : has_tls                               ? "https://"
                                                                     : "http://";
        log_info("listening on %s%s%.*s", is_unix ? "" : scheme, host, SLICE_ARG(address->text));
    }
}

/* All but what came with an edge that was adopted. */
static int open_missing(struct supervisor *self)
{
    struct error error = {0};
    if (self->current != NULL)
        return 0;
    int rc =
        sockets_open(self->configuration.snapshot, NULL, self->place.file, &self->sockets, &error);
    if (rc < 0)
        return rc;
    self->admin_fd = unix_path_listen(self->admin_path);
    if (self->admin_fd < 0)
        log_error("cannot listen on %s: %s", self->admin_path, strerror(-self->admin_fd));
    return self->admin_fd < 0 ? self->admin_fd : 0;
}

void supervisor_keep_accepted(struct supervisor *self)
{
    int rc = configuration_keep(&self->configuration, self->accepted_path);
    if (rc < 0)
        log_warn("cannot write %s: %s; if this weir is killed, the next one may not know what was "
                 "accepted last",
                 self->accepted_path, strerror(-rc));
}

/*
 * With an edge that was adopted, what it serves: a text that it has refused is no reason to forget
 * that. Without one, what the file says. A file that is wrong is as one that did not change.
 */
static void choose_configuration(struct supervisor *self)
{
    struct configuration *file = &self->file, *kept = &self->kept;
    bool serves_kept = self->current != NULL && self->current->digest == kept->digest;
    bool takes_kept = kept->snapshot != NULL && (file->snapshot == NULL || serves_kept);
    struct configuration *chosen = takes_kept ? kept : file;
    char since[HTTP_DATE_BYTES];
    if (file->snapshot == NULL) {
        http_date_write(since, self->kept_s);
        log_error(
            "%s is not taken, for what is told above; what runs is the text that was accepted "
            "last, on %.*s (%s). Correct the file, then `weir reload`",
            self->place.file, (int)sizeof since, since, self->accepted_path);
    }
    self->configuration = *chosen;
    *chosen = (struct configuration){0};
}

/* An edge that was adopted serves what was accepted; the file may say something else now. */
static void follow_file(struct supervisor *self)
{
    bool takes_over = self->is_taking_over;
    bool has_changed =
        self->file.snapshot != NULL && self->file.digest != self->configuration.digest;
    configuration_release(&self->file);
    configuration_release(&self->kept);
    self->is_taking_over = false;
    if (takes_over)
        reload_ask_renewal(self);
    else if (has_changed || self->current->digest != self->configuration.digest)
        reload_ask(self);
    else
        supervisor_keep_accepted(self);
    if (!self->configuration.credentials.is_partial &&
        self->current->credentials_digest != self->configuration.credentials.digest)
        reload_send_credentials(self);
}

static void ignore_change(struct shim_link *link)
{
    (void)link;
}

static int find_task(void *arg, const char *name)
{
    struct supervisor *self = arg;
    struct shim_link link;
    char relative[PATH_MAX], folder[PATH_MAX];
    int len = snprintf(relative, sizeof relative, "tasks/%s", name);
    if (len < 0 || (size_t)len >= sizeof relative || !place_path(&self->place, relative, folder) ||
        shim_find(&link, folder, ignore_change) < 0)
        return 0;
    io_close(&link.io);
    log_error(
        "the task %s of an earlier `weir up` still runs here: `weir up` adopts it, `weir down` "
        "stops it; `weir edge` would leave it to itself",
        name);
    return -EBUSY;
}

/* Nobody would start them anew, or stop them. */
static int refuse_tasks(struct supervisor *self)
{
    char tasks[PATH_MAX];
    int rc = place_path(&self->place, "tasks", tasks) ? folder_each(tasks, find_task, self) : 0;
    return rc == -EBUSY ? rc : 0;
}

static int begin(struct supervisor *self)
{
    int rc = self->with_control ? 0 : refuse_tasks(self);
    self->has_unadopted = rc < 0; /* what runs stays noted */
    if (rc == 0)
        rc = edges_adopt(self);
    if (rc < 0)
        return rc;
    choose_configuration(self);
    rc = open_missing(self);
    if (rc == 0)
        rc = keeper_start(self);
    if (rc == 0 && self->current == NULL)
        keeper_await_made(self);
    if (rc == 0)
        rc = edges_start(self);
    if (rc < 0)
        return rc;
    follow_file(self);
    tell_listeners(self);
    if (!self->with_control)
        log_info("ready");
    return control_start(self);
}

/*
 * In a stop: what a signal has stopped is woken again and again, for it may have been on its way
 * into that stop when it was looked at first.
 */
static void await_children(struct supervisor *self)
{
    if (!self->is_stopping) {
        (void)fiber_wait(FIBER_FOREVER);
        return;
    }
    (void)fiber_wait(loop_deadline(WAKE_MS));
    edges_wake(self);
    if (self->control.pidfd >= 0)
        process_wake(self->control.pid);
    if (self->keeper.process.pidfd >= 0)
        process_wake(self->keeper.process.pid);
}

static void supervisor_main(void *arg)
{
    struct supervisor *self = arg;
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, 0};
    self->main = fiber_current();
    /* Before there is an edge: a signal then would end this process and leave that one. */
    int rc = signals_open(&self->signals, numbers);
    if (rc == 0)
        rc = fiber_start(signals_main, self, NULL);
    if (rc == 0)
        rc = reload_start(self);
    if (rc == 0)
        rc = begin(self);
    if (rc < 0 && !self->is_stopping)
        supervisor_stop(self, 1);
    while (!self->is_stopping || !edges_are_over(self))
        await_children(self);
    /* Nobody will answer there any more: control must not wait for it. */
    close_listeners(self);
    control_terminate(self);
    while (!self->control_is_over || !self->keeper.is_over)
        await_children(self);
    loop_stop(loop_current());
}

static int make_state(struct supervisor *self)
{
    int rc = place_make_state(&self->place);
    if (rc < 0)
        log_error("cannot make the state folder %s: %s; --state FOLDER names another",
                  self->place.state, strerror(-rc));
    if (rc == 0 && (!place_path(&self->place, "edge.note", self->note_path) ||
                    !place_path(&self->place, MAINTENANCE_KEPT, self->maintenance_path) ||
                    !place_path(&self->place, "edge.sock", self->admin_path) ||
                    !place_path(&self->place, "supervisor.sock", self->overseer_path) ||
                    !place_path(&self->place, "supervisor.sock.new", self->starting_path)))
        rc = -ENAMETOOLONG;
    return rc;
}

/* Held as long as this process lives. The descriptor is closed by its end. */
static int lock_state(struct supervisor *self)
{
    char path[PATH_MAX], note[32];
    SCOPED(buffer_finish) struct buffer holder;
    buffer_init(&holder, sizeof note);
    if (!place_path(&self->place, "lock", path))
        return -ENAMETOOLONG;
    int fd = file_lock(path);
    if (fd >= 0) {
        int len = snprintf(note, sizeof note, "%d\n", (int)self_pid());
        return file_write_note(fd, slice_of(note, (size_t)len));
    }
    if (fd == -EAGAIN && file_read_all(path, &holder) == 0)
        log_error("weir runs here already (pid %.*s); `weir status` shows it, `weir down` stops it",
                  SLICE_ARG(slice_first(buffer_slice(&holder), holder.len - (holder.len > 0))));
    else
        log_error("cannot lock %s: %s", path, strerror(-fd));
    return fd;
}

/* What a supervisor that was killed while it wrote a file has left beside that. */
static int remove_temporary(void *arg, const char *name)
{
    static const char *const names[] = {"edge.note", CONFIGURATION_KEPT, MAINTENANCE_KEPT,
                                        ".gitignore"};
    struct supervisor *self = arg;
    char path[PATH_MAX];
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (file_is_temporary_of(name, names[i]) && place_path(&self->place, name, path))
            (void)file_remove(path);
    }
    return 0;
}

static int check_state(struct supervisor *self)
{
    struct error error = {0};
    int rc = configuration_check_state(&self->file, self->place.state, &error);
    if (rc < 0)
        log_error("%s", error.text);
    return rc;
}

/*
 * The file, and what an earlier supervisor that was killed has left of what it had accepted. One of
 * them is enough: what served goes on although the file is wrong by now. After an orderly end
 * nothing is left, and a wrong file is no start.
 */
static int prepare(struct supervisor *self)
{
    struct file_info info;
    int file_rc = configuration_read(&self->place, NULL, &self->file);
    if (!place_path(&self->place, CONFIGURATION_KEPT, self->accepted_path))
        return -ENAMETOOLONG;
    if (file_rc < 0 && file_stat(self->accepted_path, &info) < 0)
        return file_rc;
    if (file_rc == 0 && !self->with_control && self->file.snapshot->services_count > 0)
        log_warn("%s also has services; `weir edge` does not run them, `weir up` does",
                 self->place.file);
    int rc = make_state(self);
    if (rc == 0 && file_rc == 0)
        rc = check_state(self);
    if (rc == 0)
        rc = lock_state(self);
    if (rc < 0)
        return rc;
    (void)folder_each(self->place.state, remove_temporary, self);
    rc = maintenance_open(&self->maintenance, self->maintenance_path);
    if (rc < 0)
        return rc;
    rc = configuration_read_kept(self->accepted_path, &self->place, &self->kept_s, &self->kept);
    return file_rc < 0 ? rc : 0;
}

/* By which this weir, and what it runs, is found. */
static void remove_own_files(struct supervisor *self)
{
    (void)edge_note_write(self->note_path, NULL);
    (void)file_remove(self->admin_path);
    (void)file_remove(self->overseer_path);
    (void)file_remove(self->starting_path);
}

static int run(struct supervisor *self)
{
    struct kernel *kernel = NULL;
    struct loop *loop = NULL;
    list_init(&self->edges);
    self->control.pidfd = -1;
    self->control_is_over = true;
    self->keeper.process.pidfd = -1;
    self->keeper.is_over = true;
    io_init(&self->keeper.lifeline, NULL);
    self->admin_fd = -1;
    io_init(&self->lifeline, NULL);
    if (prepare(self) < 0)
        return 1;
    int rc = kernel_real_create(&kernel);
    if (rc == 0)
        rc = loop_create(kernel, &loop);
    if (rc == 0)
        rc = fiber_start(supervisor_main, self, NULL);
    if (rc == 0)
        rc = loop_run(loop);
    if (rc < 0)
        log_error("weir %s: %s", self->command, strerror(-rc));
    if (!self->has_unadopted) /* `weir down` finds it, or the next one adopts it */
        remove_own_files(self);
    if (rc == 0 && self->result == 0)
        (void)file_remove(self->accepted_path);
    close_listeners(self);
    configuration_release(&self->configuration);
    return rc < 0 ? 1 : self->result;
}

/* The file may be missing where one was accepted before. */
static bool find_place(const char *command, const char *file, const char *state,
                       struct place *place)
{
    char accepted[PATH_MAX];
    struct file_info info;
    if (!place_find(command, file, state, false, place))
        return false;
    bool has_accepted =
        place_path(place, CONFIGURATION_KEPT, accepted) && file_stat(accepted, &info) == 0;
    return has_accepted || place_find(command, file, state, true, place);
}

static int start(const char *command, const char *help, bool with_control, int argc,
                 const char **argv)
{
    static struct supervisor self;
    const char *file = NULL, *state = NULL, **arguments;
    const struct option_row options[] = {
        PLACE_FILE_ROW('f', file),
        PLACE_STATE_ROW(state),
        {.name = NULL},
    };
    const struct command_usage usage = {command, "[-f FILE]", help, 0, options};
    unsigned count;
    int exit_code;
    if (!options_parse(&usage, argc, argv, &count, &arguments, &exit_code))
        return exit_code;
    if (!find_place(command, file, state, &self.place))
        return 1;
    self.command = command;
    self.argc = argc;
    self.argv = argv;
    self.is_taking_over = self_take_variable(UPGRADE_VARIABLE);
    self.with_control = with_control;
    return run(&self);
}

int supervisor_edge(int argc, const char **argv)
{
    return start(
        "edge",
        "Runs the proxy alone, in the foreground. Ctrl-C or SIGTERM drains it; a second one "
        "ends it at once.",
        false, argc, argv);
}

int supervisor_up(int argc, const char **argv)
{
    return start("up",
                 "Runs everything in the file, in the foreground: the proxy, and each service as "
                 "tasks.\nCtrl-C or SIGTERM drains and stops all of it; a second one at once.",
                 true, argc, argv);
}
