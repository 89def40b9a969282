/* Which events go to which webhook. */
#include "s3_unit.h"

#include "wire/s3/notification.h"

static int notifications(struct slice xml, struct arena *arena, struct s3_fault *fault,
                         struct buffer *out)
{
    struct s3_notifications made;
    int rc = s3_notifications_parse(xml, arena, fault, &made);
    return rc < 0 || out == NULL ? rc : s3_notifications_write(out, &made);
}

#define ALL(inside)       "<NotificationConfiguration>" inside "</NotificationConfiguration>"
#define TOPIC(name, rest) "<TopicConfiguration><Topic>" name "</Topic>" rest "</TopicConfiguration>"
#define HOOK(rest)        TOPIC("arn:weir:webhook:::thumbs", rest)
#define EVENT(name)       "<Event>" name "</Event>"
#define FILTER(rules)     "<Filter><S3Key>" rules "</S3Key></Filter>"
#define RULE(name, value) "<FilterRule><Name>" name "</Name><Value>" value "</Value></FilterRule>"

static void webhooks_are_read_and_written(void **state)
{
    (void)state;
    expect_round(notifications, ALL(""));
    expect_round(notifications,
                 ALL(HOOK("<Id>a</Id>" EVENT("s3:ObjectCreated:*") EVENT("s3:ObjectRemoved:Delete")
                              FILTER(RULE("prefix", "in/") RULE("Suffix", ".jpg")))
                         HOOK(EVENT("s3:ObjectTagging:Put") "<Filter/>")));
}

static void others_are_refused(void **state)
{
    (void)state;
    expect_fault(notifications, ALL("<QueueConfiguration/>"), S3_NOT_IMPLEMENTED);
    expect_fault(notifications, ALL("<EventBridgeConfiguration/>"), S3_NOT_IMPLEMENTED);
    expect_fault(notifications, ALL("<Other/>"), S3_MALFORMED_XML);
    expect_fault(notifications, ALL(HOOK("")), S3_MALFORMED_XML);
    expect_fault(notifications, ALL(HOOK(EVENT("s3:Restore:*"))), S3_INVALID_ARGUMENT);
    expect_fault(notifications,
                 ALL(TOPIC("arn:aws:sns:us-east-1:1:t", EVENT("s3:ObjectCreated:*"))),
                 S3_INVALID_ARGUMENT);
    expect_fault(notifications, ALL(TOPIC("arn:weir:webhook:::", EVENT("s3:ObjectCreated:*"))),
                 S3_INVALID_ARGUMENT);
    expect_fault(notifications, ALL(TOPIC("arn:weir:webhook:::a/b", EVENT("s3:ObjectCreated:*"))),
                 S3_INVALID_ARGUMENT);
    expect_fault(notifications, ALL(HOOK(EVENT("s3:ObjectCreated:*") FILTER(RULE("middle", "a")))),
                 S3_INVALID_ARGUMENT);
    expect_fault(
        notifications,
        ALL(HOOK(EVENT("s3:ObjectCreated:*") FILTER(RULE("prefix", "a") RULE("prefix", "b")))),
        S3_INVALID_ARGUMENT);
    expect_fault(notifications,
                 ALL(HOOK("<Id>a</Id>" EVENT("s3:ObjectCreated:*"))
                         HOOK("<Id>a</Id>" EVENT("s3:ObjectRemoved:*"))),
                 S3_INVALID_ARGUMENT);
}

static void events_are_matched(void **state)
{
    (void)state;
    struct s3_notification one = {
        .events = 1U << S3_EVENT_CREATED_ANY | 1U << S3_EVENT_REMOVED_DELETE,
        .prefix = SLICE("in/"),
        .suffix = SLICE(".jpg"),
    };
    assert_true(s3_notification_matches(&one, S3_EVENT_CREATED_COPY, SLICE("in/a.jpg")));
    assert_true(s3_notification_matches(&one, S3_EVENT_REMOVED_DELETE, SLICE("in/a.jpg")));
    assert_false(s3_notification_matches(&one, S3_EVENT_REMOVED_MARKER, SLICE("in/a.jpg")));
    assert_false(s3_notification_matches(&one, S3_EVENT_CREATED_PUT, SLICE("in/a.png")));
    assert_false(s3_notification_matches(&one, S3_EVENT_CREATED_PUT, SLICE("a.jpg")));
    one.prefix = one.suffix = (struct slice){NULL, 0};
    assert_true(s3_notification_matches(&one, S3_EVENT_CREATED_PUT, SLICE("a")));
    expect_slice(s3_event_name(S3_EVENT_CREATED_PUT), "s3:ObjectCreated:Put");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(webhooks_are_read_and_written),
        cmocka_unit_test(others_are_refused),
        cmocka_unit_test(events_are_matched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
