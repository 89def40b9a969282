/*
 * One poll loop over five kinds of descriptors: signals, the task's output, the socket, and its
 * clients. Everything is of fixed size. Started by control through `weir shim`.
 */
#include "main/shim.h"

#include "base/cleanup.h"
#include "main/descendants.h"
#include "os/address.h"
#include "os/file.h"
#include "os/line_log.h"
#include "os/proc.h"
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX     8
#define REQUEST_BYTES   64
#define GREETING_BYTES  1024
#define READS_A_TURN    16
#define STOP_DEFAULT_MS 10000
#define BIRTH_CLIENT_FD 3

struct client {
    int fd; /* -1: free */
    size_t len;
    char request[REQUEST_BYTES];
};

struct shim {
    struct descendants all;
    uint64_t start_ticks;
    const char *label;
    int output_fd;
    int listening_fd;
    struct client clients[CLIENTS_MAX];
    struct line_log log;
};

static int64_t wall_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void send_line(const struct client *client, const char *line, int len)
{
    if (client->fd >= 0 && len > 0)
        (void)!send(client->fd, line, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int write_greeting(const struct shim *shim, char ret_line[static GREETING_BYTES])
{
    return snprintf(ret_line, GREETING_BYTES, "task pid=%d shim=%d start=%llu label=%.800s\n",
                    shim->all.command.pid, getpid(), (unsigned long long)shim->start_ticks,
                    shim->label);
}

static void greet(const struct shim *shim, const struct client *client)
{
    char line[GREETING_BYTES];
    send_line(client, line, write_greeting(shim, line));
}

/* The same for `weir status`, which only reads. */
static void leave_note(const struct shim *shim)
{
    char line[GREETING_BYTES];
    int len = write_greeting(shim, line);
    (void)file_replace("task", slice_of(line, (size_t)len), 0600);
}

static void tell_end(const struct shim *shim, const struct client *client)
{
    char line[64];
    int len = snprintf(line, sizeof line, "ended %s %d\n",
                       shim->all.end.by_signal ? "signal" : "exit", shim->all.end.code);
    send_line(client, line, len);
}

static void drop(struct client *client)
{
    (void)close(client->fd);
    *client = (struct client){.fd = -1};
}

static void add_client(struct shim *shim, int fd)
{
    for (int i = 0; i < CLIENTS_MAX; i++) {
        if (shim->clients[i].fd >= 0)
            continue;
        shim->clients[i] = (struct client){.fd = fd};
        greet(shim, &shim->clients[i]);
        if (shim->all.has_ended)
            tell_end(shim, &shim->clients[i]);
        return;
    }
    (void)close(fd);
}

/* The command itself; what it left behind has a while. */
static void tell_all_if(struct shim *shim, bool has_ended_now)
{
    for (int i = 0; has_ended_now && i < CLIENTS_MAX; i++)
        tell_end(shim, &shim->clients[i]);
}

static void take_output(struct shim *shim)
{
    char bytes[16384];
    for (int i = 0; i < READS_A_TURN && shim->output_fd >= 0; i++) {
        ssize_t got = read(shim->output_fd, bytes, sizeof bytes);
        if (got > 0) {
            line_log_write(&shim->log, slice_of(bytes, (size_t)got), wall_ms() * 1000);
        } else if (got == 0) {
            (void)close(shim->output_fd);
            shim->output_fd = -1;
        } else if (errno != EINTR) {
            return;
        }
    }
}

static void take_request(struct shim *shim, struct slice line)
{
    uint64_t within_ms;
    struct slice word;
    if (!slice_cut(&line, ' ', &word) || !slice_equal(word, SLICE("stop")) ||
        slice_parse_u64(line, &within_ms) < 0 || within_ms > INT32_MAX)
        return;
    descendants_stop(&shim->all, (int64_t)within_ms);
}

static void take_requests(struct shim *shim, struct client *client)
{
    ssize_t got =
        recv(client->fd, client->request + client->len, REQUEST_BYTES - client->len, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        drop(client);
        return;
    }
    struct slice rest = slice_of(client->request, client->len + (size_t)got);
    for (ptrdiff_t end; (end = slice_find(rest, '\n')) >= 0;) {
        take_request(shim, slice_first(rest, (size_t)end));
        rest = slice_from(rest, (size_t)end + 1);
    }
    if (rest.len == REQUEST_BYTES) {
        drop(client);
        return;
    }
    memmove(client->request, rest.at, rest.len);
    client->len = rest.len;
}

static void turn(struct shim *shim)
{
    struct pollfd fds[3 + CLIENTS_MAX] = {
        {.fd = shim->all.signal_fd, .events = POLLIN},
        {.fd = shim->output_fd, .events = POLLIN},
        {.fd = shim->listening_fd, .events = POLLIN},
    };
    for (int i = 0; i < CLIENTS_MAX; i++)
        fds[3 + i] = (struct pollfd){.fd = shim->clients[i].fd, .events = POLLIN};
    if (poll(fds, COUNT_OF(fds), descendants_wait_ms(&shim->all)) < 0)
        return;
    if (fds[1].revents != 0)
        take_output(shim);
    if (fds[0].revents != 0)
        tell_all_if(shim, descendants_take_signals(&shim->all, STOP_DEFAULT_MS));
    if (fds[2].revents != 0) {
        int fd = accept4(shim->listening_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
            add_client(shim, fd);
    }
    for (int i = 0; i < CLIENTS_MAX; i++) {
        if (fds[3 + i].revents != 0 && shim->clients[i].fd == fds[3 + i].fd)
            take_requests(shim, &shim->clients[i]);
    }
    tell_all_if(shim, descendants_turn(&shim->all));
}

/* Relative to the task's folder, so that no path is too long for a socket's address. */
static int listen_here(void)
{
    struct address address;
    (void)address_from_path(SLICE("shim.sock"), &address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    (void)unlink("shim.sock");
    if (bind(fd, &address.any, address.len) < 0 || listen(fd, CLIENTS_MAX) < 0) {
        int rc = -errno;
        (void)close(fd);
        return rc;
    }
    return fd;
}

static int start_command(struct shim *shim, const char *directory, const char *command,
                         struct error *error)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_set_errno(error, -errno, "cannot make a pipe");
    const char *arguments[] = {"sh", "-c", command, NULL};
    struct process_options options = {
        .program = "/bin/sh",
        .arguments = arguments,
        .directory = directory,
        .input = -1,
        .output = ends[1],
        .errors = ends[1],
        .new_session = true,
        .on_parent_death = SIGKILL,
    };
    int rc = process_spawn(&options, &shim->all.command, error);
    (void)close(ends[1]);
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    shim->output_fd = ends[0];
    struct proc_info info;
    if (rc == 0 && proc_read(shim->all.command.pid, &info) == 0)
        shim->start_ticks = info.start_ticks;
    return rc;
}

static int begin(struct shim *shim, const char **argv, struct error *error)
{
    const char *folder = argv[1], *log = argv[2], *directory = argv[3], *command = argv[5];
    shim->label = argv[4];
    shim->output_fd = -1;
    for (int i = 0; i < CLIENTS_MAX; i++)
        shim->clients[i].fd = -1;
    mode_t own_mask = umask(077);
    if (chdir(folder) < 0)
        return error_set_errno(error, -errno, "cannot enter %s", folder);
    int rc = descendants_init(&shim->all);
    if (rc < 0)
        return error_set_errno(error, rc, "cannot wait for signals");
    rc = line_log_open(&shim->log, log);
    if (rc < 0)
        return error_set_errno(error, rc, "cannot write the log %s", log);
    shim->listening_fd = listen_here();
    if (shim->listening_fd < 0)
        return error_set_errno(error, shim->listening_fd, "cannot listen on %s/shim.sock", folder);
    (void)umask(own_mask);
    return start_command(shim, directory, command, error);
}

int shim_main(int argc, const char **argv)
{
    static struct shim shim;
    struct error error;
    struct client birth = {.fd = BIRTH_CLIENT_FD};
    if (argc != 6 || fcntl(BIRTH_CLIENT_FD, F_SETFD, FD_CLOEXEC) < 0) {
        (void)fprintf(stderr, "weir shim is run by weir itself\n");
        return 2;
    }
    if (begin(&shim, argv, &error) < 0) {
        char line[600];
        send_line(&birth, line, snprintf(line, sizeof line, "failed %s\n", error.text));
        return 1;
    }
    leave_note(&shim);
    add_client(&shim, BIRTH_CLIENT_FD);
    while (!shim.all.is_clear)
        turn(&shim);
    take_output(&shim);
    line_log_close(&shim.log);
    (void)unlink("shim.sock");
    return 0;
}
