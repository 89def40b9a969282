/* What a loss of power and a broken disk leave, over many seeds. */
#include "unit.h"

#include "base/memory.h"
#include "os/disk_sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS  400
#define SECTOR DISK_SECTOR_BYTES
#define COUNT  8 /* sectors of a file */

static struct disk *make_disk(const struct disk_sim_faults *faults)
{
    struct disk *disk = NULL;
    assert_int_equal(disk_sim_create(7, faults, &disk), 0);
    return disk;
}

static struct disk_file *open_file(struct disk *disk, const char *path)
{
    struct disk_file *file = NULL;
    assert_int_equal(disk_open(disk, path, DISK_WRITE | DISK_CREATE, &file), 0);
    return file;
}

static bool is_there(struct disk *disk, const char *path)
{
    struct disk_file *file = NULL;
    int rc = disk_open(disk, path, 0, &file);
    disk_close(file);
    assert_true(rc == 0 || rc == -ENOENT);
    return rc == 0;
}

/* One write of so many sectors, all bytes the same. */
static int write_sectors(struct disk_file *file, char byte, size_t first, size_t count)
{
    char bytes[COUNT * SECTOR];
    memset(bytes, byte, count * SECTOR);
    return disk_write(file, bytes, count * SECTOR, first * SECTOR);
}

/* A letter for each sector, '.' for zeros, '?' for one that is torn. */
static void read_sectors(struct disk *disk, const char *path, char ret_text[COUNT + 1])
{
    struct disk_file *file = NULL;
    assert_int_equal(disk_open(disk, path, 0, &file), 0);
    char bytes[COUNT * SECTOR];
    ssize_t got = disk_read(file, bytes, sizeof bytes, 0);
    assert_true(got >= 0);
    size_t at = 0;
    for (; at * SECTOR < (size_t)got; at++) {
        const char *sector = bytes + at * SECTOR;
        size_t len = (size_t)got - at * SECTOR < SECTOR ? (size_t)got - at * SECTOR : SECTOR;
        ret_text[at] = *sector == '\0' ? '.' : *sector;
        for (size_t i = 0; i < len; i++)
            ret_text[at] = sector[i] == *sector ? ret_text[at] : '?';
    }
    ret_text[at] = '\0';
    disk_close(file);
}

/* A file that has its name and, synced, these sectors; then `change`, then a crash. */
static void crash_after(uint64_t seed, void (*change)(struct disk_file *file),
                        char ret_text[COUNT + 1])
{
    struct disk *disk = make_disk(NULL);
    struct disk_file *file = open_file(disk, "file");
    assert_int_equal(write_sectors(file, 'a', 0, 4), 0);
    assert_int_equal(disk_sync(file), 0);
    assert_int_equal(disk_sync_folder(disk, ""), 0);
    change(file);
    disk_sim_crash(disk, seed);
    disk_close(file);
    read_sectors(disk, "file", ret_text);
    disk_destroy(disk);
}

static void overwrite_twice(struct disk_file *file)
{
    assert_int_equal(write_sectors(file, 'b', 0, 4), 0);
    assert_int_equal(write_sectors(file, 'c', 1, 2), 0);
}

static void unsynced_sectors_are_old_or_new_each_on_its_own(void **state)
{
    (void)state;
    unsigned all_old = 0, all_new = 0, between = 0, later_alone = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        char text[COUNT + 1];
        crash_after(seed, overwrite_twice, text);
        assert_int_equal(strlen(text), 4);
        for (size_t i = 0; i < 4; i++)
            assert_non_null(strchr(i == 1 || i == 2 ? "abc" : "ab", text[i]));
        all_old += strcmp(text, "aaaa") == 0;
        all_new += strcmp(text, "bccb") == 0;
        between += strchr(text, 'a') != NULL && strchr(text, 'b') != NULL;
        later_alone += strchr(text, 'c') != NULL && strchr(text, 'b') == NULL;
    }
    assert_true(all_old > 10 && all_new > 10 && between > 10 && later_alone > 2);
}

static void grow(struct disk_file *file)
{
    assert_int_equal(write_sectors(file, 'b', 4, 4), 0);
}

