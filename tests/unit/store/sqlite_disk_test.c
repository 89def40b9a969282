/* SQLite on the real disk and on a simulated one: that it works, by itself and among threads. */
#include "database.h"

#include "base/memory.h"
#include "os/disk_sim.h"
#include "os/folder.h"
#include "os/thread.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

struct fixture {
    struct disk *disk;
    struct sqlite_disk *sqlite_disk;
    char root[32];
};

static int make(void **state, bool is_real)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL)
        return -1;
    *state = fixture;
    memcpy(fixture->root, "/tmp/weir-sqlite-XXXXXX", 24);
    if (is_real && mkdtemp(fixture->root) == NULL)
        return -1;
    int rc = is_real ? disk_real_create(fixture->root, &fixture->disk)
                     : disk_sim_create(1, NULL, &fixture->disk);
    return rc < 0 ? rc : sqlite_disk_create(fixture->disk, "weir-test", &fixture->sqlite_disk);
}

static int make_real(void **state)
{
    return make(state, true);
}

static int make_sim(void **state)
{
    return make(state, false);
}

static int finish(void **state)
{
    struct fixture *fixture = *state;
    sqlite_disk_destroy(fixture->sqlite_disk);
    disk_destroy(fixture->disk);
    int rc = folder_remove(fixture->root);
    free(fixture);
    return rc;
}

static sqlite3 *open_database(struct fixture *fixture, unsigned flags)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite_disk_open(fixture->sqlite_disk, DATABASE, flags, &db), 0);
    return db;
}

static void assert_rows(sqlite3 *db, int64_t wanted)
{
    int64_t count = -1;
    assert_int_equal(read_all(db, &count), SQLITE_OK);
    assert_int_equal(count, wanted);
    assert_int_equal(check_integrity(db), SQLITE_OK);
}

static void rows_are_there_after_a_new_start(void **state)
{
    sqlite3 *db = open_database(*state, 0);
    assert_int_equal(make_tables(db), SQLITE_OK);
    for (int64_t id = 1; id <= 40; id++)
        assert_int_equal(commit_row(db, id), SQLITE_OK);
    assert_rows(db, 40);
    must_run(db, "PRAGMA wal_checkpoint(TRUNCATE)");
    assert_rows(db, 40);
    must_run(db, "VACUUM");
    assert_int_equal(commit_row(db, 41), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    db = open_database(*state, 0);
    assert_rows(db, 41);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(sqlite_disk_damaged(((struct fixture *)*state)->sqlite_disk), 0);
}

static void the_database_is_in_the_wal_with_sums(void **state)
{
    struct fixture *fixture = *state;
    sqlite3 *db = open_database(fixture, 0);
    assert_int_equal(make_tables(db), SQLITE_OK);
    struct disk_file *file;
    assert_int_equal(disk_open(fixture->disk, WAL, 0, &file), 0);
    assert_true(disk_size(file) > 4096);
    disk_close(file);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    /* Whoever closes last takes the WAL into the database. */
    assert_int_equal(disk_open(fixture->disk, WAL, 0, &file), -ENOENT);
    assert_int_equal(disk_open(fixture->disk, DATABASE, 0, &file), 0);
    unsigned char header[100];
    assert_int_equal(disk_read(file, header, sizeof header, 0), sizeof header);
    assert_int_equal(header[20], SQLITE_DISK_RESERVED_BYTES);
    disk_close(file);
}

/* By SQLite's own call, as somebody might who does not know of the sums. */
static int create_code(int reserved, const char *settings)
{
    sqlite3 *db = NULL;
    assert_int_equal(
        sqlite3_open_v2("other.db", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "weir-test"),
        SQLITE_OK);
    assert_int_equal(sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved),
                     SQLITE_OK);
    must_run(db, settings);
    int code = run(db, "CREATE TABLE t(x)");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return code;
}

static void a_database_without_room_for_sums_is_not_written(void **state)
{
    (void)state;
    assert_int_equal(create_code(0, "PRAGMA page_size=4096"), SQLITE_IOERR);
    assert_int_equal(create_code(SQLITE_DISK_RESERVED_BYTES, "PRAGMA page_size=8192"),
                     SQLITE_IOERR);
    assert_int_equal(create_code(SQLITE_DISK_RESERVED_BYTES, "PRAGMA page_size=4096"), SQLITE_OK);
}

