/* The edge and control as processes. */
#include "main/children.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "conf/bundle.h"
#include "control/control.h"
#include "control/identity/keeper.h"
#include "control/identity/wants.h"
#include "edge/confine.h"
#include "edge/edge.h"
#include "edge/policy/maintenance.h"
#include "main/configuration.h"
#include "os/file.h"
#include "os/io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * An edge serves the sockets that it was given, whoever still knows of it. One whose supervisor was
 * killed before it had noted the new process would hold the ports against all that come after.
 */
static bool tell_ready(void *arg)
{
    (void)arg;
    char byte;
    struct io io;
    io_init(&io, NULL);
    ssize_t got =
        fcntl(CHILD_FD_READY, F_SETFL, O_NONBLOCK) < 0 ? -errno : io_open(&io, CHILD_FD_READY);
    if (got == 0) {
        (void)!send(CHILD_FD_READY, "r", 1, MSG_NOSIGNAL);
        got = io_read_wait(&io, &byte, 1, FIBER_FOREVER);
    }
    io_close(&io);
    if (got == 1 || got == -ECANCELED)
        return true;
    log_error("the supervisor has gone before it knew of this edge (pid %d), which ends",
              (int)getpid());
    return false;
}

static void keep_from_children(int first, int last)
{
    for (int fd = first; fd <= last; fd++)
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int edge_process(int argc, const char **argv)
{
    struct snapshot *snapshot = NULL;
    struct error error = {0};
    unsigned count = argc > 3 ? (unsigned)argc - 3 : 0;
    if (argc < 3)
        return 2;
    keep_from_children(CHILD_FD_READY, CHILD_FD_FIRST_LISTENER + (int)count);
    SCOPED_FREE struct edge_socket *sockets = memory_alloc_array(count + 1, sizeof *sockets);
    SCOPED(bundle_finish) struct bundle bundle;
    bundle_init(&bundle);
    if (sockets == NULL || credentials_take(CHILD_FD_CREDENTIALS, &bundle) < 0 ||
        configuration_take(CHILD_FD_TEXT, argv[1], &snapshot) < 0)
        return 1;
    for (unsigned i = 0; i < count; i++) {
        sockets[i].address = slice_of_cstr(argv[3 + i]);
        sockets[i].fd = CHILD_FD_FIRST_LISTENER + (int)i;
    }
    SCOPED(buffer_finish) struct buffer maintenance;
    buffer_init(&maintenance, MAINTENANCE_BYTES_MAX);
    (void)file_read_open(CHILD_FD_MAINTENANCE, &maintenance);
    (void)close(CHILD_FD_MAINTENANCE);
    const struct conf_access_log *log = &snapshot->access_log;
    bool has_log = log->format != CONF_LOG_OFF && log->path.len > 0;
    struct edge_options options = {
        .snapshot = snapshot,
        .bundle = &bundle,
        .sockets = sockets,
        .sockets_count = count,
        .admin_fd = CHILD_FD_ADMIN,
        .maintenance = buffer_slice(&maintenance),
        .overseer_fd = CHILD_FD_OVERSEER,
        .log_fd = has_log ? CHILD_FD_FIRST_LISTENER + (int)count : -1,
        .ready = tell_ready,
    };
    int store_fd = -1;
    char store[sizeof "/proc/self/fd/" + 12];
    int rc = edge_confine(snapshot, argv[2], &store_fd, &error);
    (void)snprintf(store, sizeof store, "/proc/self/fd/%d", store_fd);
    options.store_folder = store_fd < 0 ? NULL : store;
    if (rc == 0)
        rc = edge_run(&options, &error);
    if (rc < 0)
        log_error("%s", error.text);
    snapshot_unref(snapshot);
    return rc < 0;
}

int control_process(int argc, const char **argv)
{
    struct snapshot *snapshot = NULL;
    if (argc != 3)
        return 2;
    keep_from_children(CHILD_FD_LIFELINE, CHILD_FD_CONTROL_TEXT);
    if (configuration_take(CHILD_FD_CONTROL_TEXT, argv[1], &snapshot) < 0)
        return CONTROL_GAVE_UP;
    struct control_options options = {
        .snapshot = snapshot,
        .state = argv[2],
        .lifeline_fd = CHILD_FD_LIFELINE,
    };
    /* What still waits on its loop, and the memory of it, is left to the system. */
    _exit(control_run(&options));
}

int keeper_process(int argc, const char **argv)
{
    struct snapshot *snapshot = NULL;
    struct error error = {0};
    if (argc != 3)
        return 2;
    keep_from_children(CHILD_FD_LIFELINE, CHILD_FD_CONTROL_TEXT);
    if (configuration_take(CHILD_FD_CONTROL_TEXT, argv[1], &snapshot) < 0)
        return 1;
    if (keeper_confine(snapshot, argv[2], &error) < 0) {
        log_error("certificates: %s", error.text);
        return 1;
    }
    struct keeper_options options = {
        .snapshot = snapshot,
        .state = argv[2],
        .lifeline_fd = CHILD_FD_LIFELINE,
    };
    /* As above. */
    _exit(keeper_run(&options));
}
