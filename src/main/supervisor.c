/*
 * One loop with a fiber for each child and one for signals. The order of an end: the edge drains
 * while tasks still answer, then control stops the tasks; a second signal ends all at once.
 */
#include "main/supervisor.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/options.h"
#include "cli/place.h"
#include "control/control.h"
#include "edge/listen.h"
#include "main/children.h"
#include "main/configuration.h"
#include "main/edge_note.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/kernel.h"
#include "os/loop.h"
#include "os/pair.h"
#include "os/proc.h"
#include "os/self.h"
#include "os/signals.h"
#include "os/unix_path.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define RESTART_FIRST_MS 50
#define RESTART_MAX_MS   30000
#define PROVED_MS        60000 /* a child that ran so long has proved itself */
#define READY_MS         30000
#define STATE_MODE       0700

struct child {
    const char *name;
    struct process process; /* pidfd -1: not running */
    struct io channel;      /* ready of the edge, lifeline of control */
    unsigned crashes;       /* in a row */
    bool is_over;           /* its fiber has ended */
};

struct supervisor {
    const char *command; /* "edge" or "up" */
    struct place place;
    char note_path[PATH_MAX];
    char admin_path[PATH_MAX];
    struct configuration configuration;
    struct edge_note note; /* its listeners' descriptors are ours, -1 where we have none */
    int admin_fd;
    struct child edge;
    struct child control;
    struct fiber *main;
    bool with_control;
    bool is_adopted; /* the edge, from an earlier supervisor */
    bool has_served; /* a control that gives up must not end what others began */
    bool is_stopping;
    bool is_hurried;
    int result;
};

static int64_t restart_ms(unsigned crashes)
{
    return crashes > 9 ? RESTART_MAX_MS : (int64_t)RESTART_FIRST_MS << crashes;
}

static void forward(const struct child *child, int number)
{
    if (child->process.pidfd >= 0)
        (void)process_signal(&child->process, number);
}

static void terminate(const struct child *child)
{
    if (child->process.pidfd >= 0)
        (void)process_terminate(&child->process);
}

static void close_ports(struct supervisor *self)
{
    for (unsigned i = 0; i < self->note.listeners_count; i++) {
        if (self->note.listeners[i].fd >= 0)
            (void)close(self->note.listeners[i].fd);
        self->note.listeners[i].fd = -1;
    }
}

static void close_listeners(struct supervisor *self)
{
    close_ports(self);
    if (self->admin_fd >= 0)
        (void)close(self->admin_fd);
    self->admin_fd = -1;
}

/* A port must refuse from the first moment of a stop: nobody would accept from its queue. */
static void stop(struct supervisor *self, int result)
{
    close_ports(self);
    if (result != 0 && self->result == 0)
        self->result = result;
    self->is_hurried = self->is_stopping;
    self->is_stopping = true;
    if (self->is_hurried) {
        forward(&self->edge, SIGKILL);
        terminate(&self->control);
    } else {
        terminate(&self->edge);
    }
    fiber_wake(self->main);
}

static void signals_main(void *arg)
{
    struct supervisor *self = arg;
    struct signals signals;
    int rc = signals_open(&signals, (const int[]){SIGTERM, SIGINT, SIGHUP, SIGUSR1, 0});
    while (rc >= 0) {
        rc = signals_next(&signals, FIBER_FOREVER);
        if (rc == SIGUSR1)
            forward(&self->edge, SIGUSR1); /* after a rotation: the access log is opened anew */
        else if (rc > 0)
            stop(self, 0);
    }
}

/* Who holds the port, where that can be seen. */
static void tell_holder(const struct conf_address *address)
{
    uint64_t inodes[PROC_LISTENERS_MAX];
    struct proc_info holder;
    unsigned count = address->port == 0 ? 0 : proc_listeners(address->port, inodes);
    if (count > 0 && proc_find_holder(inodes, count, &holder) == 0)
        log_warn("  port %u is held by %s (pid %d); to see it: ps -fp %d", address->port,
                 holder.name, holder.pid, holder.pid);
}

static int open_listener(struct supervisor *self, unsigned index)
{
    struct error error;
    const struct conf_address *address = &self->configuration.snapshot->listeners[index].address;
    struct note_listener *listener = &self->note.listeners[index];
    (void)snprintf(listener->address, sizeof listener->address, "%.*s", SLICE_ARG(address->text));
    listener->fd = listen_open(address, &error);
    if (listener->fd >= 0)
        return 0;
    log_error("%s:%u: %s", self->place.file,
              self->configuration.snapshot->listeners[index].place.line, error.text);
    if (error.code == -EADDRINUSE)
        tell_holder(address);
    return error.code;
}

