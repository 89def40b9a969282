/* Lines of server access logs, and the keys of objects of them. */
#include "s3_unit.h"

#include "wire/s3/log_line.h"

static void expect_line(const struct s3_log_line *line, const char *expected)
{
    char room[8192];
    struct writer writer;
    assert_true(s3_log_line_bytes(line) <= sizeof room);
    writer_init(&writer, room, s3_log_line_bytes(line));
    s3_log_line_write(&writer, line);
    assert_false(writer.overflown);
    expect_slice(writer_slice(&writer), expected);
}

/* The example of S3's user guide, but for what is Weir's own. */
static void a_line_has_26_fields(void **state)
{
    (void)state;
    const struct s3_log_line line = {
        .bucket_owner = SLICE("79a59df900b949e5"),
        .bucket = SLICE("amzn-s3-demo-bucket1"),
        .time_s = 1549411238,
        .remote_ip = SLICE("192.0.2.3"),
        .requester = SLICE("ci"),
        .account = SLICE("79a59df900b949e5"),
        .request_id = SLICE("3E57427F3EXAMPLE"),
        .operation = SLICE("REST.GET.VERSIONING"),
        .method = SLICE("GET"),
        .target = SLICE("/amzn-s3-demo-bucket1?versioning"),
        .version = SLICE("HTTP/1.1"),
        .status = 200,
        .bytes_sent = 113,
        .object_size = UINT64_MAX,
        .total_ms = 7,
        .turn_around_ms = UINT64_MAX,
        .user_agent = SLICE("S3Console/0.4"),
        .host_id = SLICE("s9lzHYrFp76ZVxRcpX9"),
        .signature = SLICE("SigV4"),
        .cipher = SLICE("ECDHE-RSA-AES128-GCM-SHA256"),
        .authentication = SLICE("AuthHeader"),
        .host = SLICE("amzn-s3-demo-bucket1.s3.us-west-1.amazonaws.com"),
        .tls = SLICE("TLSv1.2"),
        .needed_a_list = true,
    };
    expect_line(&line,
                "79a59df900b949e5 amzn-s3-demo-bucket1 [06/Feb/2019:00:00:38 +0000] 192.0.2.3 "
                "arn:aws:iam::79a59df900b949e5:user/ci 3E57427F3EXAMPLE REST.GET.VERSIONING - "
                "\"GET /amzn-s3-demo-bucket1?versioning HTTP/1.1\" 200 - 113 - 7 - \"-\" "
                "\"S3Console/0.4\" - s9lzHYrFp76ZVxRcpX9 SigV4 ECDHE-RSA-AES128-GCM-SHA256 "
                "AuthHeader amzn-s3-demo-bucket1.s3.us-west-1.amazonaws.com TLSv1.2 - Yes\n");
}

static void what_is_not_known_is_a_dash(void **state)
{
    (void)state;
    const struct s3_log_line line = {.bytes_sent = UINT64_MAX,
                                     .object_size = UINT64_MAX,
                                     .total_ms = UINT64_MAX,
                                     .turn_around_ms = UINT64_MAX};
    expect_line(&line, "- - [01/Jan/1970:00:00:00 +0000] - - - - - \"-\" - - - - - - \"-\" \"-\" - "
                       "- - - - - - - -\n");
}

/* Whoever reads lines splits them by blanks and quotes. */
static void nothing_that_was_sent_breaks_a_line(void **state)
{
    (void)state;
    const struct s3_log_line line = {
        .key = SLICE("a b\"\n/\xc3\xbc%"),
        .method = SLICE("G T"),
        .target = SLICE("/\"\x80"),
        .version = SLICE("HTTP/1.1"),
        .referrer = SLICE("a\\b \"c\""),
        .user_agent = SLICE("x\r\ny\x7f"),
        .host = SLICE("a b"),
    };
    expect_line(&line, "- - [01/Jan/1970:00:00:00 +0000] - - - - a%20b%22%0A/%C3%BC%25 "
                       "\"G%20T /%22%80 HTTP/1.1\" - - 0 0 0 0 \"a%5Cb %22c%22\" \"x%0D%0Ay%7F\" - "
                       "- - - - a%20b - - -\n");
}

static void keys_are_of_three_kinds(void **state)
{
    (void)state;
    char room[S3_LOG_KEY_BYTES_MAX];
    const struct s3_log_place place = {
        .owner_id = SLICE("o1"),
        .region = SLICE("eu-1"),
        .bucket = SLICE("media"),
        .event_s = 1549324800,
        .delivery_s = 1549411238,
        .unique = 0x0123456789abcdef,
    };
    struct s3_logging logging = {.target = SLICE("logs"), .prefix = SLICE("p/")};
    expect_slice(s3_log_key_write(&logging, &place, room),
                 "p/2019-02-06-00-00-38-0123456789ABCDEF");
    logging.keys = S3_LOG_KEYS_SIMPLE;
    expect_slice(s3_log_key_write(&logging, &place, room),
                 "p/2019-02-06-00-00-38-0123456789ABCDEF");
    logging.keys = S3_LOG_KEYS_BY_DELIVERY;
    expect_slice(s3_log_key_write(&logging, &place, room),
                 "p/o1/eu-1/media/2019/02/06/2019-02-06-00-00-38-0123456789ABCDEF");
    logging.keys = S3_LOG_KEYS_BY_EVENT;
    logging.prefix = SLICE("");
    expect_slice(s3_log_key_write(&logging, &place, room),
                 "o1/eu-1/media/2019/02/05/2019-02-05-00-00-00-0123456789ABCDEF");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_26_fields),
        cmocka_unit_test(what_is_not_known_is_a_dash),
        cmocka_unit_test(nothing_that_was_sent_breaks_a_line),
        cmocka_unit_test(keys_are_of_three_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
