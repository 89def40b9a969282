/* Object lock of buckets and versions. */
#include "s3_unit.h"

#include "wire/s3/object_lock.h"

static int lock(struct slice xml, struct arena *arena, struct s3_fault *fault, struct buffer *out)
{
    struct s3_object_lock made;
    int rc = s3_object_lock_parse(xml, arena, fault, &made);
    return rc < 0 || out == NULL ? rc : s3_object_lock_write(out, &made);
}

static int retention(struct slice xml, struct arena *arena, struct s3_fault *fault,
                     struct buffer *out)
{
    struct s3_retention made;
    int rc = s3_retention_parse(xml, arena, fault, &made);
    return rc < 0 || out == NULL ? rc : s3_retention_write(out, &made);
}

static int hold(struct slice xml, struct arena *arena, struct s3_fault *fault, struct buffer *out)
{
    bool is_on;
    int rc = s3_legal_hold_parse(xml, arena, fault, &is_on);
    return rc < 0 || out == NULL ? rc : s3_legal_hold_write(out, is_on);
}

#define LOCK(inside)                                                                               \
    "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>" inside               \
    "</ObjectLockConfiguration>"
#define DEFAULT(inside) LOCK("<Rule><DefaultRetention>" inside "</DefaultRetention></Rule>")

static void a_bucket_has_a_default(void **state)
{
    (void)state;
    expect_round(lock, LOCK(""));
    expect_round(lock, DEFAULT("<Mode>GOVERNANCE</Mode><Days>1</Days>"));
    expect_round(lock, DEFAULT("<Mode>COMPLIANCE</Mode><Years>100</Years>"));
    expect_fault(lock, DEFAULT("<Mode>COMPLIANCE</Mode><Years>1</Years><Days>1</Days>"),
                 S3_MALFORMED_XML);
    expect_fault(lock, DEFAULT("<Mode>COMPLIANCE</Mode>"), S3_MALFORMED_XML);
    expect_fault(lock, DEFAULT("<Mode>governance</Mode><Days>1</Days>"), S3_MALFORMED_XML);
    expect_fault(lock, DEFAULT("<Mode>GOVERNANCE</Mode><Days>x</Days>"), S3_MALFORMED_XML);
    expect_fault(lock, DEFAULT("<Mode>GOVERNANCE</Mode><Days>0</Days>"),
                 S3_INVALID_RETENTION_PERIOD);
    expect_fault(lock, DEFAULT("<Mode>GOVERNANCE</Mode><Years>-1</Years>"),
                 S3_INVALID_RETENTION_PERIOD);
    expect_fault(lock, DEFAULT("<Mode>GOVERNANCE</Mode><Years>101</Years>"),
                 S3_INVALID_RETENTION_PERIOD);
    expect_fault(lock, DEFAULT("<Mode>GOVERNANCE</Mode><Days>99999999999999999999</Days>"),
                 S3_INVALID_RETENTION_PERIOD);
    expect_fault(lock,
                 "<ObjectLockConfiguration><ObjectLockEnabled>Disabled</ObjectLockEnabled>"
                 "</ObjectLockConfiguration>",
                 S3_MALFORMED_XML);
    expect_fault(lock, "<ObjectLockConfiguration/>", S3_MALFORMED_XML);
}

static void the_default_is_counted_in_days(void **state)
{
    (void)state;
    struct s3_object_lock days = {S3_LOCK_GOVERNANCE, 2, 0}, years = {S3_LOCK_COMPLIANCE, 0, 2};
    assert_int_equal(s3_object_lock_until_s(&days, 100), 100 + 2 * 86400);
    assert_int_equal(s3_object_lock_until_s(&years, 100), 100 + 730 * 86400);
}

static void a_version_is_kept_until_a_time(void **state)
{
    (void)state;
    expect_written(retention,
                   "<Retention><Mode>GOVERNANCE</Mode>"
                   "<RetainUntilDate>2030-01-01T00:00:00+00:00</RetainUntilDate></Retention>",
                   "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                   "<Mode>GOVERNANCE</Mode>"
                   "<RetainUntilDate>2030-01-01T00:00:00.000Z</RetainUntilDate></Retention>");
    expect_round(retention, "<Retention><Mode>COMPLIANCE</Mode>"
                            "<RetainUntilDate>2030-01-01</RetainUntilDate></Retention>");
    expect_round(retention, "<Retention/>");
    expect_fault(retention, "<Retention><Mode>COMPLIANCE</Mode></Retention>", S3_MALFORMED_XML);
    expect_fault(retention,
                 "<Retention><Mode>a</Mode><RetainUntilDate>2030-01-01</RetainUntilDate>"
                 "</Retention>",
                 S3_MALFORMED_XML);
    expect_fault(retention,
                 "<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>soon</RetainUntilDate>"
                 "</Retention>",
                 S3_MALFORMED_XML);
}

static void a_hold_is_on_or_off(void **state)
{
    (void)state;
    expect_round(hold, "<LegalHold><Status>ON</Status></LegalHold>");
    expect_round(hold, "<LegalHold><Status>OFF</Status></LegalHold>");
    expect_fault(hold, "<LegalHold><Status>on</Status></LegalHold>", S3_MALFORMED_XML);
    expect_fault(hold, "<LegalHold/>", S3_MALFORMED_XML);
}

static void modes_are_words(void **state)
{
    (void)state;
    enum s3_lock_mode mode;
    assert_int_equal(s3_lock_mode_parse(SLICE("COMPLIANCE"), &mode), 0);
    assert_int_equal(mode, S3_LOCK_COMPLIANCE);
    assert_int_equal(s3_lock_mode_parse(SLICE("compliance"), &mode), -EINVAL);
    expect_slice(s3_lock_mode_name(S3_LOCK_GOVERNANCE), "GOVERNANCE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_has_a_default),
        cmocka_unit_test(the_default_is_counted_in_days),
        cmocka_unit_test(a_version_is_kept_until_a_time),
        cmocka_unit_test(a_hold_is_on_or_off),
        cmocka_unit_test(modes_are_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
