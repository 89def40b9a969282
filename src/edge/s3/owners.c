/* Reading what is kept, and making what will be; and the operations on lists themselves. */
#include "edge/s3/owners.h"

#include "base/cleanup.h"
#include "edge/s3/amend.h"
#include "edge/s3/answer.h"
#include "edge/s3/body.h"
#include "edge/s3/operations.h"

#include <errno.h>

#define PARSING_BYTES_MAX ((size_t)64 << 10)

struct slice s3_bucket_owner(const struct store_bucket *bucket)
{
    return s3_acl_owner(settings_get(bucket->settings, SETTING_ACL), SLICE(S3_OWNER_ID));
}

bool s3_is_bucket_owner(const struct s3_call *call, const struct store_bucket *bucket)
{
    return call->by != NULL && slice_equal(call->by->owner_id, s3_bucket_owner(bucket));
}

enum s3_ownership s3_ownership_of(const struct store_bucket *bucket)
{
    SCOPED(arena_finish) struct arena arena;
    struct s3_fault fault;
    enum s3_ownership ownership = S3_OBJECT_WRITER;
    struct slice kept = settings_get(bucket->settings, SETTING_OWNERSHIP);
    arena_init(&arena, NULL, 0, PARSING_BYTES_MAX);
    if (kept.at != NULL && s3_ownership_parse(kept, &arena, &fault, &ownership) < 0)
        return S3_BUCKET_OWNER_ENFORCED;
    return ownership;
}

void s3_public_access_of(const struct store_bucket *bucket, struct s3_public_access *ret_access)
{
    SCOPED(arena_finish) struct arena arena;
    struct s3_fault fault;
    struct slice kept = settings_get(bucket->settings, SETTING_PUBLIC_ACCESS);
    arena_init(&arena, NULL, 0, PARSING_BYTES_MAX);
    *ret_access = (struct s3_public_access){0};
    if (kept.at != NULL && s3_public_access_parse(kept, &arena, &fault, ret_access) < 0)
        *ret_access = (struct s3_public_access){true, true, true, true};
}

void s3_acl_of(const struct store_bucket *bucket, const struct version *version,
               struct s3_acl *ret_acl)
{
    struct slice owner = s3_bucket_owner(bucket),
                 kept = settings_get(bucket->settings, SETTING_ACL);
    if (version != NULL)
        kept = version->access;
    if (s3_ownership_of(bucket) == S3_BUCKET_OWNER_ENFORCED)
        kept = (struct slice){NULL, 0};
    s3_acl_read(kept, owner, ret_acl);
}

struct slice s3_version_owner(const struct s3_call *call, const struct version *version)
{
    return s3_acl_owner(version->access, s3_bucket_owner(call->bucket));
}

struct slice s3_name_of_owner(const void *arg, struct slice id)
{
    const struct s3_call *call = arg;
    if (slice_equal(id, SLICE(S3_OWNER_ID)))
        return SLICE(S3_OWNER_NAME);
    for (unsigned i = 0; call->keys != NULL && i < call->keys->count; i++) {
        if (slice_equal(call->keys->at[i].owner_id, id))
            return call->keys->at[i].owner;
    }
    return (struct slice){NULL, 0};
}

void s3_put_owner(const struct s3_call *call, struct xml_writer *xml, const char *element,
                  struct slice id)
{
    xml_open(xml, element);
    xml_element(xml, "ID", id);
    xml_element_if(xml, "DisplayName", s3_name_of_owner(call, id));
    xml_close(xml);
}

/* Lists that come with a request. */

static int check_grantees(struct s3_call *call, const struct s3_acl *acl)
{
    for (unsigned i = 0; i < acl->count; i++) {
        if (acl->grants[i].grantee == S3_ONE_OWNER &&
            s3_name_of_owner(call, acl->grants[i].id).at == NULL)
            return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT, "Invalid id");
    }
    return 0;
}

