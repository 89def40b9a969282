/* Held against the examples of Amazon's S3 API reference, "Authenticating Requests". */
#include "s3_unit.h"

#include "base/cleanup.h"
#include "wire/s3/chunks.h"
#include "wire/s3/signature.h"

#include <stdio.h>

#define ACCESS_KEY "AKIAIOSFODNN7EXAMPLE"
#define SECRET_KEY "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define SCOPE      "20130524/us-east-1/s3/aws4_request"
#define EMPTY      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define NOW_S      INT64_C(1369353600) /* 20130524T000000Z */
#define HOST       "examplebucket.s3.amazonaws.com"

#define AUTHORIZATION(headers, signature)                                                          \
    "AWS4-HMAC-SHA256 Credential=" ACCESS_KEY "/" SCOPE ",SignedHeaders=" headers                  \
    ",Signature=" signature

#define FIELDS_MAX 16

struct example {
    const char *method;
    const char *path;
    const char *query;
    const char *fields[FIELDS_MAX][2];
};

struct made {
    struct field at[FIELDS_MAX];
    struct fields fields;
    struct s3_query query;
    struct s3_signed request;
    struct s3_signature signature;
    struct s3_fault fault;
    struct arena arena;
};

static int read_example(const struct example *example, int64_t now_s, struct made *made)
{
    memset(made, 0, sizeof *made);
    arena_init(&made->arena, NULL, 0, 1 << 20);
    made->fields = (struct fields){made->at, 0, FIELDS_MAX};
    for (unsigned i = 0; i < FIELDS_MAX && example->fields[i][0] != NULL; i++) {
        struct slice name = slice_of_cstr(example->fields[i][0]);
        made->at[made->fields.count++] =
            (struct field){name, slice_of_cstr(example->fields[i][1]), field_id_of(name)};
    }
    made->request = (struct s3_signed){slice_of_cstr(example->method), slice_of_cstr(example->path),
                                       SLICE(HOST), &made->query, &made->fields};
    int rc =
        s3_query_parse(slice_of_cstr(example->query), &made->arena, &made->fault, &made->query);
    return rc < 0 ? rc
                  : s3_signature_read(&made->request, SLICE("us-east-1"), now_s, &made->arena,
                                      &made->fault, &made->signature);
}

static void signing_key(unsigned char key[S3_SIGNING_KEY_BYTES])
{
    s3_signing_key(SLICE(SECRET_KEY), SLICE("20130524"), SLICE("us-east-1"), key);
}

static bool holds(struct made *made)
{
    unsigned char key[S3_SIGNING_KEY_BYTES];
    struct s3_proof proof;
    signing_key(key);
    assert_int_equal(s3_signature_make(&made->request, &made->signature, key, &made->arena, &proof),
                     0);
    return s3_signature_is(made->signature.signature, proof.signature);
}

