/* Requests of HTTP/2 from their fields. */
#include "unit.h"

#include "base/cleanup.h"
#include "wire/h2/head.h"

#include <errno.h>

struct pair {
    const char *name, *value;
};

static char memory[4096], more[H2_HEAD_BYTES];
static struct h2_head head;
static struct arena arena;
static struct request_head request;
static struct h1_refusal malformed;

static int begin(void **state)
{
    (void)state;
    h2_head_init(&head, memory, sizeof memory);
    arena_init(&arena, NULL, 0, 1 << 20);
    malformed = (struct h1_refusal){0};
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_finish(&arena);
    return 0;
}

static int add(const char *name, const char *value)
{
    return h2_head_add(&head, slice_of_cstr(name), slice_of_cstr(value));
}

static int parse(bool has_ended)
{
    h2_head_seal(&head);
    return h2_head_parse(&head, &arena, has_ended, &request, &malformed);
}

/* What comes of a list of fields: 0, or the status of its refusal. */
static unsigned outcome(const struct pair *pairs, size_t count, bool has_ended)
{
    end(NULL);
    begin(NULL);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(add(pairs[i].name, pairs[i].value), 0);
    int rc = parse(has_ended);
    assert_true(rc == 0 || rc == -EBADMSG);
    return rc == 0 ? 0 : malformed.status;
}

#define OUTCOME(has_ended, ...)                                                                    \
    outcome((const struct pair[]){__VA_ARGS__},                                                    \
            sizeof((const struct pair[]){__VA_ARGS__}) / sizeof(struct pair), has_ended)
#define PSEUDO(method, path)                                                                       \
    {":method", method}, {":scheme", "https"},                                                     \
    {                                                                                              \
        ":path", path                                                                              \
    }
#define GET                                                                                        \
    PSEUDO("GET", "/a?b=c"),                                                                       \
    {                                                                                              \
        ":authority", "example.org:8443"                                                           \
    }

#define assert_slice(slice, text) assert_true(slice_equal(slice, SLICE(text)))

static void a_request_is_what_http1_would_have_made_of_it(void **state)
{
    (void)state;
    assert_int_equal(OUTCOME(true, GET, {"accept", "*/*"}, {"x-empty", ""}), 0);
    assert_int_equal(request.method, METHOD_GET);
    assert_int_equal(request.version_major, 2);
    assert_int_equal(request.form, TARGET_ORIGIN);
    assert_slice(request.target, "/a?b=c");
    assert_slice(request.path, "/a");
    assert_slice(request.query, "b=c");
    assert_slice(request.authority, "example.org:8443");
    assert_int_equal(request.framing.kind, BODY_NONE);
    assert_int_equal(request.fields.count, 2);
    assert_int_equal(request.fields.at[0].id, FIELD_ACCEPT);
    assert_slice(request.fields.at[1].value, "");
    /* One line behind the other, as they go on to a target. */
    const char *lines = request.fields.at[0].name.at;
    assert_memory_equal(lines, "accept: */*\r\nx-empty: \r\n", 24);
}

static void targets(void **state)
{
    (void)state;
    assert_int_equal(OUTCOME(true, PSEUDO("OPTIONS", "*"), {":authority", "a"}), 0);
    assert_int_equal(request.form, TARGET_ASTERISK);
    assert_int_equal(OUTCOME(true, PSEUDO("GET", "*"), {":authority", "a"}), 400);
    assert_int_equal(OUTCOME(true, PSEUDO("GET", "a"), {":authority", "a"}), 400);
    assert_int_equal(OUTCOME(true, PSEUDO("GET", ""), {":authority", "a"}), 400);
    assert_int_equal(OUTCOME(true, PSEUDO("GET", "/a b"), {":authority", "a"}), 400);
    assert_int_equal(OUTCOME(true, PSEUDO("GET", "http://a/"), {":authority", "a"}), 400);
    assert_int_equal(OUTCOME(true, PSEUDO("G(T", "/"), {":authority", "a"}), 400);
    assert_int_equal(
        OUTCOME(true, {":method", "GET"}, {":scheme", "ftp"}, {":path", "/"}, {":authority", "a"}),
        400);
    assert_int_equal(OUTCOME(true, {":method", "CONNECT"}, {":authority", "a:443"}), 0);
    assert_int_equal(request.form, TARGET_AUTHORITY);
    assert_int_equal(OUTCOME(true, {":method", "GET"}, {":nothing", "x"}), 400);
}

static void authorities(void **state)
{
    (void)state;
    assert_int_equal(OUTCOME(true, PSEUDO("GET", "/"), {"host", "A.example"}), 0);
    assert_slice(request.authority, "A.example");
    assert_int_equal(OUTCOME(true, GET, {"host", "EXAMPLE.org:8443"}), 0);
    assert_slice(request.authority, "example.org:8443");
    assert_int_equal(OUTCOME(true, GET, {"host", "example.org"}), 400);
    assert_int_equal(OUTCOME(true, PSEUDO("GET", "/"), {"host", "a"}, {"host", "a"}), 400);
    assert_int_equal(OUTCOME(true, PSEUDO("GET", "/")), 400);
    assert_int_equal(OUTCOME(true, PSEUDO("GET", "/"), {":authority", "u@a"}), 400);
    assert_int_equal(OUTCOME(true, PSEUDO("GET", "/"), {":authority", "a/b"}), 400);
}