static void a_grown_file_may_be_shorter_or_have_zeros(void **state)
{
    (void)state;
    unsigned shorter = 0, whole = 0, zeros = 0, odd = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        char text[COUNT + 1];
        crash_after(seed, grow, text);
        assert_memory_equal(text, "aaaa", 4);
        assert_true(strspn(text + 4, "b.") == strlen(text + 4));
        shorter += strcmp(text, "aaaa") == 0;
        whole += strcmp(text, "aaaabbbb") == 0;
        zeros += strchr(text, '.') != NULL;
        odd += strlen(text) > 4 && strlen(text) < 8;
    }
    assert_true(shorter > 10 && whole > 10 && zeros > 10 && odd > 10);
}

static void cut_and_write(struct disk_file *file)
{
    assert_int_equal(disk_truncate(file, SECTOR), 0);
    assert_int_equal(write_sectors(file, 'b', 1, 1), 0);
}

static void a_file_cut_short_may_be_whole_again(void **state)
{
    (void)state;
    unsigned whole = 0, cut = 0, cut_and_written = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        char text[COUNT + 1];
        crash_after(seed, cut_and_write, text);
        whole += strcmp(text, "aaaa") == 0;
        cut += strcmp(text, "a") == 0;
        cut_and_written += strcmp(text, "ab") == 0;
        assert_true(strcmp(text, "aaaa") == 0 || strcmp(text, "a") == 0 ||
                    strcmp(text, "ab") == 0 || strcmp(text, "a.") == 0);
    }
    assert_true(whole > 10 && cut > 10 && cut_and_written > 10);
}

static void overwrite_and_sync(struct disk_file *file)
{
    overwrite_twice(file);
    assert_int_equal(disk_truncate(file, 3 * SECTOR), 0);
    assert_int_equal(disk_sync(file), 0);
}

static void what_is_synced_stays(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        char text[COUNT + 1];
        crash_after(seed, overwrite_and_sync, text);
        assert_string_equal(text, "bcc");
    }
}

static void names_are_undone_each_on_its_own(void **state)
{
    (void)state;
    unsigned counts[8] = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct disk *disk = make_disk(NULL);
        disk_close(open_file(disk, "old"));
        disk_close(open_file(disk, "removed"));
        assert_int_equal(disk_sync_folder(disk, ""), 0);
        disk_close(open_file(disk, "made"));
        assert_int_equal(disk_rename(disk, "old", "new"), 0);
        assert_int_equal(disk_remove(disk, "removed"), 0);
        disk_sim_crash(disk, seed);
        assert_true(is_there(disk, "old") != is_there(disk, "new"));
        counts[(is_there(disk, "made") ? 1 : 0) + (is_there(disk, "new") ? 2 : 0) +
               (is_there(disk, "removed") ? 4 : 0)]++;
        disk_destroy(disk);
    }
    for (size_t i = 0; i < 8; i++)
        assert_true(counts[i] > 2);
}

/* The way a file is replaced: the old bytes or the new, whenever power fails. */
static void a_rename_over_a_file_is_whole(void **state)
{
    (void)state;
    unsigned old = 0, new = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct disk *disk = make_disk(NULL);
        struct disk_file *file = open_file(disk, "file");
        assert_int_equal(write_sectors(file, 'a', 0, 2), 0);
        assert_int_equal(disk_sync(file), 0);
        disk_close(file);
        assert_int_equal(disk_sync_folder(disk, ""), 0);
        file = open_file(disk, "temporary");
        assert_int_equal(write_sectors(file, 'b', 0, 2), 0);
        assert_int_equal(disk_sync(file), 0);
        disk_close(file);
        assert_int_equal(disk_rename(disk, "temporary", "file"), 0);
        bool is_synced = seed % 2 == 0;
        if (is_synced)
            assert_int_equal(disk_sync_folder(disk, ""), 0);
        disk_sim_crash(disk, seed);
        char text[COUNT + 1];
        read_sectors(disk, "file", text);
        assert_true(strcmp(text, "bb") == 0 || (!is_synced && strcmp(text, "aa") == 0));
        assert_false(strcmp(text, "bb") == 0 && is_there(disk, "temporary"));
        old += text[0] == 'a';
        new += text[0] == 'b';
        disk_destroy(disk);
    }
    assert_true(old > 10 && new > 10);
}

