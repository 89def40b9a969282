/* What every disk does alike. */
#include "unit.h"

#include "base/memory.h"
#include "os/disk.h"
#include "os/disk_sim.h"
#include "os/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PARTS 3000 /* more than one pwritev takes */

static char root[64];

static int make_real(void **state)
{
    memcpy(root, "/tmp/weir-disk-XXXXXX", 22);
    if (mkdtemp(root) == NULL)
        return -1;
    struct disk *disk;
    char below[80];
    (void)snprintf(below, sizeof below, "%s/a/store", root);
    if (disk_real_create(below, &disk) < 0)
        return -1;
    *state = disk;
    return 0;
}

static int remove_real(void **state)
{
    disk_destroy(*state);
    return folder_remove(root);
}

static int make_sim(void **state)
{
    struct disk *disk;
    if (disk_sim_create(1, NULL, &disk) < 0)
        return -1;
    *state = disk;
    return 0;
}

static int remove_sim(void **state)
{
    disk_destroy(*state);
    return 0;
}

static struct disk_file *open_file(struct disk *disk, const char *path, unsigned flags)
{
    struct disk_file *file = NULL;
    assert_int_equal(disk_open(disk, path, flags, &file), 0);
    return file;
}

static int open_code(struct disk *disk, const char *path, unsigned flags)
{
    struct disk_file *file = NULL;
    int rc = disk_open(disk, path, flags, &file);
    disk_close(file);
    return rc;
}

static void put(struct disk *disk, const char *path, const char *text)
{
    struct disk_file *file = open_file(disk, path, DISK_WRITE | DISK_CREATE);
    assert_int_equal(disk_truncate(file, 0), 0);
    assert_int_equal(disk_write(file, text, strlen(text), 0), 0);
    disk_close(file);
}

static void assert_content(struct disk *disk, const char *path, const char *text)
{
    struct disk_file *file = open_file(disk, path, 0);
    char bytes[64] = "";
    assert_int_equal(disk_read(file, bytes, sizeof bytes - 1, 0), strlen(text));
    assert_string_equal(bytes, text);
    disk_close(file);
}

static void bytes_are_read_as_written(void **state)
{
    struct disk_file *file = open_file(*state, "file", DISK_WRITE | DISK_CREATE);
    assert_int_equal(disk_size(file), 0);
    assert_int_equal(disk_write(file, "world", 5, 6), 0);
    assert_int_equal(disk_write(file, "hello", 5, 0), 0);
    assert_int_equal(disk_size(file), 11);
    char bytes[16] = "";
    assert_int_equal(disk_read(file, bytes, sizeof bytes, 0), 11);
    assert_memory_equal(bytes, "hello\0world", 11);
    assert_int_equal(disk_read(file, bytes, 3, 7), 3);
    assert_memory_equal(bytes, "orl", 3);
    assert_int_equal(disk_read(file, bytes, 3, 10), 1);
    assert_int_equal(disk_read(file, bytes, 3, 11), 0);
    assert_int_equal(disk_read(file, bytes, 3, 1000), 0);
    ssize_t tried = disk_try_read(file, bytes, 5, 6);
    assert_true(tried == -EAGAIN || (tried == 5 && memcmp(bytes, "world", 5) == 0));
    assert_int_equal(disk_sync(file), 0);
    assert_int_equal(disk_write(file, "", 0, 50), 0);
    assert_int_equal(disk_size(file), 11);
    disk_close(file);
    disk_close(NULL);
}

