/* Fields of a target's response become heads and trailers. */
#include "unit.h"

#include "wire/h2/response.h"

#include <errno.h>

static char memory[256], larger[H2_RESPONSE_BYTES_MAX];
static struct h2_response response;
static struct field fields[HTTP_FIELDS_MAX];
static struct response_head head;
static const char *why;

static int begin(void **state)
{
    (void)state;
    h2_response_init(&response, memory, sizeof memory);
    return 0;
}

static int add(const char *name, const char *value)
{
    int rc = h2_response_add(&response, slice_of_cstr(name), slice_of_cstr(value));
    if (rc != -ENOSPC)
        return rc;
    h2_response_extend(&response, larger, sizeof larger);
    return h2_response_add(&response, slice_of_cstr(name), slice_of_cstr(value));
}

static int next(bool has_ended)
{
    head.fields = (struct fields){fields, 0, HTTP_FIELDS_MAX};
    return h2_response_next(&response, METHOD_GET, has_ended, &head, &why);
}

static void assert_value(const struct fields *list, const char *name, const char *value)
{
    const struct field *field = fields_find_name(list, slice_of_cstr(name));
    assert_non_null(field);
    assert_true(slice_equal(field->value, slice_of_cstr(value)));
}

static void heads_one_after_the_other(void **state)
{
    (void)state;
    assert_int_equal(next(false), 0);
    assert_int_equal(add(":status", "103"), 0);
    assert_int_equal(add("link", "</a>"), 0);
    assert_int_equal(next(false), 0);
    assert_int_equal(h2_response_seal(&response), 0);
    assert_int_equal(add(":status", "200"), 0);
    assert_int_equal(add("x-a", "1"), 0);
    assert_int_equal(h2_response_seal(&response), 0);
    assert_int_equal(next(false), 1);
    assert_int_equal(head.status, 103);
    assert_value(&head.fields, "Link", "</a>");
    assert_int_equal(next(false), 1);
    assert_int_equal(head.status, 200);
    assert_value(&head.fields, "X-A", "1");
    assert_int_equal(head.framing.kind, BODY_CHUNKED);
    assert_true(head.keep_alive);
    assert_int_equal(next(false), 0);
    assert_false(h2_response_has_trailers(&response));
}

static void framing(void **state)
{
    (void)state;
    assert_int_equal(add(":status", "200"), 0);
    assert_int_equal(h2_response_seal(&response), 0);
    assert_int_equal(next(true), 1);
    assert_int_equal(head.framing.kind, BODY_NONE);
    begin(state);
    assert_int_equal(add(":status", "200"), 0);
    assert_int_equal(add("content-length", "7"), 0);
    assert_int_equal(h2_response_seal(&response), 0);
    assert_int_equal(next(false), 1);
    assert_int_equal(head.framing.kind, BODY_LENGTH);
    assert_int_equal(head.framing.content_length, 7);
}

static void trailers(void **state)
{
    struct fields list = {fields, 0, HTTP_FIELDS_MAX};
    (void)state;
    assert_int_equal(add(":status", "200"), 0);
    assert_int_equal(h2_response_seal(&response), 0);
    assert_int_equal(next(false), 1);
    assert_int_equal(add("grpc-status", "0"), 0);
    assert_int_equal(add("content-length", "5"), 0); /* too late: it frames */
    h2_response_trailers(&response, &list);
    assert_int_equal(list.count, 0); /* they are not complete */
    assert_int_equal(h2_response_seal(&response), 0);
    assert_true(h2_response_has_trailers(&response));
    h2_response_trailers(&response, &list);
    assert_int_equal(list.count, 1);
    assert_value(&list, "grpc-status", "0");
    assert_int_equal(next(false), 0);
}

static void memory_grows_once(void **state)
{
    char value[4001];
    (void)state;
    memset(value, 'v', 4000);
    value[4000] = '\0';
    assert_int_equal(add(":status", "200"), 0);
    assert_int_equal(add("x-small", "s"), 0);
    for (int i = 0; i < 7; i++)
        assert_int_equal(add("x-large", value), 0);
    assert_int_equal(h2_response_seal(&response), 0);
    assert_int_equal(next(false), 1);
    assert_int_equal(head.fields.count, 8);
    assert_value(&head.fields, "x-large", value);
}

static void limits(void **state)
{
    char value[4001];
    (void)state;
    memset(value, 'v', 4000);
    value[4000] = '\0';
    assert_int_equal(add(":status", "200"), 0);
    int rc = 0;
    unsigned count = 0;
    while (rc == 0 && count++ < 100)
        rc = add("x", value);
    assert_int_equal(rc, -EBADMSG);
    assert_int_equal(count, 9); /* 32 KiB */
    assert_non_null(response.why);
    while (rc == -EBADMSG && count++ < 100)
        rc = add("x", value);
    assert_int_equal(rc, -E2BIG);
    assert_int_equal(count, 33); /* 128 KiB */
    begin(state);
    assert_int_equal(add(":status", "200"), 0);
    for (count = 0; count < HTTP_FIELDS_MAX; count++)
        assert_int_equal(add("x", "y"), 0);
    assert_int_equal(add("x", "y"), -EBADMSG);
}

static void what_could_be_lines_is_refused(void **state)
{
    (void)state;
    assert_int_equal(add(":status", "200"), 0);
    assert_int_equal(add("x", "a\r\nb: c"), -EBADMSG);
    assert_int_equal(h2_response_seal(&response), -EBADMSG);
    assert_int_equal(next(true), 0);
    begin(state);
    assert_int_equal(add(":status", "200"), 0);
    assert_int_equal(add("x y", "a"), -EBADMSG);
    begin(state);
    assert_int_equal(add(":status", "2x0"), 0);
    assert_int_equal(h2_response_seal(&response), 0);
    assert_int_equal(next(true), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(heads_one_after_the_other, begin),
        cmocka_unit_test_setup(framing, begin),
        cmocka_unit_test_setup(trailers, begin),
        cmocka_unit_test_setup(memory_grows_once, begin),
        cmocka_unit_test_setup(limits, begin),
        cmocka_unit_test_setup(what_could_be_lines_is_refused, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
