#include "unit.h"

#include "edge/files/condition.h"

#define NOW_S      INT64_C(1800000000)
#define MODIFIED_S INT64_C(784111777) /* Sun, 06 Nov 1994 08:49:37 GMT */
#define SAME       "Sun, 06 Nov 1994 08:49:37 GMT"
#define EARLIER    "Sun, 06 Nov 1994 08:49:36 GMT"
#define LATER      "Mon, 07 Nov 1994 08:49:37 GMT"

static const struct validators validators = {{"\"a-b\"", 5}, MODIFIED_S};

static struct field room[8];
static struct request_head request;

static void begin(enum http_method method)
{
    request = (struct request_head){.method = method, .fields = {room, 0, 8}};
}

static void add(enum field_id id, const char *value)
{
    room[request.fields.count++] = (struct field){field_name(id), slice_of_cstr(value), id};
}

static unsigned status(void)
{
    return condition_status(&request, &validators, NOW_S);
}

static unsigned status_with(enum field_id id, const char *value)
{
    begin(METHOD_GET);
    add(id, value);
    return status();
}

static unsigned status_with_both(enum field_id id, const char *value, enum field_id second_id,
                                 const char *second_value)
{
    begin(METHOD_GET);
    add(id, value);
    add(second_id, second_value);
    return status();
}

static void a_plain_request_asks_nothing(void **state)
{
    (void)state;
    begin(METHOD_GET);
    add(FIELD_HOST, "a");
    add(FIELD_ACCEPT, "*/*");
    assert_false(condition_is_asked(&request));
    assert_int_equal(status(), 200);
    add(FIELD_RANGE, "bytes=0-0");
    assert_true(condition_is_asked(&request));
    begin(METHOD_GET);
    add(FIELD_IF_UNMODIFIED_SINCE, SAME);
    assert_true(condition_is_asked(&request));
}

static void if_match_compares_strongly(void **state)
{
    (void)state;
    assert_int_equal(status_with(FIELD_IF_MATCH, "\"a-b\""), 200);
    assert_int_equal(status_with(FIELD_IF_MATCH, "\"x\", \"a-b\""), 200);
    assert_int_equal(status_with(FIELD_IF_MATCH, "*"), 200);
    assert_int_equal(status_with(FIELD_IF_MATCH, "\"x\""), 412);
    assert_int_equal(status_with(FIELD_IF_MATCH, "W/\"a-b\""), 412);
    assert_int_equal(status_with(FIELD_IF_MATCH, ""), 412);
}

static void if_none_match_compares_weakly(void **state)
{
    (void)state;
    assert_int_equal(status_with(FIELD_IF_NONE_MATCH, "\"a-b\""), 304);
    assert_int_equal(status_with(FIELD_IF_NONE_MATCH, "W/\"a-b\""), 304);
    assert_int_equal(status_with(FIELD_IF_NONE_MATCH, "*"), 304);
    assert_int_equal(status_with(FIELD_IF_NONE_MATCH, "\"x\""), 200);
}

static void lists_may_come_in_several_lines(void **state)
{
    (void)state;
    assert_int_equal(status_with_both(FIELD_IF_NONE_MATCH, "\"x\"", FIELD_IF_NONE_MATCH, "\"a-b\""),
                     304);
    assert_int_equal(status_with_both(FIELD_IF_MATCH, "\"a-b\"", FIELD_IF_MATCH, "\"x\""), 200);
}

static void dates_compare_by_seconds(void **state)
{
    (void)state;
    assert_int_equal(status_with(FIELD_IF_MODIFIED_SINCE, SAME), 304);
    assert_int_equal(status_with(FIELD_IF_MODIFIED_SINCE, LATER), 304);
    assert_int_equal(status_with(FIELD_IF_MODIFIED_SINCE, EARLIER), 200);
    assert_int_equal(status_with(FIELD_IF_UNMODIFIED_SINCE, SAME), 200);
    assert_int_equal(status_with(FIELD_IF_UNMODIFIED_SINCE, LATER), 200);
    assert_int_equal(status_with(FIELD_IF_UNMODIFIED_SINCE, EARLIER), 412);
}

static void what_is_no_date_is_ignored(void **state)
{
    (void)state;
    assert_int_equal(status_with(FIELD_IF_MODIFIED_SINCE, "yesterday"), 200);
    assert_int_equal(status_with(FIELD_IF_UNMODIFIED_SINCE, "yesterday"), 200);
}

static void tags_go_before_dates(void **state)
{
    (void)state;
    assert_int_equal(
        status_with_both(FIELD_IF_MATCH, "\"a-b\"", FIELD_IF_UNMODIFIED_SINCE, EARLIER), 200);
    assert_int_equal(status_with_both(FIELD_IF_NONE_MATCH, "\"x\"", FIELD_IF_MODIFIED_SINCE, SAME),
                     200);
    assert_int_equal(
        status_with_both(FIELD_IF_NONE_MATCH, "\"a-b\"", FIELD_IF_MODIFIED_SINCE, EARLIER), 304);
}

static void a_412_goes_before_a_304(void **state)
{
    (void)state;
    assert_int_equal(status_with_both(FIELD_IF_NONE_MATCH, "\"a-b\"", FIELD_IF_MATCH, "\"x\""),
                     412);
    assert_int_equal(
        status_with_both(FIELD_IF_NONE_MATCH, "\"a-b\"", FIELD_IF_UNMODIFIED_SINCE, EARLIER), 412);
}

static bool range_counts(const char *if_range)
{
    begin(METHOD_GET);
    add(FIELD_RANGE, "bytes=0-0");
    if (if_range != NULL)
        add(FIELD_IF_RANGE, if_range);
    return condition_range(&request, &validators, NOW_S).len > 0;
}

static void a_range_counts_for_the_same_file_only(void **state)
{
    (void)state;
    assert_true(range_counts(NULL));
    assert_true(range_counts("\"a-b\""));
    assert_true(range_counts(SAME));
    assert_false(range_counts("\"x\""));
    assert_false(range_counts("W/\"a-b\""));
    assert_false(range_counts(LATER));
    assert_false(range_counts(EARLIER));
    assert_false(range_counts("nonsense"));
}

static void a_range_is_for_get_and_comes_once(void **state)
{
    (void)state;
    begin(METHOD_HEAD);
    add(FIELD_RANGE, "bytes=0-0");
    assert_int_equal(condition_range(&request, &validators, NOW_S).len, 0);
    begin(METHOD_GET);
    add(FIELD_RANGE, "bytes=0-0");
    add(FIELD_RANGE, "bytes=1-1");
    assert_int_equal(condition_range(&request, &validators, NOW_S).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_request_asks_nothing),
        cmocka_unit_test(if_match_compares_strongly),
        cmocka_unit_test(if_none_match_compares_weakly),
        cmocka_unit_test(lists_may_come_in_several_lines),
        cmocka_unit_test(dates_compare_by_seconds),
        cmocka_unit_test(what_is_no_date_is_ignored),
        cmocka_unit_test(tags_go_before_dates),
        cmocka_unit_test(a_412_goes_before_a_304),
        cmocka_unit_test(a_range_counts_for_the_same_file_only),
        cmocka_unit_test(a_range_is_for_get_and_comes_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