static void parts_may_be_many_and_empty(void **state)
{
    struct disk_file *file = open_file(*state, "file", DISK_WRITE | DISK_CREATE);
    struct iovec *parts = calloc(PARTS, sizeof *parts);
    assert_non_null(parts);
    char digits[] = "0123456789";
    size_t len = 0;
    for (size_t i = 0; i < PARTS; i++) {
        parts[i] = (struct iovec){digits, i % 11};
        len += i % 11;
    }
    assert_int_equal(disk_write_parts(file, parts, PARTS, 7), 0);
    assert_int_equal(disk_size(file), 7 + len);
    char *bytes = malloc(len);
    assert_non_null(bytes);
    assert_int_equal(disk_read(file, bytes, len, 7), len);
    for (size_t i = 0, at = 0; i < PARTS; at += i++ % 11)
        assert_memory_equal(bytes + at, digits, i % 11);
    assert_int_equal(disk_write_parts(file, parts, 0, 0), 0);
    assert_int_equal(disk_write_parts(file, parts, 1, 0), 0);
    free(bytes);
    free(parts);
    disk_close(file);
}

static void a_truncated_file_ends_there_and_grows_with_zeros(void **state)
{
    put(*state, "file", "hello world");
    struct disk_file *file = open_file(*state, "file", DISK_WRITE);
    assert_int_equal(disk_truncate(file, 4), 0);
    assert_int_equal(disk_truncate(file, 8), 0);
    char bytes[16];
    assert_int_equal(disk_read(file, bytes, sizeof bytes, 0), 8);
    assert_memory_equal(bytes, "hell\0\0\0\0", 8);
    disk_close(file);
}

static void room_is_reserved_without_a_new_size(void **state)
{
    struct disk_file *file = open_file(*state, "file", DISK_WRITE | DISK_CREATE);
    int rc = disk_reserve(file, 0, 1 << 20);
    assert_true(rc == 0 || rc == -EOPNOTSUPP);
    assert_int_equal(disk_size(file), 0);
    uint64_t free_bytes, total_bytes;
    assert_int_equal(disk_space(*state, &free_bytes, &total_bytes), 0);
    assert_true(free_bytes > 0 && free_bytes <= total_bytes);
    disk_close(file);
}

static void files_are_opened_as_the_flags_say(void **state)
{
    assert_int_equal(open_code(*state, "file", DISK_WRITE), -ENOENT);
    assert_int_equal(open_code(*state, "file", DISK_WRITE | DISK_NEW), 0);
    assert_int_equal(open_code(*state, "file", DISK_WRITE | DISK_CREATE | DISK_NEW), -EEXIST);
    assert_int_equal(open_code(*state, "file", DISK_WRITE | DISK_CREATE), 0);
    struct disk_file *file = open_file(*state, "file", 0);
    assert_int_equal(disk_write(file, "x", 1, 0), -EBADF);
    disk_close(file);
    assert_int_equal(disk_make_folder(*state, "folder"), 0);
    assert_int_equal(open_code(*state, "folder", 0), -EISDIR);
    assert_int_equal(open_code(*state, "folder", DISK_WRITE), -EISDIR);
    assert_int_equal(open_code(*state, "missing/file", DISK_WRITE | DISK_CREATE), -ENOENT);
    assert_int_equal(open_code(*state, "file/file", DISK_WRITE | DISK_CREATE), -ENOTDIR);
}

static void paths_stay_below_the_root(void **state)
{
    static const char *const wrong[] = {"", "/", "/etc", "..", "../x", "a/../b", "a//b", "a/", "."};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(open_code(*state, wrong[i], 0), -EINVAL);
        assert_int_equal(disk_remove(*state, wrong[i]), -EINVAL);
        assert_int_equal(disk_rename(*state, wrong[i], "x"), -EINVAL);
        assert_int_equal(disk_rename(*state, "x", wrong[i]), -EINVAL);
        assert_int_equal(disk_make_folder(*state, wrong[i]), -EINVAL);
    }
    char path[DISK_PATH_MAX + 2];
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(open_code(*state, path, 0), -EINVAL);
}

static int count_names(void *arg, const char *name)
{
    static const char *const known[] = {"one", "two", "folder"};
    unsigned *seen = arg;
    for (unsigned i = 0; i < 3; i++)
        *seen += strcmp(name, known[i]) == 0 ? 1U << (8 * i) : 0;
    return 0;
}

static int stop_at_once(void *arg, const char *name)
{
    (void)arg;
    (void)name;
    return 7;
}

