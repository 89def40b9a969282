#include "unit.h"

#include "os/file.h"
#include "os/folder.h"
#include "os/line_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char root[] = "/tmp/weir-line-log-XXXXXX";
static char path[200];
static struct line_log line_log;

static int make_root(void **state)
{
    (void)state;
    if (mkdtemp(root) == NULL)
        return 1;
    (void)snprintf(path, sizeof path, "%s/api/api-1.log", root);
    return 0;
}

static int remove_root(void **state)
{
    (void)state;
    return folder_remove(root);
}

static void expect_content(const char *name, const char *expected)
{
    struct buffer content;
    buffer_init(&content, 1 << 20);
    assert_int_equal(file_read_all(name, &content), 0);
    assert_int_equal(buffer_append_char(&content, '\0'), 0);
    assert_string_equal(content.at, expected);
    buffer_finish(&content);
}

static void lines_get_the_time_at_which_they_began(void **state)
{
    (void)state;
    assert_int_equal(line_log_open(&line_log, path), 0);
    line_log_write(&line_log, SLICE("one\ntw"), INT64_C(1795468511123456));
    line_log_write(&line_log, SLICE("o\n\nlast"), INT64_C(1795468512000000));
    line_log_close(&line_log);
    expect_content(path, "2026-11-23T21:15:11.123Z one\n"
                         "2026-11-23T21:15:11.123Z two\n"
                         "2026-11-23T21:15:12.000Z \n"
                         "2026-11-23T21:15:12.000Z last\n");
    assert_int_equal(file_remove(path), 0);
}

static void a_full_file_is_rotated_and_the_oldest_goes(void **state)
{
    (void)state;
    char older[220];
    struct file_info info;
    assert_int_equal(line_log_open(&line_log, path), 0);
    line_log.file_bytes_max = 60;
    for (char c = 'a'; c <= 'h'; c++)
        line_log_write(&line_log, ((struct slice){(char[]){c, '\n'}, 2}), 0);
    line_log_close(&line_log);
    expect_content(path, "1970-01-01T00:00:00.000Z g\n1970-01-01T00:00:00.000Z h\n");
    (void)snprintf(older, sizeof older, "%s.2", path);
    expect_content(older, "1970-01-01T00:00:00.000Z c\n1970-01-01T00:00:00.000Z d\n");
    (void)snprintf(older, sizeof older, "%s.3", path);
    assert_int_equal(file_stat(older, &info), -ENOENT);
    assert_int_equal(file_remove(path), 0);
}

static void long_lines_are_cut(void **state)
{
    (void)state;
    static char bytes[LINE_LOG_LINE_BYTES + 10];
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(line_log_open(&line_log, path), 0);
    line_log_write(&line_log, slice_of(bytes, sizeof bytes), 0);
    line_log_close(&line_log);
    struct file_info info;
    assert_int_equal(file_stat(path, &info), 0);
    assert_int_equal(info.size, sizeof bytes + 2 * (LINE_LOG_TIME_BYTES + 1));
}

static void expect_read(struct line_log_place *place, const char *expected)
{
    struct buffer text;
    buffer_init(&text, 1 << 20);
    assert_int_equal(line_log_read(path, place, &text), 0);
    assert_int_equal(buffer_append_char(&text, '\0'), 0);
    assert_string_equal(text.at, expected);
    buffer_finish(&text);
}

/* Lines of one letter each, two to a file. */
static void write_letters(char first, char last)
{
    for (char c = first; c <= last; c++)
        line_log_write(&line_log, ((struct slice){(char[]){c, '\n'}, 2}), 0);
}

#define LINE(letter) "1970-01-01T00:00:00.000Z " letter "\n"

static void a_reader_follows_over_rotations(void **state)
{
    (void)state;
    struct line_log_place place = {0};
    (void)file_remove(path);
    assert_int_equal(line_log_open(&line_log, path), 0);
    line_log.file_bytes_max = 60;
    write_letters('a', 'a');
    expect_read(&place, LINE("a"));
    write_letters('b', 'e'); /* as long as before, or longer: the size alone tells nothing */
    expect_read(&place, LINE("b") LINE("c") LINE("d") LINE("e"));
    expect_read(&place, "");
    write_letters('f', 'g');
    expect_read(&place, LINE("f") LINE("g"));
    line_log_close(&line_log);
}

static void a_tail_begins_in_the_file_before_when_the_current_one_is_short(void **state)
{
    (void)state;
    struct line_log_place place;
    (void)file_remove(path);
    assert_int_equal(line_log_open(&line_log, path), 0);
    line_log.file_bytes_max = 60;
    write_letters('a', 'e');
    assert_int_equal(line_log_find_tail(path, 27, &place), 0);
    expect_read(&place, LINE("e"));
    assert_int_equal(line_log_find_tail(path, 54, &place), 0);
    expect_read(&place, LINE("d") LINE("e"));
    assert_int_equal(line_log_find_tail(path, 1 << 20, &place), 0);
    expect_read(&place, LINE("c") LINE("d") LINE("e"));
    line_log_close(&line_log);
    assert_int_equal(line_log_find_tail("/nowhere/at-all.log", 1, &place), -ENOENT);
}

static void what_the_disk_refuses_is_counted(void **state)
{
    (void)state;
    assert_int_equal(line_log_open(&line_log, "/dev/full"), 0);
    line_log_write(&line_log, SLICE("gone\n"), 0);
    assert_int_equal(line_log.lost_bytes, LINE_LOG_TIME_BYTES + 5);
    line_log_close(&line_log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_get_the_time_at_which_they_began),
        cmocka_unit_test(a_full_file_is_rotated_and_the_oldest_goes),
        cmocka_unit_test(long_lines_are_cut),
        cmocka_unit_test(a_reader_follows_over_rotations),
        cmocka_unit_test(a_tail_begins_in_the_file_before_when_the_current_one_is_short),
        cmocka_unit_test(what_the_disk_refuses_is_counted),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
