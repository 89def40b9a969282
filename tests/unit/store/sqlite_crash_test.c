/*
 * Databases on a simulated disk that loses power at each of its writes, fills up, breaks, and turns
 * bits over: what was acknowledged is there, and nothing wrong is ever read.
 */
#include "database.h"

#include "os/disk_sim.h"

#include <errno.h>
#include <stdlib.h>

#define ROWS        12
#define CRASH_SEEDS 3

struct world {
    struct disk *disk;
    struct sqlite_disk *sqlite_disk;
};

static struct world make_world(void)
{
    struct world world = {NULL, NULL};
    assert_int_equal(disk_sim_create(3, NULL, &world.disk), 0);
    assert_int_equal(sqlite_disk_create(world.disk, "weir-crash", &world.sqlite_disk), 0);
    return world;
}

static void finish_world(struct world *world)
{
    sqlite_disk_destroy(world->sqlite_disk);
    disk_destroy(world->disk);
}

static sqlite3 *open_database(struct world *world)
{
    sqlite3 *db = NULL;
    int rc = sqlite_disk_open(world->sqlite_disk, DATABASE, 0, &db);
    assert_int_equal(rc, 0);
    return db;
}

static void kill_process(struct world *world, sqlite3 *db)
{
    disk_sim_stop(world->disk);
    (void)sqlite3_close(db);
    disk_sim_kill(world->disk);
}

/* Rows from `first` on until something fails, with checkpoints between. Returns the last row that
 * was acknowledged. */
static int64_t write_rows(struct world *world, const char *settings, int64_t first)
{
    sqlite3 *db = NULL;
    int64_t done = first - 1;
    if (sqlite_disk_open(world->sqlite_disk, DATABASE, 0, &db) < 0)
        return done;
    int code = run(db, settings);
    if (code == SQLITE_OK)
        code = run(db, "PRAGMA wal_autocheckpoint=12");
    if (code == SQLITE_OK)
        code = make_tables(db);
    while (code == SQLITE_OK && done < first + ROWS - 1) {
        code = commit_row(db, done + 1);
        done += code == SQLITE_OK;
    }
    (void)sqlite3_close(db);
    return done;
}

/* What is left is a prefix of what was committed, from `least` rows to `most`. Returns how many. */
static int64_t check_database(struct world *world, int64_t least, int64_t most)
{
    sqlite3 *db = open_database(world);
    assert_int_equal(check_integrity(db), SQLITE_OK);
    assert_int_equal(make_tables(db), SQLITE_OK);
    int64_t count = -1;
    assert_int_equal(read_all(db, &count), SQLITE_OK);
    if (count < least || count > most)
        fail_msg("%lld rows where %lld to %lld were to be", (long long)count, (long long)least,
                 (long long)most);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return count;
}

static uint64_t count_changes(const char *settings)
{
    struct world world = make_world();
    assert_int_equal(write_rows(&world, settings, 1), ROWS);
    struct disk_sim_stats stats;
    disk_sim_stats_read(world.disk, &stats);
    finish_world(&world);
    return stats.changes;
}

/* The power fails at the nth change, and again at one of those of the next start. */
static void crash_at(uint64_t nth, uint64_t seed, const char *settings, bool is_full)
{
    struct world world = make_world();
    disk_sim_crash_at(world.disk, nth);
    int64_t first = write_rows(&world, settings, 1);
    disk_sim_crash(world.disk, seed);
    disk_sim_crash_at(world.disk, 1 + (nth + seed) % 7);
    sqlite3 *db = NULL;
    if (sqlite_disk_open(world.sqlite_disk, DATABASE, 0, &db) == 0) {
        (void)run(db, "PRAGMA wal_checkpoint(TRUNCATE)");
        (void)sqlite3_close(db);
    }
    disk_sim_crash(world.disk, seed + 1);
    int64_t count = check_database(&world, is_full ? first : 0, first + 1);
    /* And it goes on from there. */
    assert_int_equal(write_rows(&world, settings, count + 1), count + ROWS);
    disk_sim_kill(world.disk);
    (void)check_database(&world, count + ROWS, count + ROWS);
    assert_int_equal(sqlite_disk_damaged(world.sqlite_disk), 0);
    finish_world(&world);
}

