#include "unit.h"

#include "os/beneath.h"
#include "os/descriptor.h"
#include "os/folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];
static char outside[64];

static char path_room[256];

static const char *at(const char *name)
{
    (void)snprintf(path_room, sizeof path_room, "%s/%s", root, name);
    return path_room;
}

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int make_folders(void **state)
{
    (void)state;
    memcpy(root, "/tmp/weir-beneath-XXXXXX", 25);
    memcpy(outside, "/tmp/weir-outside-XXXXXX", 25);
    if (mkdtemp(root) == NULL || mkdtemp(outside) == NULL)
        return -1;
    char secret[128];
    (void)snprintf(secret, sizeof secret, "%s/secret", outside);
    put(secret, "secret");
    put(at("file"), "hello");
    assert_int_equal(mkdir(at("folder"), 0700), 0);
    put(at("folder/inner"), "inner");
    assert_int_equal(symlink("file", at("inside")), 0);
    assert_int_equal(symlink("../file", at("folder/up-and-inside")), 0);
    assert_int_equal(symlink(secret, at("absolute")), 0);
    assert_int_equal(symlink("..", at("up")), 0);
    assert_int_equal(symlink("/proc/self/fd", at("magic")), 0);
    assert_int_equal(symlink("loop", at("loop")), 0);
    assert_int_equal(mkfifo(at("fifo"), 0600), 0);
    return 0;
}

static int remove_folders(void **state)
{
    (void)state;
    return folder_remove(root) < 0 || folder_remove(outside) < 0 ? -1 : 0;
}

static int open_code(const char *path)
{
    int fd = -1;
    struct file_info info;
    int rc = beneath_open(root, path, true, &fd, &info);
    descriptor_close(fd);
    return rc;
}

static void a_file_is_opened_and_read(void **state)
{
    (void)state;
    int fd;
    struct file_info info;
    char text[16];
    assert_int_equal(beneath_open(root, "folder/inner", true, &fd, &info), 0);
    assert_true(info.is_regular);
    assert_int_equal(info.size, 5);
    assert_int_equal(beneath_read(fd, text, sizeof text, 0, true), 5);
    assert_memory_equal(text, "inner", 5);
    assert_int_equal(beneath_read(fd, text, 2, 3, true), 2);
    assert_memory_equal(text, "er", 2);
    assert_int_equal(beneath_read(fd, text, 2, 100, true), 0);
    descriptor_close(fd);
}

static void a_folder_is_told_and_not_opened(void **state)
{
    (void)state;
    int fd = 0;
    struct file_info info;
    assert_int_equal(beneath_open(root, "folder", true, &fd, &info), 0);
    assert_true(info.is_folder);
    assert_int_equal(fd, -1);
}

static void links_that_stay_inside_are_followed(void **state)
{
    (void)state;
    assert_int_equal(open_code("inside"), 0);
    assert_int_equal(open_code("folder/up-and-inside"), 0);
}

static void nothing_outside_is_reached(void **state)
{
    (void)state;
    assert_int_equal(open_code("absolute"), -EXDEV);
    assert_int_equal(open_code("up"), -EXDEV);
    assert_int_equal(open_code("up/anything"), -EXDEV);
    assert_int_equal(open_code("../x"), -EXDEV);
    assert_int_equal(open_code("/etc/passwd"), -EXDEV);
    assert_int_equal(open_code("magic/0"), -EXDEV);
    assert_int_equal(open_code("loop"), -ELOOP);
    struct file_info info;
    assert_int_equal(beneath_stat(root, "absolute", true, &info), -EXDEV);
}

/* Nobody writes to the FIFO: opening it would wait, or wake a writer. */
static void what_is_no_file_is_not_opened(void **state)
{
    (void)state;
    assert_int_equal(open_code("fifo"), -ENXIO);
    struct file_info info;
    assert_int_equal(beneath_stat(root, "fifo", true, &info), 0);
    assert_false(info.is_regular);
    assert_false(info.is_folder);
}