static void bodies(void **state)
{
    (void)state;
    assert_int_equal(OUTCOME(false, GET), 0);
    assert_int_equal(request.framing.kind, BODY_CHUNKED);
    assert_int_equal(OUTCOME(false, GET, {"content-length", "12"}), 0);
    assert_int_equal(request.framing.kind, BODY_LENGTH);
    assert_int_equal(request.framing.content_length, 12);
    assert_int_equal(OUTCOME(true, GET, {"content-length", "0"}), 0);
    assert_int_equal(request.framing.kind, BODY_NONE);
    assert_true(request.framing.has_content_length);
    assert_int_equal(OUTCOME(true, GET, {"content-length", "12"}), 400);
    assert_int_equal(OUTCOME(false, GET, {"content-length", "+1"}), 400);
    assert_int_equal(OUTCOME(false, GET, {"content-length", "1, 1"}), 400);
    assert_int_equal(OUTCOME(false, GET, {"content-length", "1"}, {"content-length", "1"}), 400);
    assert_int_equal(OUTCOME(false, GET, {"content-length", "9223372036854775808"}), 400);
    assert_int_equal(OUTCOME(false, GET, {"expect", "100-continue"}), 0);
    assert_true(request.expects_continue);
    assert_int_equal(OUTCOME(true, GET, {"expect", "100-continue"}), 0);
    assert_false(request.expects_continue);
    assert_int_equal(OUTCOME(false, GET, {"expect", "wonders"}), 417);
}

static void cookies_are_joined(void **state)
{
    (void)state;
    assert_int_equal(
        OUTCOME(true, GET, {"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}, {"cookie", ""}), 0);
    assert_int_equal(request.fields.count, 2);
    assert_slice(request.fields.at[0].value, "a=1; b=2; ");
    assert_slice(request.fields.at[1].name, "x");
    assert_int_equal(OUTCOME(true, GET, {"cookie", "a=1"}), 0);
    assert_slice(request.fields.at[0].value, "a=1");
}

static void heads_go_on_in_more_memory(void **state)
{
    (void)state;
    char value[1001] = {0};
    memset(value, 'v', 1000);
    const struct pair get[] = {GET};
    for (size_t i = 0; i < COUNT_OF(get); i++)
        assert_int_equal(add(get[i].name, get[i].value), 0);
    unsigned count = 0;
    while (add("x-field", value) == 0)
        count++;
    h2_head_extend(&head, more, sizeof more);
    for (; count < 20; count++)
        assert_int_equal(add("x-field", value), 0);
    assert_int_equal(parse(true), 0);
    assert_int_equal(request.fields.count, 20);
    for (unsigned i = 0; i < 20; i++) {
        assert_slice(request.fields.at[i].name, "x-field");
        assert_true(slice_equal(request.fields.at[i].value, slice_of_cstr(value)));
    }
}

static void limits(void **state)
{
    (void)state;
    static char value[HTTP_LINE_BYTES_MAX + 1];
    memset(value, 'v', sizeof value - 1);
    begin(NULL);
    h2_head_extend(&head, more, sizeof more);
    assert_int_equal(add("x", value), 0);
    assert_int_equal(parse(true), -EBADMSG);
    assert_int_equal(malformed.status, 431);

    begin(NULL);
    for (int i = 0; i < HTTP_FIELDS_MAX + 1; i++)
        assert_int_equal(add("x", "y"), 0);
    assert_int_equal(parse(true), -EBADMSG);
    assert_int_equal(malformed.status, 431);
    int rc = 0;
    for (int i = 0; rc == 0 && i < HTTP_FIELDS_MAX * H2_LIST_EXCESS; i++)
        rc = add("x", "y");
    assert_int_equal(rc, -E2BIG);

    begin(NULL);
    h2_head_extend(&head, more, sizeof more);
    value[8000] = '\0';
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(add("x", value), 0);
    assert_int_equal(parse(true), -EBADMSG);
    assert_int_equal(malformed.status, 431);
    for (rc = 0; rc == 0;)
        rc = add("x", value);
    assert_int_equal(rc, -E2BIG);
}

static void trailers_stand_apart(void **state)
{
    (void)state;
    struct field fields[HTTP_FIELDS_MAX];
    struct fields trailers = {fields, 0, HTTP_FIELDS_MAX};
    assert_int_equal(OUTCOME(false, GET, {"x-first", "1"}), 0);
    assert_int_equal(add("x-last", "2"), 0);
    assert_int_equal(add("host", "smuggled"), 0);
    assert_int_equal(add("te", "trailers"), 0);
    assert_int_equal(request.fields.count, 1);
    h2_head_trailers(&head, &trailers);
    assert_int_equal(trailers.count, 1);
    assert_slice(trailers.at[0].name, "x-last");
    assert_slice(trailers.at[0].value, "2");
}

static void memory_may_be_used_up(void **state)
{
    (void)state;
    (void)OUTCOME(true, GET, {"cookie", "a"}, {"cookie", "b"});
    end(NULL);
    arena_init(&arena, NULL, 0, 0);
    assert_int_equal(parse(true), -ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_request_is_what_http1_would_have_made_of_it, begin, end),
        cmocka_unit_test_setup_teardown(targets, begin, end),
        cmocka_unit_test_setup_teardown(authorities, begin, end),
        cmocka_unit_test_setup_teardown(bodies, begin, end),
        cmocka_unit_test_setup_teardown(cookies_are_joined, begin, end),
        cmocka_unit_test_setup_teardown(heads_go_on_in_more_memory, begin, end),
        cmocka_unit_test_setup_teardown(limits, begin, end),
        cmocka_unit_test_setup_teardown(trailers_stand_apart, begin, end),
        cmocka_unit_test_setup_teardown(memory_may_be_used_up, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
