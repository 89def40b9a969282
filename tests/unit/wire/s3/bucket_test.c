/* Making a bucket, and its versions. */
#include "s3_unit.h"

#include "wire/s3/bucket.h"

static int create(struct slice xml, struct arena *arena, struct s3_fault *fault, struct buffer *out)
{
    struct s3_create_bucket made;
    int rc = s3_create_bucket_parse(xml, arena, fault, &made);
    return rc < 0 || out == NULL ? rc : s3_create_bucket_write(out, &made);
}

static int versioning(struct slice xml, struct arena *arena, struct s3_fault *fault,
                      struct buffer *out)
{
    enum s3_versioning made;
    int rc = s3_versioning_parse(xml, arena, fault, &made);
    return rc < 0 || out == NULL ? rc : s3_versioning_write(out, made);
}

#define CREATE(inside)     "<CreateBucketConfiguration>" inside "</CreateBucketConfiguration>"
#define VERSIONING(inside) "<VersioningConfiguration>" inside "</VersioningConfiguration>"

static void a_bucket_has_a_location_perhaps(void **state)
{
    (void)state;
    expect_round(create, CREATE("<LocationConstraint>eu-west-1</LocationConstraint>"));
    expect_round(create, CREATE(""));
    expect_round(create, CREATE("<Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags>"));
    expect_round(create, "");
    expect_fault(create, CREATE("<Other/>"), S3_MALFORMED_XML);
    expect_fault(create, "<a>", S3_MALFORMED_XML);
    expect_fault(create, CREATE("<Bucket><Type>Directory</Type></Bucket>"), S3_NOT_IMPLEMENTED);
    expect_fault(create, CREATE("<Tags><Tag><Key/><Value>b</Value></Tag></Tags>"), S3_INVALID_TAG);
}

static void the_location_is_told(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer out;
    buffer_init(&out, 1000);
    assert_int_equal(s3_location_write(&out, SLICE("eu")), 0);
    expect_slice(slice_from(buffer_slice(&out), 39),
                 "<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">eu"
                 "</LocationConstraint>");
}

static void versions_are_switched(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer out;
    buffer_init(&out, 1000);
    expect_round(versioning, VERSIONING("<Status>Enabled</Status>"));
    expect_written(versioning,
                   VERSIONING("<Status>Suspended</Status><MfaDelete>Disabled</MfaDelete>"),
                   "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                   "<Status>Suspended</Status></VersioningConfiguration>");
    expect_fault(versioning, VERSIONING("<Status>enabled</Status>"), S3_MALFORMED_XML);
    expect_fault(versioning, VERSIONING(""), S3_ILLEGAL_VERSIONING_CONFIGURATION);
    expect_fault(versioning, VERSIONING("<Status>Enabled</Status><MfaDelete>Enabled</MfaDelete>"),
                 S3_NOT_IMPLEMENTED);
    assert_int_equal(s3_versioning_write(&out, S3_VERSIONING_NEVER), 0);
    assert_true(slice_search(buffer_slice(&out), SLICE("Status")) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_has_a_location_perhaps),
        cmocka_unit_test(the_location_is_told),
        cmocka_unit_test(versions_are_switched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