struct seen {
    char names[512];
    size_t len;
    int stop_after; /* 0: never */
};

static int see(void *arg, const char *name, const struct file_info *info)
{
    struct seen *seen = arg;
    int len = snprintf(seen->names + seen->len, sizeof seen->names - seen->len, " %s%s", name,
                       info->is_folder    ? "/"
                       : info->is_regular ? ""
                                          : "!");
    seen->len += (size_t)len;
    return --seen->stop_after == 0 ? 7 : 0;
}

static bool saw(const struct seen *seen, const char *name)
{
    char wanted[64];
    (void)snprintf(wanted, sizeof wanted, " %s ", name);
    char all[520];
    (void)snprintf(all, sizeof all, "%s ", seen->names);
    return strstr(all, wanted) != NULL;
}

static void a_folder_is_listed_without_what_leads_out(void **state)
{
    (void)state;
    struct seen seen = {.len = 0};
    assert_int_equal(beneath_list(root, "", see, &seen), 0);
    static const char *const shown[] = {"file", "folder/", "inside", "fifo!"};
    static const char *const left_out[] = {"absolute", "up", "up/", "magic", "magic/",
                                           "loop",     ".",  "./",  "../"};
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        assert_true(saw(&seen, shown[i]));
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
        assert_false(saw(&seen, left_out[i]));

    seen = (struct seen){.len = 0};
    assert_int_equal(beneath_list(root, "folder", see, &seen), 0);
    assert_true(saw(&seen, "inner") && saw(&seen, "up-and-inside"));
    seen = (struct seen){.stop_after = 2};
    assert_int_equal(beneath_list(root, "", see, &seen), 7);
    assert_int_equal(beneath_list(root, "file", see, &seen), -ENOTDIR);
    assert_int_equal(beneath_list(root, "missing", see, &seen), -ENOENT);
    assert_int_equal(beneath_list(root, "up", see, &seen), -EXDEV);
    assert_int_equal(beneath_list("/nonexistent", "", see, &seen), -ENOENT);
}

static void what_is_missing_is_told(void **state)
{
    (void)state;
    assert_int_equal(open_code("missing"), -ENOENT);
    assert_int_equal(open_code("file/x"), -ENOTDIR);
    assert_int_equal(open_code("file/"), -ENOTDIR);
    int fd;
    struct file_info info;
    assert_int_equal(beneath_open("/nonexistent", "x", true, &fd, &info), -ENOENT);
    assert_int_equal(beneath_open("/etc/passwd", "x", true, &fd, &info), -ENOTDIR);
}

/* Just written and looked at, so all of it is in memory; -EAGAIN is right wherever it is not. */
static void without_waiting_the_answer_is_the_same_or_eagain(void **state)
{
    (void)state;
    int fd = -1;
    struct file_info info;
    char text[8];
    int rc = beneath_open(root, "file", false, &fd, &info);
    assert_true(rc == 0 || rc == -EAGAIN);
    if (rc == 0) {
        ssize_t got = beneath_read(fd, text, sizeof text, 0, false);
        assert_true(got == 5 || got == -EAGAIN);
        descriptor_close(fd);
    }
    rc = beneath_stat(root, "absolute", false, &info);
    assert_true(rc == -EXDEV || rc == -EAGAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_opened_and_read),
        cmocka_unit_test(a_folder_is_told_and_not_opened),
        cmocka_unit_test(links_that_stay_inside_are_followed),
        cmocka_unit_test(nothing_outside_is_reached),
        cmocka_unit_test(what_is_no_file_is_not_opened),
        cmocka_unit_test(a_folder_is_listed_without_what_leads_out),
        cmocka_unit_test(what_is_missing_is_told),
        cmocka_unit_test(without_waiting_the_answer_is_the_same_or_eagain),
    };
    return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
