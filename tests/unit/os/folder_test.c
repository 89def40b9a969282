#include "unit.h"

#include "os/file.h"
#include "os/folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[] = "/tmp/weir-folder-XXXXXX";

static const char *below(const char *name)
{
    static char path[200];
    (void)snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static int count_names(void *arg, const char *name)
{
    assert_true(name[0] != '.');
    (*(int *)arg)++;
    return 0;
}

static int stop_at_once(void *arg, const char *name)
{
    (void)arg;
    (void)name;
    return 42;
}

static void a_folder_is_walked_and_removed_whole(void **state)
{
    (void)state;
    char outside[200];
    (void)snprintf(outside, sizeof outside, "%s", below("kept"));
    assert_int_equal(folder_make(outside, 0700), 0);
    assert_int_equal(folder_make(below("a/b/c"), 0700), 0);
    assert_int_equal(file_replace(below("a/file"), SLICE("x"), 0600), 0);
    assert_int_equal(symlink(outside, below("a/b/link")), 0);
    int count = 0;
    assert_int_equal(folder_each(below("a"), count_names, &count), 0);
    assert_int_equal(count, 2);
    assert_int_equal(folder_each(below("a"), stop_at_once, NULL), 42);
    assert_int_equal(folder_remove(below("a")), 0);
    struct file_info info;
    assert_int_equal(file_stat(below("a"), &info), -ENOENT);
    assert_int_equal(file_stat(outside, &info), 0);
    assert_int_equal(folder_remove(below("a")), 0);
    assert_int_equal(folder_remove(outside), 0);
    assert_int_equal(folder_each(below("a"), count_names, &count), -ENOENT);
}

static void a_lock_is_one_process_s(void **state)
{
    (void)state;
    int fd = file_lock(below("lock"));
    assert_true(fd >= 0);
    assert_int_equal(file_write_note(fd, SLICE("a longer note")), 0);
    assert_int_equal(file_write_note(fd, SLICE("short")), 0);
    struct buffer note;
    buffer_init(&note, 100);
    assert_int_equal(file_read_all(below("lock"), &note), 0);
    assert_true(slice_equal(buffer_slice(&note), SLICE("short")));
    buffer_finish(&note);
    assert_int_equal(file_lock(below("lock")), -EAGAIN);
    (void)close(fd);
    fd = file_lock(below("lock"));
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(file_remove(below("lock")), 0);
    assert_int_equal(file_remove(below("lock")), 0);
}

static int make_root(void **state)
{
    (void)state;
    return mkdtemp(root) == NULL;
}

static int remove_root(void **state)
{
    (void)state;
    return folder_remove(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_is_walked_and_removed_whole),
        cmocka_unit_test(a_lock_is_one_process_s),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
