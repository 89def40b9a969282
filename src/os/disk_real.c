/*
 * The real disk: each call is one system call beneath a descriptor of the root, so that a root that
 * is renamed meanwhile stays the same store. openat2 by its number, as in beneath.c.
 */
#include "os/beneath.h"
#include "os/disk.h"

#include "base/memory.h"
#include "os/descriptor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PARTS_MAX IOV_MAX /* of one pwritev */

static const struct disk_ops real_ops;

struct real_disk {
    struct disk disk;
    int root;
};

struct real_file {
    struct disk_file file;
    int fd;
    atomic_int sync_failure; /* 0, or what each sync returns from now on */
};

static int root_of(struct disk *disk)
{
    return ((struct real_disk *)disk)->root;
}

static int fd_of(const struct disk_file *file)
{
    return ((const struct real_file *)file)->fd;
}

static int code(int rc)
{
    return rc < 0 ? -errno : 0;
}

int disk_real_create(const char *root, struct disk **ret_disk)
{
    int rc = folder_make(root, 0700);
    if (rc < 0)
        return rc;
    struct real_disk *real = NEW(struct real_disk);
    if (real == NULL)
        return -ENOMEM;
    /* Not O_PATH: the root is synced by this descriptor. */
    real->root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (real->root < 0) {
        rc = -errno;
        memory_free(real);
        return rc;
    }
    real->disk.ops = &real_ops;
    *ret_disk = &real->disk;
    return 0;
}

static void real_destroy(struct disk *disk)
{
    descriptor_close(root_of(disk));
    memory_free(disk);
}

static int open_below(struct disk *disk, const char *path, uint64_t flags)
{
    struct open_how how = {.flags = flags | O_CLOEXEC,
                           .mode = (flags & O_CREAT) != 0 ? 0600 : 0,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    for (;;) {
        long fd = syscall(SYS_openat2, root_of(disk), path, &how, sizeof how);
        if (fd >= 0)
            return (int)fd;
        if (errno != EINTR)
            return -errno;
    }
}

static int check_is_file(int fd)
{
    struct stat info;
    if (fstat(fd, &info) < 0)
        return -errno;
    return S_ISREG(info.st_mode) ? 0 : S_ISDIR(info.st_mode) ? -EISDIR : -ENXIO;
}

static int real_open(struct disk *disk, const char *path, unsigned flags,
                     struct disk_file **ret_file)
{
    /* O_NONBLOCK: a FIFO is not waited at. */
    uint64_t how = O_NONBLOCK | O_NOCTTY | ((flags & DISK_WRITE) != 0 ? O_RDWR : O_RDONLY);
    if ((flags & (DISK_CREATE | DISK_NEW)) != 0)
        how |= O_CREAT | ((flags & DISK_NEW) != 0 ? O_EXCL : 0);
    struct real_file *real = NEW(struct real_file);
    if (real == NULL)
        return -ENOMEM;
    real->file.disk = disk;
    real->fd = open_below(disk, path, how);
    int rc = real->fd < 0 ? real->fd : check_is_file(real->fd);
    if (rc < 0) {
        descriptor_close(real->fd);
        memory_free(real);
        return rc;
    }
    *ret_file = &real->file;
    return 0;
}

static void real_close(struct disk_file *file)
{
    descriptor_close(fd_of(file));
    memory_free(file);
}

static ssize_t real_read(struct disk_file *file, void *bytes, size_t len, uint64_t offset)
{
    return beneath_read(fd_of(file), bytes, len, offset, true);
}

static ssize_t real_try_read(struct disk_file *file, void *bytes, size_t len, uint64_t offset)
{
    return beneath_read(fd_of(file), bytes, len, offset, false);
}

static int write_all(int fd, const char *at, size_t len, uint64_t offset)
{
    while (len > 0) {
        ssize_t put = pwrite(fd, at, len, (off_t)offset);
        if (put == 0)
            return -EIO; /* which no file system does, but this must end */
        if (put < 0 && errno != EINTR)
            return -errno;
        size_t done = put < 0 ? 0 : (size_t)put;
        at += done;
        len -= done;
        offset += done;
    }
    return 0;
}

/* The rest of the parts of which the first `done` bytes are written, up to a part's end. Returns
 * how many parts are behind it, *offset moved along. */
static int finish_part(int fd, const struct iovec *parts, int count, size_t done, uint64_t *offset)
{
    int part = 0;
    while (part < count && done >= parts[part].iov_len) {
        done -= parts[part].iov_len;
        *offset += parts[part++].iov_len;
    }
    if (part == count)
        return part;
    int rc = write_all(fd, (const char *)parts[part].iov_base + done, parts[part].iov_len - done,
                       *offset + done);
    if (rc < 0)
        return rc;
    *offset += parts[part].iov_len;
    return part + 1;
}

static int real_write_parts(struct disk_file *file, const struct iovec *parts, int count,
                            uint64_t offset)
{
    int fd = fd_of(file);
    while (count > 0) {
        int now = count < PARTS_MAX ? count : PARTS_MAX;
        ssize_t put = pwritev(fd, parts, now, (off_t)offset);
        if (put < 0 && errno != EINTR)
            return -errno;
        int done = finish_part(fd, parts, now, put < 0 ? 0 : (size_t)put, &offset);
        if (done < 0)
            return done;
        parts += done;
        count -= done;
    }
    return 0;
}

static int real_sync(struct disk_file *file)
{
    struct real_file *real = (struct real_file *)file;
    int failure = atomic_load(&real->sync_failure);
    if (failure < 0)
        return failure;
    int rc = code(fdatasync(real->fd));
    if (rc < 0)
        atomic_store(&real->sync_failure, rc);
    return rc;
}

static int real_truncate(struct disk_file *file, uint64_t size)
{
    return code(ftruncate(fd_of(file), (off_t)size));
}

static int real_reserve(struct disk_file *file, uint64_t offset, uint64_t len)
{
    return code(fallocate(fd_of(file), FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)len));
}

