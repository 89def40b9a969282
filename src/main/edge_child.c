/* Spawning with descriptors in the order of children.h, and questions with one answer each. */
#include "main/edge_child.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "edge/log_file.h"
#include "main/child_spawn.h"
#include "main/children.h"
#include "main/reload.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/loop.h"
#include "os/pair.h"
#include "os/passing.h"
#include "os/proc.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define READY_MS  30000
#define ANSWER_MS 30000
#define ADOPT_MS  5000

static struct edge_child *make(struct supervisor *self)
{
    struct edge_child *child = NEW(struct edge_child);
    if (child == NULL)
        return NULL;
    child->references = 1;
    child->self = self;
    child->process.pidfd = -1;
    child->began_ms = loop_now_ms();
    list_init(&child->link);
    io_init(&child->overseer, NULL);
    io_init(&child->birth, NULL);
    return child;
}

static void drop_answer(struct edge_child *child)
{
    if (child->answer != NULL)
        passing_finish(child->answer);
    memory_free(child->answer);
    child->answer = NULL;
}

struct edge_child *edge_child_ref(struct edge_child *child)
{
    child->references++;
    return child;
}

void edge_child_unref(struct edge_child *child)
{
    if (child == NULL || --child->references > 0)
        return;
    drop_answer(child);
    process_release(&child->process);
    memory_free(child);
}

void edge_child_close(struct edge_child *child)
{
    list_remove(&child->link);
    io_close(&child->overseer);
    io_close(&child->birth);
}

static struct slice kind_of(const struct passing *message, struct slice *ret_rest)
{
    struct slice kind = {0};
    *ret_rest = slice_of(message->bytes, message->len);
    (void)slice_cut(ret_rest, '\n', &kind);
    return kind;
}

void edge_child_acknowledge(struct edge_child *child)
{
    struct iovec byte = {.iov_base = (char[]){'k'}, .iov_len = 1};
    if (!io_is_open(&child->birth))
        return;
    int rc = file_rename(child->self->starting_path, child->self->overseer_path);
    if (rc < 0)
        log_warn("cannot name %s: %s; if this weir is killed, the next one cannot adopt its edge",
                 child->self->overseer_path, strerror(-rc));
    (void)io_write(&child->birth, &byte, 1);
    io_close(&child->birth);
}

/* -1: the access log is no file of its own. An error is told in *error, and logged. */
static int open_log(const struct snapshot *snapshot, int *ret_fd, struct error *error)
{
    const struct conf_access_log *conf = &snapshot->access_log;
    *ret_fd = -1;
    if (conf->format == CONF_LOG_OFF || conf->path.len == 0)
        return 0;
    *ret_fd = log_file_open(conf->path, error);
    if (*ret_fd < 0)
        log_error("%s", error->text);
    return *ret_fd < 0 ? *ret_fd : 0;
}

static void send_log(struct edge_child *child)
{
    int fd;
    struct error error = {0};
    if (child->hearing == NULL || open_log(child->self->configuration.snapshot, &fd, &error) < 0 ||
        fd < 0)
        return;
    (void)passing_send(&child->overseer, SLICE("log\n"), &fd, 1, loop_deadline(ADOPT_MS));
    (void)close(fd);
}

/* An edge that a signal has stopped does not read: nobody else waits for it. */
static void log_main(void *arg)
{
    struct edge_child *child = arg;
    while (child->wants_log) {
        child->wants_log = false;
        send_log(child);
    }
    child->logging = NULL;
    edge_child_unref(child);
}

void edge_child_reopen_log(struct edge_child *child)
{
    child->wants_log = child->serves;
    if (!child->serves || child->logging != NULL)
        return;
    if (fiber_start(log_main, edge_child_ref(child), &child->logging) < 0)
        edge_child_unref(child);
}

/* What is said to one edge holds for the one that serves, and for those that come. */
static void keep_maintenance(struct edge_child *child, struct passing *message)
{
    char answer[160] = "kept\n";
    int rc = maintenance_keep(&child->self->maintenance, passing_take(message, 0));
    if (rc < 0)
        (void)snprintf(answer, sizeof answer, "kept\ncannot write %s in the state folder: %s",
                       MAINTENANCE_KEPT, strerror(-rc));
    child->maintenance_version = child->self->maintenance.version;
    (void)passing_send(&child->overseer, slice_of_cstr(answer), NULL, 0, loop_deadline(ADOPT_MS));
    if (child->self->current != NULL && child->self->current != child)
        edge_child_tell_maintenance(child->self->current);
}