static void crash_everywhere(const char *settings, bool is_full)
{
    uint64_t changes = count_changes(settings);
    assert_true(changes > 100);
    for (uint64_t nth = 1; nth <= changes; nth++) {
        for (uint64_t seed = 0; seed < CRASH_SEEDS; seed++)
            crash_at(nth, nth * CRASH_SEEDS + seed, settings, is_full);
    }
}

static void what_full_acknowledged_outlives_each_crash(void **state)
{
    (void)state;
    crash_everywhere("PRAGMA synchronous=FULL", true);
}

static void what_normal_leaves_is_whole_at_each_crash(void **state)
{
    (void)state;
    crash_everywhere("PRAGMA synchronous=NORMAL", false);
}

/* Pages of an unfinished transaction go to the WAL before it ends, and are written there again. */
static void a_cache_that_overflows_changes_nothing(void **state)
{
    (void)state;
    static const char settings[] = "PRAGMA synchronous=FULL; PRAGMA cache_size=2";
    uint64_t changes = count_changes(settings);
    for (uint64_t nth = 1; nth <= changes; nth += 5)
        crash_at(nth, nth, settings, true);
}

static void each_failing_write_is_told_and_harms_nothing(void **state)
{
    (void)state;
    static const char settings[] = "PRAGMA synchronous=FULL";
    static const int errors[] = {-ENOSPC, -EIO};
    uint64_t changes = count_changes(settings);
    for (uint64_t nth = 1; nth <= changes; nth++) {
        struct world world = make_world();
        disk_sim_fail_at(world.disk, nth, errors[nth % 2]);
        int64_t done = write_rows(&world, settings, 1);
        disk_sim_fail_at(world.disk, 0, 0);
        int64_t count = check_database(&world, done, done + 1);
        done = write_rows(&world, settings, count + 1);
        assert_int_equal(done, count + ROWS);
        disk_sim_crash(world.disk, nth);
        (void)check_database(&world, done, done);
        finish_world(&world);
    }
}

static void a_full_disk_is_told_and_harms_nothing(void **state)
{
    (void)state;
    struct world world = make_world();
    int64_t done = 0;
    for (uint64_t kib = 4; kib < 256; kib += 3) {
        struct disk_sim_faults full = {.full_after_bytes = kib * 1024};
        disk_sim_set_faults(world.disk, &full);
        done = write_rows(&world, "PRAGMA synchronous=FULL", done + 1);
        disk_sim_set_faults(world.disk, NULL);
        done = check_database(&world, done, done + 1);
    }
    assert_true(done > ROWS);
    finish_world(&world);
}

/* Nothing is acknowledged by this database after a sync that failed, until it is opened anew. */
static void a_failed_sync_ends_all_writing(void **state)
{
    (void)state;
    struct world world = make_world();
    sqlite3 *db = open_database(&world);
    sqlite3 *other = open_database(&world);
    assert_int_equal(make_tables(db), SQLITE_OK);
    assert_int_equal(commit_row(db, 1), SQLITE_OK);
    disk_sim_set_faults(world.disk, &(struct disk_sim_faults){.sync_error_ppm = 1000000});
    assert_int_equal(commit_row(db, 2), SQLITE_IOERR_FSYNC);
    disk_sim_set_faults(world.disk, NULL);
    assert_int_equal(commit_row(db, 2), SQLITE_IOERR_FSYNC);
    assert_int_equal(commit_row(other, 2), SQLITE_IOERR_FSYNC);
    int64_t count = 0;
    assert_int_equal(read_all(other, &count), SQLITE_OK);
    assert_int_equal(count, 1);
    (void)sqlite3_close(db);
    (void)sqlite3_close(other);
    disk_sim_crash(world.disk, 5);
    (void)check_database(&world, 1, 2);
    finish_world(&world);
}

/* Damage. */

static uint64_t size_of(struct world *world, const char *path)
{
    struct disk_file *file = NULL;
    assert_int_equal(disk_open(world->disk, path, 0, &file), 0);
    int64_t size = disk_size(file);
    disk_close(file);
    assert_true(size > 0);
    return (uint64_t)size;
}

