/* Signing: Amazon's examples are signed as they were, and what is signed here holds there. */
#include "s3_unit.h"

#include "base/cleanup.h"
#include "wire/s3/sign.h"

#define ACCESS_KEY "AKIAIOSFODNN7EXAMPLE"
#define SECRET_KEY "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define SCOPE      "20130524/us-east-1/s3/aws4_request"
#define EMPTY      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define NOW_S      INT64_C(1369353600) /* 20130524T000000Z */
#define HOST       "examplebucket.s3.amazonaws.com"

#define AUTHORIZATION(headers, signature)                                                          \
    "AWS4-HMAC-SHA256 Credential=" ACCESS_KEY "/" SCOPE ", SignedHeaders=" headers                 \
    ", Signature=" signature

#define FIELDS_MAX 8

struct example {
    const char *method, *path, *query;
    const char *fields[FIELDS_MAX][2];
    const char *authorization;
};

struct made {
    struct field at[FIELDS_MAX + 1];
    struct fields fields;
    struct s3_query query;
    struct s3_signed request;
    struct s3_fault fault;
    struct arena arena;
    unsigned char key[S3_SIGNING_KEY_BYTES];
};

static int sign(const struct example *example, struct made *made, struct slice *ret_authorization)
{
    memset(made, 0, sizeof *made);
    arena_init(&made->arena, NULL, 0, 1 << 20);
    made->fields = (struct fields){made->at, 0, FIELDS_MAX + 1};
    for (unsigned i = 0; i < FIELDS_MAX && example->fields[i][0] != NULL; i++) {
        struct slice name = slice_of_cstr(example->fields[i][0]);
        made->at[made->fields.count++] =
            (struct field){name, slice_of_cstr(example->fields[i][1]), field_id_of(name)};
    }
    made->request = (struct s3_signed){slice_of_cstr(example->method), slice_of_cstr(example->path),
                                       SLICE(HOST), &made->query, &made->fields};
    int rc =
        s3_query_parse(slice_of_cstr(example->query), &made->arena, &made->fault, &made->query);
    if (rc < 0)
        return rc;
    s3_signing_key(SLICE(SECRET_KEY), SLICE("20130524"), SLICE("us-east-1"), made->key);
    const struct s3_signer signer = {SLICE(ACCESS_KEY), SLICE("us-east-1"), made->key};
    return s3_sign(&made->request, &signer, &made->arena, ret_authorization);
}

static const struct example examples[] = {
    {"GET",
     "/test.txt",
     NULL,
     {{"Range", "bytes=0-9"}, {"x-amz-date", "20130524T000000Z"}, {"x-amz-content-sha256", EMPTY}},
     AUTHORIZATION("host;range;x-amz-content-sha256;x-amz-date",
                   "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")},
    {"PUT",
     "/test%24file.text",
     NULL,
     {{"x-amz-storage-class", "REDUCED_REDUNDANCY"},
      {"X-Amz-Date", "20130524T000000Z"},
      {"Date", "Fri, 24 May 2013 00:00:00 GMT"},
      {"x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"}},
     AUTHORIZATION("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                   "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")},
    {"GET",
     "/",
     "lifecycle",
     {{"Host", HOST}, {"x-amz-content-sha256", EMPTY}, {"x-amz-date", "20130524T000000Z"}},
     AUTHORIZATION("host;x-amz-content-sha256;x-amz-date",
                   "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")},
    {"GET",
     "/",
     "prefix=J&max-keys=2",
     {{"x-amz-content-sha256", EMPTY}, {"x-amz-date", "20130524T000000Z"}},
     AUTHORIZATION("host;x-amz-content-sha256;x-amz-date",
                   "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")},
};

static void examples_of_the_reference_are_signed_so(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        struct made made;
        struct slice authorization;
        assert_int_equal(sign(&examples[i], &made, &authorization), 0);
        expect_slice(authorization, examples[i].authorization);
        arena_finish(&made.arena);
    }
}

/* Held against the reader, with what is hard in names, values, paths and queries. */
static void what_is_signed_holds(void **state)
{
    (void)state;
    static const struct example hard[] = {
        {"PUT",
         "/other/a%20b/%2E%2E/%C3%A4%25",
         "partNumber=1&uploadId=a%2Bb%3D&x-id=UploadPart",
         {{"x-amz-meta-a", "one"},
          {"X-AMZ-Meta-A", "  two   blanks "},
          {"content-type", "text/plain;  charset=utf-8"},
          {"x-amz-date", "20130524T000000Z"},
          {"x-amz-content-sha256", "UNSIGNED-PAYLOAD"}},
         NULL},
        {"POST",
         "/other",
         "delete=",
         {{"x-amz-content-sha256", EMPTY}, {"x-amz-date", "20130524T000000Z"}},
         NULL},
    };
    for (size_t i = 0; i < COUNT_OF(hard); i++) {
        struct made made;
        struct slice authorization;
        struct s3_signature claim;
        struct s3_proof proof;
        assert_int_equal(sign(&hard[i], &made, &authorization), 0);
        made.at[made.fields.count++] =
            (struct field){SLICE("Authorization"), authorization, FIELD_AUTHORIZATION};
        assert_int_equal(s3_signature_read(&made.request, SLICE("us-east-1"), NOW_S, &made.arena,
                                           &made.fault, &claim),
                         0);
        assert_int_equal(s3_signature_make(&made.request, &claim, made.key, &made.arena, &proof),
                         0);
        assert_true(s3_signature_is(claim.signature, proof.signature));
        arena_finish(&made.arena);
    }
}

static void what_must_be_signed_has_to_be_there(void **state)
{
    (void)state;
    static const struct example lacking[] = {
        {"GET", "/", NULL, {{"x-amz-content-sha256", EMPTY}}, NULL},
        {"GET", "/", NULL, {{"x-amz-date", "20130524T000000Z"}}, NULL},
        {"GET", "/", NULL, {{"x-amz-date", "2013"}, {"x-amz-content-sha256", EMPTY}}, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(lacking); i++) {
        struct made made;
        struct slice authorization;
        assert_int_equal(sign(&lacking[i], &made, &authorization), -EINVAL);
        arena_finish(&made.arena);
    }
}

static void memory_may_run_out(void **state)
{
    (void)state;
    int rc = -ENOMEM;
    for (long n = 1; rc == -ENOMEM; n++) {
        struct made made;
        struct slice authorization;
        memory_fail_from(n);
        rc = sign(&examples[0], &made, &authorization);
        memory_fail_from(0);
        arena_finish(&made.arena);
        assert_true(n < 100);
    }
    assert_int_equal(rc, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_the_reference_are_signed_so),
        cmocka_unit_test(what_is_signed_holds),
        cmocka_unit_test(what_must_be_signed_has_to_be_there),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
