/*
 * A database for tests of the VFS: rows 1 … n of bytes that follow from their number, and a count
 * that each transaction raises with its row. So any prefix of what was committed can be told from
 * anything else.
 */
#pragma once

#include "unit.h"

#include "store/sqlite_disk.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#define DATABASE "index.db"
#define WAL      "index.db-wal"

/* A result of SQLite, the first one that failed. */
static inline int run(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static inline void must_run(sqlite3 *db, const char *sql)
{
    int code = run(db, sql);
    if (code != SQLITE_OK)
        print_error("%s: %s\n", sql, sqlite3_errmsg(db));
    assert_int_equal(code, SQLITE_OK);
}

/* The first number a query gives. Returns a result of SQLite. */
static inline int ask(sqlite3 *db, const char *sql, int64_t *ret_number)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        *ret_number = sqlite3_column_int64(statement, 0);
        code = SQLITE_OK;
    }
    (void)sqlite3_finalize(statement);
    return code;
}

/* From a hundred bytes to three pages and more: overflow pages too. */
static inline size_t row_len(int64_t id)
{
    return 100 + (size_t)(id * 2657 % 9000);
}

static inline char row_byte(int64_t id, size_t at)
{
    return (char)(id * 131 + (int64_t)at * 7 + (int64_t)(at >> 8));
}

static inline int make_tables(sqlite3 *db)
{
    return run(db, "CREATE TABLE IF NOT EXISTS rows(id INTEGER PRIMARY KEY, bytes BLOB);"
                   "CREATE INDEX IF NOT EXISTS by_bytes ON rows(substr(bytes, 1, 40));"
                   "CREATE TABLE IF NOT EXISTS counts(id INTEGER PRIMARY KEY, n INTEGER);"
                   "INSERT OR IGNORE INTO counts VALUES(1, 0)");
}

static inline int insert_row(sqlite3 *db, int64_t id)
{
    char bytes[9100];
    for (size_t i = 0; i < row_len(id); i++)
        bytes[i] = row_byte(id, i);
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, "INSERT INTO rows VALUES(?, ?)", -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(statement, 1, id);
    if (code == SQLITE_OK)
        code = sqlite3_bind_blob(statement, 2, bytes, (int)row_len(id), SQLITE_TRANSIENT);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    (void)sqlite3_finalize(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* The next row, in a transaction. A result of SQLite. */
static inline int commit_row(sqlite3 *db, int64_t id)
{
    int code = run(db, "BEGIN IMMEDIATE");
    if (code != SQLITE_OK)
        return code;
    code = insert_row(db, id);
    if (code == SQLITE_OK)
        code = run(db, "UPDATE counts SET n = n + 1");
    if (code == SQLITE_OK)
        code = run(db, "COMMIT");
    if (code != SQLITE_OK)
        (void)run(db, "ROLLBACK");
    return code;
}

static inline void check_row(sqlite3_stmt *statement, int64_t id)
{
    assert_int_equal(sqlite3_column_int64(statement, 0), id);
    const char *bytes = sqlite3_column_blob(statement, 1);
    assert_int_equal(sqlite3_column_bytes(statement, 1), row_len(id));
    for (size_t i = 0; i < row_len(id); i++) {
        if (bytes[i] != row_byte(id, i))
            fail_msg("row %lld is wrong at %zu", (long long)id, i);
    }
}

/* Reads all rows, in one transaction. Whatever is read must be right; an error is returned. */
static inline int read_all(sqlite3 *db, int64_t *ret_count)
{
    int64_t id = 0, count = -1;
    int code = run(db, "BEGIN");
    if (code != SQLITE_OK)
        return code;
    sqlite3_stmt *statement = NULL;
    code = sqlite3_prepare_v2(db, "SELECT id, bytes FROM rows ORDER BY id", -1, &statement, NULL);
    while (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        check_row(statement, ++id);
        code = SQLITE_OK;
    }
    (void)sqlite3_finalize(statement);
    if (code == SQLITE_DONE)
        code = ask(db, "SELECT n FROM counts", &count);
    if (code == SQLITE_OK) {
        assert_int_equal(count, id);
        *ret_count = count;
    }
    (void)run(db, "COMMIT");
    return code;
}

/* A result of SQLite, SQLITE_CORRUPT when the check finds anything. */
static inline int check_integrity(sqlite3 *db)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        code = strcmp(text, "ok") == 0 ? SQLITE_OK : SQLITE_CORRUPT;
    }
    (void)sqlite3_finalize(statement);
    return code;
}
