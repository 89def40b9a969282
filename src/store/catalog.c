/* The index's file: tables, connections, transactions, the mark. */
#include "store/catalog.h"

#include "base/crc32c.h"
#include "base/log.h"
#include "base/memory.h"
#include "os/disk.h"
#include "store/catalog_internal.h"
#include "store/sqlite_disk.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ROOM_BYTES_MAX ((size_t)4 << 20)

/* Each step makes layout n of the tables from n - 1. Never change one that was released. */
static const char layout_1[] =
    "CREATE TABLE mark (one INTEGER PRIMARY KEY CHECK (one = 1), pack INTEGER, offset INTEGER,"
    " sequence INTEGER);"
    "INSERT INTO mark VALUES (1, 0, 0, 0);"
    "CREATE TABLE buckets (id INTEGER PRIMARY KEY, row BLOB NOT NULL);"
    "CREATE TABLE objects (bucket INTEGER, key BLOB, ord INTEGER, row BLOB NOT NULL,"
    " PRIMARY KEY (bucket, key, ord)) WITHOUT ROWID;"
    "CREATE TABLE uploads (bucket INTEGER, key BLOB, id BLOB, row BLOB NOT NULL,"
    " PRIMARY KEY (bucket, key, id)) WITHOUT ROWID;"
    "CREATE UNIQUE INDEX uploads_id ON uploads (id);"
    "CREATE TABLE parts (upload BLOB, number INTEGER, row BLOB NOT NULL,"
    " PRIMARY KEY (upload, number)) WITHOUT ROWID;"
    "CREATE TABLE blobs (hash BLOB PRIMARY KEY, refs INTEGER, since INTEGER) WITHOUT ROWID;"
    "CREATE INDEX blobs_idle ON blobs (since) WHERE refs <= 0;"
    "CREATE TABLE packs (number INTEGER PRIMARY KEY, live INTEGER);"
    "CREATE TABLE usage (bucket INTEGER PRIMARY KEY, versions INTEGER, bytes INTEGER);";

static const char *const migrations[] = {layout_1};

static const char sql_blob_refer[] =
    "INSERT INTO blobs VALUES (?1, ?2, ?3) ON CONFLICT (hash) DO UPDATE"
    " SET refs = refs + ?2, since = ?3";
static const char sql_pack_add[] =
    "INSERT INTO packs VALUES (?1, ?2) ON CONFLICT (number) DO UPDATE"
    " SET live = live + ?2";
static const char sql_usage_add[] =
    "INSERT INTO usage VALUES (?1, ?2, ?3) ON CONFLICT (bucket) DO UPDATE"
    " SET versions = versions + ?2, bytes = bytes + ?3";

static const char *const writer_sql[SQL_WRITER_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_MARK_WRITE] = "UPDATE mark SET pack = ?, offset = ?, sequence = ?",
    [SQL_MARK_READ] = "SELECT pack, offset, sequence FROM mark",
    [SQL_OBJECT_PUT] = "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)",
    [SQL_OBJECT_GET] = "SELECT key, ord, row FROM objects WHERE bucket = ? AND key = ? AND ord = ?",
    [SQL_OBJECT_NULLS] = "SELECT key, ord, row FROM objects WHERE bucket = ? AND key = ?",
    [SQL_OBJECT_DELETE] = "DELETE FROM objects WHERE bucket = ? AND key = ? AND ord = ?",
    [SQL_UPLOAD_PUT] = "INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?)",
    [SQL_UPLOAD_GET] = "SELECT bucket, key, row FROM uploads WHERE id = ?",
    [SQL_UPLOAD_ANY] = "SELECT id FROM uploads WHERE bucket = ? LIMIT 1",
    [SQL_UPLOAD_DELETE] = "DELETE FROM uploads WHERE id = ?",
    [SQL_PART_PUT] = "INSERT OR REPLACE INTO parts VALUES (?, ?, ?)",
    [SQL_PART_GET] = "SELECT number, row FROM parts WHERE upload = ? AND number = ?",
    [SQL_PARTS] = "SELECT number, row FROM parts WHERE upload = ?",
    [SQL_PARTS_DELETE] = "DELETE FROM parts WHERE upload = ?",
    [SQL_BUCKET_PUT] = "INSERT OR REPLACE INTO buckets VALUES (?, ?)",
    [SQL_BUCKET_DELETE] = "DELETE FROM buckets WHERE id = ?",
    [SQL_BLOB_REFER] = sql_blob_refer,
    [SQL_BLOBS_IDLE] =
        "SELECT hash FROM blobs WHERE refs <= 0 AND since < ? ORDER BY since LIMIT ?",
    [SQL_BLOB_FORGET] = "DELETE FROM blobs WHERE hash = ? AND refs <= 0",
    [SQL_BLOB_KNOWN] = "SELECT refs FROM blobs WHERE hash = ?",
    [SQL_PACK_ADD] = sql_pack_add,
    [SQL_PACKS] = "SELECT number, live FROM packs ORDER BY number",
    [SQL_USAGE_ADD] = sql_usage_add,
};