void edge_child_tell_maintenance(struct edge_child *child)
{
    const struct kept_maintenance *kept = &child->self->maintenance;
    if (child->maintenance_version == kept->version || child->hearing == NULL)
        return;
    child->maintenance_version = kept->version;
    (void)passing_send(&child->overseer, SLICE("maintenance\n"), &kept->text, 1,
                       loop_deadline(ADOPT_MS));
}

static void ask_refresh(struct edge_child *child, struct slice number)
{
    struct slice line = {0};
    uint64_t asked;
    if (!slice_cut(&number, '\n', &line) || slice_parse_u64(line, &asked) < 0)
        return;
    child->refresh_asked = asked;
    reload_ask_credentials(child->self);
}

/* What the edge says that is no answer. */
static bool is_wish(struct edge_child *child, struct passing *message)
{
    struct slice rest, kind = kind_of(message, &rest);
    if (slice_equal(kind, SLICE("rotated")))
        edge_child_reopen_log(child);
    else if (slice_equal(kind, SLICE("reload")))
        reload_ask(child->self);
    else if (slice_equal(kind, SLICE("refresh")))
        ask_refresh(child, rest);
    else if (slice_equal(kind, SLICE("maintenance")))
        keep_maintenance(child, message);
    else
        return false;
    return true;
}

static void hear_main(void *arg)
{
    struct edge_child *child = arg;
    struct passing *message = memory_alloc_raw(sizeof *message);
    while (message != NULL && passing_receive(&child->overseer, FIBER_FOREVER, message) > 0) {
        if (is_wish(child, message)) {
            passing_finish(message);
            continue;
        }
        drop_answer(child);
        child->answer = message;
        message = memory_alloc_raw(sizeof *message);
        if (child->asking != NULL)
            fiber_wake(child->asking);
    }
    memory_free(message);
    io_close(&child->overseer);
    child->hearing = NULL;
    if (child->asking != NULL)
        fiber_wake(child->asking);
    edge_child_unref(child);
}

static int connect_to(struct edge_child *child, const char *path)
{
    int rc = passing_connect(&child->overseer, path);
    if (rc < 0)
        return rc;
    rc = fiber_start(hear_main, edge_child_ref(child), &child->hearing);
    if (rc < 0)
        edge_child_unref(child);
    return rc;
}

/* Says something and waits for the answer, which stays in `answer` until the next question. */
static int ask(struct edge_child *child, struct slice text, const int *fds, unsigned fds_count,
               int64_t patience_ms)
{
    int64_t deadline_ms = loop_deadline(patience_ms);
    drop_answer(child);
    if (child->hearing == NULL)
        return -ENOTCONN;
    int rc = passing_send(&child->overseer, text, fds, fds_count, deadline_ms);
    child->asking = fiber_current();
    while (rc == 0 && child->answer == NULL && child->hearing != NULL)
        rc = fiber_wait(deadline_ms);
    child->asking = NULL;
    return rc < 0 ? rc : child->answer == NULL ? -ECONNRESET : 0;
}

static int spawn(struct edge_child *child, const struct sockets *sockets, const int *passed,
                 unsigned passed_count)
{
    const char *arguments[SOCKETS_MAX + 5] = {"weir", EDGE_PROCESS, child->self->place.file,
                                              child->self->place.state};
    for (unsigned i = 0; i < sockets->count; i++)
        arguments[4 + i] = sockets->at[i].address;
    return child_spawn("the edge", arguments, passed, passed_count, 0, &child->process);
}

static int spawn_with_log(struct edge_child *child, const struct configuration *configuration,
                          const struct sockets *sockets, int ready, int overseer_fd,
                          struct error *error)
{
    int passed[SOCKETS_MAX + 7] = {
        ready,       child->self->admin_fd,         configuration->text,
        overseer_fd, child->self->maintenance.text, configuration->credentials.fd};
    unsigned count = 6;
    child->maintenance_version = child->self->maintenance.version;
    int log_fd;
    int rc = open_log(configuration->snapshot, &log_fd, error);
    if (rc < 0)
        return rc;
    for (unsigned i = 0; i < sockets->count; i++)
        passed[count++] = sockets->at[i].fd;
    if (log_fd >= 0)
        passed[count++] = log_fd;
    rc = spawn(child, sockets, passed, count);
    if (log_fd >= 0)
        (void)close(log_fd);
    return rc;
}

