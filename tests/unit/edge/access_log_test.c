#include "unit.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "edge/access_log.h"
#include "edge/log_file.h"
#include "http/exchange.h"
#include "http/session.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/kernel.h"
#include "os/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEADLINE_MS 10000

static char root[] = "/tmp/weir-access-XXXXXX";
static struct kernel *kernel;
static struct loop *loop;
static struct server server = {.name = SLICE("web")};

static int make_root(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(root));
    assert_int_equal(kernel_real_create(&kernel), 0);
    return loop_create(kernel, &loop);
}

static int remove_root(void **state)
{
    (void)state;
    loop_destroy(loop);
    kernel_real_destroy(kernel);
    return folder_remove(root);
}

static const char *below(const char *name)
{
    static char path[200];
    (void)snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static struct access_log *open_log(const char *path)
{
    struct conf_access_log conf = {CONF_LOG_JSON, slice_of_cstr(path)};
    struct access_log *log;
    struct error error;
    if (access_log_open(&conf, -1, &log, &error) < 0)
        fail_msg("%s", error.text);
    return log;
}

static struct access_lines *begin(struct access_log *log)
{
    struct access_lines *lines;
    assert_int_equal(access_lines_begin(log, &lines), 0);
    return lines;
}

static const struct conf_access_log all_lines = {.format = CONF_LOG_JSON, .sample = 10000};

static void add(struct access_lines *lines, unsigned number)
{
    char target[32];
    (void)snprintf(target, sizeof target, "/%u", number);
    struct exchange exchange = {
        .server = &server,
        .status = 200,
        .started_us = loop_now_us(),
        .client = SLICE("127.0.0.1"),
        .request = {.version_minor = 1,
                    .method_name = SLICE("GET"),
                    .target = slice_of_cstr(target)},
    };
    access_lines_add(lines, &all_lines, &exchange);
}

/* How many lines the file has, each whole and with the next number. */
static unsigned count_lines(const char *path)
{
    struct buffer text;
    buffer_init(&text, 1 << 26);
    assert_int_equal(file_read_all(path, &text), 0);
    struct slice rest = buffer_slice(&text), line;
    unsigned count = 0;
    while (slice_cut(&rest, '\n', &line) && rest.at != NULL) {
        char path_member[48];
        int len = snprintf(path_member, sizeof path_member, "\"path\":\"/%u\"", count);
        assert_true(slice_starts_with(line, SLICE("{\"time\":")));
        assert_true(slice_ends_with(line, SLICE("}")));
        assert_true(slice_search(line, slice_of(path_member, (size_t)len)) > 0);
        count++;
    }
    assert_int_equal(line.len, 0);
    buffer_finish(&text);
    return count;
}

static void ended_logs_have_every_line(void **state)
{
    (void)state;
    struct access_log *log = open_log(below("a.log"));
    struct access_lines *lines = begin(log);
    for (unsigned i = 0; i < 3; i++)
        add(lines, i);
    access_lines_end(lines);
    access_log_close(log);
    assert_int_equal(count_lines(below("a.log")), 3);
    struct stat info;
    assert_int_equal(stat(below("a.log"), &info), 0);
    assert_int_equal(info.st_mode & 07777 & ~0640, 0);
}

static void many_lines_keep_their_order(void **state)
{
    (void)state;
    struct access_log *log = open_log(below("many.log"));
    struct access_lines *lines = begin(log);
    unsigned added = 0;
    while (added < 20000)
        add(lines, added++);
    access_lines_end(lines);
    uint64_t dropped = access_log_dropped(log);
    access_log_close(log);
    if (dropped == 0) /* a slow disk may drop; the rest is then not without gaps */
        assert_int_equal(count_lines(below("many.log")), added);
}

static uint64_t size_of(const char *path)
{
    struct file_info info;
    return file_stat(path, &info) == 0 ? info.size : 0;
}

static void stop_loop(struct timer *timer)
{
    (void)timer;
    loop_stop(loop);
}

/* Runs the loop for a while. */
static void turn(int64_t duration_ms)
{
    struct timer timer;
    timer_init(&timer, stop_loop);
    timer_arm(&timer, loop_deadline(duration_ms));
    assert_int_equal(loop_run(loop), 0);
}

static void a_single_line_is_written_soon(void **state)
{
    (void)state;
    struct access_log *log = open_log(below("soon.log"));
    struct access_lines *lines = begin(log);
    add(lines, 0);
    int64_t deadline_ms = loop_deadline(DEADLINE_MS);
    while (size_of(below("soon.log")) == 0 && loop_now_ms() < deadline_ms)
        turn(10);
    assert_int_equal(count_lines(below("soon.log")), 1);
    access_lines_end(lines);
    access_log_close(log);
}

static void wait_for_drops(const struct access_log *log, uint64_t count)
{
    int64_t deadline_ms = loop_deadline(DEADLINE_MS);
    while (access_log_dropped(log) < count && loop_now_ms() < deadline_ms)
        turn(10);
    assert_int_equal(access_log_dropped(log), count);
}

static void a_full_disk_drops_and_counts_until_the_log_is_opened_anew(void **state)
{
    (void)state;
    char path[200];
    (void)snprintf(path, sizeof path, "%s", below("full.log"));
    assert_int_equal(symlink("/dev/full", path), 0);
    struct access_log *log = open_log(path);
    struct access_lines *lines = begin(log);
    add(lines, 100);
    add(lines, 101);
    wait_for_drops(log, 2);
    assert_int_equal(unlink(path), 0);
    access_log_take(log, log_file_open(slice_of_cstr(path), NULL));
    add(lines, 0);
    access_lines_end(lines);
    access_log_close(log);
    assert_int_equal(count_lines(path), 1);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_torn_line_does_not_spoil_the_next(void **state)
{
    (void)state;
    char path[200];
    (void)snprintf(path, sizeof path, "%s", below("torn.log"));
    struct access_log *log = open_log(path);
    struct access_lines *lines = begin(log);
    limit_files(300); /* within the second line */
    add(lines, 0);
    add(lines, 1);
    add(lines, 2);
    wait_for_drops(log, 2);
    limit_files(RLIM_INFINITY);
    add(lines, 3);
    access_lines_end(lines);
    access_log_close(log);
    struct buffer text;
    buffer_init(&text, 1 << 20);
    assert_int_equal(file_read_all(path, &text), 0);
    struct slice rest = buffer_slice(&text), line;
    assert_true(slice_cut(&rest, '\n', &line) && slice_ends_with(line, SLICE("}")));
    assert_true(slice_cut(&rest, '\n', &line) && !slice_ends_with(line, SLICE("}")));
    assert_true(slice_cut(&rest, '\n', &line) && slice_ends_with(line, SLICE("}")));
    assert_true(slice_search(line, SLICE("\"path\":\"/3\"")) > 0);
    buffer_finish(&text);
}

static void nobody_waits_for_a_reader_that_is_stuck(void **state)
{
    (void)state;
    char path[200];
    (void)snprintf(path, sizeof path, "%s", below("fifo"));
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    struct access_log *log = open_log(path);
    struct access_lines *lines = begin(log);
    for (unsigned i = 0; i < 50000 && access_log_dropped(log) == 0; i++)
        add(lines, i);
    assert_true(access_log_dropped(log) > 0);
    access_lines_end(lines);
    assert_int_equal(close(reader), 0); /* a reader that leaves is no reason to wait at the end */
    access_log_close(log);
}

static void a_reader_that_hangs_delays_the_end_but_not_for_ever(void **state)
{
    (void)state;
    char path[200];
    (void)snprintf(path, sizeof path, "%s", below("fifo2"));
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    struct access_log *log = open_log(path);
    struct access_lines *lines = begin(log);
    for (unsigned i = 0; i < 1000; i++)
        add(lines, i);
    access_lines_end(lines);
    access_log_close(log);
    assert_int_equal(close(reader), 0);
}

static void refusals_tell_the_path_and_what_to_do(void **state)
{
    (void)state;
    struct access_log *log = (struct access_log *)root;
    struct error error;
    char path[200];
    (void)snprintf(path, sizeof path, "%s", below("missing/a.log"));
    struct conf_access_log conf = {CONF_LOG_JSON, slice_of_cstr(path)};
    assert_int_equal(access_log_open(&conf, -1, &log, &error), -ENOENT);
    assert_null(log);
    assert_non_null(strstr(error.text, path));
    assert_non_null(strstr(error.text, "make its folder first"));
    conf.path = slice_of_cstr(root);
    assert_int_equal(access_log_open(&conf, -1, &log, &error), -EISDIR);
    assert_non_null(strstr(error.text, "it is a folder"));
}

static void the_state_folder_is_made(void **state)
{
    (void)state;
    struct access_log *log = open_log(below(".weir/logs/a.log"));
    access_log_close(log);
    assert_int_equal(count_lines(below(".weir/logs/a.log")), 0);
}

static void a_log_that_is_off_costs_nothing(void **state)
{
    (void)state;
    struct conf_access_log conf = {CONF_LOG_OFF, SLICE("/does/not/matter")};
    struct access_log *log;
    struct access_lines *lines;
    assert_int_equal(access_log_open(&conf, -1, &log, NULL), 0);
    assert_null(log);
    assert_int_equal(access_lines_begin(log, &lines), 0);
    assert_null(lines);
    add(lines, 0);
    access_log_take(log, -1);
    assert_int_equal(access_log_dropped(log), 0);
    access_lines_end(lines);
    access_log_close(log);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    char path[200];
    (void)snprintf(path, sizeof path, "%s", below("poor.log"));
    struct conf_access_log conf = {CONF_LOG_JSON, slice_of_cstr(path)};
    int rc = -ENOMEM;
    for (long nth = 1; rc == -ENOMEM; nth++) {
        struct access_log *log;
        struct access_lines *lines;
        memory_fail_from(nth);
        rc = access_log_open(&conf, -1, &log, NULL);
        if (rc == 0)
            rc = access_lines_begin(log, &lines);
        memory_fail_from(0);
        access_log_close(log);
    }
    assert_int_equal(rc, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ended_logs_have_every_line),
        cmocka_unit_test(many_lines_keep_their_order),
        cmocka_unit_test(a_single_line_is_written_soon),
        cmocka_unit_test(a_full_disk_drops_and_counts_until_the_log_is_opened_anew),
        cmocka_unit_test(a_torn_line_does_not_spoil_the_next),
        cmocka_unit_test(nobody_waits_for_a_reader_that_is_stuck),
        cmocka_unit_test(a_reader_that_hangs_delays_the_end_but_not_for_ever),
        cmocka_unit_test(refusals_tell_the_path_and_what_to_do),
        cmocka_unit_test(the_state_folder_is_made),
        cmocka_unit_test(a_log_that_is_off_costs_nothing),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