static const struct example get_object = {
    "GET",
    "/test.txt",
    NULL,
    {{"Host", HOST},
     {"Range", "bytes=0-9"},
     {"x-amz-content-sha256", EMPTY},
     {"x-amz-date", "20130524T000000Z"},
     {"Authorization",
      AUTHORIZATION("host;range;x-amz-content-sha256;x-amz-date",
                    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")}}};

static const struct example put_object = {
    "PUT",
    "/test%24file.text",
    NULL,
    {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
     {"X-Amz-Date", "20130524T000000Z"},
     {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
     {"x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"},
     {"Authorization",
      AUTHORIZATION("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")}}};

static const struct example get_lifecycle = {
    "GET",
    "/",
    "lifecycle",
    {{"Host", HOST},
     {"x-amz-content-sha256", EMPTY},
     {"x-amz-date", "20130524T000000Z"},
     {"Authorization",
      AUTHORIZATION("host;x-amz-content-sha256;x-amz-date",
                    "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")}}};

static const struct example list_objects = {
    "GET",
    "/",
    "prefix=J&max-keys=2",
    {{"Host", HOST},
     {"x-amz-content-sha256", EMPTY},
     {"x-amz-date", "20130524T000000Z"},
     {"Authorization",
      AUTHORIZATION("host;x-amz-content-sha256;x-amz-date",
                    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")}}};

#define PRESIGNED                                                                                  \
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" ACCESS_KEY                                \
    "%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z"                      \
    "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="                               \
    "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"

static const struct example presigned = {"GET", "/test.txt", PRESIGNED, {{"Host", HOST}}};

static void examples_of_the_reference_hold(void **state)
{
    (void)state;
    const struct example *const examples[] = {&get_object, &put_object, &get_lifecycle,
                                              &list_objects, &presigned};
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        struct made made;
        assert_int_equal(read_example(examples[i], NOW_S, &made), 0);
        expect_slice(made.signature.access_key, ACCESS_KEY);
        expect_slice(made.signature.scope, SCOPE);
        assert_true(holds(&made));
        arena_finish(&made.arena);
    }
}

/* Whatever is signed: another one does not match. */
static void anything_changed_does_not_hold(void **state)
{
    (void)state;
    for (unsigned what = 0; what < 5; what++) {
        struct example example = get_object;
        struct made made;
        switch (what) {
        case 0:
            example.method = "PUT";
            break;
        case 1:
            example.path = "/test.txu";
            break;
        case 2:
            example.query = "a";
            break;
        case 3:
            example.fields[1][1] = "bytes=0-8";
            break;
        default:
            example.fields[0][1] = "examplebucket.s3.amazonaws.org";
            break;
        }
        assert_int_equal(read_example(&example, NOW_S, &made), 0);
        assert_false(holds(&made));
        arena_finish(&made.arena);
    }
}

/* The path and the query as clients write them, and blanks in values. */
static void one_request_has_one_canonical_form(void **state)
{
    (void)state;
    struct example example = list_objects;
    struct made made;
    example.query = "max-keys=%32&prefix=%4a";
    assert_int_equal(read_example(&example, NOW_S, &made), 0);
    assert_true(holds(&made));
    arena_finish(&made.arena);
    example = put_object;
    example.path = "/test$file.text";
    assert_int_equal(read_example(&example, NOW_S, &made), 0);
    assert_true(holds(&made));
    arena_finish(&made.arena);
    example.fields[0][1] = "Fri,  24   May 2013 00:00:00 GMT";
    assert_int_equal(read_example(&example, NOW_S, &made), 0);
    assert_true(holds(&made));
    arena_finish(&made.arena);
}

static void expect_refused(const struct example *example, int64_t now_s, enum s3_code code)
{
    struct made made;
    assert_int_equal(read_example(example, now_s, &made), -EBADMSG);
    assert_int_equal(made.fault.code, code);
    arena_finish(&made.arena);
}

static void what_is_no_claim_is_refused_by_its_code(void **state)
{
    (void)state;
    struct example example;
    expect_refused(&get_object, NOW_S + 901, S3_REQUEST_TIME_TOO_SKEWED);
    expect_refused(&get_object, NOW_S - 901, S3_REQUEST_TIME_TOO_SKEWED);
    expect_refused(&presigned, NOW_S + 86400, S3_ACCESS_DENIED);
    expect_refused(&presigned, NOW_S - 901, S3_ACCESS_DENIED);
    example = get_object;
    example.fields[3][1] = "20130524T000000";
    expect_refused(&example, NOW_S, S3_ACCESS_DENIED);
    example = get_object;
    example.fields[2][0] = "x-other";
    expect_refused(&example, NOW_S, S3_INVALID_REQUEST);
    example = get_object;
    example.fields[2][1] = "abc";
    expect_refused(&example, NOW_S, S3_INVALID_ARGUMENT);
    example = get_object;
    example.fields[5][0] = "x-amz-meta-a";
    example.fields[5][1] = "unsigned";
    expect_refused(&example, NOW_S, S3_ACCESS_DENIED);
    static const char *const authorizations[][2] = {
        {"Basic abc", "InvalidArgument"},
        {"AWS " ACCESS_KEY ":abc", "InvalidRequest"},
        {"AWS4-HMAC-SHA256 ", "AuthorizationHeaderMalformed"},
        {"AWS4-HMAC-SHA256 Credential=a,SignedHeaders=host,Signature=b",
         "AuthorizationHeaderMalformed"},
        {"AWS4-HMAC-SHA256 Credential=a/20130524/us-east-1/s3/aws4_requesu,SignedHeaders=host,"
         "Signature=b",
         "AuthorizationHeaderMalformed"},
        {"AWS4-HMAC-SHA256 Credential=a/20130524/eu-west-1/s3/aws4_request,SignedHeaders=host,"
         "Signature=b",
         "AuthorizationHeaderMalformed"},
        {"AWS4-HMAC-SHA256 Credential=a/20130525/us-east-1/s3/aws4_request,SignedHeaders=host,"
         "Signature=b",
         "AuthorizationHeaderMalformed"},
        {"AWS4-HMAC-SHA256 Credential=a/20130524/us-east-1/s3/aws4_request,SignedHeaders=host,"
         "Signature=b",
         "SignatureDoesNotMatch"},
    };
    for (size_t i = 0; i < COUNT_OF(authorizations); i++) {
        example = get_object;
        example.fields[4][1] = authorizations[i][0];
        expect_refused(&example, NOW_S, s3_code_find(slice_of_cstr(authorizations[i][1])));
    }
    static const char *const queries[][2] = {
        {"X-Amz-Algorithm=AWS4-HMAC-SHA256", "AuthorizationQueryParametersError"},
        {"X-Amz-Signature=a", "AuthorizationQueryParametersError"},
        {"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/20130524/us-east-1/s3/aws4_request"
         "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=604801&X-Amz-SignedHeaders=host"
         "&X-Amz-Signature=b",
         "AuthorizationQueryParametersError"},
        {"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/20130524/us-east-1/s3/aws4_request"
         "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=-1&X-Amz-SignedHeaders=host"
         "&X-Amz-Signature=b",
         "AuthorizationQueryParametersError"},
        {"a=%zz", "InvalidURI"},
    };
    for (size_t i = 0; i < COUNT_OF(queries); i++) {
        example = presigned;
        example.query = queries[i][0];
        expect_refused(&example, NOW_S, s3_code_find(slice_of_cstr(queries[i][1])));
    }
}

static void a_request_without_signature_is_none(void **state)
{
    (void)state;
    struct example example = {"GET", "/", "list-type=2", {{"Host", HOST}}};
    struct made made;
    assert_int_equal(read_example(&example, NOW_S, &made), 0);
    assert_int_equal(made.signature.form, S3_SIGNED_NOT);
    arena_finish(&made.arena);
}

static void timestamps_go_there_and_back(void **state)
{
    (void)state;
    static const int64_t times[] = {0, NOW_S, 951782400, 4107542399, 1709164800, 1709251200};
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        char text[S3_TIMESTAMP_LEN];
        int64_t time_s = -1;
        s3_timestamp_write(times[i], text);
        assert_int_equal(s3_timestamp_read(slice_of(text, sizeof text), &time_s), 0);
        assert_int_equal(time_s, times[i]);
    }
    int64_t time_s;
    assert_int_equal(s3_timestamp_read(SLICE("20131324T000000Z"), &time_s), -EBADMSG);
    assert_int_equal(s3_timestamp_read(SLICE("20130524 000000Z"), &time_s), -EBADMSG);
}

/* Chunks. */

#define BODY_BYTES 66560
#define PUT_FIELDS_CHUNKED(payload, more, headers, signature)                                      \
    {                                                                                              \
        {"Host", "s3.amazonaws.com"}, {"x-amz-date", "20130524T000000Z"},                          \
            {"x-amz-storage-class", "REDUCED_REDUNDANCY"}, {"x-amz-content-sha256", payload},      \
            {"Content-Encoding", "aws-chunked"}, {"x-amz-decoded-content-length", "66560"},        \
            {"Content-Length", "66824"}, {"Authorization", AUTHORIZATION(headers, signature)},     \
            more                                                                                   \
    }

static const struct example chunked = {
    "PUT", "/examplebucket/chunkObject.txt", NULL,
    PUT_FIELDS_CHUNKED("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", {NULL},
                       "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;"
                       "x-amz-decoded-content-length;x-amz-storage-class",
                       "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9")};

static const struct example trailed = {
    "PUT",
    "/examplebucket/chunkObject.txt",
    NULL,
    {{"Host", "s3.amazonaws.com"},
     {"x-amz-date", "20130524T000000Z"},
     {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
     {"x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"},
     {"Content-Encoding", "aws-chunked"},
     {"x-amz-decoded-content-length", "66560"},
     {"x-amz-trailer", "x-amz-checksum-crc32c"},
     {"Authorization",
      AUTHORIZATION("content-encoding;host;x-amz-content-sha256;x-amz-date;"
                    "x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer",
                    "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e")}}};

struct body {
    char bytes[BODY_BYTES + 1024];
    size_t len;
};

static void add_text(struct body *body, const char *text)
{
    memcpy(body->bytes + body->len, text, strlen(text));
    body->len += strlen(text);
}

static void add_chunk(struct body *body, size_t len, const char *signature)
{
    char line[128];
    (void)snprintf(
        line, sizeof line, "%zx%s%s\r\n", len,
        signature == NULL ? "" : ";chunk-signature=", signature == NULL ? "" : signature);
    add_text(body, line);
    memset(body->bytes + body->len, 'a', len);
    body->len += len;
    if (len > 0)
        add_text(body, "\r\n");
}

/* Fed in steps; how many bytes came, or the error. */
static ptrdiff_t feed(struct s3_chunks *chunks, const struct body *body, size_t step,
                      struct s3_fault *fault)
{
    ptrdiff_t len = 0;
    for (size_t at = 0; at < body->len; at += step) {
        struct slice in = slice_of(body->bytes + at, body->len - at < step ? body->len - at : step);
        struct slice data;
        int rc;
        while ((rc = s3_chunks_next(chunks, &in, fault, &data)) == 1)
            len += (ptrdiff_t)data.len;
        if (rc < 0)
            return rc;
    }
    int rc = s3_chunks_end(chunks, fault);
    return rc < 0 ? rc : len;
}

static ptrdiff_t feed_example(const struct example *example, const struct body *body, size_t step,
                              struct s3_fault *fault, struct s3_chunks *chunks)
{
    struct made made;
    unsigned char key[S3_SIGNING_KEY_BYTES];
    assert_int_equal(read_example(example, NOW_S, &made), 0);
    assert_true(holds(&made));
    signing_key(key);
    s3_chunks_init(chunks, &made.signature, key);
    ptrdiff_t len = feed(chunks, body, step, fault);
    s3_chunks_finish(chunks);
    arena_finish(&made.arena);
    return len;
}

static void make_chunked(struct body *body)
{
    body->len = 0;
    add_chunk(body, 65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648");
    add_chunk(body, 1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497");
    add_chunk(body, 0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9");
    add_text(body, "\r\n");
}

static void chunks_of_the_reference_hold(void **state)
{
    (void)state;
    static struct body body;
    struct s3_fault fault;
    struct s3_chunks chunks;
    make_chunked(&body);
    static const size_t steps[] = {1, 7, 1000, 65536, sizeof body.bytes};
    for (size_t i = 0; i < COUNT_OF(steps); i++)
        assert_int_equal(feed_example(&chunked, &body, steps[i], &fault, &chunks), BODY_BYTES);
    body.bytes[5000] ^= 1;
    assert_int_equal(feed_example(&chunked, &body, 4096, &fault, &chunks), -EBADMSG);
    assert_int_equal(fault.code, S3_SIGNATURE_DOES_NOT_MATCH);
    body.bytes[5000] ^= 1;
    body.len -= 3;
    assert_int_equal(feed_example(&chunked, &body, 4096, &fault, &chunks), -EBADMSG);
    assert_int_equal(fault.code, S3_INCOMPLETE_BODY);
}

static void make_trailed(struct body *body, const char *trailer)
{
    body->len = 0;
    add_chunk(body, 65536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2");
    add_chunk(body, 1024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7");
    add_chunk(body, 0, "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992");
    add_text(body, trailer);
}

static void trailers_of_the_reference_hold(void **state)
{
    (void)state;
    static struct body body;
    struct s3_fault fault;
    struct s3_chunks chunks;
    make_trailed(&body, "x-amz-checksum-crc32c:sOO8/Q==\r\n"
                        "x-amz-trailer-signature:"
                        "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n");
    for (size_t step = 1; step < 100000; step = step * 3 + 1) {
        assert_int_equal(feed_example(&trailed, &body, step, &fault, &chunks), BODY_BYTES);
        assert_int_equal(chunks.trailers_count, 1);
        expect_slice(chunks.trailers[0].name, "x-amz-checksum-crc32c");
        expect_slice(chunks.trailers[0].value, "sOO8/Q==");
    }
    make_trailed(&body, "x-amz-checksum-crc32c:sOO8/A==\r\n"
                        "x-amz-trailer-signature:"
                        "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n");
    assert_int_equal(feed_example(&trailed, &body, 4096, &fault, &chunks), -EBADMSG);
    assert_int_equal(fault.code, S3_SIGNATURE_DOES_NOT_MATCH);
    make_trailed(&body, "x-amz-checksum-crc32c:sOO8/Q==\r\n\r\n");
    assert_int_equal(feed_example(&trailed, &body, 4096, &fault, &chunks), -EBADMSG);
    assert_int_equal(fault.code, S3_MALFORMED_TRAILER);
}

static ptrdiff_t feed_unsigned(const char *text, struct s3_fault *fault, struct s3_chunks *chunks)
{
    static struct body body;
    const struct s3_signature signature = {.payload_kind = S3_PAYLOAD_UNSIGNED_TRAILER};
    body.len = 0;
    add_text(&body, text);
    s3_chunks_init(chunks, &signature, NULL);
    ptrdiff_t len = feed(chunks, &body, 3, fault);
    s3_chunks_finish(chunks);
    return len;
}

static void chunks_without_signatures_have_trailers(void **state)
{
    (void)state;
    struct s3_fault fault;
    struct s3_chunks chunks;
    assert_int_equal(
        feed_unsigned("5\r\nhello\r\n0\r\nX-Amz-Checksum-CRC32: NhCmhg==\r\n\r\n", &fault, &chunks),
        5);
    expect_slice(chunks.trailers[0].name, "x-amz-checksum-crc32");
    expect_slice(chunks.trailers[0].value, "NhCmhg==");
    static const char *const bad[] = {
        "",
        "5\r\nhello",
        "5\r\nhelloo\r\n0\r\n\r\n",
        "x\r\n",
        "\r\n",
        "5\r\nhello\r\n0\r\n\r\nmore",
        "11111111111111111111\r\n",
        "0\r\nno colon\r\n\r\n",
        "0\r\nx-amz-checksum-md5: a\r\nX-AMZ-checksum-md5: b\r\n\r\n"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(feed_unsigned(bad[i], &fault, &chunks), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_the_reference_hold),
        cmocka_unit_test(anything_changed_does_not_hold),
        cmocka_unit_test(one_request_has_one_canonical_form),
        cmocka_unit_test(what_is_no_claim_is_refused_by_its_code),
        cmocka_unit_test(a_request_without_signature_is_none),
        cmocka_unit_test(timestamps_go_there_and_back),
        cmocka_unit_test(chunks_of_the_reference_hold),
        cmocka_unit_test(trailers_of_the_reference_hold),
        cmocka_unit_test(chunks_without_signatures_have_trailers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