static int open_listeners(struct supervisor *self)
{
    int rc = 0;
    if (self->configuration.snapshot->listeners_count > NOTE_LISTENERS_MAX) {
        log_error("more than %d listeners", NOTE_LISTENERS_MAX);
        return -E2BIG;
    }
    self->note.listeners_count = self->configuration.snapshot->listeners_count;
    for (unsigned i = 0; i < self->note.listeners_count; i++)
        self->note.listeners[i].fd = -1;
    for (unsigned i = 0; rc == 0 && i < self->note.listeners_count; i++)
        rc = open_listener(self, i);
    if (rc < 0)
        return rc;
    self->admin_fd = unix_path_listen(self->admin_path);
    if (self->admin_fd < 0)
        log_error("cannot listen on %s: %s", self->admin_path, strerror(-self->admin_fd));
    return self->admin_fd < 0 ? self->admin_fd : 0;
}

/*
 * The descriptors of an edge that another supervisor started: with them its listen queues outlive a
 * crash. Where the system refuses (not root, and ptrace restricted) they are bound anew then.
 */
static void take_descriptors(struct supervisor *self)
{
    bool complete = true;
    self->admin_fd = process_take_descriptor(&self->edge.process, CHILD_FD_ADMIN);
    for (unsigned i = 0; i < self->note.listeners_count; i++) {
        struct note_listener *listener = &self->note.listeners[i];
        listener->fd = process_take_descriptor(&self->edge.process, listener->fd);
        complete &= listener->fd >= 0;
    }
    if (!complete || self->admin_fd < 0)
        close_listeners(self);
}

/* 1: adopted. 0: there is none. Negative: there is one that cannot be taken as it is. */
static int adopt_edge(struct supervisor *self)
{
    if (edge_note_read(self->note_path, &self->note, &self->edge.process) < 0)
        return 0;
    int pid = self->note.pid;
    if (!edge_note_listens_as(&self->note, self->configuration.snapshot)) {
        log_error("an edge of an earlier run (pid %d) serves other listeners than %s names now; "
                  "`weir down` stops it, then start again",
                  pid, self->place.file);
        process_release(&self->edge.process);
        return -EEXIST;
    }
    if (self->note.digest != self->configuration.digest)
        log_warn("the edge of an earlier run (pid %d) still has the configuration it was started "
                 "with; `weir down`, then start again, for that of %s",
                 pid, self->place.file);
    process_wake(self->edge.process.pid); /* one that was stopped serves nobody */
    take_descriptors(self);
    self->is_adopted = true;
    self->has_served = true;
    log_info("adopted the edge that runs since before (pid %d)", pid);
    return 1;
}

static void tell_listeners(const struct supervisor *self)
{
    for (unsigned i = 0; i < self->configuration.snapshot->listeners_count; i++) {
        const struct conf_address *address = &self->configuration.snapshot->listeners[i].address;
        const char *host = address->kind != CONF_ADDRESS_UNIX && address->host.len == 0 ? "*" : "";
        bool is_unix = address->kind == CONF_ADDRESS_UNIX;
        log_info("listening on %s%s%.*s", is_unix ? "" : "http://", host, SLICE_ARG(address->text));
    }
}

