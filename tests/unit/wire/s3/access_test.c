/* Public access, ownership, access control lists. */
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

static struct slice name_of(const void *arg, struct slice id)
{
    (void)arg;
    return slice_equal(id, SLICE("o1")) ? SLICE("Olga") : (struct slice){NULL, 0};
}

/* By way of what is kept. */
static int acl(struct slice xml, struct arena *arena, struct s3_fault *fault, struct buffer *out)
{
    struct s3_acl sent, kept;
    SCOPED(buffer_finish) struct buffer text;
    buffer_init(&text, 8192);
    int rc = s3_acl_parse(xml, arena, fault, &sent);
    if (rc < 0 || out == NULL)
        return rc;
    rc = s3_acl_keep(&text, &sent);
    if (rc < 0)
        return rc;
    s3_acl_read(buffer_slice(&text), SLICE("nobody"), &kept);
    return s3_acl_write(out, &kept, name_of, NULL);
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

#define GRANT(who, what)                                                                           \
    "<Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "                     \
    "xsi:type=\"CanonicalUser\">" who "</Grantee><Permission>" what "</Permission></Grant>"
#define GROUP(name, what)                                                                          \
    "<Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "                     \
    "xsi:type=\"Group\"><URI>http://acs.amazonaws.com/groups/global/" name                         \
    "</URI></Grantee><Permission>" what "</Permission></Grant>"
#define ACL(owner, grants)                                                                         \
    "<AccessControlPolicy><Owner>" owner "</Owner><AccessControlList>" grants                      \
    "</AccessControlList></AccessControlPolicy>"

static void a_list_grants_to_owners_and_groups(void **state)
{
    (void)state;
    expect_round(acl, ACL("<ID>o1</ID>", GRANT("<ID>o1</ID>", "FULL_CONTROL")));
    expect_round(acl, ACL("<ID>o2</ID>",
                          GRANT("<ID>o1</ID>", "READ") GRANT("<ID>o2</ID>", "WRITE_ACP")
                              GROUP("AllUsers", "READ_ACP") GROUP("AuthenticatedUsers", "WRITE")));
    expect_round(acl, ACL("<ID>o1</ID>", ""));
    expect_fault(acl, ACL("<ID>o1</ID>", GRANT("<URI>http://all</URI>", "READ")),
                 S3_INVALID_ARGUMENT);
    expect_fault(acl, ACL("<ID>o1</ID>", GRANT("<EmailAddress>a@b.c</EmailAddress>", "READ")),
                 S3_UNRESOLVABLE_GRANT_BY_EMAIL_ADDRESS);
    expect_fault(acl, ACL("<ID>o1</ID>", GRANT("<ID>o1</ID>", "ALL")), S3_MALFORMED_ACL);
    expect_fault(acl, ACL("<ID>o1</ID>", GRANT("", "READ")), S3_MALFORMED_ACL);
    expect_fault(acl, "<AccessControlPolicy/>", S3_MALFORMED_ACL);
}

static void a_word_is_a_list(void **state)
{
    (void)state;
    struct s3_fault fault;
    struct s3_acl list;
    const struct slice nobody = {NULL, 0}, me = SLICE("o1"), he = SLICE("o2");
    assert_int_equal(s3_acl_parse_word(nobody, me, he, &fault, &list), 0);
    assert_true(s3_acl_is_private(&list) && !s3_acl_is_public(&list));
    assert_true(s3_acl_allows(&list, me, S3_FULL_CONTROL, true));
    assert_false(s3_acl_allows(&list, he, S3_READ, true));
    assert_int_equal(s3_acl_parse_word(SLICE("public-read"), me, he, &fault, &list), 0);
    assert_true(s3_acl_is_public(&list) && s3_acl_allows(&list, nobody, S3_READ, true));
    assert_false(s3_acl_allows(&list, nobody, S3_READ, false));
    assert_false(s3_acl_allows(&list, nobody, S3_WRITE, true));
    assert_int_equal(s3_acl_parse_word(SLICE("authenticated-read"), me, he, &fault, &list), 0);
    assert_false(s3_acl_allows(&list, nobody, S3_READ, true));
    assert_true(s3_acl_allows(&list, he, S3_READ, true));
    assert_int_equal(s3_acl_parse_word(SLICE("bucket-owner-read"), me, he, &fault, &list), 0);
    assert_true(s3_acl_allows(&list, he, S3_READ, false) && !s3_acl_is_private(&list));
    assert_int_equal(s3_acl_parse_word(SLICE("publik"), me, he, &fault, &list), -EBADMSG);
    assert_int_equal(fault.code, S3_INVALID_ARGUMENT);
}

static void fields_add_to_a_list(void **state)
{
    (void)state;
    struct s3_fault fault;
    struct s3_acl list = {.owner_id = SLICE("o1")};
    assert_int_equal(s3_acl_add_field(&list, SLICE("x-amz-grant-read"),
                                      SLICE("id=\"o2\", id=o3 , uri=\"http://acs.amazonaws.com/"
                                            "groups/global/AllUsers\""),
                                      &fault),
                     0);
    assert_int_equal(s3_acl_add_field(&list, SLICE("X-Amz-Grant-Write"), SLICE("id=o2"), &fault),
                     0);
    assert_int_equal(s3_acl_add_field(&list, SLICE("x-amz-acl"), SLICE("private"), &fault), 0);
    assert_int_equal(list.count, 4);
    assert_true(s3_acl_allows(&list, SLICE("o2"), S3_WRITE, false));
    assert_true(s3_acl_allows(&list, SLICE("o3"), S3_READ, false));
    assert_false(s3_acl_allows(&list, SLICE("o3"), S3_WRITE, true));
    assert_int_equal(s3_acl_add_field(&list, SLICE("x-amz-grant-read"), SLICE("o2"), &fault),
                     -EBADMSG);
    assert_int_equal(fault.code, S3_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_access_is_four_switches),
        cmocka_unit_test(ownership_is_one_word),
        cmocka_unit_test(a_list_grants_to_owners_and_groups),
        cmocka_unit_test(a_word_is_a_list),
        cmocka_unit_test(fields_add_to_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
