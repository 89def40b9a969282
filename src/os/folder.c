/* Walking and removing folders by descriptors, so that no renamed parent leads the removal astray.
 */
#include "os/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 64

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

int folder_each(const char *path, int (*visit)(void *arg, const char *name), void *arg)
{
    DIR *folder = opendir(path);
    if (folder == NULL)
        return -errno;
    int rc = 0;
    struct dirent *entry;
    while (rc == 0 && (entry = readdir(folder)) != NULL) {
        if (!is_dots(entry->d_name))
            rc = visit(arg, entry->d_name);
    }
    (void)closedir(folder);
    return rc;
}

static int remove_below(int parent, const char *name, unsigned depth)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    if (depth == 0)
        return -ELOOP;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    DIR *folder = fdopendir(fd);
    if (folder == NULL) {
        int rc = -errno;
        (void)close(fd);
        return rc;
    }
    int rc = 0;
    struct dirent *entry;
    while (rc == 0 && (entry = readdir(folder)) != NULL) {
        if (!is_dots(entry->d_name))
            rc = remove_below(fd, entry->d_name, depth - 1);
    }
    (void)closedir(folder);
    if (rc == 0 && unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        rc = -errno;
    return rc;
}

int folder_remove(const char *path)
{
    return remove_below(AT_FDCWD, path, DEPTH_MAX);
}

int file_rename(const char *path, const char *new_path)
{
    return rename(path, new_path) < 0 ? -errno : 0;
}

int file_remove(const char *path)
{
    return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

int file_lock(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int rc = errno == EWOULDBLOCK ? -EAGAIN : -errno;
        (void)close(fd);
        return rc;
    }
    return fd;
}

int file_write_note(int fd, struct slice note)
{
    if (ftruncate(fd, 0) < 0)
        return -errno;
    ssize_t put = pwrite(fd, note.at, note.len, 0);
    return put < 0 ? -errno : (size_t)put == note.len ? 0 : -ENOSPC;
}