static int spawn_edge(struct supervisor *self)
{
    const char *arguments[NOTE_LISTENERS_MAX + 4] = {"weir", EDGE_PROCESS, self->place.file};
    int passed[NOTE_LISTENERS_MAX + 3], ready;
    struct proc_info info;
    struct error error = {0};
    int rc = self->admin_fd < 0 ? open_listeners(self) : 0;
    if (rc == 0)
        rc = pair_open(&self->edge.channel, &ready);
    if (rc < 0)
        return rc;
    passed[0] = ready;
    passed[1] = self->admin_fd;
    passed[2] = self->configuration.text;
    for (unsigned i = 0; i < self->note.listeners_count; i++) {
        passed[3 + i] = self->note.listeners[i].fd;
        arguments[3 + i] = self->note.listeners[i].address;
    }
    struct process_options options = {
        .program = SELF_PROGRAM,
        .arguments = arguments,
        .input = -1,
        .output = 1,
        .errors = 2,
        .passed = passed,
        .passed_count = 3 + self->note.listeners_count,
        .new_session = true,
    };
    rc = process_spawn(&options, &self->edge.process, &error);
    pair_close_passed(ready);
    if (rc < 0) {
        log_error("the edge: %s", error.text);
        io_close(&self->edge.channel);
        return rc;
    }
    struct edge_note *note = memory_alloc_raw(sizeof *note);
    if (note != NULL && proc_read(self->edge.process.pid, &info) == 0) {
        *note = self->note;
        note->pid = info.pid;
        note->start_ticks = info.start_ticks;
        note->digest = self->configuration.digest;
        for (unsigned i = 0; i < note->listeners_count; i++)
            note->listeners[i].fd = CHILD_FD_FIRST_LISTENER + (int)i;
        rc = edge_note_write(self->note_path, note);
        if (rc < 0)
            log_warn(
                "cannot write %s: %s; if this weir is killed, the next one cannot adopt its edge, "
                "nor can `weir down` stop it",
                self->note_path, strerror(-rc));
    }
    memory_free(note);
    return 0;
}

static int await_ready(struct supervisor *self)
{
    char byte;
    ssize_t got = io_read_wait(&self->edge.channel, &byte, 1, loop_deadline(READY_MS));
    io_close(&self->edge.channel);
    return got == 1 ? 0 : got < 0 ? (int)got : -ECONNRESET;
}

/* Returns how long to wait before it is started again. */
static int64_t note_crash(struct child *child, const struct process_end *end, int64_t began_ms)
{
    char text[PROCESS_END_TEXT_BYTES];
    child->crashes = loop_now_ms() - began_ms >= PROVED_MS ? 0 : child->crashes;
    int64_t wait_ms = restart_ms(child->crashes++);
    log_error("%s ended with %s; it is started anew in %.2f s", child->name,
              process_end_format(end, text), (double)wait_ms / 1000);
    return wait_ms;
}

static void child_over(struct supervisor *self, struct child *child)
{
    child->is_over = true;
    fiber_wake(self->main);
}

/* The first start of an edge that fails is told to the user and not repeated. */
static int start_edge(struct supervisor *self, bool is_first)
{
    if (self->is_adopted) {
        self->is_adopted = false;
        tell_listeners(self);
        return 0;
    }
    int rc = spawn_edge(self);
    if (rc == 0 && await_ready(self) < 0 && is_first)
        rc = -ECHILD;
    if (rc == 0 && is_first)
        tell_listeners(self);
    return rc;
}

static void tell_control(struct supervisor *self)
{
    struct iovec byte = {.iov_base = (char[]){'e'}, .iov_len = 1};
    if (io_is_open(&self->control.channel))
        (void)io_write(&self->control.channel, &byte, 1);
}

static void control_main(void *arg);

static void edge_came_up(struct supervisor *self, bool is_first)
{
    if (!is_first) {
        tell_control(self);
        return;
    }
    if (!self->with_control)
        log_info("ready");
    else if (fiber_start(control_main, self, NULL) < 0)
        stop(self, 1);
    else
        self->control.is_over = false;
}

static void edge_main(void *arg)
{
    struct supervisor *self = arg;
    struct process_end end = {0};
    for (bool is_first = true; !self->is_stopping; is_first = false) {
        int64_t began_ms = loop_now_ms();
        int rc = start_edge(self, is_first);
        if (rc < 0 && is_first)
            stop(self, 1);
        else if (rc == 0)
            edge_came_up(self, is_first);
        if (self->edge.process.pidfd >= 0)
            (void)process_wait(&self->edge.process, FIBER_FOREVER, &end);
        if (self->is_stopping)
            break;
        (void)fiber_sleep(note_crash(&self->edge, &end, began_ms));
    }
    child_over(self, &self->edge);
}

static int spawn_control(struct supervisor *self)
{
    int theirs, passed[2];
    struct error error = {0};
    const char *arguments[] = {"weir", CONTROL_PROCESS, self->place.file, self->place.state, NULL};
    int rc = pair_open(&self->control.channel, &theirs);
    if (rc < 0)
        return rc;
    passed[0] = theirs;
    passed[1] = self->configuration.text;
    struct process_options options = {
        .program = SELF_PROGRAM,
        .arguments = arguments,
        .input = -1,
        .output = 1,
        .errors = 2,
        .passed = passed,
        .passed_count = COUNT_OF(passed),
        .new_session = true,
        .on_parent_death = SIGKILL, /* it would leave, but not while it is stopped */
    };
    rc = process_spawn(&options, &self->control.process, &error);
    pair_close_passed(theirs);
    if (rc < 0)
        log_error("control: %s", error.text);
    return rc;
}

