/* What webhooks are told, byte by byte. */
#include "s3_unit.h"

#include "wire/s3/event.h"

static const struct s3_event_message put = {
    .event = S3_EVENT_CREATED_PUT,
    .time_ms = 1255369830045,
    .region = SLICE("us-east-1"),
    .principal = SLICE("ci"),
    .source_ip = SLICE("192.0.2.1"),
    .request_id = SLICE("00000000000000ab"),
    .configuration_id = SLICE("say \"all\""),
    .bucket = SLICE("media"),
    .key = SLICE(" a b/\xc3\xbc+\"\n"),
    .version_id = SLICE("000000000000002a"),
    .has_content = true,
    .size = 5,
    .etag = SLICE("5d41402abc4b2a76b9719d911017c592"),
    .sequencer = 0xabcdef0123456789,
};

#define HEAD                                                                                       \
    "{\"Records\":[{\"eventVersion\":\"2.1\",\"eventSource\":\"aws:s3\",\"awsRegion\":"            \
    "\"us-east-1\",\"eventTime\":\"2009-10-12T17:50:30.045Z\",\"eventName\":"
#define MIDDLE                                                                                     \
    ",\"userIdentity\":{\"principalId\":\"ci\"},\"requestParameters\":{\"sourceIPAddress\":"       \
    "\"192.0.2.1\"},\"responseElements\":{\"x-amz-request-id\":\"00000000000000ab\"},\"s3\":{"     \
    "\"s3SchemaVersion\":\"1.0\",\"configurationId\":\"say \\\"all\\\"\",\"bucket\":{\"name\":"    \
    "\"media\",\"ownerIdentity\":{\"principalId\":\"weir\"},\"arn\":\"arn:aws:s3:::media\"},"      \
    "\"object\":{"
#define TAIL "\"sequencer\":\"ABCDEF0123456789\"}}}]}"

static void expect_message(void (*write)(struct writer *, const struct s3_event_message *),
                           const struct s3_event_message *message, const char *expected)
{
    char room[4096];
    struct writer writer;
    assert_true(s3_event_bytes(message) <= sizeof room);
    writer_init(&writer, room, s3_event_bytes(message));
    write(&writer, message);
    assert_false(writer.overflown);
    expect_slice(writer_slice(&writer), expected);
}

static void a_write_is_told(void **state)
{
    (void)state;
    expect_message(
        s3_event_write, &put,
        HEAD "\"ObjectCreated:Put\"" MIDDLE "\"key\":\"+a+b/%C3%BC%2B%22%0A\",\"size\":5,\"eTag\":"
             "\"5d41402abc4b2a76b9719d911017c592\",\"versionId\":\"000000000000002a\"," TAIL);
}

static void a_removal_has_neither_size_nor_etag(void **state)
{
    (void)state;
    struct s3_event_message message = put;
    message.event = S3_EVENT_EXPIRATION_MARKER;
    message.key = SLICE("a");
    message.has_content = false;
    message.version_id = (struct slice){0};
    expect_message(s3_event_write, &message,
                   HEAD "\"LifecycleExpiration:DeleteMarkerCreated\"" MIDDLE "\"key\":\"a\"," TAIL);
}

static void a_test_is_told(void **state)
{
    (void)state;
    expect_message(s3_event_write_test, &put,
                   "{\"Service\":\"Amazon S3\",\"Event\":\"s3:TestEvent\",\"Time\":"
                   "\"2009-10-12T17:50:30.045Z\",\"Bucket\":\"media\",\"RequestId\":"
                   "\"00000000000000ab\",\"HostId\":\"weir\"}");
}

/* The worst that a key, a configuration's id and the like can be. */
static void there_is_room_for_the_longest(void **state)
{
    (void)state;
    char bytes[1024];
    char room[32768];
    struct writer writer;
    struct s3_event_message message = put;
    memset(bytes, 0x80, sizeof bytes);
    message.key = slice_of(bytes, sizeof bytes);
    message.configuration_id = message.principal = slice_of(bytes, 255);
    assert_true(s3_event_bytes(&message) <= sizeof room);
    writer_init(&writer, room, s3_event_bytes(&message));
    s3_event_write(&writer, &message);
    assert_false(writer.overflown);
}

/* Each place of the message where memory may end. */
static void what_does_not_fit_is_known(void **state)
{
    (void)state;
    char room[4096];
    struct writer writer;
    writer_init(&writer, room, sizeof room);
    s3_event_write(&writer, &put);
    size_t len = writer_slice(&writer).len;
    for (size_t max = 0; max < len; max++) {
        writer_init(&writer, room, max);
        s3_event_write(&writer, &put);
        assert_true(writer.overflown);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_is_told),
        cmocka_unit_test(a_removal_has_neither_size_nor_etag),
        cmocka_unit_test(a_test_is_told),
        cmocka_unit_test(there_is_room_for_the_longest),
        cmocka_unit_test(what_does_not_fit_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