static void make_database(struct world *world)
{
    sqlite3 *db = open_database(world);
    assert_int_equal(make_tables(db), SQLITE_OK);
    for (int64_t id = 1; id <= 30; id++)
        assert_int_equal(commit_row(db, id), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Opens, reads all rows by the table and by the index. The first failure as an errno, or 0. */
static int read_anew(struct world *world)
{
    sqlite3 *db = NULL;
    int rc = sqlite_disk_open(world->sqlite_disk, DATABASE, SQLITE_DISK_READER, &db);
    if (rc < 0)
        return rc;
    int64_t count = 0;
    rc = sqlite_disk_error(read_all(db, &count));
    if (rc == 0) {
        assert_int_equal(count, 30);
        rc = sqlite_disk_error(check_integrity(db));
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return rc;
}

static void a_bit_that_turned_over_is_never_read(void **state)
{
    (void)state;
    struct world world = make_world();
    make_database(&world);
    uint64_t bits = size_of(&world, DATABASE) * 8;
    assert_true(bits > (uint64_t)30 * 4096 * 8);
    /* A prime step: each page, and each place in pages, many times; all of the header. */
    for (uint64_t bit = 0; bit < bits; bit += bit < 800 ? 1 : 1009) {
        assert_int_equal(disk_sim_flip(world.disk, DATABASE, bit / 8, bit % 8), 0);
        int rc = read_anew(&world);
        if (rc != -EBADMSG)
            fail_msg("bit %llu: %d", (unsigned long long)bit, rc);
        assert_int_equal(disk_sim_flip(world.disk, DATABASE, bit / 8, bit % 8), 0);
    }
    assert_int_equal(read_anew(&world), 0);
    finish_world(&world);
}

/* The bits that SQLite keeps free, of each page. */
static void a_bit_of_a_sum_counts_too(void **state)
{
    (void)state;
    struct world world = make_world();
    make_database(&world);
    uint64_t size = size_of(&world, DATABASE);
    for (uint64_t page = 0; page < size / 4096; page++) {
        uint64_t offset = page * 4096 + 4096 - 1 - page % SQLITE_DISK_RESERVED_BYTES;
        assert_int_equal(disk_sim_flip(world.disk, DATABASE, offset, page % 8), 0);
        assert_int_equal(read_anew(&world), -EBADMSG);
        assert_int_equal(disk_sim_flip(world.disk, DATABASE, offset, page % 8), 0);
    }
    finish_world(&world);
}

static void a_database_cut_short_is_found(void **state)
{
    (void)state;
    struct world world = make_world();
    make_database(&world);
    struct disk_file *file = NULL;
    assert_int_equal(disk_open(world.disk, DATABASE, DISK_WRITE, &file), 0);
    uint64_t size = size_of(&world, DATABASE);
    for (uint64_t cut = 4096; cut < size; cut += 4096 + 512) {
        char *tail = malloc(cut);
        assert_non_null(tail);
        assert_int_equal(disk_read(file, tail, cut, size - cut), cut);
        assert_int_equal(disk_truncate(file, size - cut), 0);
        assert_int_equal(read_anew(&world), -EBADMSG);
        assert_int_equal(disk_truncate(file, size), 0);
        assert_int_equal(read_anew(&world), -EBADMSG);
        assert_int_equal(disk_write(file, tail, cut, size - cut), 0);
        free(tail);
    }
    assert_int_equal(read_anew(&world), 0);
    disk_close(file);
    finish_world(&world);
}

static void a_page_in_the_wrong_place_is_found(void **state)
{
    (void)state;
    struct world world = make_world();
    make_database(&world);
    struct disk_file *file = NULL;
    char good[4096], other[4096];
    assert_int_equal(disk_open(world.disk, DATABASE, DISK_WRITE, &file), 0);
    uint64_t pages = size_of(&world, DATABASE) / 4096;
    for (uint64_t page = 0; page < pages; page++) {
        uint64_t from = (page * 7 + 3) % pages;
        assert_int_equal(disk_read(file, good, 4096, page * 4096), 4096);
        assert_int_equal(disk_read(file, other, 4096, from * 4096), 4096);
        assert_int_equal(disk_write(file, other, 4096, page * 4096), 0);
        assert_int_equal(read_anew(&world), from == page ? 0 : -EBADMSG);
        assert_int_equal(disk_write(file, good, 4096, page * 4096), 0);
    }
    disk_close(file);
    finish_world(&world);
}

/* The log's pages, as written and as recovered. */
static void check_wal_bits(struct world *world)
{
    uint64_t size = size_of(world, WAL);
    uint64_t frames = (size - 32) / (24 + 4096);
    assert_true(frames > 20);
    unsigned found = 0;
    for (uint64_t frame = 0; frame < frames; frame++) {
        uint64_t offset = 32 + frame * (24 + 4096) + 24 + (frame * 997) % 4096;
        assert_int_equal(disk_sim_flip(world->disk, WAL, offset, frame % 8), 0);
        int rc = read_anew(world);
        assert_true(rc == 0 || rc == -EBADMSG); /* 0: a newer version is farther behind */
        found += rc < 0;
        assert_int_equal(disk_sim_flip(world->disk, WAL, offset, frame % 8), 0);
    }
    assert_true(found > 20);
    assert_int_equal(read_anew(world), 0);
}

static void a_bit_that_turned_over_in_the_log_is_never_read(void **state)
{
    (void)state;
    struct world world = make_world();
    sqlite3 *db = open_database(&world);
    must_run(db, "PRAGMA wal_autocheckpoint=0");
    assert_int_equal(make_tables(db), SQLITE_OK);
    for (int64_t id = 1; id <= 30; id++)
        assert_int_equal(commit_row(db, id), SQLITE_OK);
    check_wal_bits(&world);
    /* Damage does not get into the database by a checkpoint either. */
    uint64_t offset = 32 + 10 * (24 + 4096) + 24 + 77;
    assert_int_equal(disk_sim_flip(world.disk, WAL, offset, 1), 0);
    int code = run(db, "PRAGMA wal_checkpoint");
    assert_true(code == SQLITE_OK || code == SQLITE_IOERR_DATA);
    assert_int_equal(disk_sim_flip(world.disk, WAL, offset, 1), 0);
    must_run(db, "PRAGMA wal_checkpoint");
    assert_int_equal(read_anew(&world), 0);

    kill_process(&world, db);
    db = open_database(&world);
    must_run(db, "PRAGMA wal_autocheckpoint=0");
    check_wal_bits(&world);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    finish_world(&world);
}

/* Before a start it is as a write that power has cut: the log ends there. */
static void a_bit_that_turned_over_before_recovery_leaves_a_prefix(void **state)
{
    (void)state;
    unsigned shorter = 0;
    for (uint64_t frame = 0; frame < 20; frame++) {
        struct world world = make_world();
        sqlite3 *db = open_database(&world);
        assert_int_equal(make_tables(db), SQLITE_OK);
        for (int64_t id = 1; id <= 10; id++)
            assert_int_equal(commit_row(db, id), SQLITE_OK);
        kill_process(&world, db);
        uint64_t offset = 32 + frame * (24 + 4096) + 24 + frame * 199;
        assert_int_equal(disk_sim_flip(world.disk, WAL, offset, 2), 0);
        shorter += check_database(&world, 0, 10) < 10;
        finish_world(&world);
    }
    assert_true(shorter > 10);
}

/* Reads that go wrong once are errors once. */
static void bits_that_flip_on_the_way_are_never_read(void **state)
{
    (void)state;
    struct world world = make_world();
    make_database(&world);
    disk_sim_set_faults(world.disk, &(struct disk_sim_faults){.read_flip_ppm = 20000});
    unsigned failed = 0;
    for (unsigned i = 0; i < 200; i++) {
        int rc = read_anew(&world);
        assert_true(rc == 0 || rc == -EBADMSG || rc == -EIO);
        failed += rc < 0;
    }
    assert_true(failed > 10 && failed < 200);
    disk_sim_set_faults(world.disk, NULL);
    assert_int_equal(read_anew(&world), 0);
    finish_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_full_acknowledged_outlives_each_crash),
        cmocka_unit_test(what_normal_leaves_is_whole_at_each_crash),
        cmocka_unit_test(a_cache_that_overflows_changes_nothing),
        cmocka_unit_test(each_failing_write_is_told_and_harms_nothing),
        cmocka_unit_test(a_full_disk_is_told_and_harms_nothing),
        cmocka_unit_test(a_failed_sync_ends_all_writing),
        cmocka_unit_test(a_bit_that_turned_over_is_never_read),
        cmocka_unit_test(a_bit_of_a_sum_counts_too),
        cmocka_unit_test(a_database_cut_short_is_found),
        cmocka_unit_test(a_page_in_the_wrong_place_is_found),
        cmocka_unit_test(a_bit_that_turned_over_in_the_log_is_never_read),
        cmocka_unit_test(a_bit_that_turned_over_before_recovery_leaves_a_prefix),
        cmocka_unit_test(bits_that_flip_on_the_way_are_never_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
