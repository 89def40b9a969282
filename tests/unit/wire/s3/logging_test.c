/* BucketLoggingStatus. */
#include "s3_unit.h"

#include "wire/s3/logging.h"

static int logging(struct slice xml, struct arena *arena, struct s3_fault *fault,
                   struct buffer *out)
{
    struct s3_logging made;
    int rc = s3_logging_parse(xml, arena, fault, &made);
    return rc < 0 || out == NULL ? rc : s3_logging_write(out, &made);
}

#define STATUS(inside) "<BucketLoggingStatus>" inside "</BucketLoggingStatus>"
#define TO(target, prefix, more)                                                                   \
    STATUS("<LoggingEnabled><TargetBucket>" target "</TargetBucket><TargetPrefix>" prefix          \
           "</TargetPrefix>" more "</LoggingEnabled>")
#define KEYS(inside) "<TargetObjectKeyFormat>" inside "</TargetObjectKeyFormat>"
#define GRANTS(who, what)                                                                          \
    "<TargetGrants><Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "       \
    "xsi:type=\"CanonicalUser\">" who "</Grantee><Permission>" what                                \
    "</Permission></Grant></TargetGrants>"

static void a_status_is_kept_as_it_was_said(void **state)
{
    (void)state;
    expect_round(logging, STATUS(""));
    expect_round(logging, TO("logs", "a/", ""));
    expect_round(logging, TO("logs", "", KEYS("<SimplePrefix/>")));
    expect_round(logging, TO("logs", "", KEYS("<PartitionedPrefix/>")));
    expect_round(logging,
                 TO("logs", "",
                    KEYS("<PartitionedPrefix><PartitionDateSource>EventTime</PartitionDateSource>"
                         "</PartitionedPrefix>")));
    expect_round(logging, TO("logs", "", GRANTS("<ID>o1</ID>", "READ")));
    expect_round(logging, TO("logs", "", "<TargetGrants/>"));
}

static void what_is_no_status(void **state)
{
    (void)state;
    expect_fault(logging, "<LoggingStatus/>", S3_MALFORMED_XML);
    expect_fault(logging, STATUS("<LoggingEnabled/>"), S3_MALFORMED_XML);
    expect_fault(logging, STATUS("<LoggingEnabled><TargetBucket>a</TargetBucket></LoggingEnabled>"),
                 S3_MALFORMED_XML);
    expect_fault(logging, TO("", "a", ""), S3_MALFORMED_XML);
    expect_fault(logging, TO("a", "b", "<LoggingType>Journal</LoggingType>"), S3_MALFORMED_XML);
    expect_fault(logging, TO("a", "b", KEYS("")), S3_MALFORMED_XML);
    expect_fault(logging, TO("a", "b", KEYS("<SimplePrefix/><PartitionedPrefix/>")),
                 S3_MALFORMED_XML);
    expect_fault(logging,
                 TO("a", "b",
                    KEYS("<PartitionedPrefix><PartitionDateSource>Now</PartitionDateSource>"
                         "</PartitionedPrefix>")),
                 S3_MALFORMED_XML);
    expect_fault(logging, TO("a", "b", GRANTS("<ID>o</ID>", "WRITE_ACP")), S3_MALFORMED_XML);
    expect_fault(logging, TO("a", "b", GRANTS("<EmailAddress>a@b.c</EmailAddress>", "READ")),
                 S3_UNRESOLVABLE_GRANT_BY_EMAIL_ADDRESS);
}

static void a_prefix_leaves_room_for_the_key(void **state)
{
    (void)state;
    SCOPED(arena_finish) struct arena arena;
    SCOPED(buffer_finish) struct buffer xml;
    struct s3_fault fault = {0};
    struct s3_logging made;
    arena_init(&arena, NULL, 0, 1 << 22);
    for (int over = 0; over < 2; over++) {
        buffer_init(&xml, 10000);
        assert_int_equal(buffer_append(&xml, SLICE("<BucketLoggingStatus><LoggingEnabled>"
                                                   "<TargetBucket>a</TargetBucket><TargetPrefix>")),
                         0);
        for (int i = 0; i < S3_LOG_PREFIX_BYTES_MAX + over; i++)
            assert_int_equal(buffer_append_char(&xml, 'p'), 0);
        assert_int_equal(buffer_append(&xml, SLICE("</TargetPrefix></LoggingEnabled>"
                                                   "</BucketLoggingStatus>")),
                         0);
        int rc = s3_logging_parse(buffer_slice(&xml), &arena, &fault, &made);
        assert_int_equal(rc, over == 0 ? 0 : -EBADMSG);
        buffer_finish(&xml);
    }
    assert_int_equal(fault.code, S3_INVALID_ARGUMENT);
    buffer_init(&xml, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_is_kept_as_it_was_said),
        cmocka_unit_test(what_is_no_status),
        cmocka_unit_test(a_prefix_leaves_room_for_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