static int64_t real_size(struct disk_file *file)
{
    struct stat info;
    return fstat(fd_of(file), &info) < 0 ? -errno : info.st_size;
}

static int real_descriptor(struct disk_file *file)
{
    return fd_of(file);
}

static int real_rename(struct disk *disk, const char *from, const char *to)
{
    return code(renameat(root_of(disk), from, root_of(disk), to));
}

static int real_remove(struct disk *disk, const char *path)
{
    int rc = code(unlinkat(root_of(disk), path, 0));
    return rc == -EISDIR ? code(unlinkat(root_of(disk), path, AT_REMOVEDIR)) : rc;
}

static int open_folder(struct disk *disk, const char *path)
{
    return open_below(disk, *path == '\0' ? "." : path, O_RDONLY | O_DIRECTORY);
}

static int real_make_folder(struct disk *disk, const char *path)
{
    int rc = code(mkdirat(root_of(disk), path, 0700));
    if (rc != -EEXIST)
        return rc;
    int fd = open_folder(disk, path);
    descriptor_close(fd);
    return fd < 0 ? fd : 0;
}

static int real_sync_folder(struct disk *disk, const char *path)
{
    int fd = open_folder(disk, path);
    if (fd < 0)
        return fd;
    int rc = code(fsync(fd));
    descriptor_close(fd);
    return rc;
}

static int real_each(struct disk *disk, const char *path, int (*visit)(void *arg, const char *name),
                     void *arg)
{
    int fd = open_folder(disk, path);
    if (fd < 0)
        return fd;
    DIR *folder = fdopendir(fd);
    if (folder == NULL) {
        int rc = -errno;
        descriptor_close(fd);
        return rc;
    }
    int rc = 0;
    struct dirent *entry;
    while (rc == 0 && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            rc = visit(arg, entry->d_name);
    }
    (void)closedir(folder);
    return rc;
}

static int real_space(struct disk *disk, uint64_t *ret_free, uint64_t *ret_total)
{
    struct statvfs space;
    if (fstatvfs(root_of(disk), &space) < 0)
        return -errno;
    *ret_free = (uint64_t)space.f_bavail * space.f_frsize;
    *ret_total = (uint64_t)space.f_blocks * space.f_frsize;
    return 0;
}

static int real_lock(struct disk *disk, const char *path, struct disk_file **ret_lock)
{
    struct disk_file *lock;
    int rc = real_open(disk, path, DISK_WRITE | DISK_CREATE, &lock);
    if (rc < 0)
        return rc;
    rc = code(flock(fd_of(lock), LOCK_EX | LOCK_NB));
    if (rc < 0) {
        real_close(lock);
        return rc; /* EWOULDBLOCK is EAGAIN */
    }
    *ret_lock = lock;
    return 0;
}

static const struct disk_ops real_ops = {
    .destroy = real_destroy,
    .open = real_open,
    .close = real_close,
    .read = real_read,
    .try_read = real_try_read,
    .write_parts = real_write_parts,
    .sync = real_sync,
    .truncate = real_truncate,
    .reserve = real_reserve,
    .size = real_size,
    .descriptor = real_descriptor,
    .rename = real_rename,
    .remove = real_remove,
    .make_folder = real_make_folder,
    .sync_folder = real_sync_folder,
    .each = real_each,
    .space = real_space,
    .lock = real_lock,
};
