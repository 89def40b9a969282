/*
 * SQLite's open files on a struct disk: reads that are compared with their sums, writes that carry
 * them, syncs that fail for good. Locks and shared memory are in sqlite_disk_shared.c.
 */
#include "store/sqlite_disk_internal.h"

#include "store/page_sum.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define PAGE_BYTES     SQLITE_DISK_PAGE_BYTES
#define LOOK_BYTES_MAX 100 /* the database's header */
#define SECTOR_BYTES   4096

/* Of SQLite's file format, "The Database Header". */
#define HEADER_MAGIC    "SQLite format 3"
#define RESERVED_OFFSET 20

static struct vfs_file *file_of(sqlite3_file *base)
{
    return (struct vfs_file *)base;
}

int sqlite_disk_code(int rc, int otherwise)
{
    if (rc == -ENOMEM)
        return SQLITE_IOERR_NOMEM;
    if (rc == -ENOSPC || rc == -EDQUOT || rc == -EFBIG)
        return SQLITE_FULL;
    return otherwise;
}

static bool is_page(size_t len, uint64_t offset)
{
    return len == PAGE_BYTES && offset % PAGE_BYTES == 0;
}

static int damage(struct vfs_file *file)
{
    atomic_fetch_add(&file->owner->damaged, 1);
    return SQLITE_IOERR_DATA;
}

/* What stands in the bytes that SQLite keeps free. */
struct trailer {
    uint64_t zero;
    uint64_t sum; /* little-endian */
};
_Static_assert(sizeof(struct trailer) == SQLITE_DISK_RESERVED_BYTES, "the trailer fills them");

static struct trailer trailer_of(const void *page, uint64_t offset)
{
    uint64_t sum = page_sum(page, PAGE_BYTES - sizeof(struct trailer), offset / PAGE_BYTES);
    return (struct trailer){.sum = htole64(sum)};
}

static bool is_page_good(const void *page, uint64_t offset)
{
    struct trailer wanted = trailer_of(page, offset);
    return memcmp((const char *)page + PAGE_BYTES - sizeof wanted, &wanted, sizeof wanted) == 0;
}

/*
 * A first look at the header, whose bytes are read again with the page, is not compared: power may
 * have torn that page, with a whole one in the WAL. Whoever else wants no page was misled by it. A
 * database that has no pages yet is empty; one that has misses none.
 */
static int check_main(struct vfs_file *file, const void *bytes, size_t len, size_t got,
                      uint64_t offset)
{
    if (!is_page(len, offset))
        return len <= LOOK_BYTES_MAX ? SQLITE_OK : damage(file);
    if (got == len)
        return is_page_good(bytes, offset) ? SQLITE_OK : damage(file);
    bool is_empty = got == 0 && disk_size(file->file) == 0;
    return is_empty ? SQLITE_OK : damage(file);
}

static int file_read(sqlite3_file *base, void *bytes, int amount, sqlite3_int64 offset)
{
    struct vfs_file *file = file_of(base);
    size_t len = (size_t)amount;
    ssize_t got = disk_read(file->file, bytes, len, (uint64_t)offset);
    if (got < 0)
        return sqlite_disk_code((int)got, SQLITE_IOERR_READ);
    int rc = SQLITE_OK;
    if (file->kind == FILE_MAIN)
        rc = check_main(file, bytes, len, (size_t)got, (uint64_t)offset);
    if (file->kind == FILE_WAL && (size_t)got == len &&
        !database_frames_check(file->database, bytes, len, (uint64_t)offset))
        rc = damage(file);
    if (rc != SQLITE_OK || (size_t)got == len)
        return rc;
    /* The rest must be zeros (sqlite3_io_methods). */
    memset((char *)bytes + got, 0, len - (size_t)got);
    return SQLITE_IOERR_SHORT_READ;
}

/* The page as SQLite has it, with its trailer in the place of what it keeps free. Copied: a write
 * of two parts that end within the page costs the kernel more. */
static int write_page(struct vfs_file *file, const void *page, uint64_t offset)
{
    char whole[PAGE_BYTES];
    memcpy(whole, page, sizeof whole);
    bool has_header = offset == 0 && memcmp(whole, HEADER_MAGIC, sizeof HEADER_MAGIC) == 0;
    if (has_header && whole[RESERVED_OFFSET] != SQLITE_DISK_RESERVED_BYTES)
        return -EINVAL; /* it was not told to keep any */
    struct trailer trailer = trailer_of(page, offset);
    memcpy(whole + PAGE_BYTES - sizeof trailer, &trailer, sizeof trailer);
    return disk_write(file->file, whole, sizeof whole, offset);
}

