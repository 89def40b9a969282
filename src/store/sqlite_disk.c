/*
 * The VFS: names, opening, time and chance; and the way the store opens its databases. Files are in
 * sqlite_disk_file.c.
 */
#include "store/sqlite_disk.h"

#include "base/memory.h"
#include "os/clock.h"
#include "os/random.h"
#include "store/sqlite_disk_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PATH_MAX_BYTES  240 /* leaves room for "-journal" */
#define BUSY_TIMEOUT_MS 1000

/* From 24 November 4714 BC, where SQLite's days begin, to 1970. */
#define JULIAN_EPOCH_MS INT64_C(210866760000000)

static struct sqlite_disk *owner_of(sqlite3_vfs *vfs)
{
    return vfs->pAppData;
}

static unsigned disk_flags(int flags)
{
    unsigned how = (flags & SQLITE_OPEN_READWRITE) != 0 ? DISK_WRITE : 0;
    if ((flags & SQLITE_OPEN_CREATE) != 0)
        how |= DISK_CREATE;
    if ((flags & SQLITE_OPEN_EXCLUSIVE) != 0)
        how |= DISK_NEW;
    return how;
}

/* A file that nobody else will ever open has its name for a moment only. */
static int open_nameless(struct sqlite_disk *owner, struct disk_file **ret_file)
{
    uint64_t number;
    char path[40];
    random_bytes(&number, sizeof number);
    (void)snprintf(path, sizeof path, "sqlite-%016llx.tmp", (unsigned long long)number);
    int rc = disk_open(owner->disk, path, DISK_WRITE | DISK_NEW, ret_file);
    if (rc == 0)
        (void)disk_remove(owner->disk, path);
    return rc;
}

static enum vfs_file_kind kind_of(const char *path, int flags)
{
    if (path == NULL)
        return FILE_OTHER;
    return (flags & SQLITE_OPEN_MAIN_DB) != 0 ? FILE_MAIN
           : (flags & SQLITE_OPEN_WAL) != 0   ? FILE_WAL
                                              : FILE_OTHER;
}

static int open_file(struct vfs_file *file, int flags)
{
    int rc = 0;
    if (file->kind != FILE_OTHER) {
        const char *path =
            file->kind == FILE_WAL ? sqlite3_filename_database(file->path) : file->path;
        rc = database_take(file->owner, path, &file->database);
    }
    if (rc == 0)
        rc = file->path == NULL
                 ? open_nameless(file->owner, &file->file)
                 : disk_open(file->owner->disk, file->path, disk_flags(flags), &file->file);
    if (rc < 0)
        database_release(file->owner, file->database);
    return rc;
}

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags,
                    int *ret_flags)
{
    struct vfs_file *file = (struct vfs_file *)base;
    *file = (struct vfs_file){.owner = owner_of(vfs), .path = path, .kind = kind_of(path, flags)};
    file->is_removed_on_close = path != NULL && (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    /* Whoever opened it before may not have synced its name either. */
    file->is_name_unsynced = path != NULL && (flags & SQLITE_OPEN_CREATE) != 0;
    int rc = open_file(file, flags);
    if (rc < 0) {
        file->base.pMethods = NULL; /* no xClose then */
        return sqlite_disk_code(rc, SQLITE_CANTOPEN);
    }
    /* One that was made anew under an old name. */
    if (file->kind == FILE_WAL && disk_size(file->file) == 0)
        database_frames_cut(file->database, 0);
    file->base.pMethods = &sqlite_disk_file_methods;
    if (ret_flags != NULL)
        *ret_flags = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int syncs)
{
    struct disk *disk = owner_of(vfs)->disk;
    int rc = disk_remove(disk, path);
    if (rc < 0)
        return rc == -ENOENT ? SQLITE_IOERR_DELETE_NOENT : SQLITE_IOERR_DELETE;
    if (syncs != 0 && sqlite_disk_sync_parent(disk, path) < 0)
        return SQLITE_IOERR_DIR_FSYNC;
    return SQLITE_OK;
}

/* An empty journal is none, as for SQLite's own VFS. */
static int vfs_access(sqlite3_vfs *vfs, const char *path, int what, int *ret_is_there)
{
    struct disk_file *file;
    int rc = disk_open(owner_of(vfs)->disk, path, 0, &file);
    if (rc < 0 && rc != -ENOENT && rc != -ENOTDIR)
        return sqlite_disk_code(rc, SQLITE_IOERR_ACCESS);
    int64_t size = rc == 0 ? disk_size(file) : 0;
    *ret_is_there = rc == 0 && (what != SQLITE_ACCESS_EXISTS || size != 0);
    if (rc == 0)
        disk_close(file);
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int size, char *ret_path)
{
    (void)vfs;
    size_t len = strlen(path);
    if (len > PATH_MAX_BYTES || len >= (size_t)size)
        return SQLITE_CANTOPEN;
    memcpy(ret_path, path, len + 1);
    return SQLITE_OK;
}

static int vfs_random(sqlite3_vfs *vfs, int len, char *ret_bytes)
{
    (void)vfs;
    random_bytes(ret_bytes, (size_t)len);
    return len;
}

static int vfs_sleep(sqlite3_vfs *vfs, int duration_us)
{
    (void)vfs;
    clock_pause(duration_us);
    return duration_us;
}

static int vfs_time_ms(sqlite3_vfs *vfs, sqlite3_int64 *ret_ms)
{
    (void)vfs;
    *ret_ms = clock_wall_us() / 1000 + JULIAN_EPOCH_MS;
    return SQLITE_OK;
}

static int vfs_time_days(sqlite3_vfs *vfs, double *ret_days)
{
    sqlite3_int64 ms;
    (void)vfs_time_ms(vfs, &ms);
    *ret_days = (double)ms / 86400000.0;
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int size, char *ret_text)
{
    (void)vfs;
    (void)size;
    (void)ret_text;
    return 0;
}

static void fill_vfs(struct sqlite_disk *sqlite_disk)
{
    sqlite_disk->vfs = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = sizeof(struct vfs_file),
        .mxPathname = DISK_PATH_MAX,
        .zName = sqlite_disk->name,
        .pAppData = sqlite_disk,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_random,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_time_days,
        .xGetLastError = vfs_last_error,
        .xCurrentTimeInt64 = vfs_time_ms,
    };
}