struct removal {
    struct disk *disk;
    const char *folder;
};

static int remove_name(void *arg, const char *name)
{
    struct removal *removal = arg;
    char path[64];
    (void)snprintf(path, sizeof path, "%s/%s", removal->folder, name);
    return disk_remove(removal->disk, path);
}

static void folders_are_made_listed_and_removed(void **state)
{
    assert_int_equal(disk_make_folder(*state, "a"), 0);
    assert_int_equal(disk_make_folder(*state, "a"), 0);
    assert_int_equal(disk_make_folder(*state, "a/folder"), 0);
    assert_int_equal(disk_make_folder(*state, "b/c"), -ENOENT);
    put(*state, "a/one", "1");
    put(*state, "a/two", "2");
    assert_int_equal(disk_make_folder(*state, "a/one"), -ENOTDIR);
    unsigned seen = 0;
    assert_int_equal(disk_each(*state, "a", count_names, &seen), 0);
    assert_int_equal(seen, 0x10101);
    assert_int_equal(disk_each(*state, "a", stop_at_once, NULL), 7);
    assert_int_equal(disk_each(*state, "", stop_at_once, NULL), 7);
    assert_int_equal(disk_each(*state, "b", stop_at_once, NULL), -ENOENT);
    assert_int_equal(disk_each(*state, "a/one", stop_at_once, NULL), -ENOTDIR);
    assert_int_equal(disk_sync_folder(*state, ""), 0);
    assert_int_equal(disk_sync_folder(*state, "a"), 0);
    assert_int_equal(disk_sync_folder(*state, "b"), -ENOENT);
    assert_int_equal(disk_remove(*state, "a"), -ENOTEMPTY);
    struct removal removal = {*state, "a"};
    assert_int_equal(disk_each(*state, "a", remove_name, &removal), 0);
    assert_int_equal(disk_each(*state, "a", stop_at_once, NULL), 0);
    assert_int_equal(disk_remove(*state, "a"), 0);
    assert_int_equal(disk_remove(*state, "a"), -ENOENT);
}

static void a_rename_takes_the_place_of_the_old(void **state)
{
    put(*state, "old", "old");
    put(*state, "new", "new");
    struct disk_file *old = open_file(*state, "old", 0);
    assert_int_equal(disk_rename(*state, "new", "old"), 0);
    assert_int_equal(open_code(*state, "new", 0), -ENOENT);
    assert_content(*state, "old", "new");
    char bytes[4] = "";
    assert_int_equal(disk_read(old, bytes, 3, 0), 3);
    assert_string_equal(bytes, "old");
    disk_close(old);
    assert_int_equal(disk_make_folder(*state, "folder"), 0);
    assert_int_equal(disk_rename(*state, "old", "folder/x"), 0);
    assert_content(*state, "folder/x", "new");
    assert_int_equal(disk_rename(*state, "folder/x", "folder/x"), 0);
    assert_content(*state, "folder/x", "new");
    assert_int_equal(disk_make_folder(*state, "other"), 0);
    assert_int_equal(disk_rename(*state, "folder/x", "other"), -EISDIR);
    assert_int_equal(disk_rename(*state, "missing", "x"), -ENOENT);
    assert_int_equal(disk_rename(*state, "folder/x", "missing/x"), -ENOENT);
}

static void a_removed_file_stays_for_who_has_it_open(void **state)
{
    put(*state, "file", "hello");
    struct disk_file *file = open_file(*state, "file", DISK_WRITE);
    assert_int_equal(disk_remove(*state, "file"), 0);
    assert_int_equal(disk_remove(*state, "file"), -ENOENT);
    put(*state, "file", "other");
    assert_int_equal(disk_write(file, "HE", 2, 0), 0);
    char bytes[6] = "";
    assert_int_equal(disk_read(file, bytes, 5, 0), 5);
    assert_string_equal(bytes, "HEllo");
    disk_close(file);
    assert_content(*state, "file", "other");
}