static const char read_latest[] = "SELECT key, ord, row FROM objects WHERE bucket = ? AND key = ?"
                                  " ORDER BY ord LIMIT 1";
static const char read_list[] = "SELECT key, ord, row FROM objects WHERE bucket = ? AND key >= ?"
                                " ORDER BY key, ord";
static const char read_list_within[] = "SELECT key, ord, row FROM objects WHERE bucket = ?"
                                       " AND (key, ord) > (?, ?) ORDER BY key, ord";
static const char read_uploads[] = "SELECT bucket, key, id, row FROM uploads WHERE bucket = ?"
                                   " AND (key, id) > (?, ?) ORDER BY key, id";
static const char read_parts[] = "SELECT number, row FROM parts WHERE upload = ? AND number >= ?"
                                 " ORDER BY number";

static const char *const reader_sql[READ_COUNT] = {
    [READ_LATEST] = read_latest,
    [READ_NULL] = "SELECT key, ord, row FROM objects WHERE bucket = ? AND key = ? ORDER BY ord",
    [READ_SEQUENCE] = "SELECT key, ord, row FROM objects WHERE bucket = ? AND key = ? AND ord = ?",
    [READ_LIST] = read_list,
    [READ_LIST_WITHIN] = read_list_within,
    [READ_UPLOAD] = "SELECT bucket, key, id, row FROM uploads WHERE id = ?",
    [READ_UPLOADS] = read_uploads,
    [READ_PARTS] = read_parts,
    [READ_BUCKETS] = "SELECT id, row FROM buckets ORDER BY id",
    [READ_USAGE] = "SELECT versions, bytes FROM usage WHERE bucket = ?",
};

int catalog_failure(sqlite3 *db, int code)
{
    int rc = sqlite_disk_error(code);
    if (rc < 0)
        log_error("the store's index: %s", sqlite3_errmsg(db));
    return rc;
}

int catalog_step(sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);
    return code == SQLITE_ROW ? 1 : catalog_failure(sqlite3_db_handle(statement), code);
}

int catalog_run(sqlite3_stmt *statement)
{
    int rc = catalog_step(statement);
    (void)sqlite3_reset(statement);
    return rc < 0 ? rc : 0;
}

struct slice catalog_blob(sqlite3_stmt *statement, int column)
{
    const void *at = sqlite3_column_blob(statement, column);
    return slice_of(at, (size_t)sqlite3_column_bytes(statement, column));
}

void catalog_bind_blob(sqlite3_stmt *statement, int index, struct slice blob)
{
    /* A NULL start would bind NULL, which no column may be. */
    (void)sqlite3_bind_blob64(statement, index, blob.len == 0 ? "" : blob.at, blob.len,
                              SQLITE_STATIC);
}

uint32_t catalog_row_crc(uint64_t a, struct slice key, uint64_t b, struct slice bytes)
{
    const uint64_t numbers[] = {htole64(a), htole64(key.len), htole64(b)};
    uint32_t crc = crc32c_add(0, slice_of(numbers, sizeof numbers));
    return crc32c_add(crc32c_add(crc, key), bytes);
}

int catalog_row_check(uint64_t a, struct slice key, uint64_t b, struct slice *row)
{
    uint32_t crc;
    if (row->len < ROW_CRC_BYTES)
        return -EBADMSG;
    struct slice bytes = slice_first(*row, row->len - ROW_CRC_BYTES);
    memcpy(&crc, row->at + bytes.len, sizeof crc);
    if (le32toh(crc) != catalog_row_crc(a, key, b, bytes))
        return -EBADMSG;
    *row = bytes;
    return 0;
}

int catalog_row_seal(struct buffer *room, uint64_t a, struct slice key, uint64_t b)
{
    uint32_t crc = htole32(catalog_row_crc(a, key, b, buffer_slice(room)));
    return buffer_append(room, slice_of(&crc, sizeof crc));
}