/* By the fields of the request; *ret_is_said: there are any. */
static int read_fields(struct s3_call *call, struct slice owner, struct slice bucket_owner,
                       struct s3_acl *acl, bool *ret_is_said)
{
    struct slice word = s3_field(call, SLICE("x-amz-acl"));
    const struct fields *fields = &call->exchange->request.fields;
    bool has_grants = false;
    int rc = s3_acl_parse_word(word, owner, bucket_owner, &call->fault, acl);
    for (unsigned i = 0; i < fields->count && rc == 0; i++) {
        struct slice name = fields->at[i].name;
        if (!slice_equal_nocase(slice_first(name, 12), SLICE("x-amz-grant-")))
            continue;
        if (!has_grants)
            acl->count = 0;
        has_grants = true;
        rc = s3_acl_add_field(acl, name, fields->at[i].value, &call->fault);
    }
    if (rc == 0 && has_grants && word.at != NULL)
        rc = s3_fault_say(&call->fault, S3_INVALID_REQUEST,
                          "Specifying both Canned ACLs and Header Grants is not allowed");
    *ret_is_said = has_grants || word.at != NULL;
    return rc < 0 ? rc : check_grantees(call, acl);
}

/* An empty one where it is the usual list of that owner. */
static int keep(struct s3_call *call, const struct s3_acl *acl, struct slice usual_owner,
                struct slice *ret_access)
{
    SCOPED(buffer_finish) struct buffer text;
    buffer_init(&text, VERSION_ACCESS_BYTES_MAX);
    *ret_access = (struct slice){NULL, 0};
    if (s3_acl_is_private(acl) && slice_equal(acl->owner_id, usual_owner))
        return 0;
    if (s3_acl_keep(&text, acl) < 0)
        return s3_fault_memory(&call->fault);
    *ret_access = arena_copy(&call->arena, buffer_slice(&text));
    return ret_access->at == NULL ? s3_fault_memory(&call->fault) : 0;
}

/* Where the bucket's owner owns all, a list may only say so. */
static int check_enforced(struct s3_call *call, const struct s3_acl *acl, bool is_said)
{
    struct slice word = s3_field(call, SLICE("x-amz-acl"));
    bool is_full = slice_equal(word, SLICE("bucket-owner-full-control"));
    return !is_said || is_full || (word.at == NULL && s3_acl_is_private(acl))
               ? 0
               : s3_fault_set(&call->fault, S3_ACCESS_CONTROL_LIST_NOT_SUPPORTED);
}

static int check_public(struct s3_call *call, const struct s3_acl *acl)
{
    struct s3_public_access access;
    if (!s3_acl_is_public(acl))
        return 0;
    s3_public_access_of(call->bucket, &access);
    return access.blocks_acls ? s3_fault_say(&call->fault, S3_ACCESS_DENIED,
                                             "The list lets everybody in, which this bucket's "
                                             "block of public access (BlockPublicAcls) forbids")
                              : 0;
}

int s3_access_of_object(struct s3_call *call, struct slice *ret_access)
{
    struct s3_acl acl = {0};
    bool is_said = false;
    enum s3_ownership ownership = s3_ownership_of(call->bucket);
    struct slice bucket_owner = s3_bucket_owner(call->bucket);
    struct slice owner = call->by == NULL ? bucket_owner : call->by->owner_id;
    bool is_handed_over =
        ownership == S3_BUCKET_OWNER_ENFORCED ||
        (ownership == S3_BUCKET_OWNER_PREFERRED &&
         slice_equal(s3_field(call, SLICE("x-amz-acl")), SLICE("bucket-owner-full-control")));
    int rc = read_fields(call, is_handed_over ? bucket_owner : owner, bucket_owner, &acl, &is_said);
    if (rc == 0 && ownership == S3_BUCKET_OWNER_ENFORCED) {
        *ret_access = (struct slice){NULL, 0};
        return check_enforced(call, &acl, is_said);
    }
    if (rc == 0)
        rc = check_public(call, &acl);
    return rc < 0 ? rc : keep(call, &acl, bucket_owner, ret_access);
}

int s3_access_of_bucket(struct s3_call *call, enum s3_ownership ownership, struct slice *ret_access)
{
    struct s3_acl acl = {0};
    bool is_said = false;
    struct slice owner = call->by == NULL ? SLICE(S3_OWNER_ID) : call->by->owner_id;
    int rc = read_fields(call, owner, owner, &acl, &is_said);
    if (rc == 0 && ownership == S3_BUCKET_OWNER_ENFORCED && !s3_acl_is_private(&acl))
        rc = s3_fault_set(&call->fault, S3_INVALID_ACL_WITH_OWNERSHIP);
    return rc < 0 ? rc : keep(call, &acl, SLICE(S3_OWNER_ID), ret_access);
}

/* GetBucketAcl, GetObjectAcl. */

