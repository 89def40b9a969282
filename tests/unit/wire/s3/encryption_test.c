/* A bucket's default, ids of keys, contexts. */
#include "s3_unit.h"

#include "wire/s3/encryption.h"

static int encryption(struct slice xml, struct arena *arena, struct s3_fault *fault,
                      struct buffer *out)
{
    struct s3_encryption made;
    int rc = s3_encryption_parse(xml, arena, fault, &made);
    return rc < 0 || out == NULL ? rc : s3_encryption_write(out, &made);
}

#define DEFAULT(inside, behind)                                                                    \
    "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>" inside         \
    "</ApplyServerSideEncryptionByDefault>" behind "</Rule></ServerSideEncryptionConfiguration>"
#define KMS "<SSEAlgorithm>aws:kms</SSEAlgorithm>"
#define AES "<SSEAlgorithm>AES256</SSEAlgorithm>"

static void a_default_is_one_of_two(void **state)
{
    (void)state;
    expect_round(encryption, DEFAULT(AES, ""));
    expect_round(encryption, DEFAULT(AES, "<BucketKeyEnabled>false</BucketKeyEnabled>"));
    expect_round(encryption, DEFAULT(KMS, ""));
    expect_round(encryption, DEFAULT(KMS "<KMSMasterKeyID>alias/one</KMSMasterKeyID>",
                                     "<BucketKeyEnabled>true</BucketKeyEnabled>"));
    expect_fault(encryption, DEFAULT("<SSEAlgorithm>aws:kms:dsse</SSEAlgorithm>", ""),
                 S3_NOT_IMPLEMENTED);
    expect_fault(encryption, DEFAULT("<SSEAlgorithm>ROT13</SSEAlgorithm>", ""),
                 S3_INVALID_ENCRYPTION_ALGORITHM);
    expect_fault(encryption, DEFAULT(AES "<KMSMasterKeyID>k</KMSMasterKeyID>", ""),
                 S3_INVALID_ARGUMENT);
    expect_fault(encryption, DEFAULT(KMS "<KMSMasterKeyID>a b</KMSMasterKeyID>", ""),
                 S3_KMS_NOT_FOUND);
    expect_fault(encryption, DEFAULT(KMS "<KMSMasterKeyID/>", ""), S3_KMS_NOT_FOUND);
    expect_fault(encryption, "<ServerSideEncryptionConfiguration/>", S3_MALFORMED_XML);
}

static void a_type_may_be_blocked(void **state)
{
    (void)state;
#define BLOCKED(type)                                                                              \
    "<BlockedEncryptionTypes><EncryptionType>" type "</EncryptionType></BlockedEncryptionTypes>"
#define RULE(inside)                                                                               \
    "<ServerSideEncryptionConfiguration><Rule>" inside "</Rule></"                                 \
    "ServerSideEncryptionConfiguration>"
    SCOPED(arena_finish) struct arena arena;
    SCOPED(buffer_finish) struct buffer out;
    struct s3_fault fault;
    struct s3_encryption made;
    arena_init(&arena, NULL, 0, 1 << 20);
    buffer_init(&out, 10000);
    expect_round(encryption, RULE(BLOCKED("SSE-C")));
    expect_round(encryption, RULE(BLOCKED("NONE")));
    expect_round(encryption, DEFAULT(AES, BLOCKED("SSE-C")));
    expect_fault(encryption, RULE(""), S3_MALFORMED_XML);
    expect_fault(encryption, RULE(BLOCKED("SSE-S3")), S3_MALFORMED_XML);
    expect_fault(encryption, RULE("<BlockedEncryptionTypes/>"), S3_MALFORMED_XML);
    assert_int_equal(s3_encryption_parse(SLICE(RULE(BLOCKED("SSE-C"))), &arena, &fault, &made), 0);
    assert_int_equal(s3_encryption_write(&out, &made), 0);
    assert_false(s3_encryption_has_default(buffer_slice(&out)));
    assert_true(s3_encryption_blocks_customers(buffer_slice(&out)));
    out.len = 0;
    struct slice both = SLICE(DEFAULT(KMS, BLOCKED("NONE")));
    assert_int_equal(s3_encryption_parse(both, &arena, &fault, &made), 0);
    assert_int_equal(s3_encryption_write(&out, &made), 0);
    assert_true(s3_encryption_has_default(buffer_slice(&out)));
    assert_false(s3_encryption_blocks_customers(buffer_slice(&out)));
}