int catalog_read_object(sqlite3_stmt *statement, uint32_t bucket, int column,
                        struct version *ret_version)
{
    struct slice key = catalog_blob(statement, column);
    int64_t ord = sqlite3_column_int64(statement, column + 1);
    struct slice row = catalog_blob(statement, column + 2);
    int rc = catalog_row_check(bucket, key, catalog_sequence(ord), &row);
    if (rc == 0)
        rc = version_read(row, ret_version);
    if (rc < 0)
        return rc;
    ret_version->bucket = bucket;
    ret_version->key = key;
    ret_version->sequence = catalog_sequence(ord);
    return 0;
}

static int execute(sqlite3 *db, const char *sql)
{
    return catalog_failure(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

int catalog_connect(const struct catalog *catalog, bool may_write, sqlite3 **ret_db)
{
    sqlite3 *db = NULL;
    int rc =
        sqlite_disk_open(catalog->sqlite, CATALOG_PATH, may_write ? 0 : SQLITE_DISK_READER, &db);
    if (rc < 0)
        return rc;
    rc = execute(db, may_write ? "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384;"
                                 "PRAGMA wal_autocheckpoint = 4000;"
                               : "PRAGMA cache_size = -4096;");
    (void)sqlite3_busy_timeout(db, 10000);
    if (rc < 0) {
        (void)sqlite3_close(db);
        return rc;
    }
    *ret_db = db;
    return 0;
}

static int prepare(sqlite3 *db, const char *const *sql, sqlite3_stmt **statements, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        int code =
            sqlite3_prepare_v3(db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &statements[i], NULL);
        if (code != SQLITE_OK)
            return catalog_failure(db, code);
    }
    return 0;
}

static int layout_of(sqlite3 *db, int *ret_layout)
{
    sqlite3_stmt *statement;
    int rc =
        catalog_failure(db, sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL));
    if (rc < 0)
        return rc;
    rc = catalog_step(statement);
    if (rc == 1)
        *ret_layout = sqlite3_column_int(statement, 0);
    (void)sqlite3_finalize(statement);
    return rc == 1 ? 0 : rc == 0 ? -EIO : rc;
}

static int migrate(sqlite3 *db, struct error *ret_error)
{
    const int newest = (int)(sizeof migrations / sizeof migrations[0]);
    int layout = 0;
    int rc = layout_of(db, &layout);
    if (rc == 0 && layout > newest)
        return error_set(ret_error, -EPROTO,
                         "the store's index has layout %d; this version of Weir knows up to %d",
                         layout, newest);
    if (rc == 0 && layout < 0)
        return error_set(ret_error, -EBADMSG, "the store's index is damaged: its layout is %d",
                         layout);
    for (; rc == 0 && layout < newest; layout++) {
        char step[48];
        (void)snprintf(step, sizeof step, "PRAGMA user_version = %d", layout + 1);
        rc = execute(db, "BEGIN IMMEDIATE");
        if (rc == 0)
            rc = execute(db, migrations[layout]);
        if (rc == 0)
            rc = execute(db, step);
        rc = rc == 0 ? execute(db, "COMMIT") : rc;
    }
    return rc < 0 ? error_set(ret_error, rc, "the store's index cannot be made: %s",
                              sqlite3_errmsg(db))
                  : 0;
}

static const char *opening_failure(int rc)
{
    if (rc == -EBADMSG)
        return "it is damaged, or a file of another program; put the store's folder of a backup in "
               "its place";
    return rc == -ENOENT ? "it is no regular file, or may not be opened" : strerror(-rc);
}

int catalog_open(struct sqlite_disk *sqlite, struct catalog **ret_catalog, struct error *ret_error)
{
    struct catalog *catalog = NEW(struct catalog);
    if (catalog == NULL)
        return error_set(ret_error, -ENOMEM, "out of memory");
    catalog->sqlite = sqlite;
    buffer_init(&catalog->room, ROOM_BYTES_MAX);
    buffer_init(&catalog->content, ROOM_BYTES_MAX);
    int rc = catalog_connect(catalog, true, &catalog->db);
    if (rc < 0)
        (void)error_set(ret_error, rc, "the store's index, " CATALOG_PATH ", cannot be opened: %s",
                        opening_failure(rc));
    if (rc == 0)
        rc = migrate(catalog->db, ret_error);
    if (rc == 0) {
        rc = prepare(catalog->db, writer_sql, catalog->statements, SQL_WRITER_COUNT);
        if (rc < 0)
            (void)error_set(ret_error, rc, "the store's index is not one: %s",
                            sqlite3_errmsg(catalog->db));
    }
    if (rc < 0) {
        catalog_close(catalog);
        return rc;
    }
    *ret_catalog = catalog;
    return 0;
}

static void finalize(sqlite3_stmt **statements, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        (void)sqlite3_finalize(statements[i]);
}

