/* /proc/self/fd/N/name: short whatever the folder's path is. */
#include "os/unix_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int unix_path_open(struct unix_path *path, const char *text)
{
    char folder[PATH_MAX], through[PATH_MAX];
    path->folder_fd = -1;
    int rc = address_from_path(slice_of_cstr(text), &path->address);
    const char *slash = strrchr(text, '/');
    if (rc == 0 || slash == NULL || (size_t)(slash - text) >= sizeof folder)
        return rc;
    memcpy(folder, text, (size_t)(slash - text));
    folder[slash - text] = '\0';
    path->folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (path->folder_fd < 0)
        return -errno;
    (void)snprintf(through, sizeof through, "/proc/self/fd/%d%s", path->folder_fd, slash);
    rc = address_from_path(slice_of_cstr(through), &path->address);
    if (rc < 0)
        unix_path_close(path);
    return rc;
}

void unix_path_close(struct unix_path *path)
{
    if (path->folder_fd >= 0)
        (void)close(path->folder_fd);
    path->folder_fd = -1;
}

pid_t unix_path_peer(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ? -errno : peer.pid;
}

static bool is_answered(const struct address *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool answered = fd >= 0 && (connect(fd, &address->any, address->len) == 0 || errno == EAGAIN);
    if (fd >= 0)
        (void)close(fd);
    return answered;
}

static int bind_and_listen(int fd, const struct address *address)
{
    mode_t own_mask = umask(0177);
    int rc = bind(fd, &address->any, address->len) < 0 ? -errno : 0;
    if (rc == -EADDRINUSE && !is_answered(address) && unlink(address->path.sun_path) == 0)
        rc = bind(fd, &address->any, address->len) < 0 ? -errno : 0;
    (void)umask(own_mask);
    if (rc == 0 && listen(fd, 128) < 0)
        rc = -errno;
    return rc;
}

int unix_path_listen(const char *text)
{
    struct unix_path path;
    int rc = unix_path_open(&path, text);
    if (rc < 0)
        return rc;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    rc = fd < 0 ? -errno : bind_and_listen(fd, &path.address);
    unix_path_close(&path);
    if (rc == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

void unix_path_clear(const char *text)
{
    struct unix_path path;
    struct stat info;
    if (stat(text, &info) < 0 || !S_ISSOCK(info.st_mode) || unix_path_open(&path, text) < 0)
        return;
    if (!is_answered(&path.address))
        (void)unlink(text);
    unix_path_close(&path);
}