static void readers_see_what_was_when_they_began(void **state)
{
    sqlite3 *writer = open_database(*state, 0);
    assert_int_equal(make_tables(writer), SQLITE_OK);
    assert_int_equal(commit_row(writer, 1), SQLITE_OK);
    sqlite3 *reader = open_database(*state, SQLITE_DISK_READER);
    assert_int_equal(run(reader, "DELETE FROM rows"), SQLITE_READONLY);
    int64_t number = 0;
    must_run(reader, "BEGIN");
    assert_int_equal(ask(reader, "SELECT count(*) FROM rows", &number), SQLITE_OK);
    assert_int_equal(commit_row(writer, 2), SQLITE_OK);
    assert_int_equal(ask(reader, "SELECT count(*) FROM rows", &number), SQLITE_OK);
    assert_int_equal(number, 1);
    /* The reader keeps the log from beginning anew. */
    assert_int_equal(sqlite3_busy_timeout(writer, 0), SQLITE_OK);
    assert_int_equal(ask(writer, "PRAGMA wal_checkpoint(TRUNCATE)", &number), SQLITE_OK);
    assert_int_equal(number, 1);
    must_run(reader, "COMMIT");
    assert_int_equal(ask(reader, "SELECT count(*) FROM rows", &number), SQLITE_OK);
    assert_int_equal(number, 2);
    assert_int_equal(ask(writer, "PRAGMA wal_checkpoint(TRUNCATE)", &number), SQLITE_OK);
    assert_int_equal(number, 0);
    assert_int_equal(sqlite3_close(reader), SQLITE_OK);
    assert_int_equal(sqlite3_close(writer), SQLITE_OK);
}

static void one_writes_at_a_time(void **state)
{
    sqlite3 *one = open_database(*state, 0);
    sqlite3 *two = open_database(*state, 0);
    assert_int_equal(make_tables(one), SQLITE_OK);
    assert_int_equal(sqlite3_busy_timeout(two, 0), SQLITE_OK);
    must_run(one, "BEGIN IMMEDIATE");
    assert_int_equal(run(two, "BEGIN IMMEDIATE"), SQLITE_BUSY);
    assert_int_equal(sqlite_disk_error(SQLITE_BUSY), -EBUSY);
    must_run(one, "COMMIT");
    must_run(two, "BEGIN IMMEDIATE");
    must_run(two, "ROLLBACK");
    /* Nobody leaves the WAL while somebody is in it, and only one is in it without. */
    assert_int_equal(run(two, "PRAGMA journal_mode=DELETE"), SQLITE_BUSY);
    assert_int_equal(sqlite3_close(one), SQLITE_OK);
    must_run(two, "PRAGMA journal_mode=DELETE");
    assert_int_equal(commit_row(two, 1), SQLITE_OK);
    one = open_database(*state, 0);
    assert_rows(one, 1);
    assert_int_equal(sqlite3_close(one), SQLITE_OK);
    assert_int_equal(sqlite3_close(two), SQLITE_OK);
}

/* Locks of files, as they are without a WAL. */
static void readers_and_a_writer_without_a_wal(void **state)
{
    sqlite3 *one = open_database(*state, 0);
    assert_int_equal(make_tables(one), SQLITE_OK);
    must_run(one, "PRAGMA journal_mode=DELETE");
    struct fixture *fixture = *state;
    sqlite3 *two = NULL;
    assert_int_equal(sqlite3_open_v2(DATABASE, &two, SQLITE_OPEN_READWRITE, "weir-test"),
                     SQLITE_OK);
    int64_t number = -1;
    must_run(one, "BEGIN");
    assert_int_equal(ask(one, "SELECT count(*) FROM rows", &number), SQLITE_OK);
    must_run(two, "BEGIN IMMEDIATE");
    assert_int_equal(insert_row(two, 1), SQLITE_OK);
    assert_int_equal(run(two, "UPDATE counts SET n = n + 1"), SQLITE_OK);
    assert_int_equal(run(two, "COMMIT"), SQLITE_BUSY); /* a reader is there */
    assert_int_equal(ask(one, "SELECT count(*) FROM rows", &number), SQLITE_OK);
    assert_int_equal(number, 0);
    must_run(one, "COMMIT");
    assert_int_equal(sqlite3_busy_timeout(one, 0), SQLITE_OK);
    assert_int_equal(ask(one, "SELECT count(*) FROM rows", &number), SQLITE_BUSY); /* pending */
    must_run(two, "COMMIT");
    assert_rows(one, 1);
    assert_int_equal(sqlite3_close(one), SQLITE_OK);
    assert_int_equal(sqlite3_close(two), SQLITE_OK);
    assert_int_equal(sqlite_disk_damaged(fixture->sqlite_disk), 0);
}