static void a_rename_between_folders_lasts_by_the_new_one(void **state)
{
    (void)state;
    unsigned lost_folders = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct disk *disk = make_disk(NULL);
        assert_int_equal(disk_make_folder(disk, "a"), 0);
        assert_int_equal(disk_make_folder(disk, "b"), 0);
        bool is_synced = seed % 2 == 0;
        if (is_synced)
            assert_int_equal(disk_sync_folder(disk, ""), 0);
        disk_close(open_file(disk, "a/x"));
        assert_int_equal(disk_rename(disk, "a/x", "a/y"), 0);
        assert_int_equal(disk_rename(disk, "a/y", "b/z"), 0);
        assert_int_equal(disk_sync_folder(disk, "b"), 0);
        assert_int_equal(disk_rename(disk, "b/z", "a/again"), 0);
        disk_sim_crash(disk, seed);
        assert_false(is_there(disk, "b/z") && is_there(disk, "a/again"));
        if (is_synced) {
            assert_true(is_there(disk, "b/z") || is_there(disk, "a/again"));
            assert_false(is_there(disk, "a/x") || is_there(disk, "a/y"));
        } else {
            lost_folders += !is_there(disk, "b/z") && !is_there(disk, "a/again");
        }
        disk_destroy(disk);
    }
    assert_true(lost_folders > 10);
}

static void a_killed_process_loses_nothing(void **state)
{
    (void)state;
    struct disk *disk = make_disk(NULL);
    struct disk_file *file = open_file(disk, "file");
    struct disk_file *lock;
    assert_int_equal(disk_lock(disk, "lock", &lock), 0);
    assert_int_equal(write_sectors(file, 'a', 0, 2), 0);
    disk_sim_stop(disk);
    assert_int_equal(disk_remove(disk, "file"), -EIO);
    disk_sim_kill(disk);
    char text[COUNT + 1];
    read_sectors(disk, "file", text);
    assert_string_equal(text, "aa");
    /* What was open is of no use to the next process, and takes no lock along. */
    assert_int_equal(disk_write(file, "x", 1, 0), -EIO);
    assert_int_equal(disk_read(file, text, 1, 0), -EIO);
    assert_int_equal(disk_size(file), -EIO);
    assert_int_equal(disk_sync(file), -EIO);
    struct disk_file *next;
    assert_int_equal(disk_lock(disk, "lock", &next), 0);
    disk_unlock(lock);
    assert_int_equal(disk_lock(disk, "lock", &lock), -EAGAIN);
    disk_unlock(next);
    disk_close(file);
    disk_destroy(disk);
}

static void a_sync_that_fails_is_final(void **state)
{
    (void)state;
    unsigned lost = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct disk *disk = NULL;
        assert_int_equal(disk_sim_create(seed, NULL, &disk), 0);
        struct disk_file *file = open_file(disk, "file");
        assert_int_equal(disk_sync_folder(disk, ""), 0);
        assert_int_equal(write_sectors(file, 'a', 0, 4), 0);
        disk_sim_set_faults(disk, &(struct disk_sim_faults){.sync_error_ppm = 1000000});
        assert_int_equal(disk_sync(file), -EIO);
        disk_sim_set_faults(disk, NULL);
        assert_int_equal(disk_sync(file), -EIO);
        disk_close(file);
        char text[COUNT + 1];
        read_sectors(disk, "file", text);
        assert_string_equal(text, "aaaa");
        /* Another open file syncs without an error, and is deceived. */
        file = open_file(disk, "file");
        assert_int_equal(disk_sync(file), 0);
        disk_sim_crash(disk, seed);
        disk_close(file);
        read_sectors(disk, "file", text);
        assert_int_equal(strspn(text, "a."), 4);
        lost += strcmp(text, "aaaa") != 0;
        disk_destroy(disk);
    }
    assert_true(lost > 10 && lost < 100);
}

