/*
 * SQLite's open files on a struct disk: reads that are compared with their sums, writes that carry
 * them, syncs that fail for good. Locks and shared memory are in sqlite_disk_shared.c.
 */
#include "store/sqlite_disk_internal.h"

#include "store/page_sum.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define PAGE_BYTES_MIN 512
#define PAGE_BYTES_MAX 65536
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

/* SQLite reads and writes databases by pages, but for a first look at the header. */
static bool is_page(size_t len, uint64_t offset)
{
    return len >= PAGE_BYTES_MIN && len <= PAGE_BYTES_MAX && (len & (len - 1)) == 0 &&
           offset % len == 0;
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

static struct trailer trailer_of(const void *page, size_t len, uint64_t offset)
{
    uint64_t sum = page_sum(page, len - sizeof(struct trailer), offset / len);
    return (struct trailer){.sum = htole64(sum)};
}

static bool is_page_good(const void *page, size_t len, uint64_t offset)
{
    struct trailer wanted = trailer_of(page, len, offset);
    return memcmp((const char *)page + len - sizeof wanted, &wanted, sizeof wanted) == 0;
}

/* A database that has no pages yet is empty; one that has misses none. */
static int check_main(struct vfs_file *file, const void *bytes, size_t len, size_t got,
                      uint64_t offset)
{
    if (!is_page(len, offset))
        return SQLITE_OK;
    if (got == len)
        return is_page_good(bytes, len, offset) ? SQLITE_OK : damage(file);
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

/* The page as SQLite has it, with its trailer in the place of what it keeps free. */
static int write_page(struct vfs_file *file, const void *page, size_t len, uint64_t offset)
{
    const char *bytes = page;
    bool has_header = offset == 0 && memcmp(bytes, HEADER_MAGIC, sizeof HEADER_MAGIC) == 0;
    if (has_header && bytes[RESERVED_OFFSET] != SQLITE_DISK_RESERVED_BYTES)
        return -EINVAL; /* it was not told to keep any */
    struct trailer trailer = trailer_of(page, len, offset);
    struct iovec parts[] = {{.iov_len = len - sizeof trailer}, {&trailer, sizeof trailer}};
    memcpy(&parts[0].iov_base, &page, sizeof page); /* it is only read */
    return disk_write_parts(file->file, parts, 2, offset);
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
        rc = file->kind == FILE_MAIN ? write_page(file, bytes, len, offset)
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