void catalog_close(struct catalog *catalog)
{
    if (catalog == NULL)
        return;
    finalize(catalog->statements, SQL_WRITER_COUNT);
    (void)sqlite3_close(catalog->db);
    buffer_finish(&catalog->room);
    buffer_finish(&catalog->content);
    memory_free(catalog->deltas);
    memory_free(catalog);
}

bool catalog_is_failed(struct sqlite_disk *sqlite)
{
    return sqlite_disk_is_failed(sqlite, CATALOG_PATH);
}

static int sync_file(struct disk *disk, const char *path)
{
    struct disk_file *file;
    int rc = disk_open(disk, path, DISK_WRITE, &file);
    if (rc < 0)
        return rc;
    rc = disk_sync(file);
    disk_close(file);
    return rc;
}

int catalog_copy(struct catalog *catalog, struct disk *disk, const char *path)
{
    sqlite3_stmt *statement;
    int rc = catalog_failure(
        catalog->db, sqlite3_prepare_v2(catalog->db, "VACUUM INTO ?", -1, &statement, NULL));
    if (rc < 0)
        return rc;
    (void)sqlite3_bind_text(statement, 1, path, -1, SQLITE_STATIC);
    rc = catalog_step(statement);
    (void)sqlite3_finalize(statement);
    return rc < 0 ? rc : sync_file(disk, path);
}

int catalog_mark_read(struct catalog *catalog, struct catalog_mark *ret_mark)
{
    sqlite3_stmt *statement = catalog->statements[SQL_MARK_READ];
    int rc = catalog_step(statement);
    if (rc == 1) {
        *ret_mark = (struct catalog_mark){
            .place = {(uint32_t)sqlite3_column_int64(statement, 0),
                      (uint32_t)sqlite3_column_int64(statement, 1)},
            .sequence = (uint64_t)sqlite3_column_int64(statement, 2),
        };
    }
    (void)sqlite3_reset(statement);
    return rc == 1 ? 0 : rc == 0 ? -EBADMSG : rc;
}

int catalog_begin(struct catalog *catalog)
{
    catalog->deltas_count = 0;
    return catalog_run(catalog->statements[SQL_BEGIN]);
}

static int write_deltas(struct catalog *catalog)
{
    sqlite3_stmt *statement = catalog->statements[SQL_PACK_ADD];
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < catalog->deltas_count; i++) {
        (void)sqlite3_bind_int64(statement, 1, catalog->deltas[i].pack);
        (void)sqlite3_bind_int64(statement, 2, catalog->deltas[i].bytes);
        rc = catalog_run(statement);
    }
    return rc;
}

int catalog_commit(struct catalog *catalog, const struct catalog_mark *mark)
{
    sqlite3_stmt *statement = catalog->statements[SQL_MARK_WRITE];
    (void)sqlite3_bind_int64(statement, 1, mark->place.pack);
    (void)sqlite3_bind_int64(statement, 2, mark->place.offset);
    (void)sqlite3_bind_int64(statement, 3, (int64_t)mark->sequence);
    int rc = write_deltas(catalog);
    if (rc == 0)
        rc = catalog_run(statement);
    return rc < 0 ? rc : catalog_run(catalog->statements[SQL_COMMIT]);
}

void catalog_cancel(struct catalog *catalog)
{
    if (sqlite3_get_autocommit(catalog->db) == 0)
        (void)catalog_run(catalog->statements[SQL_ROLLBACK]);
}

int catalog_checkpoint(struct catalog *catalog)
{
    return catalog_failure(catalog->db, sqlite3_wal_checkpoint_v2(
                                            catalog->db, NULL, SQLITE_CHECKPOINT_FULL, NULL, NULL));
}

void catalog_set_now(struct catalog *catalog, int64_t now_ms)
{
    catalog->now_ms = now_ms;
}

int catalog_reader_create(struct catalog *catalog, struct catalog_reader **ret_reader)
{
    struct catalog_reader *reader = NEW(struct catalog_reader);
    if (reader == NULL)
        return -ENOMEM;
    int rc = catalog_connect(catalog, false, &reader->db);
    if (rc == 0)
        rc = prepare(reader->db, reader_sql, reader->statements, READ_COUNT);
    if (rc < 0) {
        catalog_reader_destroy(reader);
        return rc;
    }
    *ret_reader = reader;
    return 0;
}

void catalog_reader_destroy(struct catalog_reader *reader)
{
    if (reader == NULL)
        return;
    finalize(reader->statements, READ_COUNT);
    (void)sqlite3_close(reader->db);
    memory_free(reader);
}