static void a_full_disk_takes_what_fits(void **state)
{
    (void)state;
    struct disk *disk =
        make_disk(&(struct disk_sim_faults){.full_after_bytes = (uint64_t)4 * SECTOR});
    struct disk_file *file = open_file(disk, "file");
    assert_int_equal(write_sectors(file, 'a', 0, 3), 0);
    assert_int_equal(write_sectors(file, 'b', 3, 2), -ENOSPC);
    assert_int_equal(disk_size(file), 4 * SECTOR);
    assert_int_equal(write_sectors(file, 'c', 0, 4), 0);
    assert_int_equal(disk_reserve(file, 0, 4 * SECTOR), 0);
    assert_int_equal(disk_reserve(file, 4 * SECTOR, 1), -ENOSPC);
    uint64_t free_bytes, total_bytes;
    assert_int_equal(disk_space(disk, &free_bytes, &total_bytes), 0);
    assert_int_equal(free_bytes, 0);
    assert_int_equal(total_bytes, 4 * SECTOR);
    struct disk_file *other = open_file(disk, "other");
    assert_int_equal(write_sectors(other, 'a', 0, 1), -ENOSPC);
    assert_int_equal(disk_truncate(file, SECTOR), 0);
    assert_int_equal(write_sectors(other, 'a', 0, 3), 0);
    disk_close(other);
    assert_int_equal(disk_remove(disk, "other"), 0);
    assert_int_equal(disk_space(disk, &free_bytes, &total_bytes), 0);
    assert_int_equal(free_bytes, 3 * SECTOR);
    disk_close(file);
    disk_destroy(disk);
}

/* Each of these calls in turn fails, and the next does not. */
static int change_all(struct disk *disk)
{
    struct disk_file *file = NULL;
    int rc = disk_open(disk, "file", DISK_WRITE | DISK_NEW, &file);
    if (rc == 0)
        rc = write_sectors(file, 'a', 0, 2);
    if (rc == 0)
        rc = disk_truncate(file, SECTOR);
    if (rc == 0)
        rc = disk_reserve(file, 0, SECTOR);
    if (rc == 0)
        rc = disk_sync(file);
    disk_close(file);
    if (rc == 0)
        rc = disk_make_folder(disk, "folder");
    if (rc == 0)
        rc = disk_rename(disk, "file", "folder/file");
    if (rc == 0)
        rc = disk_sync_folder(disk, "folder");
    if (rc == 0)
        rc = disk_remove(disk, "folder/file");
    return rc;
}

#define CHANGES 9

static void each_change_can_fail(void **state)
{
    (void)state;
    for (uint64_t nth = 1; nth <= CHANGES + 1; nth++) {
        struct disk *disk = make_disk(NULL);
        disk_sim_fail_at(disk, nth, -ENOSPC);
        assert_int_equal(change_all(disk), nth <= CHANGES ? -ENOSPC : 0);
        struct disk_sim_stats stats;
        disk_sim_stats_read(disk, &stats);
        assert_int_equal(stats.changes, nth <= CHANGES ? nth : CHANGES);
        disk_sim_fail_at(disk, 0, 0);
        assert_int_equal(disk_make_folder(disk, "other"), 0);
        disk_destroy(disk);
    }
}

static void the_power_fails_during_each_change(void **state)
{
    (void)state;
    for (uint64_t nth = 1; nth <= CHANGES; nth++) {
        unsigned done = 0;
        for (uint64_t seed = 0; seed < 40; seed++) {
            struct disk *disk = make_disk(NULL);
            disk_sim_crash_at(disk, nth);
            assert_int_equal(change_all(disk), -EIO);
            assert_true(disk_sim_is_dead(disk));
            uint64_t free_bytes, total_bytes;
            struct disk_file *file = NULL;
            assert_int_equal(disk_open(disk, "file", DISK_CREATE, &file), -EIO);
            assert_int_equal(disk_make_folder(disk, "folder"), -EIO);
            assert_int_equal(disk_space(disk, &free_bytes, &total_bytes), -EIO);
            disk_sim_crash(disk, seed);
            assert_false(disk_sim_is_dead(disk));
            done += is_there(disk, "file") || disk_sync_folder(disk, "folder") == 0;
            disk_destroy(disk);
        }
        assert_true(done > 2 && done < 40);
    }
}

