/*
 * The files of a store below one folder: the real disk, or a simulated one that loses power
 * (os/disk_sim.h). Blocking: for worker threads and for starting up.
 *
 * Paths are relative to the disk's folder, as "packs/0000000001.pack": names joined by single
 * slashes, none of them "." or "..", at most DISK_PATH_MAX bytes, and no links; else -EINVAL
 * (-ELOOP for a link). Failures are negative errno codes. All calls on one disk may come from
 * several threads at once, those on one file as well, but for disk_close.
 *
 * What lasts through a loss of power, and what does not:
 *   - bytes and size of a file: what was written before a disk_sync that succeeded. Of what was
 *     written since, each sector of DISK_SECTOR_BYTES is the old or the new one on its own, in any
 *     order, and the size is anything between; grown parts may read as zeros.
 *   - names: what was made, renamed or removed before a disk_sync_folder of its folder (for a
 *     rename from one folder to another: the new one's) that succeeded. Each later change may be
 *     undone on its own. A rename is whole: at each moment the new name leads to the old file or
 *     to the new one. A folder's own name is one in the folder above.
 *   - a process that dies loses nothing.
 *
 * A disk_sync that fails is final. Linux has by then marked the pages clean: they can be read as if
 * they were there, and a second sync would succeed without having written them (PostgreSQL's
 * "fsyncgate", 2018). So the open file remembers, and each later disk_sync of it fails alike. What
 * was written since the last sync that succeeded counts as lost; where that is not enough, the
 * store must be opened anew and what it reads then be taken for what is there.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define DISK_PATH_MAX     255
#define DISK_SECTOR_BYTES 512

enum {
    DISK_WRITE = 1,  /* else only reading */
    DISK_CREATE = 2, /* make it when it is missing, empty, for its owner alone */
    DISK_NEW = 4,    /* make it; -EEXIST when it is there */
};

struct disk;      /* owned by who made it; its files are closed before it is destroyed */
struct disk_file; /* owned by who opened it */

/* What a disk does, after the paths were looked at. Each is as the function below of its name. */
struct disk_ops {
    void (*destroy)(struct disk *disk);
    int (*open)(struct disk *disk, const char *path, unsigned flags, struct disk_file **ret_file);
    void (*close)(struct disk_file *file);
    ssize_t (*read)(struct disk_file *file, void *bytes, size_t len, uint64_t offset);
    ssize_t (*try_read)(struct disk_file *file, void *bytes, size_t len, uint64_t offset);
    int (*write_parts)(struct disk_file *file, const struct iovec *parts, int count,
                       uint64_t offset);
    int (*sync)(struct disk_file *file);
    int (*truncate)(struct disk_file *file, uint64_t size);
    int (*reserve)(struct disk_file *file, uint64_t offset, uint64_t len);
    int64_t (*size)(struct disk_file *file);
    int (*descriptor)(struct disk_file *file);
    int (*rename)(struct disk *disk, const char *from, const char *to);
    int (*remove)(struct disk *disk, const char *path);
    int (*make_folder)(struct disk *disk, const char *path);
    int (*sync_folder)(struct disk *disk, const char *path);
    int (*each)(struct disk *disk, const char *folder, int (*visit)(void *arg, const char *name),
                void *arg);
    int (*space)(struct disk *disk, uint64_t *ret_free, uint64_t *ret_total);
    int (*lock)(struct disk *disk, const char *path, struct disk_file **ret_lock);
};

/* The first member of each disk. */
struct disk {
    const struct disk_ops *ops;
};

/* The first member of each open file. */
struct disk_file {
    struct disk *disk; /* borrowed */
};

/* The folder is made when it is missing, with those above it, for its owner alone (0700). */
int disk_real_create(const char *root, struct disk **ret_disk);

/* NULL is fine. */
void disk_destroy(struct disk *disk);

/* A regular file; -EISDIR for a folder, -ENXIO for what is neither. The folder is not synced. */
int disk_open(struct disk *disk, const char *path, unsigned flags, struct disk_file **ret_file);

/* Does not sync. NULL is fine. */
void disk_close(struct disk_file *file);

/* Bytes read, less than `len` only at the file's end. */
ssize_t disk_read(struct disk_file *file, void *bytes, size_t len, uint64_t offset);

/* The same without waiting for the disk: -EAGAIN when it would have to. */
ssize_t disk_try_read(struct disk_file *file, void *bytes, size_t len, uint64_t offset);

/* All, or an error, after which any part of it may be in the file. */
int disk_write(struct disk_file *file, const void *bytes, size_t len, uint64_t offset);

/* The same of parts behind one another, as many as you like. */
int disk_write_parts(struct disk_file *file, const struct iovec *parts, int count, uint64_t offset);

/* Waits until the file's bytes and size are on the disk (fdatasync). */
int disk_sync(struct disk_file *file);

int disk_truncate(struct disk_file *file, uint64_t size);

/*
 * Asks for room on the disk, so that writes there later find it; the size stays. -EOPNOTSUPP where
 * the file system cannot, which callers put up with.
 */
int disk_reserve(struct disk_file *file, uint64_t offset, uint64_t len);

/* Bytes, or an error. */
int64_t disk_size(struct disk_file *file);

/* Of the real system, for sendfile, borrowed until disk_close; -1 of a simulated file. */
int disk_descriptor(struct disk_file *file);

/* A file, in place of the one that has the new name. */
int disk_rename(struct disk *disk, const char *from, const char *to);

/* A file, or a folder that is empty. Who has the file open can go on to use it. */
int disk_remove(struct disk *disk, const char *path);

/* Its parent must be there. No error when it is there itself; -ENOTDIR when a file is. */
int disk_make_folder(struct disk *disk, const char *path);

/* Waits until the folder's names are on the disk; "" is the disk's own folder. */
int disk_sync_folder(struct disk *disk, const char *path);

/*
 * Calls visit with each name in the folder, files and folders, until it returns other than 0;
 * returns that, 0, or an error. What is visited may be removed meanwhile. "" is the disk's folder.
 */
int disk_each(struct disk *disk, const char *folder, int (*visit)(void *arg, const char *name),
              void *arg);

/* Bytes that this process may still write, and of the whole file system. */
int disk_space(struct disk *disk, uint64_t *ret_free, uint64_t *ret_total);

/*
 * Locks a file (flock), made when it is missing: one owner at a time, of all processes and within
 * this one, until disk_unlock or until the process is dead. -EAGAIN when somebody has it. The lock
 * can be written to like any open file, as a note of who has it.
 */
int disk_lock(struct disk *disk, const char *path, struct disk_file **ret_lock);

/* NULL is fine. */
void disk_unlock(struct disk_file *lock);