static void a_lock_has_one_owner(void **state)
{
    struct disk_file *lock, *other;
    assert_int_equal(disk_lock(*state, "lock", &lock), 0);
    assert_int_equal(disk_lock(*state, "lock", &other), -EAGAIN);
    assert_int_equal(disk_write(lock, "42", 2, 0), 0);
    assert_content(*state, "lock", "42");
    disk_unlock(lock);
    assert_int_equal(disk_lock(*state, "lock", &other), 0);
    disk_unlock(other);
    disk_unlock(NULL);
    assert_int_equal(disk_make_folder(*state, "folder"), 0);
    assert_int_equal(disk_lock(*state, "folder", &lock), -EISDIR);
}

/* Every allocation fails in turn. */
static void without_memory_nothing_is_left_behind(void **state)
{
    struct disk_file *file = NULL;
    int rc = -ENOMEM;
    for (long nth = 1; rc == -ENOMEM && nth < 100; nth++) {
        memory_fail_from(nth);
        rc = disk_open(*state, "file", DISK_WRITE | DISK_CREATE, &file);
        memory_fail_from(0);
    }
    assert_int_equal(rc, 0);
    rc = -ENOMEM;
    for (long nth = 1; rc == -ENOMEM && nth < 100; nth++) {
        memory_fail_from(nth);
        rc = disk_write(file, "hello", 5, 600);
        memory_fail_from(0);
    }
    assert_int_equal(rc, 0);
    disk_close(file);
}

/* Only the real system has these. */

static void the_real_folder_is_its_owners_alone(void **state)
{
    put(*state, "file", "hello");
    char path[96];
    struct stat info;
    (void)snprintf(path, sizeof path, "%s/a/store", root);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    (void)snprintf(path, sizeof path, "%s/a/store/file", root);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    struct disk_file *file = open_file(*state, "file", 0);
    assert_true(fcntl(disk_descriptor(file), F_GETFD) == FD_CLOEXEC);
    disk_close(file);
    struct disk *none;
    assert_int_equal(disk_real_create(path, &none), -ENOTDIR);
}

static void links_and_pipes_are_not_opened(void **state)
{
    char path[96];
    (void)snprintf(path, sizeof path, "%s/a/store/link", root);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    (void)snprintf(path, sizeof path, "%s/a/store/up", root);
    assert_int_equal(symlink("..", path), 0);
    (void)snprintf(path, sizeof path, "%s/a/store/pipe", root);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(open_code(*state, "link", 0), -ELOOP);
    assert_int_equal(open_code(*state, "up/x", DISK_CREATE), -ELOOP);
    assert_int_equal(open_code(*state, "pipe", 0), -ENXIO);
}

#define ALIKE(test, make, remove) cmocka_unit_test_setup_teardown(test, make, remove)
#define ALL_ALIKE(make, remove)                                                                    \
    ALIKE(bytes_are_read_as_written, make, remove),                                                \
        ALIKE(parts_may_be_many_and_empty, make, remove),                                          \
        ALIKE(a_truncated_file_ends_there_and_grows_with_zeros, make, remove),                     \
        ALIKE(room_is_reserved_without_a_new_size, make, remove),                                  \
        ALIKE(files_are_opened_as_the_flags_say, make, remove),                                    \
        ALIKE(paths_stay_below_the_root, make, remove),                                            \
        ALIKE(folders_are_made_listed_and_removed, make, remove),                                  \
        ALIKE(a_rename_takes_the_place_of_the_old, make, remove),                                  \
        ALIKE(a_removed_file_stays_for_who_has_it_open, make, remove),                             \
        ALIKE(a_lock_has_one_owner, make, remove),                                                 \
        ALIKE(without_memory_nothing_is_left_behind, make, remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ALL_ALIKE(make_real, remove_real),
        ALL_ALIKE(make_sim, remove_sim),
        ALIKE(the_real_folder_is_its_owners_alone, make_real, remove_real),
        ALIKE(links_and_pipes_are_not_opened, make_real, remove_real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
