/* Lifecycle rules, read and written. */
#include "s3_unit.h"

#include "wire/s3/lifecycle.h"

#include <stdio.h>

static int lifecycle(struct slice xml, struct arena *arena, struct s3_fault *fault,
                     struct buffer *out)
{
    struct s3_lifecycle made;
    int rc = s3_lifecycle_parse(xml, arena, fault, &made);
    return rc < 0 || out == NULL ? rc : s3_lifecycle_write(out, &made);
}

#define RULES(rules)  "<LifecycleConfiguration>" rules "</LifecycleConfiguration>"
#define RULE(inside)  "<Rule><Status>Enabled</Status>" inside "</Rule>"
#define ONE(inside)   RULES(RULE("<Filter/>" inside))
#define DAYS(days)    "<Expiration><Days>" days "</Days></Expiration>"
#define TAG(key)      "<Tag><Key>" key "</Key><Value>v</Value></Tag>"
#define FILTER(what)  RULES(RULE("<Filter>" what "</Filter>" DAYS("1")))
#define GREATER(size) "<ObjectSizeGreaterThan>" size "</ObjectSizeGreaterThan>"
#define LESS(size)    "<ObjectSizeLessThan>" size "</ObjectSizeLessThan>"
#define MARKER(what)                                                                               \
    "<Expiration><ExpiredObjectDeleteMarker>" what "</ExpiredObjectDeleteMarker></Expiration>"
#define NONCURRENT(inside) "<NoncurrentVersionExpiration>" inside "</NoncurrentVersionExpiration>"
#define ABORT(days)                                                                                \
    "<AbortIncompleteMultipartUpload><DaysAfterInitiation>" days                                   \
    "</DaysAfterInitiation></AbortIncompleteMultipartUpload>"

static void rules_are_read_and_written(void **state)
{
    (void)state;
    expect_round(lifecycle, RULES(RULE("<ID>a</ID><Prefix>x/</Prefix>" DAYS("1"))
                                      RULE("<ID>b</ID><Prefix/>" MARKER("true"))));
    expect_round(lifecycle, RULES("<Rule><Status>Disabled</Status><Filter/>" DAYS("1") "</Rule>"));
    expect_round(lifecycle, FILTER(""));
    expect_round(lifecycle, FILTER("<Prefix>a</Prefix>"));
    expect_round(lifecycle, FILTER(TAG("k")));
    expect_round(lifecycle, FILTER(GREATER("0")));
    expect_round(lifecycle, FILTER("<And><Prefix>a</Prefix>" TAG("k") TAG("l") GREATER("1")
                                       LESS("3") "</And>"));
    expect_round(lifecycle,
                 ONE("<Expiration><Date>2030-01-01T00:00:00Z</Date></Expiration>" NONCURRENT(
                     "<NoncurrentDays>3</NoncurrentDays>"
                     "<NewerNoncurrentVersions>5</NewerNoncurrentVersions>") ABORT("7")));
    expect_round(lifecycle, ONE(MARKER("false")));
}

static void a_rule_without_an_id_gets_one(void **state)
{
    (void)state;
    SCOPED(arena_finish) struct arena arena;
    struct s3_fault fault;
    struct s3_lifecycle made;
    arena_init(&arena, NULL, 0, 1 << 20);
    assert_int_equal(
        s3_lifecycle_parse(SLICE(RULES(RULE("<Filter/>" DAYS("1")) RULE("<Filter/>" DAYS("1")))),
                           &arena, &fault, &made),
        0);
    assert_int_equal(made.rules_count, 2);
    assert_true(made.rules[0].id.len > 0 && made.rules[1].id.len > 0);
    assert_false(slice_equal(made.rules[0].id, made.rules[1].id));
}