int sqlite_disk_create(struct disk *disk, const char *name, struct sqlite_disk **ret_sqlite_disk)
{
    size_t len = strlen(name);
    if (len == 0 || len > SQLITE_DISK_NAME_MAX)
        return -EINVAL;
    if (sqlite3_vfs_find(name) != NULL)
        return -EEXIST;
    struct sqlite_disk *sqlite_disk = NEW(struct sqlite_disk);
    if (sqlite_disk == NULL)
        return -ENOMEM;
    int rc = lock_init(&sqlite_disk->lock);
    if (rc < 0) {
        memory_free(sqlite_disk);
        return rc;
    }
    sqlite_disk->disk = disk;
    memcpy(sqlite_disk->name, name, len + 1);
    list_init(&sqlite_disk->databases);
    fill_vfs(sqlite_disk);
    if (sqlite3_vfs_register(&sqlite_disk->vfs, 0) != SQLITE_OK) {
        sqlite_disk_destroy(sqlite_disk);
        return -ENOMEM;
    }
    *ret_sqlite_disk = sqlite_disk;
    return 0;
}

void sqlite_disk_destroy(struct sqlite_disk *sqlite_disk)
{
    if (sqlite_disk == NULL)
        return;
    (void)sqlite3_vfs_unregister(&sqlite_disk->vfs);
    lock_finish(&sqlite_disk->lock);
    memory_free(sqlite_disk);
}

/* Untrusted bytes are no more than data: no functions out of a schema, each cell is looked at. */
static const char settings[] = "PRAGMA page_size=4096;"
                               "PRAGMA temp_store=MEMORY;"
                               "PRAGMA cell_size_check=ON;"
                               "PRAGMA trusted_schema=OFF;"
                               "PRAGMA journal_mode=WAL;";

static int set_up(sqlite3 *db, unsigned flags)
{
    int reserved = SQLITE_DISK_RESERVED_BYTES;
    (void)sqlite3_extended_result_codes(db, 1);
    int code = sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
    if (code == SQLITE_OK)
        code = sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved);
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, settings, NULL, NULL, NULL);
    if (code == SQLITE_OK && (flags & SQLITE_DISK_READER) != 0)
        code = sqlite3_exec(db, "PRAGMA query_only=ON", NULL, NULL, NULL);
    return code;
}

int sqlite_disk_open(struct sqlite_disk *sqlite_disk, const char *path, unsigned flags,
                     struct sqlite3 **ret_db)
{
    sqlite3 *db = NULL;
    int how = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if ((flags & SQLITE_DISK_READER) == 0)
        how |= SQLITE_OPEN_CREATE;
    int code = sqlite3_open_v2(path, &db, how, sqlite_disk->name);
    if (code == SQLITE_OK)
        code = set_up(db, flags);
    if (code != SQLITE_OK) {
        (void)sqlite3_close(db);
        return sqlite_disk_error(code);
    }
    *ret_db = db;
    return 0;
}

int sqlite_disk_error(int code)
{
    static const struct {
        int code;
        int error;
    } errors[] = {
        {SQLITE_OK, 0},
        {SQLITE_ROW, 0},
        {SQLITE_DONE, 0},
        {SQLITE_CORRUPT, -EBADMSG},
        {SQLITE_NOTADB, -EBADMSG},
        {SQLITE_IOERR, -EIO},
        {SQLITE_FULL, -ENOSPC},
        {SQLITE_BUSY, -EBUSY},
        {SQLITE_LOCKED, -EBUSY},
        {SQLITE_CANTOPEN, -ENOENT},
        {SQLITE_NOMEM, -ENOMEM},
        {SQLITE_CONSTRAINT, -EEXIST},
        {SQLITE_READONLY, -EROFS},
    };
    if (code == SQLITE_IOERR_DATA)
        return -EBADMSG;
    if (code == SQLITE_IOERR_NOMEM)
        return -ENOMEM;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        if (errors[i].code == (code & 0xff))
            return errors[i].error;
    }
    return -EINVAL;
}

bool sqlite_disk_is_failed(struct sqlite_disk *sqlite_disk, const char *path)
{
    return database_is_failed(sqlite_disk, path);
}

uint64_t sqlite_disk_damaged(const struct sqlite_disk *sqlite_disk)
{
    return atomic_load(&sqlite_disk->damaged);
}