static void a_default_is_read(void **state)
{
    (void)state;
    SCOPED(arena_finish) struct arena arena;
    struct s3_fault fault;
    struct s3_encryption made;
    arena_init(&arena, NULL, 0, 1 << 20);
    assert_int_equal(s3_encryption_parse(SLICE(DEFAULT(KMS, "")), &arena, &fault, &made), 0);
    assert_true(made.is_kms && !made.has_bucket_key);
    expect_slice(made.key_id, NULL);
    struct slice xml = SLICE(DEFAULT(KMS "<KMSMasterKeyID> k-1 </KMSMasterKeyID>",
                                     "<BucketKeyEnabled>true</BucketKeyEnabled>"));
    assert_int_equal(s3_encryption_parse(xml, &arena, &fault, &made), 0);
    assert_true(made.is_kms && made.has_bucket_key && made.is_bucket_key);
    expect_slice(made.key_id, "k-1");
}

static void ids_are_as_those_of_kms(void **state)
{
    (void)state;
    static const char *const good[] = {
        "testkey-1",
        "aws/s3",
        "1234abcd-12ab-34cd-56ef-1234567890ab",
        "mrk-1234abcd12ab34cd56ef1234567890ab",
        "alias/Team_1",
        "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "arn:aws-cn:kms:::alias/a",
    };
    static const char *const bad[] = {
        "",
        "a b",
        "key\n",
        "schl\xc3\xbcssel",
        "a*",
        "arn:aws:s3:::bucket/key",
        "arn:aws:kms:us-east-1:1:key/",
        "arn:aws:kms:us-east-1:1:thing/a",
        "arn:aws:kms:key/a",
        "arn:aws:kms:::key/a:b",
    };
    struct s3_fault fault = {0};
    char lengthy[S3_KMS_KEY_ID_BYTES_MAX + 1];
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_int_equal(s3_kms_key_id_check(slice_of_cstr(good[i]), &fault), 0);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(s3_kms_key_id_check(slice_of_cstr(bad[i]), &fault), -EBADMSG);
        assert_int_equal(fault.code, S3_KMS_NOT_FOUND);
    }
    memset(lengthy, 'k', sizeof lengthy);
    assert_int_equal(s3_kms_key_id_check(slice_of(lengthy, S3_KMS_KEY_ID_BYTES_MAX), &fault), 0);
    assert_int_equal(s3_kms_key_id_check(slice_of(lengthy, sizeof lengthy), &fault), -EBADMSG);
}

static void a_context_is_a_map_of_texts(void **state)
{
    (void)state;
    SCOPED(arena_finish) struct arena arena;
    struct s3_fault fault = {0};
    struct slice context;
    static const char *const bad[] = {
        "",
        "eyJhIjoiYiJ9!",        /* no base64 */
        "eyJhIjoiYiJ",          /* without its padding */
        "WyJhIl0=",             /* ["a"] */
        "eyJhIjoxfQ==",         /* {"a":1} */
        "eyJhIjp7ImIiOiJjIn19", /* {"a":{"b":"c"}} */
        "eyJhIjoiYiI=",         /* {"a":"b" */
    };
    arena_init(&arena, NULL, 0, 1 << 20);
    assert_int_equal(s3_kms_context_read(SLICE("eyJhIjoiYiJ9"), &arena, &fault, &context), 0);
    expect_slice(context, "{\"a\":\"b\"}");
    assert_int_equal(s3_kms_context_read(SLICE("e30="), &arena, &fault, &context), 0);
    expect_slice(context, "{}");
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(s3_kms_context_read(slice_of_cstr(bad[i]), &arena, &fault, &context),
                         -EBADMSG);
        assert_int_equal(fault.code, S3_INVALID_ARGUMENT);
    }
    char lengthy[S3_KMS_CONTEXT_BYTES_MAX * 2];
    memset(lengthy, 'A', sizeof lengthy);
    assert_int_equal(
        s3_kms_context_read(slice_of(lengthy, sizeof lengthy), &arena, &fault, &context), -EBADMSG);
    memory_fail_from(1);
    int rc = s3_kms_context_read(SLICE("e30="), &arena, &fault, &context);
    memory_fail_from(0);
    assert_true(rc == -ENOMEM && fault.code == S3_SLOW_DOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_default_is_one_of_two),     cmocka_unit_test(a_type_may_be_blocked),
        cmocka_unit_test(a_default_is_read),           cmocka_unit_test(ids_are_as_those_of_kms),
        cmocka_unit_test(a_context_is_a_map_of_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
