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
    struct s3_acl made;
    int rc = s3_acl_parse(xml, owner.id, arena, fault, &made);
    return rc < 0 || out == NULL ? rc : s3_acl_write(out, &owner, &made);
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
#define GROUP(uri, what)                                                                           \
    "<Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "                     \
    "xsi:type=\"Group\"><URI>" uri "</URI></Grantee><Permission>" what "</Permission></Grant>"
#define ACL(owner, grants)                                                                         \
    "<AccessControlPolicy><Owner>" owner "</Owner><AccessControlList>" grants                      \
    "</AccessControlList></AccessControlPolicy>"

static void lists_are_read_and_written(void **state)
{
    (void)state;
    expect_round(acl, ACL("<ID>o1</ID>", GRANT("<ID>o1</ID>", "FULL_CONTROL")));
    expect_round(acl, ACL("<ID>o1</ID>", GRANT("<ID>ci</ID>", "READ_ACP")));
    expect_round(acl,
                 ACL("<ID>o1</ID>", GROUP(S3_ALL_USERS, "READ") GROUP(S3_LOG_DELIVERY, "WRITE")));
    expect_round(acl, ACL("<ID>o1</ID>", ""));
    expect_fault(acl, ACL("<ID>o2</ID>", GRANT("<ID>o2</ID>", "FULL_CONTROL")), S3_ACCESS_DENIED);
    expect_fault(acl, ACL("<ID>o1</ID>", GROUP("http://all", "READ")), S3_INVALID_ARGUMENT);
    expect_fault(acl, ACL("<ID>o1</ID>", GRANT("<EmailAddress>a@b</EmailAddress>", "READ")),
                 S3_UNRESOLVABLE_GRANT_BY_EMAIL_ADDRESS);
    expect_fault(acl, ACL("<ID>o1</ID>", GRANT("<ID>o1</ID>", "ALL")), S3_MALFORMED_ACL);
    expect_fault(acl, ACL("<ID>o1</ID>", GRANT("", "READ")), S3_MALFORMED_ACL);
    expect_fault(acl, "<AccessControlPolicy/>", S3_MALFORMED_ACL);
}

static struct slice packed_word(const char *word, char room[static 512])
{
    struct s3_acl made;
    struct s3_fault fault;
    struct writer writer;
    assert_int_equal(s3_acl_of_word(slice_of_cstr(word), SLICE("o1"), &fault, &made), 0);
    writer_init(&writer, room, 512);
    s3_acl_pack(&writer, &made);
    assert_false(writer.overflown);
    return writer_slice(&writer);
}

static void canned_lists_let_in_whom_they_name(void **state)
{
    const struct slice nobody = {NULL, 0}, other = SLICE("ci");
    char room[512];
    struct s3_acl made;
    struct s3_fault fault;
    (void)state;
    assert_int_equal(s3_acl_permissions(packed_word("private", room), nobody, true), 0);
    assert_int_equal(s3_acl_permissions(packed_word("private", room), SLICE("o1"), true),
                     S3_MAY_ALL);
    assert_int_equal(s3_acl_permissions(packed_word("public-read", room), nobody, true),
                     S3_MAY_READ);
    assert_int_equal(s3_acl_permissions(packed_word("public-read", room), nobody, false), 0);
    assert_int_equal(s3_acl_permissions(packed_word("public-read-write", room), other, true),
                     S3_MAY_READ | S3_MAY_WRITE);
    assert_int_equal(s3_acl_permissions(packed_word("authenticated-read", room), nobody, true), 0);
    assert_int_equal(s3_acl_permissions(packed_word("authenticated-read", room), other, true),
                     S3_MAY_READ);
    assert_int_equal(s3_acl_permissions(packed_word("log-delivery-write", room), other, true), 0);
    assert_int_equal(s3_acl_of_word(SLICE("publik"), SLICE("o1"), &fault, &made), -EBADMSG);
    assert_int_equal(fault.code, S3_INVALID_ARGUMENT);
}

static void fields_grant_too(void **state)
{
    struct s3_acl made = {.count = 0};
    struct s3_fault fault;
    (void)state;
    assert_int_equal(s3_acl_add_field(&made, S3_MAY_READ,
                                      SLICE("id=\"ci\", uri=\"" S3_AUTHENTICATED "\""), &fault),
                     0);
    assert_int_equal(made.count, 2);
    expect_slice(made.at[0].id, "ci");
    assert_int_equal(made.at[1].grantee, S3_GRANTEE_AUTHENTICATED);
    assert_true(s3_acl_is_public(&made));
    assert_int_equal(s3_acl_add_field(&made, S3_MAY_READ, SLICE("emailAddress=a@b"), &fault),
                     -EBADMSG);
    assert_int_equal(fault.code, S3_UNRESOLVABLE_GRANT_BY_EMAIL_ADDRESS);
    assert_int_equal(s3_acl_add_field(&made, S3_MAY_READ, SLICE("ci"), &fault), -EBADMSG);
    assert_int_equal(fault.code, S3_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_access_is_four_switches),
        cmocka_unit_test(ownership_is_one_word),
        cmocka_unit_test(one_algorithm_is_known),
        cmocka_unit_test(lists_are_read_and_written),
        cmocka_unit_test(canned_lists_let_in_whom_they_name),
        cmocka_unit_test(fields_grant_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