static int answer_acl(struct s3_call *call, const struct version *version)
{
    SCOPED(buffer_finish) struct buffer out;
    struct s3_acl acl = {0};
    buffer_init(&out, S3_ANSWER_BYTES_MAX);
    s3_acl_of(call->bucket, version, &acl);
    if (s3_acl_write(&out, &acl, s3_name_of_owner, call) < 0)
        return s3_fault_memory(&call->fault);
    struct writer *head = s3_begin(call, 200, out.len);
    if (head == NULL)
        return 0;
    write_literal(head, "Content-Type: application/xml\r\n");
    if (version != NULL)
        s3_write_version(call, head, version);
    (void)exchange_send(call->exchange, buffer_slice(&out), false);
    return 0;
}

int s3_get_acl(struct s3_call *call)
{
    struct object *object = NULL;
    if (call->key.len == 0)
        return answer_acl(call, NULL);
    int rc = s3_version_find(call, &object);
    if (rc < 0)
        return rc;
    rc = answer_acl(call, &object->version);
    object_unref(object);
    return rc;
}

/* PutBucketAcl, PutObjectAcl. */

static int read_body(struct s3_call *call, struct slice owner, struct arena *arena,
                     struct s3_acl *acl)
{
    SCOPED(buffer_finish) struct buffer body;
    bool is_said = false;
    struct slice bucket_owner = s3_bucket_owner(call->bucket);
    buffer_init(&body, S3_CONFIGURATION_BYTES_MAX);
    int rc = s3_body_read(call, S3_CONFIGURATION_BYTES_MAX, &body);
    if (rc == 0)
        rc = read_fields(call, owner, bucket_owner, acl, &is_said);
    if (rc < 0)
        return rc;
    if (body.len == 0 && !is_said)
        return s3_fault_set(&call->fault, S3_MISSING_SECURITY_HEADER);
    if (body.len == 0)
        return 0;
    if (is_said)
        return s3_fault_set(&call->fault, S3_UNEXPECTED_CONTENT);
    struct slice text = arena_copy(arena, buffer_slice(&body));
    rc = text.at == NULL ? s3_fault_memory(&call->fault)
                         : s3_acl_parse(text, arena, &call->fault, acl);
    if (rc == 0 && acl->owner_id.len > 0 && !slice_equal(acl->owner_id, owner))
        rc = s3_fault_set(&call->fault, S3_ACCESS_DENIED);
    acl->owner_id = owner;
    return rc < 0 ? rc : check_grantees(call, acl);
}

static int read_new(struct s3_call *call, struct slice owner, struct slice usual_owner,
                    struct slice *ret_access)
{
    SCOPED(arena_finish) struct arena arena;
    struct s3_acl acl = {0};
    arena_init(&arena, NULL, 0, S3_CONFIGURATION_ARENA_BYTES);
    int rc = read_body(call, owner, &arena, &acl);
    if (rc == 0 && s3_ownership_of(call->bucket) == S3_BUCKET_OWNER_ENFORCED)
        rc = check_enforced(call, &acl, true);
    if (rc == 0)
        rc = check_public(call, &acl);
    return rc < 0 ? rc : keep(call, &acl, usual_owner, ret_access);
}

static int apply_access(struct amendment *amendment, struct version *version)
{
    version->access = amendment->access;
    return 0;
}

static int put_object_acl(struct s3_call *call)
{
    struct amendment amendment = {.apply = apply_access, .event = S3_EVENT_KINDS};
    struct object *object = NULL;
    int rc = s3_version_find(call, &object);
    if (rc < 0)
        return rc;
    rc = read_new(call, s3_version_owner(call, &object->version), s3_bucket_owner(call->bucket),
                  &amendment.access);
    object_unref(object);
    if (rc == 0)
        rc = s3_amend(call, &amendment);
    struct writer *head = rc < 0 ? NULL : s3_begin(call, 200, 0);
    if (head == NULL)
        return rc;
    s3_write_amended(call, head, &amendment);
    (void)exchange_send(call->exchange, (struct slice){0}, false);
    return 0;
}

int s3_put_acl(struct s3_call *call)
{
    struct slice access;
    if (call->key.len > 0)
        return put_object_acl(call);
    int rc = read_new(call, s3_bucket_owner(call->bucket), SLICE(S3_OWNER_ID), &access);
    if (rc == 0)
        rc = s3_set(call, SETTING_ACL, access);
    return rc < 0 ? rc : s3_answer_empty(call, 200);
}
