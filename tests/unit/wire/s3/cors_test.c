/* CORS rules, and what they answer. */
#include "s3_unit.h"

#include "wire/s3/cors.h"

#include <stdio.h>

static int cors(struct slice xml, struct arena *arena, struct s3_fault *fault, struct buffer *out)
{
    struct s3_cors made;
    int rc = s3_cors_parse(xml, arena, fault, &made);
    return rc < 0 || out == NULL ? rc : s3_cors_write(out, &made);
}

#define CORS(rules)     "<CORSConfiguration>" rules "</CORSConfiguration>"
#define RULE(inside)    "<CORSRule>" inside "</CORSRule>"
#define METHOD(method)  "<AllowedMethod>" method "</AllowedMethod>"
#define ORIGIN(origin)  "<AllowedOrigin>" origin "</AllowedOrigin>"
#define HEADER(header)  "<AllowedHeader>" header "</AllowedHeader>"
#define EXPOSED(header) "<ExposeHeader>" header "</ExposeHeader>"

static void rules_are_read_and_written(void **state)
{
    (void)state;
    expect_round(cors, CORS(RULE("<ID>a</ID>" METHOD("PUT") METHOD("GET") ORIGIN("https://*.a")
                                     ORIGIN("*") HEADER("x-*") EXPOSED("ETag")
                                         EXPOSED("x-a") "<MaxAgeSeconds>0</MaxAgeSeconds>")
                                RULE(METHOD("HEAD") ORIGIN("b"))));
}

static void bad_rules_are_refused(void **state)
{
    (void)state;
    expect_fault(cors, CORS(""), S3_MALFORMED_XML);
    expect_fault(cors, CORS(RULE(METHOD("GET"))), S3_MALFORMED_XML);
    expect_fault(cors, CORS(RULE(ORIGIN("*"))), S3_MALFORMED_XML);
    expect_fault(cors, CORS(RULE(METHOD("GET") ORIGIN("*") "<MaxAgeSeconds>x</MaxAgeSeconds>")),
                 S3_MALFORMED_XML);
    expect_fault(cors, CORS(RULE(METHOD("PATCH") ORIGIN("*"))), S3_INVALID_REQUEST);
    expect_fault(cors, CORS(RULE(METHOD("GET") ORIGIN("*.a.*"))), S3_INVALID_REQUEST);
    expect_fault(cors, CORS(RULE(METHOD("GET") ORIGIN(""))), S3_INVALID_REQUEST);
    expect_fault(cors, CORS(RULE(METHOD("GET") ORIGIN("a b"))), S3_INVALID_REQUEST);
    expect_fault(cors, CORS(RULE(METHOD("GET") ORIGIN("*") HEADER("*a*"))), S3_INVALID_REQUEST);
    expect_fault(cors, CORS(RULE(METHOD("GET") ORIGIN("*") EXPOSED("x-*"))), S3_INVALID_REQUEST);
    expect_fault(cors, CORS(RULE(METHOD("GET") ORIGIN("*") EXPOSED("a&#10;b"))),
                 S3_INVALID_REQUEST);
    static char many[16000];
    size_t len = (size_t)snprintf(many, sizeof many, "<CORSConfiguration>");
    for (int i = 0; i <= S3_CORS_RULES_MAX; i++)
        len += (size_t)snprintf(many + len, sizeof many - len, RULE(METHOD("GET") ORIGIN("*")));
    (void)snprintf(many + len, sizeof many - len, "</CORSConfiguration>");
    expect_fault(cors, many, S3_MALFORMED_XML);
}

static const char rules[] =
    CORS(RULE(METHOD("GET") ORIGIN("https://a.example") HEADER("x-a") HEADER("Content-*")
                  EXPOSED("ETag") EXPOSED("x-b") "<MaxAgeSeconds>30</MaxAgeSeconds>")
             RULE(METHOD("PUT") METHOD("DELETE") ORIGIN("http://*.b.example") HEADER("*"))
                 RULE(METHOD("GET") METHOD("HEAD") ORIGIN("*")));

static int ask(struct arena *arena, const char *origin, const char *method, const char *headers,
               struct s3_cors_answer *ret_answer)
{
    struct s3_fault fault;
    struct s3_cors made;
    assert_int_equal(s3_cors_parse(slice_of_cstr(rules), arena, &fault, &made), 0);
    return s3_cors_match(&made, slice_of_cstr(origin), slice_of_cstr(method),
                         slice_of_cstr(headers), arena, ret_answer);
}

static void the_first_rule_that_allows_answers(void **state)
{
    (void)state;
    SCOPED(arena_finish) struct arena arena;
    struct s3_cors_answer answer;
    arena_init(&arena, NULL, 0, 64 << 20);
    assert_int_equal(ask(&arena, "https://a.example", "GET", "X-A, content-type", &answer), 0);
    expect_slice(answer.allow_origin, "https://a.example");
    expect_slice(answer.allow_methods, "GET");
    expect_slice(answer.allow_headers, "x-a, content-type");
    expect_slice(answer.expose_headers, "ETag, x-b");
    expect_slice(answer.max_age, "30");
    assert_true(answer.allows_credentials);

    assert_int_equal(ask(&arena, "http://x.b.example", "PUT", "anything", &answer), 0);
    expect_slice(answer.allow_origin, "http://x.b.example");
    expect_slice(answer.allow_methods, "PUT, DELETE");
    expect_slice(answer.expose_headers, NULL);
    expect_slice(answer.max_age, NULL);

    assert_int_equal(ask(&arena, "https://c.example", "HEAD", NULL, &answer), 0);
    expect_slice(answer.allow_origin, "*");
    expect_slice(answer.allow_methods, "GET, HEAD");
    expect_slice(answer.allow_headers, NULL);
    assert_false(answer.allows_credentials);
}

static void what_no_rule_allows_has_no_answer(void **state)
{
    (void)state;
    SCOPED(arena_finish) struct arena arena;
    struct s3_cors_answer answer;
    arena_init(&arena, NULL, 0, 64 << 20);
    assert_int_equal(ask(&arena, "https://a.example", "PUT", NULL, &answer), -ENOENT);
    assert_int_equal(ask(&arena, "https://c.example", "GET", "x-c", &answer), -ENOENT);
    assert_int_equal(ask(&arena, "http://b.example", "PUT", NULL, &answer), -ENOENT);
    assert_int_equal(ask(&arena, "https://c.example", "PATCH", NULL, &answer), -ENOENT);
    assert_int_equal(ask(&arena, "http://x.b.example", "PUT", "a b", &answer), -ENOENT);
}

static void an_answer_may_lack_memory(void **state)
{
    (void)state;
    SCOPED(arena_finish) struct arena arena;
    struct s3_fault fault;
    struct s3_cors made;
    arena_init(&arena, NULL, 0, 1 << 20);
    assert_int_equal(s3_cors_parse(slice_of_cstr(rules), &arena, &fault, &made), 0);
    for (size_t bytes = 0; bytes < 64; bytes += 16) {
        struct s3_cors_answer answer;
        struct arena none;
        char first[80] __attribute__((aligned(16)));
        arena_init(&none, first, bytes, 0);
        assert_int_equal(s3_cors_match(&made, SLICE("https://a.example"), SLICE("GET"),
                                       SLICE("x-a"), &none, &answer),
                         -ENOMEM);
        arena_finish(&none);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_read_and_written),
        cmocka_unit_test(bad_rules_are_refused),
        cmocka_unit_test(the_first_rule_that_allows_answers),
        cmocka_unit_test(what_no_rule_allows_has_no_answer),
        cmocka_unit_test(an_answer_may_lack_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
