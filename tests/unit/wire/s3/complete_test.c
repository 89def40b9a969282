/* Lists of parts, and the answer. */
#include "s3_unit.h"

#include "wire/s3/complete.h"

static int round_trip(struct slice xml, struct arena *arena, struct s3_fault *fault,
                      struct buffer *out)
{
    struct s3_complete complete;
    int rc = s3_complete_parse(xml, arena, fault, &complete);
    return rc < 0 || out == NULL ? rc : s3_complete_write(out, &complete);
}

#define PART(number, rest) "<Part><PartNumber>" number "</PartNumber>" rest "</Part>"
#define LIST(parts)        "<CompleteMultipartUpload>" parts "</CompleteMultipartUpload>"

static void parts_are_listed(void **state)
{
    (void)state;
    SCOPED(arena_finish) struct arena arena;
    struct s3_fault fault;
    struct s3_complete complete;
    arena_init(&arena, NULL, 0, 1 << 20);
    assert_int_equal(
        s3_complete_parse(
            SLICE(LIST(PART("1", "<ETag>\"e1\"</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32>")
                           PART(" 10000 ", "<ETag>e2</ETag><ChecksumNEW>x</ChecksumNEW>"))),
            &arena, &fault, &complete),
        0);
    assert_int_equal(complete.parts_count, 2);
    assert_int_equal(complete.parts[0].number, 1);
    assert_int_equal(complete.parts[1].number, 10000);
    expect_slice(complete.parts[0].etag, "e1");
    expect_slice(complete.parts[1].etag, "e2");
    expect_slice(complete.parts[0].checksums[S3_CHECKSUM_CRC32], "AAAAAA==");
    expect_slice(complete.parts[0].checksums[S3_CHECKSUM_SHA256], NULL);
}

static void bad_lists_are_refused(void **state)
{
    (void)state;
    expect_fault(round_trip, LIST(""), S3_MALFORMED_XML);
    expect_fault(round_trip, "<Complete/>", S3_MALFORMED_XML);
    expect_fault(round_trip, LIST("<Part/>"), S3_MALFORMED_XML);
    expect_fault(round_trip, LIST(PART("1", "")), S3_MALFORMED_XML);
    expect_fault(round_trip, LIST(PART("1", "<ETag/>")), S3_MALFORMED_XML);
    expect_fault(round_trip, LIST(PART("x", "<ETag>e</ETag>")), S3_MALFORMED_XML);
    expect_fault(round_trip, LIST(PART("0", "<ETag>e</ETag>")), S3_INVALID_ARGUMENT);
    expect_fault(round_trip, LIST(PART("10001", "<ETag>e</ETag>")), S3_INVALID_ARGUMENT);
    expect_fault(round_trip, LIST(PART("2", "<ETag>e</ETag>") PART("1", "<ETag>e</ETag>")),
                 S3_INVALID_PART_ORDER);
    expect_fault(round_trip, LIST(PART("2", "<ETag>e</ETag>") PART("2", "<ETag>e</ETag>")),
                 S3_INVALID_PART_ORDER);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    expect_round(round_trip, LIST(PART("1", "<ETag>\"e\"</ETag><ChecksumSHA256>a=</ChecksumSHA256>")
                                      PART("3", "<ETag>f</ETag>")));
}

static void ten_thousand_parts_are_the_most(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer out;
    SCOPED(arena_finish) struct arena arena;
    static struct s3_part parts[S3_PARTS_MAX];
    for (unsigned i = 0; i < S3_PARTS_MAX; i++) {
        parts[i] =
            (struct s3_part){.number = i + 1, .etag = SLICE("0123456789abcdef0123456789abcdef")};
        parts[i].checksums[S3_CHECKSUM_SHA256] =
            SLICE("0123456789012345678901234567890123456789012=");
    }
    struct s3_complete complete = {parts, S3_PARTS_MAX};
    struct s3_fault fault;
    buffer_init(&out, 4 << 20);
    arena_init(&arena, NULL, 0, XML_ARENA_BYTES(s3_complete_limits) + sizeof parts);
    assert_int_equal(s3_complete_write(&out, &complete), 0);
    assert_int_equal(s3_complete_parse(buffer_slice(&out), &arena, &fault, &complete), 0);
    assert_int_equal(complete.parts_count, S3_PARTS_MAX);
    assert_int_equal(complete.parts[9999].number, 10000);
}

static void the_answer_names_the_object(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer out;
    buffer_init(&out, 4096);
    struct s3_complete_result result = {
        .location = SLICE("http://h/b/k"),
        .bucket = SLICE("b"),
        .key = SLICE("k"),
        .etag = SLICE("e-2"),
        .checksum_type = SLICE("FULL_OBJECT"),
    };
    result.checksums[S3_CHECKSUM_CRC32C] = SLICE("x");
    assert_int_equal(s3_complete_result_write(&out, &result), 0);
    expect_slice(slice_from(buffer_slice(&out), 39),
                 "<CompleteMultipartUploadResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                 "<Location>http://h/b/k</Location><Bucket>b</Bucket><Key>k</Key>"
                 "<ETag>&quot;e-2&quot;</ETag><ChecksumCRC32C>x</ChecksumCRC32C>"
                 "<ChecksumType>FULL_OBJECT</ChecksumType></CompleteMultipartUploadResult>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_listed),
        cmocka_unit_test(bad_lists_are_refused),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(ten_thousand_parts_are_the_most),
        cmocka_unit_test(the_answer_names_the_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