static int file_write(sqlite3_file *base, const void *bytes, int amount, sqlite3_int64 at)
{
    struct vfs_file *file = file_of(base);
    size_t len = (size_t)amount;
    uint64_t offset = (uint64_t)at;
    if (file->database != NULL && atomic_load(&file->database->is_failed))
        return SQLITE_IOERR_FSYNC;
    if (file->kind == FILE_MAIN && !is_page(len, offset))
        return SQLITE_IOERR_WRITE;
    int rc = 0;
    if (file->kind == FILE_WAL)
        rc = database_frames_begin(file->database, bytes, len, offset);
    if (rc == 0)
        rc = file->kind == FILE_MAIN ? write_page(file, bytes, offset)
                                     : disk_write(file->file, bytes, len, offset);
    if (rc == 0 && file->kind == FILE_WAL)
        database_frames_end(file->database, bytes, len, offset);
    return rc == 0 ? SQLITE_OK : sqlite_disk_code(rc, SQLITE_IOERR_WRITE);
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    struct vfs_file *file = file_of(base);
    if (file->kind == FILE_WAL)
        database_frames_cut(file->database, (uint64_t)size);
    int rc = disk_truncate(file->file, (uint64_t)size);
    return rc == 0 ? SQLITE_OK : sqlite_disk_code(rc, SQLITE_IOERR_TRUNCATE);
}

int sqlite_disk_sync_parent(struct disk *disk, const char *path)
{
    char folder[DISK_PATH_MAX + 1];
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    memcpy(folder, path, len);
    folder[len] = '\0';
    return disk_sync_folder(disk, folder);
}

static int sync_file(struct vfs_file *file)
{
    int rc = disk_sync(file->file);
    if (rc == 0 && file->is_name_unsynced)
        rc = sqlite_disk_sync_parent(file->owner->disk, file->path);
    if (rc == 0)
        file->is_name_unsynced = false;
    return rc;
}

static int file_sync(sqlite3_file *base, int flags)
{
    (void)flags; /* data alone is what a struct disk syncs, with the size */
    struct vfs_file *file = file_of(base);
    if (file->database != NULL && atomic_load(&file->database->is_failed))
        return SQLITE_IOERR_FSYNC;
    if (sync_file(file) == 0)
        return SQLITE_OK;
    if (file->database != NULL)
        atomic_store(&file->database->is_failed, true);
    return SQLITE_IOERR_FSYNC;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *ret_size)
{
    int64_t size = disk_size(file_of(base)->file);
    if (size < 0)
        return SQLITE_IOERR_FSTAT;
    *ret_size = size;
    return SQLITE_OK;
}

/* Only databases are locked; what else has a temporary name is one connection's own. */
static int file_lock(sqlite3_file *base, int level)
{
    struct vfs_file *file = file_of(base);
    return file->kind == FILE_MAIN ? database_lock(file, level) : SQLITE_OK;
}

static int file_unlock(sqlite3_file *base, int level)
{
    struct vfs_file *file = file_of(base);
    return file->kind == FILE_MAIN ? database_unlock(file, level) : SQLITE_OK;
}

static int file_check_reserved(sqlite3_file *base, int *ret_is_reserved)
{
    struct vfs_file *file = file_of(base);
    *ret_is_reserved = file->kind == FILE_MAIN && database_is_reserved(file->database);
    return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int what, void *arg)
{
    (void)base;
    (void)what;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int file_sector_size(sqlite3_file *base)
{
    (void)base;
    return SECTOR_BYTES;
}

/* A write touches no bytes beside it, also when power fails: os/disk.h. */
static int file_characteristics(sqlite3_file *base)
{
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int file_shm_map(sqlite3_file *base, int region, int size, int extends,
                        void volatile **ret_at)
{
    return database_map(file_of(base), region, size, extends != 0, ret_at);
}

static int file_shm_lock(sqlite3_file *base, int first, int count, int flags)
{
    return database_shm_lock(file_of(base), first, count, flags);
}

static void file_shm_barrier(sqlite3_file *base)
{
    database_barrier(file_of(base)->database);
}

static int file_shm_unmap(sqlite3_file *base, int is_removed)
{
    (void)is_removed; /* it goes with its last user */
    database_unmap(file_of(base));
    return SQLITE_OK;
}

static int file_close(sqlite3_file *base)
{
    struct vfs_file *file = file_of(base);
    if (file->kind == FILE_MAIN) {
        database_unmap(file);
        (void)database_unlock(file, SQLITE_LOCK_NONE);
    }
    disk_close(file->file);
    if (file->is_removed_on_close && file->path != NULL)
        (void)disk_remove(file->owner->disk, file->path);
    database_release(file->owner, file->database);
    return SQLITE_OK;
}

/* Version 2: with shared memory, without mappings of the file. */
const struct sqlite3_io_methods sqlite_disk_file_methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};
