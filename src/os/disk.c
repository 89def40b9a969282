/* Looks at paths, so that no disk has to, and passes each call on to the disk it is for. */
#include "os/disk.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool is_name(const char *at, size_t len)
{
    bool is_dots = (len == 1 && at[0] == '.') || (len == 2 && at[0] == '.' && at[1] == '.');
    return len > 0 && !is_dots;
}

static bool is_path(const char *path)
{
    if (strlen(path) > DISK_PATH_MAX)
        return false;
    for (;;) {
        size_t len = strcspn(path, "/");
        if (!is_name(path, len))
            return false;
        if (path[len] == '\0')
            return true;
        path += len + 1;
    }
}

static bool is_folder_path(const char *path)
{
    return *path == '\0' || is_path(path);
}

void disk_destroy(struct disk *disk)
{
    if (disk != NULL)
        disk->ops->destroy(disk);
}

int disk_open(struct disk *disk, const char *path, unsigned flags, struct disk_file **ret_file)
{
    return is_path(path) ? disk->ops->open(disk, path, flags, ret_file) : -EINVAL;
}

void disk_close(struct disk_file *file)
{
    if (file != NULL)
        file->disk->ops->close(file);
}

ssize_t disk_read(struct disk_file *file, void *bytes, size_t len, uint64_t offset)
{
    return file->disk->ops->read(file, bytes, len, offset);
}

ssize_t disk_try_read(struct disk_file *file, void *bytes, size_t len, uint64_t offset)
{
    return file->disk->ops->try_read(file, bytes, len, offset);
}

int disk_write(struct disk_file *file, const void *bytes, size_t len, uint64_t offset)
{
    struct iovec part = {.iov_len = len};
    memcpy(&part.iov_base, &bytes, sizeof bytes); /* it is only read */
    return disk_write_parts(file, &part, 1, offset);
}

int disk_write_parts(struct disk_file *file, const struct iovec *parts, int count, uint64_t offset)
{
    return file->disk->ops->write_parts(file, parts, count, offset);
}

int disk_sync(struct disk_file *file)
{
    return file->disk->ops->sync(file);
}

int disk_truncate(struct disk_file *file, uint64_t size)
{
    return file->disk->ops->truncate(file, size);
}

int disk_reserve(struct disk_file *file, uint64_t offset, uint64_t len)
{
    return file->disk->ops->reserve(file, offset, len);
}

int64_t disk_size(struct disk_file *file)
{
    return file->disk->ops->size(file);
}

int disk_descriptor(struct disk_file *file)
{
    return file->disk->ops->descriptor(file);
}

int disk_rename(struct disk *disk, const char *from, const char *to)
{
    return is_path(from) && is_path(to) ? disk->ops->rename(disk, from, to) : -EINVAL;
}

int disk_remove(struct disk *disk, const char *path)
{
    return is_path(path) ? disk->ops->remove(disk, path) : -EINVAL;
}

int disk_make_folder(struct disk *disk, const char *path)
{
    return is_path(path) ? disk->ops->make_folder(disk, path) : -EINVAL;
}

int disk_sync_folder(struct disk *disk, const char *path)
{
    return is_folder_path(path) ? disk->ops->sync_folder(disk, path) : -EINVAL;
}

int disk_each(struct disk *disk, const char *folder, int (*visit)(void *arg, const char *name),
              void *arg)
{
    return is_folder_path(folder) ? disk->ops->each(disk, folder, visit, arg) : -EINVAL;
}

int disk_space(struct disk *disk, uint64_t *ret_free, uint64_t *ret_total)
{
    return disk->ops->space(disk, ret_free, ret_total);
}

int disk_lock(struct disk *disk, const char *path, struct disk_file **ret_lock)
{
    return is_path(path) ? disk->ops->lock(disk, path, ret_lock) : -EINVAL;
}

void disk_unlock(struct disk_file *lock)
{
    disk_close(lock);
}
