/* What the index's sources share: statements, rows, and their checksums. */
#pragma once

#include "store/catalog.h"

#include <sqlite3.h>

/* Behind each row's blob. */
#define ROW_CRC_BYTES 4

/* Rows of the writing connection, prepared once; the texts are in catalog.c. */
enum catalog_statement {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_MARK_WRITE,
    SQL_OBJECT_PUT,
    SQL_OBJECT_GET,
    SQL_OBJECT_NULLS,
    SQL_OBJECT_DELETE,
    SQL_UPLOAD_PUT,
    SQL_UPLOAD_GET,
    SQL_UPLOAD_ANY,
    SQL_UPLOAD_DELETE,
    SQL_PART_PUT,
    SQL_PART_GET,
    SQL_PARTS,
    SQL_PARTS_DELETE,
    SQL_BUCKET_PUT,
    SQL_BUCKET_DELETE,
    SQL_BLOB_REFER,
    SQL_BLOBS_IDLE,
    SQL_BLOB_FORGET,
    SQL_BLOB_KNOWN,
    SQL_PACK_ADD,
    SQL_PACKS,
    SQL_USAGE_ADD,
    SQL_MARK_READ,
    SQL_WRITER_COUNT,
};

enum reader_statement {
    READ_LATEST,
    READ_NULL,
    READ_SEQUENCE,
    READ_LIST,
    READ_LIST_WITHIN,
    READ_UPLOAD,
    READ_UPLOADS,
    READ_PARTS,
    READ_BUCKETS,
    READ_USAGE,
    READ_COUNT,
};

/* Changes of a pack's live bytes since the transaction began. */
struct pack_delta {
    uint32_t pack;
    int64_t bytes;
};

#define CATALOG_PATH "index.db"

struct catalog {
    struct sqlite_disk *sqlite; /* borrowed */
    sqlite3 *db;                /* owned */
    sqlite3_stmt *statements[SQL_WRITER_COUNT];
    int64_t now_ms;
    struct pack_delta *deltas; /* owned */
    unsigned deltas_count;
    unsigned deltas_max;
    struct buffer room;
    struct buffer content;
};

struct catalog_reader {
    sqlite3 *db; /* owned */
    sqlite3_stmt *statements[READ_COUNT];
};

/* Versions of a key stand in the index by the negative of their sequence, the latest first. Both
 * ways are defined for all numbers: clients and damaged files name any. */
static inline int64_t catalog_ord(uint64_t sequence)
{
    return (int64_t)(0 - sequence);
}
static inline uint64_t catalog_sequence(int64_t ord)
{
    return 0 - (uint64_t)ord;
}

/* SQLite's code as an errno; what it says goes to the log when it is no common one. */
int catalog_failure(sqlite3 *db, int code);

/* 1: a row; 0: none (left); or -errno. */
int catalog_step(sqlite3_stmt *statement);

/* For statements that give no rows: steps and resets. 0 or -errno. */
int catalog_run(sqlite3_stmt *statement);

struct slice catalog_blob(sqlite3_stmt *statement, int column);
void catalog_bind_blob(sqlite3_stmt *statement, int index, struct slice blob);

/* The checksum of a row: of its key's parts and its bytes. */
uint32_t catalog_row_crc(uint64_t a, struct slice key, uint64_t b, struct slice bytes);

/* Takes the checksum off a row's blob. 0 or -EBADMSG. */
int catalog_row_check(uint64_t a, struct slice key, uint64_t b, struct slice *row);

/* Puts `bytes`, which *room holds, with their checksum behind them. 0 or a buffer's error. */
int catalog_row_seal(struct buffer *room, uint64_t a, struct slice key, uint64_t b);

/* Reads an object's row of three columns (key, ord, meta) from `column` on. 0 or -EBADMSG. */
int catalog_read_object(sqlite3_stmt *statement, uint32_t bucket, int column,
                        struct version *ret_version);

/* Opens a connection with the settings that all have. */
int catalog_connect(const struct catalog *catalog, bool may_write, sqlite3 **ret_db);

/* References of a content: `by` more or fewer. 0 or -errno. */
int catalog_refer(struct catalog *catalog, struct slice content, int by);