static void bad_rules_are_refused(void **state)
{
    (void)state;
    expect_fault(lifecycle, RULES(""), S3_MALFORMED_XML);
    expect_fault(lifecycle, RULES(RULE(DAYS("1"))), S3_MALFORMED_XML);
    expect_fault(lifecycle, RULES(RULE("<Prefix/><Filter/>" DAYS("1"))), S3_MALFORMED_XML);
    expect_fault(lifecycle, RULES("<Rule><Status>enabled</Status><Filter/>" DAYS("1") "</Rule>"),
                 S3_MALFORMED_XML);
    expect_fault(lifecycle, ONE("<Expiration/>"), S3_MALFORMED_XML);
    expect_fault(lifecycle, ONE("<Expiration><Days>1</Days><Date>2030-01-01</Date></Expiration>"),
                 S3_MALFORMED_XML);
    expect_fault(lifecycle, ONE("<Expiration><Date>20300101</Date></Expiration>"),
                 S3_MALFORMED_XML);
    expect_fault(lifecycle, ONE("<Expiration><Date>2030-01-01T00:00:01Z</Date></Expiration>"),
                 S3_INVALID_ARGUMENT);
    expect_fault(lifecycle, ONE(DAYS("0")), S3_INVALID_ARGUMENT);
    expect_fault(lifecycle, ONE(DAYS("-1")), S3_INVALID_ARGUMENT);
    expect_fault(lifecycle, ONE(DAYS("x")), S3_MALFORMED_XML);
    expect_fault(lifecycle, ONE(DAYS("2147483648")), S3_INVALID_ARGUMENT);
    expect_fault(lifecycle, ONE(""), S3_INVALID_REQUEST);
    expect_fault(lifecycle, ONE(NONCURRENT("<NewerNoncurrentVersions>1</NewerNoncurrentVersions>")),
                 S3_MALFORMED_XML);
    expect_fault(lifecycle,
                 ONE(NONCURRENT("<NoncurrentDays>1</NoncurrentDays>"
                                "<NewerNoncurrentVersions>101</NewerNoncurrentVersions>")),
                 S3_INVALID_ARGUMENT);
    expect_fault(lifecycle,
                 RULES(RULE("<ID>a</ID><Filter/>" DAYS("1")) RULE("<ID>a</ID><Filter/>" DAYS("2"))),
                 S3_INVALID_ARGUMENT);
    char text[600], id[257];
    memset(id, 'i', 256);
    id[256] = '\0';
    (void)snprintf(text, sizeof text, RULES(RULE("<ID>%s</ID><Filter/>" DAYS("1"))), id);
    expect_fault(lifecycle, text, S3_INVALID_ARGUMENT);
}

static void bad_filters_are_refused(void **state)
{
    (void)state;
    expect_fault(lifecycle, FILTER("<Prefix>a</Prefix>" TAG("k")), S3_MALFORMED_XML);
    expect_fault(lifecycle, FILTER("<And><And/></And>"), S3_MALFORMED_XML);
    expect_fault(lifecycle, FILTER("<And>" TAG("k") TAG("k") "</And>"), S3_INVALID_TAG);
    expect_fault(lifecycle, FILTER("<And>" GREATER("3") LESS("3") "</And>"), S3_INVALID_REQUEST);
    expect_fault(lifecycle, FILTER(GREATER("-3")), S3_MALFORMED_XML);
    expect_fault(lifecycle, RULES(RULE("<Filter>" TAG("k") "</Filter>" MARKER("true"))),
                 S3_INVALID_REQUEST);
    expect_fault(lifecycle, RULES(RULE("<Filter>" TAG("k") "</Filter>" ABORT("1"))),
                 S3_INVALID_REQUEST);
    expect_fault(lifecycle, RULES(RULE("<Filter>" LESS("9") "</Filter>" ABORT("1"))),
                 S3_INVALID_REQUEST);
}

static void transitions_are_refused_by_name(void **state)
{
    (void)state;
    SCOPED(arena_finish) struct arena arena;
    struct s3_fault fault;
    struct s3_lifecycle made;
    arena_init(&arena, NULL, 0, 1 << 20);
    assert_int_equal(s3_lifecycle_parse(SLICE(ONE("<Transition><Days>1</Days><StorageClass>GLACIER"
                                                  "</StorageClass></Transition>")),
                                        &arena, &fault, &made),
                     -EBADMSG);
    assert_int_equal(fault.code, S3_NOT_IMPLEMENTED);
    assert_true(slice_starts_with(s3_fault_text(&fault), SLICE("Transition ")));
    expect_fault(lifecycle, ONE("<NoncurrentVersionTransition/>"), S3_NOT_IMPLEMENTED);
    expect_fault(lifecycle, ONE("<Transition><Date>20220927</Date></Transition>"),
                 S3_MALFORMED_XML);
}

static void a_thousand_rules_are_the_most(void **state)
{
    (void)state;
    static char text[200000];
    for (int count = S3_LIFECYCLE_RULES_MAX; count <= S3_LIFECYCLE_RULES_MAX + 1; count++) {
        SCOPED(arena_finish) struct arena arena;
        struct s3_fault fault;
        struct s3_lifecycle made;
        arena_init(&arena, NULL, 0, XML_ARENA_BYTES(s3_lifecycle_limits));
        size_t len = (size_t)snprintf(text, sizeof text, "<LifecycleConfiguration>");
        for (int i = 0; i < count; i++)
            len += (size_t)snprintf(text + len, sizeof text - len, RULE("<Filter/>" DAYS("1")));
        (void)snprintf(text + len, sizeof text - len, "</LifecycleConfiguration>");
        int rc = s3_lifecycle_parse(slice_of_cstr(text), &arena, &fault, &made);
        assert_int_equal(rc, count > S3_LIFECYCLE_RULES_MAX ? -EBADMSG : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_read_and_written),
        cmocka_unit_test(a_rule_without_an_id_gets_one),
        cmocka_unit_test(bad_rules_are_refused),
        cmocka_unit_test(bad_filters_are_refused),
        cmocka_unit_test(transitions_are_refused_by_name),
        cmocka_unit_test(a_thousand_rules_are_the_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