/* The socket gets its name when the edge serves: until then that leads to the one before. */
static int spawn_connected(struct edge_child *child, const struct configuration *configuration,
                           const struct sockets *sockets, int ready, struct error *error)
{
    const char *path = child->self->starting_path;
    (void)folder_make(child->self->place.state, STATE_MODE); /* it may have been cleared away */
    if (child->self->current == NULL) /* it leads nowhere, and a full disk has no room for both */
        (void)file_remove(child->self->overseer_path);
    int fd = passing_listen(path);
    int rc = fd < 0 ? fd : connect_to(child, path);
    if (rc < 0)
        log_error("cannot listen on %s: %s", path, strerror(-rc));
    else
        rc = spawn_with_log(child, configuration, sockets, ready, fd, error);
    if (fd >= 0)
        (void)close(fd);
    if (rc == 0)
        list_append(&child->self->edges, &child->link);
    return rc;
}

static int await_ready(struct io *channel)
{
    char byte;
    ssize_t got = io_read_wait(channel, &byte, 1, loop_deadline(READY_MS));
    return got == 1 ? 0 : got < 0 ? (int)got : -ECONNRESET;
}

/* It never served: away with it. */
static void discard(struct edge_child *child)
{
    if (child->process.pidfd >= 0) {
        (void)process_signal(&child->process, SIGKILL);
        (void)process_wait(&child->process, FIBER_FOREVER, &child->end);
    }
    edge_child_close(child);
    (void)file_remove(child->self->starting_path);
    child->asking = fiber_current();
    while (child->hearing != NULL)
        (void)fiber_wait(FIBER_FOREVER);
    edge_child_unref(child);
}

int edge_child_start(struct supervisor *self, const struct configuration *configuration,
                     const struct sockets *sockets, struct edge_child **ret_child,
                     struct error *error)
{
    if (self->is_stopping)
        return -ECANCELED;
    /* Others may be read while it starts: it is to get those then. */
    uint64_t credentials_digest = configuration->credentials.digest;
    struct edge_child *child = make(self);
    struct proc_info info;
    int ready;
    int rc = child == NULL ? -ENOMEM : pair_open(&child->birth, &ready);
    if (rc < 0) {
        edge_child_unref(child);
        return rc;
    }
    rc = spawn_connected(child, configuration, sockets, ready, error);
    pair_close_passed(ready);
    if (rc == 0)
        rc = await_ready(&child->birth);
    if (rc == 0)
        rc = proc_read(child->process.pid, &info);
    if (rc < 0) {
        discard(child);
        return rc;
    }
    child->serves = true;
    child->start_ticks = info.start_ticks;
    child->digest = configuration->digest;
    child->credentials_digest = credentials_digest;
    *ret_child = child;
    return 0;
}

int edge_child_hold(struct supervisor *self, struct process *process, uint64_t start_ticks,
                    uint64_t digest, struct edge_child **ret_child)
{
    struct edge_child *child = make(self);
    if (child == NULL) {
        process_release(process);
        return -ENOMEM;
    }
    child->process = *process;
    child->serves = true;
    child->start_ticks = start_ticks;
    child->digest = digest;
    *ret_child = child;
    return 0;
}

/* The answer to "adopt": the admin socket, then a listening socket for each address. */
static int take_sockets(struct edge_child *child)
{
    struct supervisor *self = child->self;
    struct slice rest, address;
    if (!slice_equal(kind_of(child->answer, &rest), SLICE("sockets")))
        return -EBADMSG;
    self->admin_fd = passing_take(child->answer, 0);
    for (unsigned i = 1; slice_cut(&rest, '\n', &address) && address.len > 0; i++) {
        int fd = passing_take(child->answer, i);
        if (fd < 0 || !sockets_add(&self->sockets, address, fd))
            return -EBADMSG;
    }
    return self->admin_fd < 0 ? -EBADMSG : 0;
}