static int count_name(void *arg, const char *name)
{
    (void)name;
    ++*(int *)arg;
    return 0;
}

static void what_is_sorted_on_disk_leaves_no_files(void **state)
{
    struct fixture *fixture = *state;
    sqlite3 *db = open_database(fixture, 0);
    must_run(db, "PRAGMA temp_store=FILE; PRAGMA cache_size=8;"
                 "CREATE TEMP TABLE t(x);"
                 "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                 "WHERE i < 20000) SELECT (i * 7919) % 20011 || hex(zeroblob(50)) FROM n");
    int64_t number = 0;
    assert_int_equal(ask(db,
                         "SELECT count(*) FROM (SELECT x, row_number() OVER (ORDER BY x) AS r "
                         "FROM t) WHERE r > 0",
                         &number),
                     SQLITE_OK);
    assert_int_equal(number, 20000);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    int names = 0;
    assert_int_equal(disk_each(fixture->disk, "", count_name, &names), 0);
    assert_int_equal(names, 1);
}

static void time_and_chance_are_those_of_os(void **state)
{
    sqlite3 *db = open_database(*state, 0);
    int64_t year = 0;
    assert_int_equal(ask(db, "SELECT strftime('%Y', 'now')", &year), SQLITE_OK);
    assert_true(year >= 2024 && year < 3000);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void missing_and_wrong_databases_are_told(void **state)
{
    struct fixture *fixture = *state;
    sqlite3 *db = NULL;
    assert_int_equal(sqlite_disk_open(fixture->sqlite_disk, "x.db", SQLITE_DISK_READER, &db),
                     -ENOENT);
    assert_int_equal(sqlite_disk_open(fixture->sqlite_disk, "missing/x.db", 0, &db), -ENOENT);
    assert_int_equal(sqlite_disk_open(fixture->sqlite_disk, "../x.db", 0, &db), -ENOENT);
    struct sqlite_disk *other = NULL;
    assert_int_equal(sqlite_disk_create(fixture->disk, "weir-test", &other), -EEXIST);
    assert_int_equal(sqlite_disk_create(fixture->disk, "", &other), -EINVAL);
    struct disk_file *file;
    assert_int_equal(disk_open(fixture->disk, "x.db", DISK_WRITE | DISK_CREATE, &file), 0);
    char bytes[8192] = "no database";
    assert_int_equal(disk_write(file, bytes, sizeof bytes, 0), 0);
    disk_close(file);
    assert_int_equal(sqlite_disk_open(fixture->sqlite_disk, "x.db", 0, &db), -EBADMSG);
    assert_true(sqlite_disk_damaged(fixture->sqlite_disk) > 0);
    sqlite_disk_destroy(NULL);
}

static void results_are_told_as_errnos(void **state)
{
    (void)state;
    assert_int_equal(sqlite_disk_error(SQLITE_DONE), 0);
    assert_int_equal(sqlite_disk_error(SQLITE_IOERR_DATA), -EBADMSG);
    assert_int_equal(sqlite_disk_error(SQLITE_CORRUPT_VTAB), -EBADMSG);
    assert_int_equal(sqlite_disk_error(SQLITE_IOERR_READ), -EIO);
    assert_int_equal(sqlite_disk_error(SQLITE_IOERR_NOMEM), -ENOMEM);
    assert_int_equal(sqlite_disk_error(SQLITE_FULL), -ENOSPC);
    assert_int_equal(sqlite_disk_error(SQLITE_CONSTRAINT_UNIQUE), -EEXIST);
    assert_int_equal(sqlite_disk_error(SQLITE_MISUSE), -EINVAL);
}

/* Our allocations, not SQLite's. */
static void without_memory_nothing_is_left_behind(void **state)
{
    struct fixture *fixture = *state;
    int rc = -ENOMEM;
    for (long nth = 1; rc != 0 && nth < 200; nth++) {
        sqlite3 *db = NULL;
        memory_fail_from(nth);
        rc = sqlite_disk_open(fixture->sqlite_disk, DATABASE, 0, &db);
        if (rc == 0)
            rc = sqlite_disk_error(make_tables(db));
        if (rc == 0)
            rc = sqlite_disk_error(commit_row(db, 1));
        memory_fail_from(0);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
        struct sqlite_disk *other = NULL;
        memory_fail_from(1);
        assert_int_equal(sqlite_disk_create(fixture->disk, "other", &other), -ENOMEM);
        memory_fail_from(0);
    }
    assert_int_equal(rc, 0);
    sqlite3 *db = open_database(fixture, 0);
    assert_rows(db, 1);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Threads. */

#define READERS       3
#define THREADED_ROWS 150

struct crowd {
    struct fixture *fixture;
    atomic_bool is_done;
    atomic_int failures;
    atomic_int reads;
};

/* Assertions of cmocka belong to the main thread; read_all's rows are compared here by SQL. */
static void read_on(void *arg)
{
    struct crowd *crowd = arg;
    sqlite3 *db = NULL;
    if (sqlite_disk_open(crowd->fixture->sqlite_disk, DATABASE, SQLITE_DISK_READER, &db) < 0) {
        atomic_fetch_add(&crowd->failures, 1);
        return;
    }
    (void)run(db, "PRAGMA cache_size=4");
    int64_t before = 0;
    for (bool is_last = false; !is_last;) {
        is_last = atomic_load(&crowd->is_done);
        int64_t is_whole = 0, now = 0;
        int code = ask(db,
                       "SELECT (SELECT n FROM counts) = count(*) AND count(*) = max(id) AND "
                       "sum(length(bytes)) = sum(100 + id * 2657 % 9000) FROM rows",
                       &is_whole);
        if (code == SQLITE_OK)
            code = ask(db, "SELECT n FROM counts", &now);
        if (code != SQLITE_OK || is_whole != 1 || now < before)
            atomic_fetch_add(&crowd->failures, 1);
        before = now;
        atomic_fetch_add(&crowd->reads, 1);
    }
    if (before != THREADED_ROWS || sqlite3_close(db) != SQLITE_OK)
        atomic_fetch_add(&crowd->failures, 1);
}

static void threads_read_while_one_writes(void **state)
{
    struct crowd crowd = {.fixture = *state};
    sqlite3 *db = open_database(*state, 0);
    assert_int_equal(make_tables(db), SQLITE_OK);
    assert_int_equal(commit_row(db, 1), SQLITE_OK);
    must_run(db, "PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=20");
    struct thread readers[READERS];
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(thread_start(&readers[i], "reader", THREAD_CPU_ANY, read_on, &crowd), 0);
    int failed = 0;
    for (int64_t id = 2; id <= THREADED_ROWS; id++)
        failed += commit_row(db, id) != SQLITE_OK;
    atomic_store(&crowd.is_done, true);
    for (size_t i = 0; i < READERS; i++)
        thread_join(&readers[i]);
    assert_int_equal(failed, 0);
    assert_int_equal(atomic_load(&crowd.failures), 0);
    assert_true(atomic_load(&crowd.reads) >= READERS);
    assert_rows(db, THREADED_ROWS);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

#define ON(test, make) cmocka_unit_test_setup_teardown(test, make, finish)
#define ON_BOTH(test)  ON(test, make_real), ON(test, make_sim)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(rows_are_there_after_a_new_start),
        ON_BOTH(the_database_is_in_the_wal_with_sums),
        ON_BOTH(a_database_without_room_for_sums_is_not_written),
        ON_BOTH(readers_see_what_was_when_they_began),
        ON_BOTH(one_writes_at_a_time),
        ON_BOTH(readers_and_a_writer_without_a_wal),
        ON_BOTH(what_is_sorted_on_disk_leaves_no_files),
        ON_BOTH(time_and_chance_are_those_of_os),
        ON_BOTH(missing_and_wrong_databases_are_told),
        cmocka_unit_test(results_are_told_as_errnos),
        ON_BOTH(without_memory_nothing_is_left_behind),
        ON_BOTH(threads_read_while_one_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
