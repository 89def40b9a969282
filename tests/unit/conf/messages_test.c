/* Every kind of mistake, and what is said about it. */
#include "conf_unit.h"

#include "bad_files.h"
#include "bad_policies.h"
#include "bad_proxies.h"
#include "bad_store.h"
#include "bad_tls.h"
#include "base/cleanup.h"

static void expect_messages(const struct bad_file *files, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        SCOPED(buffer_finish) struct buffer said;
        buffer_init(&said, 65536);
        assert_int_equal(parse_to_messages(files[i].text, &said), -EINVAL);
        assert_int_equal(buffer_append_char(&said, '\0'), 0);
        assert_string_equal(said.at, files[i].messages);
    }
}

#define MESSAGES_TEST(name)                                                                        \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        expect_messages(name##_files, COUNT_OF(name##_files));                                     \
    }

MESSAGES_TEST(yaml)
MESSAGES_TEST(keys)
MESSAGES_TEST(shapes)
MESSAGES_TEST(values)
MESSAGES_TEST(addresses)
MESSAGES_TEST(domains)
MESSAGES_TEST(rules)
MESSAGES_TEST(references)
MESSAGES_TEST(listeners)
MESSAGES_TEST(services)
MESSAGES_TEST(later)
MESSAGES_TEST(policies)
MESSAGES_TEST(tls)
MESSAGES_TEST(proxies)
MESSAGES_TEST(buckets)

static void a_folder_that_does_not_exist_is_said_without_a_line(void **state)
{
    (void)state;
    struct conf_errors errors;
    struct snapshot *snapshot = NULL;
    conf_errors_init(&errors);
    assert_int_equal(
        snapshot_parse(SLICE("/nonexistent/weir.yaml"), SLICE("app: x\n"), &snapshot, &errors),
        -EINVAL);
    assert_int_equal(snapshot_read("/nonexistent/weir.yaml", NULL, &snapshot, &errors), -EINVAL);
    assert_int_equal(errors.count, 2);
    assert_int_equal(errors.at[0].place.line, 0);
    assert_string_equal(errors.at[0].text.at,
                        "its folder cannot be found: No such file or directory");
    assert_string_equal(errors.at[1].text.at, "cannot be read: No such file or directory");
    conf_errors_finish(&errors);
}

static void aliases_cannot_make_more_than_they_may(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer text;
    SCOPED(buffer_finish) struct buffer said;
    buffer_init(&text, 65536);
    buffer_init(&said, 65536);
    assert_int_equal(buffer_append(&text, SLICE("a0: &a0 [x,x,x,x,x,x,x,x,x]\n")), 0);
    for (int i = 1; i < 9; i++)
        assert_int_equal(buffer_format(&text, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i,
                                       i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1),
                         0);
    assert_int_equal(buffer_append_char(&text, '\0'), 0);
    assert_int_equal(parse_to_messages(text.at, &said), -EINVAL);
    assert_true(slice_search(buffer_slice(&said),
                             SLICE("aliases make more than 100000 values in this file")) >= 0);
}

static void aliases_cannot_nest_deeper_than_they_may(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer text;
    SCOPED(buffer_finish) struct buffer said;
    buffer_init(&text, 65536);
    buffer_init(&said, 65536);
    assert_int_equal(buffer_append(&text, SLICE("a0: &a0 [x]\n")), 0);
    for (int i = 1; i < 40; i++)
        assert_int_equal(buffer_format(&text, "a%d: &a%d [*a%d]\n", i, i, i - 1), 0);
    assert_int_equal(buffer_append_char(&text, '\0'), 0);
    assert_int_equal(parse_to_messages(text.at, &said), -EINVAL);
    assert_true(slice_search(buffer_slice(&said), SLICE("nested too deeply")) >= 0);
}

static void at_most_fifty_errors_are_kept_and_the_rest_counted(void **state)
{
    (void)state;
    char text[64 * 8 + 1];
    size_t len = 0;
    struct conf_errors errors;
    struct snapshot *snapshot = NULL;
    for (int i = 0; i < 64; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "zz%d: 1\n", i);
    conf_errors_init(&errors);
    assert_int_equal(snapshot_parse(SLICE("weir.yaml"), slice_of(text, len), &snapshot, &errors),
                     -EINVAL);
    assert_int_equal(errors.count, 50);
    assert_int_equal(errors.dropped, 14);
    conf_errors_finish(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yaml),
        cmocka_unit_test(keys),
        cmocka_unit_test(shapes),
        cmocka_unit_test(values),
        cmocka_unit_test(addresses),
        cmocka_unit_test(domains),
        cmocka_unit_test(rules),
        cmocka_unit_test(references),
        cmocka_unit_test(listeners),
        cmocka_unit_test(services),
        cmocka_unit_test(later),
        cmocka_unit_test(policies),
        cmocka_unit_test(tls),
        cmocka_unit_test(proxies),
        cmocka_unit_test(buckets),
        cmocka_unit_test(a_folder_that_does_not_exist_is_said_without_a_line),
        cmocka_unit_test(aliases_cannot_make_more_than_they_may),
        cmocka_unit_test(aliases_cannot_nest_deeper_than_they_may),
        cmocka_unit_test(at_most_fifty_errors_are_kept_and_the_rest_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