static void control_main(void *arg)
{
    struct supervisor *self = arg;
    struct process_end end = {0};
    while (!self->is_stopping) {
        int64_t began_ms = loop_now_ms();
        if (spawn_control(self) == 0)
            (void)process_wait(&self->control.process, FIBER_FOREVER, &end);
        io_close(&self->control.channel);
        if (self->is_stopping)
            break;
        bool gave_up = end.is_known && !end.by_signal && end.code == CONTROL_GAVE_UP;
        if (gave_up && !self->has_served) {
            stop(self, 1);
            break;
        }
        self->has_served = true;
        (void)fiber_sleep(note_crash(&self->control, &end, began_ms));
    }
    child_over(self, &self->control);
}

static void supervisor_main(void *arg)
{
    struct supervisor *self = arg;
    self->main = fiber_current();
    if (fiber_start(signals_main, self, NULL) < 0 || fiber_start(edge_main, self, NULL) < 0) {
        self->result = 1;
        self->is_stopping = true;
        self->edge.is_over = true;
    }
    while (!self->is_stopping || !self->edge.is_over)
        (void)fiber_wait(FIBER_FOREVER);
    /* Nobody will answer there any more: control must not wait for it. */
    close_listeners(self);
    terminate(&self->control);
    while (!self->control.is_over)
        (void)fiber_wait(FIBER_FOREVER);
    loop_stop(loop_current());
}

static int make_state(struct supervisor *self)
{
    char path[PATH_MAX];
    struct file_info info;
    int rc = folder_make(self->place.state, STATE_MODE);
    if (rc == 0 && place_path(&self->place, ".gitignore", path) && file_stat(path, &info) < 0)
        rc = file_replace(path, SLICE("*\n"), 0600);
    if (rc < 0)
        log_error("cannot make the state folder %s: %s; --state FOLDER names another",
                  self->place.state, strerror(-rc));
    if (rc == 0 && (!place_path(&self->place, "edge.note", self->note_path) ||
                    !place_path(&self->place, "edge.sock", self->admin_path)))
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

static int prepare(struct supervisor *self)
{
    int rc = configuration_read(self->place.file, &self->configuration);
    if (rc == 0 && !self->with_control && self->configuration.snapshot->services_count > 0)
        log_warn("%s also has services; `weir edge` does not run them, `weir up` does",
                 self->place.file);
    if (rc == 0)
        rc = make_state(self);
    if (rc == 0)
        rc = lock_state(self);
    if (rc == 0)
        rc = adopt_edge(self);
    return rc == 0 ? open_listeners(self) : rc < 0 ? rc : 0;
}

static int run(struct supervisor *self)
{
    struct kernel *kernel = NULL;
    struct loop *loop = NULL;
    self->edge = (struct child){.name = "the edge", .process.pidfd = -1};
    self->control = (struct child){.name = "control", .process.pidfd = -1, .is_over = true};
    self->admin_fd = -1;
    io_init(&self->edge.channel, NULL);
    io_init(&self->control.channel, NULL);
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
    (void)edge_note_write(self->note_path, NULL);
    (void)file_remove(self->admin_path);
    close_listeners(self);
    configuration_release(&self->configuration);
    return rc < 0 ? 1 : self->result;
}

static int start(const char *command, const char *help, bool with_control, int argc,
                 const char **argv)
{
    static struct supervisor self;
    const char *file = NULL, *state = NULL, **arguments;
    const struct option_row options[] = {
        {'f', "file", OPTION_TEXT, "FILE", "the file; weir.yaml without it", .text = &file},
        {'\0', "state", OPTION_TEXT, "FOLDER", "the state folder; .weir beside the file without it",
         .text = &state},
        {.name = NULL},
    };
    const struct command_usage usage = {command, "[-f FILE]", help, 0, options};
    unsigned count;
    int exit_code;
    if (!options_parse(&usage, argc, argv, &count, &arguments, &exit_code))
        return exit_code;
    if (!place_find(command, file, state, true, &self.place))
        return 1;
    self.command = command;
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
