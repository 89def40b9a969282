/* Public access, ownership, encryption, access control lists. */
#include "s3_unit.h"

#include "wire/s3/access.h"
#include "wire/s3/acl.h"

static int public_access(struct slice xml, struct arena *arena, struct s3_fault *fault,
                         struct buffer *out)
{
    struct s3_public_access made;
    int rc = s3_public_access_parse(xml, arena, fault, &made);
    return rc < 0 || out == NULL ? rc : s3_public_access_write(out, &made);
}

static int ownership(struct slice xml, struct arena *arena, struct s3_fault *fault,
                     struct buffer *out)
{
    enum s3_ownership made;
    int rc = s3_ownership_parse(xml, arena, fault, &made);
    return rc < 0 || out == NULL ? rc : s3_ownership_write(out, made);
}

static int encryption(struct slice xml, struct arena *arena, struct s3_fault *fault,
                      struct buffer *out)
{
    struct s3_encryption made;
    int rc = s3_encryption_parse(xml, arena, fault, &made);
    return rc < 0 || out == NULL ? rc : s3_encryption_write(out, &made);
}

static int acl(struct slice xml, struct arena *arena, struct s3_fault *fault, struct buffer *out)
{
    struct s3_owner owner = {SLICE("o1"), SLICE("Olga")};
    int rc = s3_acl_check(xml, owner.id, arena, fault);
    return rc < 0 || out == NULL ? rc : s3_acl_write(out, &owner);
}

#define PUBLIC(inside) "<PublicAccessBlockConfiguration>" inside "</PublicAccessBlockConfiguration>"

static void public_access_is_four_switches(void **state)
{
    (void)state;
    expect_written(public_access,
                   PUBLIC("<BlockPublicAcls>true</BlockPublicAcls>"
                          "<RestrictPublicBuckets>TRUE</RestrictPublicBuckets>"),
                   "<PublicAccessBlockConfiguration "
                   "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                   "<BlockPublicAcls>true</BlockPublicAcls>"
                   "<IgnorePublicAcls>false</IgnorePublicAcls>"
                   "<BlockPublicPolicy>false</BlockPublicPolicy>"
                   "<RestrictPublicBuckets>true</RestrictPublicBuckets>"
                   "</PublicAccessBlockConfiguration>");
    expect_round(public_access, PUBLIC("<BlockPublicPolicy>true</BlockPublicPolicy>"));
    expect_fault(public_access, PUBLIC("<BlockPublicAcls>1</BlockPublicAcls>"), S3_MALFORMED_XML);
    expect_fault(public_access, PUBLIC("<Block/>"), S3_MALFORMED_XML);
}

#define OWNER(word)                                                                                \
    "<OwnershipControls><Rule><ObjectOwnership>" word                                              \
    "</ObjectOwnership></Rule></OwnershipControls>"

static void ownership_is_one_word(void **state)
{
    (void)state;
    enum s3_ownership word;
    expect_round(ownership, OWNER("BucketOwnerEnforced"));
    expect_round(ownership, OWNER("BucketOwnerPreferred"));
    expect_round(ownership, OWNER("ObjectWriter"));
    expect_fault(ownership, OWNER("Nobody"), S3_MALFORMED_XML);
    expect_fault(ownership, "<OwnershipControls/>", S3_MALFORMED_XML);
    assert_int_equal(s3_ownership_parse_word(SLICE("ObjectWriter"), &word), 0);
    assert_int_equal(word, S3_OBJECT_WRITER);
    assert_int_equal(s3_ownership_parse_word(SLICE(""), &word), -EINVAL);
}

#define ENCRYPTION(inside, behind)                                                                 \
    "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>" inside         \
    "</ApplyServerSideEncryptionByDefault>" behind "</Rule></ServerSideEncryptionConfiguration>"

static void one_algorithm_is_known(void **state)
{
    (void)state;
    expect_round(encryption, ENCRYPTION("<SSEAlgorithm>AES256</SSEAlgorithm>", ""));
    expect_round(encryption, ENCRYPTION("<SSEAlgorithm>AES256</SSEAlgorithm>",
                                        "<BucketKeyEnabled>false</BucketKeyEnabled>"));
    expect_fault(encryption, ENCRYPTION("<SSEAlgorithm>aws:kms</SSEAlgorithm>", ""),
                 S3_NOT_IMPLEMENTED);
    expect_fault(encryption, ENCRYPTION("<SSEAlgorithm>ROT13</SSEAlgorithm>", ""),
                 S3_INVALID_ENCRYPTION_ALGORITHM);
    expect_fault(
        encryption,
        ENCRYPTION("<SSEAlgorithm>AES256</SSEAlgorithm><KMSMasterKeyID>k</KMSMasterKeyID>", ""),
        S3_INVALID_ARGUMENT);
    expect_fault(encryption, "<ServerSideEncryptionConfiguration/>", S3_MALFORMED_XML);
}

#define GRANT(who, what)                                                                           \
    "<Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "                     \
    "xsi:type=\"CanonicalUser\">" who "</Grantee><Permission>" what "</Permission></Grant>"
#define ACL(owner, grants)                                                                         \
    "<AccessControlPolicy><Owner>" owner "</Owner><AccessControlList>" grants                      \
    "</AccessControlList></AccessControlPolicy>"

static void only_the_owner_is_granted(void **state)
{
    (void)state;
    expect_round(acl, ACL("<ID>o1</ID>", GRANT("<ID>o1</ID>", "FULL_CONTROL")));
    expect_fault(acl, ACL("<ID>o2</ID>", GRANT("<ID>o2</ID>", "FULL_CONTROL")),
                 S3_ACCESS_CONTROL_LIST_NOT_SUPPORTED);
    expect_fault(acl, ACL("<ID>o1</ID>", GRANT("<ID>o1</ID>", "READ")),
                 S3_ACCESS_CONTROL_LIST_NOT_SUPPORTED);
    expect_fault(acl, ACL("<ID>o1</ID>", GRANT("<URI>http://all</URI>", "READ")),
                 S3_ACCESS_CONTROL_LIST_NOT_SUPPORTED);
    expect_fault(acl, ACL("<ID>o1</ID>", ""), S3_ACCESS_CONTROL_LIST_NOT_SUPPORTED);
    expect_fault(acl, ACL("<ID>o1</ID>", GRANT("<ID>o1</ID>", "ALL")), S3_MALFORMED_ACL);
    expect_fault(acl, ACL("<ID>o1</ID>", GRANT("", "READ")), S3_MALFORMED_ACL);
    expect_fault(acl, "<AccessControlPolicy/>", S3_MALFORMED_ACL);
}

static void canned_lists_are_words(void **state)
{
    (void)state;
    struct s3_fault fault;
    assert_int_equal(s3_acl_check_canned(SLICE("private"), &fault), 0);
    assert_int_equal(s3_acl_check_canned(SLICE("bucket-owner-full-control"), &fault), 0);
    assert_int_equal(s3_acl_check_canned(SLICE("public-read"), &fault), -EBADMSG);
    assert_int_equal(fault.code, S3_ACCESS_CONTROL_LIST_NOT_SUPPORTED);
    assert_int_equal(s3_acl_check_canned(SLICE("publik"), &fault), -EBADMSG);
    assert_int_equal(fault.code, S3_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_access_is_four_switches),
        cmocka_unit_test(ownership_is_one_word),
        cmocka_unit_test(one_algorithm_is_known),
        cmocka_unit_test(only_the_owner_is_granted),
        cmocka_unit_test(canned_lists_are_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