static void errors_come_as_often_as_asked(void **state)
{
    (void)state;
    struct disk *disk =
        make_disk(&(struct disk_sim_faults){.write_error_ppm = 300000, .again_ppm = 300000});
    struct disk_file *file = open_file(disk, "file");
    unsigned failed = 0, again = 0;
    for (unsigned i = 0; i < 1000; i++) {
        char byte;
        int rc = write_sectors(file, 'a', 0, 2);
        assert_true(rc == 0 || rc == -EIO);
        failed += rc < 0;
        ssize_t got = disk_try_read(file, &byte, 1, 0);
        assert_true(got == 1 || got == 0 || got == -EAGAIN);
        again += got < 0;
    }
    assert_true(failed > 200 && failed < 400 && again > 200 && again < 400);
    disk_close(file);
    disk_destroy(disk);
}

static void bits_are_turned_over(void **state)
{
    (void)state;
    struct disk *disk = make_disk(NULL);
    struct disk_file *file = open_file(disk, "file");
    unsigned char bytes[2] = {0, 0};
    assert_int_equal(disk_write(file, bytes, 2, 0), 0);
    assert_int_equal(disk_sync(file), 0);
    assert_int_equal(disk_sim_flip(disk, "file", 1, 3), 0);
    assert_int_equal(disk_sim_flip(disk, "file", 2, 3), -EINVAL);
    assert_int_equal(disk_sim_flip(disk, "missing", 1, 3), -ENOENT);
    assert_int_equal(disk_read(file, bytes, 2, 0), 2);
    assert_true(bytes[0] == 0 && bytes[1] == 8);
    disk_sim_set_faults(disk, &(struct disk_sim_faults){.read_flip_ppm = 1000000});
    assert_int_equal(disk_read(file, bytes, 2, 0), 2);
    assert_int_equal(__builtin_popcount(bytes[0] | (unsigned)(bytes[1] ^ 8) << 8), 1);
    disk_sim_set_faults(disk, NULL);
    assert_int_equal(disk_sync_folder(disk, ""), 0);
    disk_sim_crash(disk, 1);
    disk_close(file);
    file = open_file(disk, "file");
    assert_int_equal(disk_read(file, bytes, 2, 0), 2);
    assert_true(bytes[0] == 0 && bytes[1] == 8);
    disk_close(file);
    disk_destroy(disk);
}

static void without_memory_calls_fail_and_nothing_is_lost(void **state)
{
    (void)state;
    bool is_complete = false;
    for (long nth = 1; !is_complete && nth < 100; nth++) {
        struct disk *disk = NULL;
        memory_fail_from(nth);
        int rc = disk_sim_create(1, NULL, &disk);
        if (rc == 0)
            rc = change_all(disk);
        memory_fail_from(0);
        assert_true(rc == 0 || rc == -ENOMEM);
        is_complete = rc == 0;
        if (disk != NULL)
            disk_sim_crash(disk, 1);
        disk_destroy(disk);
    }
    assert_true(is_complete);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsynced_sectors_are_old_or_new_each_on_its_own),
        cmocka_unit_test(a_grown_file_may_be_shorter_or_have_zeros),
        cmocka_unit_test(a_file_cut_short_may_be_whole_again),
        cmocka_unit_test(what_is_synced_stays),
        cmocka_unit_test(names_are_undone_each_on_its_own),
        cmocka_unit_test(a_rename_over_a_file_is_whole),
        cmocka_unit_test(a_rename_between_folders_lasts_by_the_new_one),
        cmocka_unit_test(a_killed_process_loses_nothing),
        cmocka_unit_test(a_sync_that_fails_is_final),
        cmocka_unit_test(a_full_disk_takes_what_fits),
        cmocka_unit_test(each_change_can_fail),
        cmocka_unit_test(the_power_fails_during_each_change),
        cmocka_unit_test(errors_come_as_often_as_asked),
        cmocka_unit_test(bits_are_turned_over),
        cmocka_unit_test(without_memory_calls_fail_and_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
