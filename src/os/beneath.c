/*
 * openat2 by its number: Debian 12's C library has no function for it. The root is opened anew for
 * each look, so that a folder or link that was put in its place is seen.
 */
#include "os/beneath.h"

#include "os/descriptor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* A look-up with ".." in it gives -EAGAIN when some folder was renamed meanwhile (openat2(2)). */
#define RENAME_TRIES 8

static int open_how(int folder, const char *path, uint64_t flags, uint64_t resolve, bool may_wait)
{
    struct open_how how = {.flags = flags | O_CLOEXEC,
                           .resolve = resolve | (may_wait ? 0 : RESOLVE_CACHED)};
    for (int tries = 0;; tries++) {
        long fd = syscall(SYS_openat2, folder, path, &how, sizeof how);
        if (fd >= 0)
            return (int)fd;
        bool is_retried = errno == EINTR || (errno == EAGAIN && may_wait);
        if (!is_retried || tries == RENAME_TRIES)
            return errno == EAGAIN && may_wait ? -EIO : -errno;
    }
}

static int open_below(int root, const char *path, uint64_t flags, bool may_wait)
{
    return open_how(root, path, flags, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS, may_wait);
}

/* What is at the path, seen without opening it. */
static int look(int root, const char *path, bool may_wait, struct file_info *ret_info)
{
    int fd = open_below(root, path, O_PATH, may_wait);
    if (fd < 0)
        return fd;
    int rc = file_stat_open(fd, ret_info);
    descriptor_close(fd);
    return rc;
}

/* Between the look and this, something else may have come to the path: it is looked at again. */
static int open_regular(int root, const char *path, bool may_wait, int *ret_fd,
                        struct file_info *ret_info)
{
    int fd = open_below(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, may_wait);
    if (fd < 0)
        return fd;
    struct file_info info;
    int rc = file_stat_open(fd, &info);
    if (rc == 0 && !info.is_regular)
        rc = -ENXIO;
    if (rc < 0) {
        descriptor_close(fd);
        return rc;
    }
    *ret_fd = fd;
    *ret_info = info;
    return 0;
}

static int look_and_open(int root, const char *path, bool may_wait, int *ret_fd,
                         struct file_info *ret_info)
{
    struct file_info info;
    int rc = look(root, path, may_wait, &info);
    if (rc < 0)
        return rc;
    if (info.is_regular)
        return open_regular(root, path, may_wait, ret_fd, ret_info);
    if (!info.is_folder)
        return -ENXIO;
    *ret_fd = -1;
    *ret_info = info;
    return 0;
}

static int open_root(const char *root, bool may_wait)
{
    return open_how(AT_FDCWD, root, O_PATH | O_DIRECTORY, 0, may_wait);
}

int beneath_stat(const char *root, const char *path, bool may_wait, struct file_info *ret_info)
{
    int folder = open_root(root, may_wait);
    if (folder < 0)
        return folder;
    int rc = look(folder, path, may_wait, ret_info);
    descriptor_close(folder);
    return rc;
}

int beneath_open(const char *root, const char *path, bool may_wait, int *ret_fd,
                 struct file_info *ret_info)
{
    int folder = open_root(root, may_wait);
    if (folder < 0)
        return folder;
    int rc = look_and_open(folder, path, may_wait, ret_fd, ret_info);
    descriptor_close(folder);
    return rc;
}

/* A name's path below the root: a link may lead to another folder of it. */
static int look_at_name(int root, const char *path, const char *name, struct file_info *ret_info)
{
    char below[PATH_MAX];
    int len = snprintf(below, sizeof below, "%s%s%s", path, *path == '\0' ? "" : "/", name);
    if (len < 0 || (size_t)len >= sizeof below)
        return -ENAMETOOLONG;
    return look(root, below, true, ret_info);
}

static int list(int root, const char *path, DIR *folder,
                int (*visit)(void *arg, const char *name, const struct file_info *info), void *arg)
{
    int rc = 0;
    struct dirent *entry;
    while (rc == 0 && (entry = readdir(folder)) != NULL) {
        struct file_info info;
        bool is_dots = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (!is_dots && look_at_name(root, path, entry->d_name, &info) == 0)
            rc = visit(arg, entry->d_name, &info);
    }
    return rc;
}

int beneath_list(const char *root, const char *path,
                 int (*visit)(void *arg, const char *name, const struct file_info *info), void *arg)
{
    int below = open_root(root, true);
    if (below < 0)
        return below;
    int fd = open_below(below, *path == '\0' ? "." : path, O_RDONLY | O_DIRECTORY, true);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    int rc = fd < 0 ? fd : -errno;
    if (folder != NULL) {
        rc = list(below, path, folder, visit, arg);
        (void)closedir(folder);
    } else {
        descriptor_close(fd);
    }
    descriptor_close(below);
    return rc;
}

ssize_t beneath_read(int fd, void *bytes, size_t len, uint64_t offset, bool may_wait)
{
    size_t done = 0;
    while (done < len) {
        struct iovec part = {(char *)bytes + done, len - done};
        ssize_t got = preadv2(fd, &part, 1, (off_t)(offset + done), may_wait ? 0 : RWF_NOWAIT);
        if (got < 0 && errno == EINTR)
            continue;
        /* A file system that cannot tell beforehand may wait. */
        if (got < 0)
            return errno == EOPNOTSUPP && !may_wait ? -EAGAIN : -errno;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}
