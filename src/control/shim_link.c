/* Lines in both directions over a Unix stream socket; what comes after the greeting comes to
 * on_ready, so that no fiber waits for each of the tasks. */
#include "control/shim_link.h"

#include "os/pair.h"
#include "os/self.h"
#include "os/unix_path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define GREETING_MS 10000
#define REAP_MS     5000

static void parse_end(struct shim_link *link, struct slice line)
{
    struct slice word;
    uint64_t code;
    (void)slice_cut(&line, ' ', &word); /* "ended" */
    if (!slice_cut(&line, ' ', &word) || slice_parse_u64(line, &code) < 0)
        return;
    link->has_ended = true;
    link->end.is_known = true;
    link->end.by_signal = slice_equal(word, SLICE("signal"));
    link->end.code = (int)code;
}

static void parse_greeting(struct shim_link *link, struct slice line)
{
    struct slice word;
    uint64_t pid;
    (void)slice_cut(&line, ' ', &word); /* "task" */
    while (slice_cut(&line, ' ', &word)) {
        if (slice_starts_with(word, SLICE("pid=")) &&
            slice_parse_u64(slice_from(word, 4), &pid) == 0)
            link->task_pid = (pid_t)pid;
        if (slice_starts_with(word, SLICE("shim=")) &&
            slice_parse_u64(slice_from(word, 5), &pid) == 0)
            link->shim_pid = (pid_t)pid;
        if (slice_starts_with(word, SLICE("label="))) {
            size_t at = (size_t)(word.at - link->line) + 6;
            struct slice label =
                slice_of(link->line + at, word.len - 6 + line.len + (line.len > 0));
            (void)snprintf(link->label, sizeof link->label, "%.*s", SLICE_ARG(label));
            return;
        }
    }
}

/* Takes complete lines; returns how many there were. */
static unsigned take_lines(struct shim_link *link, struct error *error)
{
    unsigned count = 0;
    struct slice rest = slice_of(link->line, link->len);
    for (ptrdiff_t end; (end = slice_find(rest, '\n')) >= 0; count++) {
        struct slice line = slice_first(rest, (size_t)end);
        if (slice_starts_with(line, SLICE("task ")))
            parse_greeting(link, line);
        else if (slice_starts_with(line, SLICE("ended ")))
            parse_end(link, line);
        else if (slice_starts_with(line, SLICE("failed ")))
            (void)error_set(error, -ECHILD, "%.*s", SLICE_ARG(slice_from(line, 7)));
        rest = slice_from(rest, (size_t)end + 1);
    }
    link->len = rest.len == sizeof link->line ? 0 : rest.len;
    memmove(link->line, rest.at, link->len);
    return count;
}

static void receive(struct io *io)
{
    struct shim_link *link = CONTAINER_OF(io, struct shim_link, io);
    while (!link->is_gone) {
        ssize_t got = io_read(io, link->line + link->len, sizeof link->line - link->len);
        if (got == -EAGAIN)
            break;
        if (got > 0) {
            link->len += (size_t)got;
            (void)take_lines(link, NULL);
        } else {
            link->is_gone = true;
            io_close(io);
        }
    }
    link->changed(link);
}

/* Waits for the first line; then lines come to receive(). */
static int greet(struct shim_link *link, struct error *error)
{
    int64_t deadline_ms = loop_deadline(GREETING_MS);
    do {
        ssize_t got = io_read_wait(&link->io, link->line + link->len, sizeof link->line - link->len,
                                   deadline_ms);
        if (got <= 0)
            return error_set_errno(error, got < 0 ? (int)got : -ECONNRESET,
                                   "the shim does not answer");
        link->len += (size_t)got;
    } while (take_lines(link, error) == 0);
    if (link->task_pid == 0)
        return error == NULL || error->code == 0 ? -ECHILD : error->code;
    link->io.on_ready = receive;
    if ((link->io.ready & IO_READABLE) != 0)
        receive(&link->io);
    return 0;
}

static void begin(struct shim_link *link, void (*changed)(struct shim_link *link))
{
    *link = (struct shim_link){.process.pidfd = -1, .changed = changed};
    io_init(&link->io, NULL);
}

int shim_start(struct shim_link *link, const struct shim_options *options,
               void (*changed)(struct shim_link *link), struct error *error)
{
    int theirs;
    begin(link, changed);
    int rc = pair_open(&link->io, &theirs);
    if (rc < 0)
        return error_set_errno(error, rc, "cannot start a shim");
    const char *arguments[] = {
        "weir",           "shim", options->folder, options->log, options->directory, options->label,
        options->command, NULL};
    struct process_options process = {
        .program = SELF_PROGRAM,
        .arguments = arguments,
        .environment = options->environment,
        .input = -1,
        .output = -1,
        .errors = -1,
        .passed = &theirs,
        .passed_count = 1,
        .new_session = true,
    };
    if (error != NULL)
        *error = (struct error){0};
    rc = process_spawn(&process, &link->process, error);
    pair_close_passed(theirs);
    if (rc == 0)
        rc = greet(link, error);
    if (rc < 0)
        shim_finish(link);
    return rc;
}

int shim_find(struct shim_link *link, const char *folder, void (*changed)(struct shim_link *link))
{
    char name[4096];
    struct unix_path path;
    begin(link, changed);
    int len = snprintf(name, sizeof name, "%s/shim.sock", folder);
    if (len < 0 || (size_t)len >= sizeof name)
        return -ENAMETOOLONG;
    int rc = unix_path_open(&path, name);
    if (rc < 0)
        return rc;
    rc = io_connect_wait(&link->io, &path.address, loop_deadline(GREETING_MS));
    unix_path_close(&path);
    if (rc == 0) {
        link->shim_pid = unix_path_peer(link->io.fd);
        process_wake(link->shim_pid);
        rc = greet(link, NULL);
    }
    if (rc < 0)
        io_close(&link->io);
    return rc;
}

void shim_stop(struct shim_link *link, int64_t within_ms)
{
    char line[32];
    int len = snprintf(line, sizeof line, "stop %lld\n", (long long)within_ms);
    struct iovec part = {.iov_base = line, .iov_len = (size_t)len};
    if (!io_is_open(&link->io))
        return;
    (void)io_write(&link->io, &part, 1);
    process_wake(link->shim_pid);
}

void shim_finish(struct shim_link *link)
{
    struct process_end end;
    io_close(&link->io);
    if (link->process.pidfd < 0)
        return;
    if (process_wait(&link->process, loop_deadline(REAP_MS), &end) < 0)
        process_release(&link->process);
}
