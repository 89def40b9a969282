/* Blocking file calls with EINTR and short transfers seen to. */
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES 65536
#define TEMPORARY  ".XXXXXX"

/* The buffer is full: is there more in the file? */
static int expect_end(int fd)
{
    char extra;
    ssize_t more = read(fd, &extra, 1);
    return more < 0 ? -errno : more > 0 ? -EMSGSIZE : 0;
}

static int read_to_end(int fd, struct buffer *buffer)
{
    for (;;) {
        size_t room = buffer->max - buffer->len;
        if (room == 0)
            return expect_end(fd);
        int rc = buffer_reserve(buffer, room < READ_BYTES ? room : READ_BYTES);
        if (rc < 0)
            return rc;
        ssize_t got = read(fd, buffer->at + buffer->len, buffer->cap - buffer->len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : 0;
        buffer->len += (size_t)got;
    }
}

int file_read_all(const char *path, struct buffer *buffer)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc = read_to_end(fd, buffer);
    (void)close(fd);
    return rc;
}

int file_read_regular(const char *path, struct buffer *buffer)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return -errno;
    int rc = fstat(fd, &info) < 0    ? -errno
             : S_ISREG(info.st_mode) ? read_to_end(fd, buffer)
             : S_ISDIR(info.st_mode) ? -EISDIR
                                     : -ENOTSUP;
    (void)close(fd);
    return rc;
}

/* By offset: the descriptor's own may be shared with other processes. */
int file_read_open(int fd, struct buffer *buffer)
{
    struct stat info;
    if (fstat(fd, &info) < 0)
        return -errno;
    for (off_t at = 0; at < info.st_size;) {
        int rc = buffer_reserve(buffer, (size_t)(info.st_size - at));
        if (rc < 0)
            return rc;
        ssize_t got = pread(fd, buffer->at + buffer->len, (size_t)(info.st_size - at), at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -EIO;
        buffer->len += (size_t)got;
        at += got;
    }
    return 0;
}

static int write_all(int fd, struct slice content)
{
    while (content.len > 0) {
        ssize_t put = write(fd, content.at, content.len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -errno;
        content = slice_from(content, (size_t)put);
    }
    return fsync(fd) < 0 ? -errno : 0;
}

int file_in_memory(const char *name, struct slice bytes)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    int rc = write_all(fd, bytes);
    if (rc == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        rc = -errno;
    if (rc < 0)
        (void)close(fd);
    return rc < 0 ? rc : fd;
}

static int sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    if (len >= sizeof folder)
        return -ENAMETOOLONG;
    memcpy(folder, path, len);
    folder[len] = '\0';
    const char *name = slash == NULL ? "." : len == 0 ? "/" : folder;
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc = fsync(fd) < 0 ? -errno : 0;
    (void)close(fd);
    return rc;
}

int file_replace(const char *path, struct slice content, unsigned mode)
{
    char temporary[PATH_MAX];
    int len = snprintf(temporary, sizeof temporary, "%s" TEMPORARY, path);
    if (len < 0 || (size_t)len >= sizeof temporary)
        return -ENAMETOOLONG;
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc = write_all(fd, content);
    if (rc == 0 && fchmod(fd, mode) < 0)
        rc = -errno;
    if (close(fd) < 0 && rc == 0)
        rc = -errno;
    if (rc == 0 && rename(temporary, path) < 0)
        rc = -errno;
    if (rc < 0) {
        (void)unlink(temporary);
        return rc;
    }
    return sync_folder_of(path);
}

bool file_is_temporary_of(const char *name, const char *file)
{
    size_t len = strlen(file);
    return strncmp(name, file, len) == 0 && strlen(name) == len + strlen(TEMPORARY) &&
           name[len] == '.' && strchr(name + len + 1, '.') == NULL;
}

static int64_t nanoseconds(struct timespec time)
{
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static struct file_info info_of(const struct stat *st)
{
    return (struct file_info){
        .size = (uint64_t)st->st_size,
        .modified_ns = nanoseconds(st->st_mtim),
        .changed_ns = nanoseconds(st->st_ctim),
        .inode = st->st_ino,
        .device = st->st_dev,
        .is_folder = S_ISDIR(st->st_mode),
        .is_regular = S_ISREG(st->st_mode),
    };
}

int file_stat(const char *path, struct file_info *ret_info)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return -errno;
    *ret_info = info_of(&st);
    return 0;
}

int file_stat_open(int fd, struct file_info *ret_info)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    *ret_info = info_of(&st);
    return 0;
}

int folder_make(const char *path, unsigned mode)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    if (len >= sizeof part)
        return -ENAMETOOLONG;
    memcpy(part, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        char kept = part[i];
        part[i] = '\0';
        if (mkdir(part, mode) < 0 && errno != EEXIST)
            return -errno;
        part[i] = kept;
    }
    struct file_info info;
    int rc = file_stat(path, &info);
    return rc < 0 ? rc : info.is_folder ? 0 : -ENOTDIR;
}

int file_real_path(const char *path, char *ret_path, size_t ret_size)
{
    char resolved[PATH_MAX];
    if (realpath(path, resolved) == NULL)
        return -errno;
    size_t len = strlen(resolved);
    if (len >= ret_size)
        return -ENAMETOOLONG;
    memcpy(ret_path, resolved, len + 1);
    return (int)len;
}
