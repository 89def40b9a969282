/*
 * What sqlite_disk.c (the VFS), sqlite_disk_file.c (its files) and sqlite_disk_shared.c (what the
 * connections to one database share) know of each other.
 */
#pragma once

#include "base/list.h"
#include "os/lock.h"
#include "store/sqlite_disk.h"

#include <sqlite3.h>
#include <stdatomic.h>

#define SQLITE_DISK_NAME_MAX 31

struct sqlite_disk {
    sqlite3_vfs vfs; /* its pAppData leads back here */
    struct disk *disk;
    char name[SQLITE_DISK_NAME_MAX + 1];
    struct lock lock; /* for databases and how many use them */
    struct list databases;
    atomic_ulong damaged;
};

/* Sums of the pages in the WAL; 0 is one that is not known. */
struct frame_sums {
    uint64_t *sums; /* owned; by frame, from 0 */
    size_t capacity;
    uint32_t page_bytes; /* 0: no header of the WAL was seen yet */
};

/* What all connections to one database of this process share. */
struct database {
    struct list link;
    unsigned users;
    char path[DISK_PATH_MAX + 1];
    struct lock lock; /* for all below */

    /* SQLite's locks of the file: SHARED is counted, of the others there is one holder. */
    unsigned shared_count;
    const struct vfs_file *reserved;
    const struct vfs_file *pending;

    /* The index of the WAL, what others keep in a file of shared memory. */
    void **regions; /* owned, each owned */
    int regions_count;
    unsigned regions_users;
    unsigned shm_shared[SQLITE_SHM_NLOCK];
    const struct vfs_file *shm_exclusive[SQLITE_SHM_NLOCK];

    struct frame_sums frames;
    atomic_bool is_failed; /* a sync did */
};

enum vfs_file_kind { FILE_MAIN, FILE_WAL, FILE_OTHER };

/* One open file; SQLite owns the memory. */
struct vfs_file {
    sqlite3_file base;
    struct sqlite_disk *owner;
    struct disk_file *file;
    const char *path;          /* borrowed from SQLite until it is closed; NULL: has no name */
    struct database *database; /* counted; NULL for other kinds */
    enum vfs_file_kind kind;
    bool is_name_unsynced;
    bool is_removed_on_close;
    int level; /* SQLITE_LOCK_… */
    bool has_regions;
    unsigned shm_shared; /* bits: locks this connection has */
    unsigned shm_exclusive;
};

extern const struct sqlite3_io_methods sqlite_disk_file_methods;

/* A failure of os/disk.h as SQLite's: memory and room by their own codes, else as told. */
int sqlite_disk_code(int rc, int otherwise);

/* Syncs the folder that a path lies in. */
int sqlite_disk_sync_parent(struct disk *disk, const char *path);

/* Finds or makes it, counted. Returns 0 or -ENOMEM. */
int database_take(struct sqlite_disk *owner, const char *path, struct database **ret_database);
/* As sqlite_disk_is_failed. */
bool database_is_failed(struct sqlite_disk *owner, const char *path);
void database_release(struct sqlite_disk *owner, struct database *database);

/* SQLite's xLock, xUnlock, xCheckReservedLock. */
int database_lock(struct vfs_file *file, int level);
int database_unlock(struct vfs_file *file, int level);
bool database_is_reserved(struct database *database);

/* SQLite's xShmMap, xShmLock, xShmBarrier, xShmUnmap. */
int database_map(struct vfs_file *file, int region, int size, bool extends, void volatile **ret_at);
int database_shm_lock(struct vfs_file *file, int first, int count, int flags);
void database_barrier(struct database *database);
void database_unmap(struct vfs_file *file);

/*
 * Before the WAL is written: what is there is not known any more. Then, when all was written, that
 * it is. Returns 0 or -ENOMEM.
 */
int database_frames_begin(struct database *database, const void *bytes, size_t len,
                          uint64_t offset);
void database_frames_end(struct database *database, const void *bytes, size_t len, uint64_t offset);

/* The WAL ends at `size` now. */
void database_frames_cut(struct database *database, uint64_t size);

/* Compares what was read of the WAL; a whole frame that is not known is from now on. False when it
 * differs. */
bool database_frames_check(struct database *database, const void *bytes, size_t len,
                           uint64_t offset);
