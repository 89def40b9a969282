/* W3C Trace Context: cases of its test suite, and the edges of the grammar. */
#include "unit.h"

#include "wire/http/trace_context.h"

#include <errno.h>
#include <stdio.h>

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN  "b7ad6b7169203331"

static int parse(const char *text, struct trace_parent *ret_parent)
{
    return trace_parent_parse(slice_of_cstr(text), ret_parent);
}

static void a_parent_is_read_and_written_alike(void **state)
{
    (void)state;
    struct trace_parent parent;
    char text[TRACE_PARENT_BYTES + 1] = "";
    struct writer writer;
    assert_int_equal(parse("00-" TRACE "-" SPAN "-01", &parent), 0);
    assert_true(parent.trace_high == UINT64_C(0x0af7651916cd43dd));
    assert_true(parent.trace_low == UINT64_C(0x8448eb211c80319c));
    assert_true(parent.span == UINT64_C(0xb7ad6b7169203331));
    assert_int_equal(parent.flags, TRACE_FLAG_SAMPLED);
    writer_init(&writer, text, TRACE_PARENT_BYTES);
    trace_parent_write(&writer, &parent);
    assert_false(writer.overflown);
    assert_string_equal(text, "00-" TRACE "-" SPAN "-01");
}

static void what_is_not_exactly_so_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "00",
        "00-" TRACE "-" SPAN,
        "00-" TRACE "-" SPAN "-1",
        "00-" TRACE "-" SPAN "-01-",
        "00-" TRACE "-" SPAN "-01-what-the-future-brings",
        "00-" TRACE "-" SPAN "-01.",
        "ff-" TRACE "-" SPAN "-01",
        "0g-" TRACE "-" SPAN "-01",
        "00-00000000000000000000000000000000-" SPAN "-01",
        "00-" TRACE "-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01",
        "00-" TRACE "-B7AD6B7169203331-01",
        "00-" TRACE "-" SPAN "-0x",
        "00_" TRACE "-" SPAN "-01",
        "00-" TRACE "_" SPAN "-01",
        "00-" TRACE "-" SPAN "_01",
        " 00-" TRACE "-" SPAN "-01",
        "00-.af7651916cd43dd8448eb211c80319c-" SPAN "-01",
        "cc-" TRACE "-" SPAN "-01.what",
    };
    struct trace_parent parent;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (parse(wrong[i], &parent) != -EBADMSG)
            fail_msg("taken: %s", wrong[i]);
    }
}

static void a_later_version_may_say_more(void **state)
{
    (void)state;
    struct trace_parent parent;
    assert_int_equal(parse("cc-" TRACE "-" SPAN "-01", &parent), 0);
    assert_int_equal(parse("cc-" TRACE "-" SPAN "-01-more", &parent), 0);
    assert_int_equal(parse("01-" TRACE "-" SPAN "-ff-", &parent), 0);
    assert_int_equal(parent.flags, 0xff);
    char text[TRACE_PARENT_BYTES + 1] = "";
    struct writer writer;
    writer_init(&writer, text, TRACE_PARENT_BYTES);
    trace_parent_write(&writer, &parent);
    assert_string_equal(text, "00-" TRACE "-" SPAN "-01");
}

static bool state_is_valid(const char *text)
{
    unsigned left = TRACE_STATE_MEMBERS_MAX;
    return trace_state_is_valid(slice_of_cstr(text), &left);
}

static void states_follow_their_grammar(void **state)
{
    (void)state;
    char longest[600], too_long[600];
    (void)snprintf(longest, sizeof longest, "%0256d=%0256d", 1, 1);
    memset(longest, 'z', 256);
    (void)snprintf(too_long, sizeof too_long, "a=%0257d", 1);
    const char *const right[] = {
        "",       "foo=1",     "foo=1,bar=2", "foo=1 , \tbar=2", ",foo=1,", "a_-*/9=x",
        "0t@v=1", "t-_*/@s=1", "foo= 1",      "foo=1;2:3@4",     longest,
    };
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        if (!state_is_valid(right[i]))
            fail_msg("refused: %s", right[i]);
    }
    const char *const wrong[] = {
        "foo",          "foo=",
        "=1",           "foo =1",
        "FOO=1",        "foo=1=2",
        "9foo=1",       "foo=1,foo=2",
        "foo@=1",       "@bar=1",
        "a@b@c=1",      "foo=\x01",
        "foo=\xc3\xa9", "foo@toolongsystem15=1",
        "foo=1,bar",    too_long,
        "foo.bar=1",    "t@9s=1",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (state_is_valid(wrong[i]))
            fail_msg("taken: %s", wrong[i]);
    }
}

static void more_than_32_members_are_too_many(void **state)
{
    (void)state;
    char text[1024] = "";
    size_t len = 0;
    for (unsigned i = 0; i < 32; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%sa%u=1", i > 0 ? "," : "", i);
    assert_true(state_is_valid(text));
    (void)snprintf(text + len, sizeof text - len, ",b=1");
    assert_false(state_is_valid(text));
}

static void fields_of_a_request_are_looked_at_together(void **state)
{
    (void)state;
    struct field at[] = {
        {SLICE("traceparent"), SLICE("00-" TRACE "-" SPAN "-00"), FIELD_TRACEPARENT},
        {SLICE("tracestate"), SLICE("a=1"), FIELD_TRACESTATE},
        {SLICE("tracestate"), SLICE("b=2"), FIELD_TRACESTATE},
        {SLICE("Traceparent"), SLICE("00-" TRACE "-" SPAN "-01"), FIELD_TRACEPARENT},
    };
    struct fields fields = {at, 3, 4};
    struct trace_parent parent;
    assert_int_equal(trace_parent_of(&fields, &parent), 0);
    assert_true(trace_has_state(&fields));
    char text[64] = "";
    struct writer writer;
    writer_init(&writer, text, sizeof text - 1);
    trace_state_write(&writer, &fields);
    assert_string_equal(text, "tracestate: a=1,b=2\r\n");
    fields.count = 4;
    assert_int_equal(trace_parent_of(&fields, &parent), -EBADMSG);
    at[2].value = SLICE("b");
    assert_false(trace_has_state(&fields));
    fields.count = 1;
    assert_false(trace_has_state(&fields));
    fields.count = 0;
    assert_int_equal(trace_parent_of(&fields, &parent), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_parent_is_read_and_written_alike),
        cmocka_unit_test(what_is_not_exactly_so_is_refused),
        cmocka_unit_test(a_later_version_may_say_more),
        cmocka_unit_test(states_follow_their_grammar),
        cmocka_unit_test(more_than_32_members_are_too_many),
        cmocka_unit_test(fields_of_a_request_are_looked_at_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