int edge_child_adopt(struct supervisor *self, struct process *process, uint64_t start_ticks,
                     uint64_t digest, struct edge_child **ret_child)
{
    struct edge_child *child;
    int pid = process->pid;
    int rc = edge_child_hold(self, process, start_ticks, digest, &child);
    if (rc < 0)
        return rc;
    process_wake(pid); /* one that was stopped serves nobody */
    rc = connect_to(child, self->overseer_path);
    if (rc == 0)
        rc = ask(child, SLICE("adopt\n"), NULL, 0, ADOPT_MS);
    if (rc == 0)
        rc = take_sockets(child);
    if (rc < 0) {
        log_error("an edge of an earlier run (pid %d) does not answer: %s; `weir down` stops it, "
                  "then start again",
                  pid, strerror(-rc));
        sockets_let_go(&self->sockets);
        edge_child_close(child);
        edge_child_unref(child);
        return rc;
    }
    *ret_child = child;
    return 0;
}

static int judge_applied(struct edge_child *child, struct error *error)
{
    struct slice text, kind = kind_of(child->answer, &text);
    if (slice_equal(kind, SLICE("applied")))
        return 0;
    bool needs_renewal = slice_equal(kind, SLICE("renew"));
    return error_set(error, needs_renewal ? -EXDEV : -EINVAL, "%.*s", SLICE_ARG(text));
}

int edge_child_apply(struct edge_child *child, const struct configuration *configuration,
                     const struct sockets *sockets, const struct sockets *have, struct error *error)
{
    int fds[SOCKETS_MAX + 2] = {configuration->text};
    unsigned count = 1;
    SCOPED(buffer_finish) struct buffer text;
    buffer_init(&text, PASSING_BYTES_MAX);
    int rc = buffer_format(&text, "apply\n");
    for (unsigned i = 0; rc == 0 && i < sockets->count; i++) {
        if (sockets_find(have, slice_of_cstr(sockets->at[i].address)) >= 0)
            continue;
        fds[count++] = sockets->at[i].fd;
        rc = buffer_format(&text, "%s\n", sockets->at[i].address);
    }
    fds[count++] = configuration->credentials.fd;
    if (rc == 0)
        rc = ask(child, buffer_slice(&text), fds, count, ANSWER_MS);
    /* It may still take it, and say so to another question: then nobody knew what it serves. */
    if (rc == -ETIMEDOUT)
        return error_set(error, -EXDEV, "the edge does not answer");
    if (rc < 0)
        return error_set_errno(error, rc, "the edge does not take the configuration");
    rc = judge_applied(child, error);
    if (rc == 0) {
        child->digest = configuration->digest;
        child->credentials_digest = configuration->credentials.digest;
    }
    return rc;
}

int edge_child_renew_credentials(struct edge_child *child, const struct credentials *credentials,
                                 struct error *error)
{
    int rc = ask(child, SLICE("credentials\n"), &credentials->fd, 1, ANSWER_MS);
    if (rc < 0)
        return error_set_errno(error, rc, "the edge does not take the certificates");
    rc = judge_applied(child, error);
    if (rc == 0)
        child->credentials_digest = credentials->digest;
    return rc;
}

void edge_child_retire(struct edge_child *child)
{
    if (child->process.pidfd < 0 || ask(child, SLICE("retire\n"), NULL, 0, ANSWER_MS) == 0)
        return;
    log_warn("the edge before (pid %d) does not answer; it is told to end", child->process.pid);
    if (child->process.pidfd >= 0)
        (void)process_terminate(&child->process);
}

/* `head` is the message's first lines, the text what fits behind them. */
static void tell(struct edge_child *child, const char *head, struct slice text)
{
    SCOPED(buffer_finish) struct buffer message;
    buffer_init(&message, PASSING_BYTES_MAX);
    if (child->hearing == NULL || buffer_append(&message, slice_of_cstr(head)) < 0)
        return;
    size_t room = PASSING_BYTES_MAX - message.len;
    if (buffer_append(&message, slice_first(text, text.len < room ? text.len : room)) == 0)
        (void)passing_send(&child->overseer, buffer_slice(&message), NULL, 0,
                           loop_deadline(ADOPT_MS));
}

void edge_child_tell(struct edge_child *child, bool is_ok, struct slice text)
{
    tell(child, is_ok ? "told\nok\n" : "told\nfailed\n", text);
}

void edge_child_tell_refreshed(struct edge_child *child, uint64_t number, bool is_ok,
                               struct slice text)
{
    char head[64];
    (void)snprintf(head, sizeof head, "refreshed\n%llu\n%s\n", (unsigned long long)number,
                   is_ok ? "ok" : "failed");
    tell(child, head, text);
}
