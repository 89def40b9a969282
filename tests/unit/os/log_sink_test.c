#include "unit.h"

#include "os/log_sink.h"
#include "os/thread.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int ends[2]; /* of a pipe: read, write */

static int begin(void **state)
{
    (void)state;
    return pipe2(ends, O_CLOEXEC);
}

static int end(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL, LOG_LEVEL_ERROR);
    (void)close(ends[0]);
    (void)close(ends[1]);
    return 0;
}

static size_t read_some(char *text, size_t size)
{
    struct pollfd there = {.fd = ends[0], .events = POLLIN};
    assert_int_equal(poll(&there, 1, 10000), 1);
    ssize_t got = read(ends[0], text, size - 1);
    assert_true(got > 0);
    text[got] = '\0';
    return (size_t)got;
}

static void a_plain_line_has_time_and_level(void **state)
{
    (void)state;
    char text[200];
    log_sink_open(ends[1], LOG_SINK_PLAIN, LOG_LEVEL_INFO);
    log_debug("not wanted");
    log_warn("target %s is gone", "10.0.0.4:80");
    (void)read_some(text, sizeof text);
    assert_true(isdigit((unsigned char)text[0]) && text[10] == 'T' && text[23] == 'Z');
    assert_string_equal(text + 25, "warn target 10.0.0.4:80 is gone\n");
}

static void the_journal_gets_its_priority(void **state)
{
    (void)state;
    char text[200];
    log_sink_open(ends[1], LOG_SINK_JOURNAL, LOG_LEVEL_DEBUG);
    log_error("a");
    log_debug("b");
    (void)read_some(text, sizeof text);
    assert_string_equal(text, "<3>a\n<7>b\n");
}

#define THREADS 4
#define LINES   500

static void log_many(void *arg)
{
    for (int i = 0; i < LINES; i++)
        log_info("%s %d", (const char *)arg, i);
}

static void count_lines(void *arg)
{
    char bytes[4096];
    ssize_t got;
    while ((got = read(ends[0], bytes, sizeof bytes)) > 0) {
        for (ssize_t i = 0; i < got; i++)
            *(int *)arg += bytes[i] == '\n';
    }
}

static void close_write_end(void)
{
    (void)close(ends[1]);
    ends[1] = open("/dev/null", O_WRONLY | O_CLOEXEC);
}

static void many_threads_lose_no_line(void **state)
{
    (void)state;
    struct thread loggers[THREADS], reader;
    static char name[] = "line";
    int lines = 0;
    uint64_t dropped = log_sink_dropped();
    log_sink_open(ends[1], LOG_SINK_PLAIN, LOG_LEVEL_INFO);
    assert_int_equal(thread_start(&reader, "reader", THREAD_CPU_ANY, count_lines, &lines), 0);
    assert_int_equal(log_sink_start(), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(thread_start(&loggers[i], "logger", THREAD_CPU_ANY, log_many, name), 0);
    for (int i = 0; i < THREADS; i++)
        thread_join(&loggers[i]);
    log_sink_stop();
    close_write_end();
    thread_join(&reader);
    assert_int_equal(lines, THREADS * LINES);
    assert_int_equal(log_sink_dropped(), dropped);
}

/* Nobody reads: the pipe fills, then both blocks; who logs is not held up. */
static void a_stuck_reader_costs_lines_not_time(void **state)
{
    (void)state;
    struct thread reader;
    char long_text[1001];
    int lines = 0;
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    uint64_t before = log_sink_dropped();
    log_sink_open(ends[1], LOG_SINK_JOURNAL, LOG_LEVEL_INFO);
    assert_int_equal(log_sink_start(), 0);
    for (int i = 0; i < 2000; i++)
        log_info("%s", long_text);
    uint64_t dropped = log_sink_dropped() - before;
    assert_in_range(dropped, 2000 - 2 * LOG_SINK_BYTES / 1000 - 1100, 2000 - 1);
    assert_int_equal(thread_start(&reader, "reader", THREAD_CPU_ANY, count_lines, &lines), 0);
    log_sink_stop();
    close_write_end();
    thread_join(&reader);
    assert_in_range(lines + dropped, 2000, 2004); /* a few more tell of the loss */
}

static void a_refusing_descriptor_is_counted(void **state)
{
    (void)state;
    uint64_t before = log_sink_dropped();
    log_sink_open(ends[0], LOG_SINK_PLAIN, LOG_LEVEL_INFO); /* cannot be written */
    log_info("lost");
    assert_int_equal(log_sink_dropped(), before + 1);
    assert_int_equal(log_sink_start(), 0);
    log_info("lost");
    log_info("lost");
    log_sink_stop();
    assert_true(log_sink_dropped() >= before + 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_plain_line_has_time_and_level, begin, end),
        cmocka_unit_test_setup_teardown(the_journal_gets_its_priority, begin, end),
        cmocka_unit_test_setup_teardown(many_threads_lose_no_line, begin, end),
        cmocka_unit_test_setup_teardown(a_stuck_reader_costs_lines_not_time, begin, end),
        cmocka_unit_test_setup_teardown(a_refusing_descriptor_is_counted, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
