/*
 * Who may do what: a key by its own rights in the buckets of its owner, everybody where the file
 * says that a bucket is public, whoever the access control list of the bucket or of the object
 * grants it to, and what the bucket's policy adds or takes away. A denial of the policy wins over
 * all, but for keys of the bucket's owner that may write to all buckets: they can always change the
 * policy itself.
 */
#include "wire/s3/access.h"
#include "base/cleanup.h"
#include "edge/s3/amend.h"
#include "edge/s3/call.h"
#include "edge/s3/owners.h"
#include "edge/s3/settings.h"
#include "wire/s3/policy.h"
#include "wire/s3/tagging.h"

#include <errno.h>

#define VALUES_MAX 40

/* Fields and parameters that conditions may ask for, by the names of both. */
static const struct {
    struct slice condition;
    struct slice name;
    bool is_parameter;
} asked_for[] = {
    {SLICE("aws:Referer"), SLICE("referer"), false},
    {SLICE("aws:UserAgent"), SLICE("user-agent"), false},
    {SLICE("s3:prefix"), SLICE("prefix"), true},
    {SLICE("s3:delimiter"), SLICE("delimiter"), true},
    {SLICE("s3:max-keys"), SLICE("max-keys"), true},
    {SLICE("s3:VersionId"), SLICE("versionId"), true},
    {SLICE("s3:x-amz-acl"), SLICE("x-amz-acl"), false},
    {SLICE("s3:x-amz-grant-full-control"), SLICE("x-amz-grant-full-control"), false},
    {SLICE("s3:x-amz-grant-read"), SLICE("x-amz-grant-read"), false},
    {SLICE("s3:x-amz-grant-read-acp"), SLICE("x-amz-grant-read-acp"), false},
    {SLICE("s3:x-amz-grant-write"), SLICE("x-amz-grant-write"), false},
    {SLICE("s3:x-amz-grant-write-acp"), SLICE("x-amz-grant-write-acp"), false},
    {SLICE("s3:x-amz-content-sha256"), SLICE("x-amz-content-sha256"), false},
    {SLICE("s3:x-amz-copy-source"), SLICE("x-amz-copy-source"), false},
    {SLICE("s3:x-amz-metadata-directive"), SLICE("x-amz-metadata-directive"), false},
    {SLICE("s3:x-amz-server-side-encryption"), SLICE("x-amz-server-side-encryption"), false},
    {SLICE("s3:x-amz-server-side-encryption-aws-kms-key-id"),
     SLICE("x-amz-server-side-encryption-aws-kms-key-id"), false},
    {SLICE("s3:x-amz-server-side-encryption-customer-algorithm"),
     SLICE("x-amz-server-side-encryption-customer-algorithm"), false},
    {SLICE("s3:x-amz-storage-class"), SLICE("x-amz-storage-class"), false},
    {SLICE("s3:x-amz-website-redirect-location"), SLICE("x-amz-website-redirect-location"), false},
    {SLICE("s3:object-lock-mode"), SLICE("x-amz-object-lock-mode"), false},
    {SLICE("s3:object-lock-legal-hold"), SLICE("x-amz-object-lock-legal-hold"), false},
    {SLICE("s3:object-lock-retain-until-date"), SLICE("x-amz-object-lock-retain-until-date"),
     false},
};
_Static_assert(COUNT_OF(asked_for) + 2 <= VALUES_MAX, "each has a place, and two that are made");

static size_t gather_values(const struct s3_call *call,
                            struct s3_policy_value values[static VALUES_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(asked_for); i++) {
        struct slice value = asked_for[i].is_parameter ? s3_param(call, asked_for[i].name)
                                                       : s3_field(call, asked_for[i].name);
        if (value.at != NULL)
            values[count++] = (struct s3_policy_value){asked_for[i].condition, value};
    }
    values[count++] = (struct s3_policy_value){
        SLICE("s3:authType"), call->signature.form == S3_SIGNED_QUERY ? SLICE("REST-QUERY-STRING")
                                                                      : SLICE("REST-HEADER")};
    values[count++] =
        (struct s3_policy_value){SLICE("s3:signatureversion"), SLICE("AWS4-HMAC-SHA256")};
    return count;
}

/* The version that the request is about. */
static int find_asked(struct s3_call *call, const struct store_bucket *bucket, struct slice key,
                      struct object **ret_object)
{
    enum version_which which;
    uint64_t sequence;
    int rc = s3_version_named(call, call->version_asked, &which, &sequence);
    return rc < 0 ? rc : store_find(call->store, bucket->id, key, which, sequence, ret_object);
}

/* The tags of the object itself, for the policies that ask for them. */
static int find_tags(struct s3_call *call, const struct store_bucket *bucket, struct slice key,
                     struct arena *arena, struct s3_tags *ret_tags)
{
    struct object *object = NULL;
    int rc = find_asked(call, bucket, key, &object);
    if (rc < 0)
        return -ENOENT;
    struct slice text = arena_copy(arena, object->version.tags);
    object_unref(object);
    if (text.at == NULL)
        return -ENOMEM;
    return text.len == 0 ? -ENOENT : s3_tags_parse_query(text, arena, &call->fault, ret_tags);
}

/* S3_POLICY_DENY where it cannot be decided. */
static enum s3_policy_decision decide(struct s3_call *call, struct slice text,
                                      const struct store_bucket *bucket, struct slice action,
                                      struct slice key)
{
    SCOPED(arena_finish) struct arena arena;
    const struct s3_policy *policy;
    struct s3_policy_value values[VALUES_MAX];
    struct s3_tags existing, requested;
    struct s3_public_access access = {0};
    arena_init(&arena, NULL, 0, S3_POLICY_ARENA_BYTES);
    if (s3_policy_parse(text, bucket->name, &arena, &call->fault, &policy) < 0)
        return S3_POLICY_DENY;
    struct slice block = settings_get(bucket->settings, SETTING_PUBLIC_ACCESS);
    if (block.at != NULL && s3_public_access_parse(block, &arena, &call->fault, &access) < 0)
        return S3_POLICY_DENY;
    struct s3_policy_request request = {
        .action = action,
        .bucket = bucket->name,
        .key = key.len > 0 ? key : (struct slice){NULL, 0},
        .principal = call->by == NULL ? (struct slice){NULL, 0} : call->by->name,
        .account = call->by == NULL ? (struct slice){NULL, 0} : call->by->owner_id,
        .source_ip = call->exchange->client,
        .is_secure = call->exchange->is_secure,
        .now_s = call->now_ms / 1000,
        .values = values,
        .values_count = gather_values(call, values),
    };
    if (key.len > 0 && slice_search(text, SLICE("ExistingObjectTag")) >= 0 &&
        find_tags(call, bucket, key, &arena, &existing) == 0)
        request.existing_tags = &existing;
    struct slice tagging = s3_field(call, SLICE("x-amz-tagging"));
    if (tagging.len > 0 && s3_tags_parse_query(tagging, &arena, &call->fault, &requested) == 0)
        request.request_tags = &requested;
    enum s3_policy_decision decision = s3_policy_decide(policy, &request);
    bool is_closed =
        access.restricts && !s3_is_bucket_owner(call, bucket) && s3_policy_is_public(policy);
    return decision == S3_POLICY_ALLOW && is_closed ? S3_POLICY_NONE : decision;
}

static bool is_about_policy(struct slice action)
{
    return slice_equal(action, SLICE("s3:GetBucketPolicy")) ||
           slice_equal(action, SLICE("s3:PutBucketPolicy")) ||
           slice_equal(action, SLICE("s3:DeleteBucketPolicy"));
}

/* What a list may grant; the rest is for policies and the owner. */
static const struct granted {
    struct slice action;
    enum s3_permission permission;
    bool is_of_object; /* by the object's list, not by the bucket's */
} granted[] = {
    {SLICE("s3:ListBucket"), S3_READ, false},
    {SLICE("s3:ListBucketVersions"), S3_READ, false},
    {SLICE("s3:ListBucketMultipartUploads"), S3_READ, false},
    {SLICE("s3:GetBucketAcl"), S3_READ_ACP, false},
    {SLICE("s3:PutBucketAcl"), S3_WRITE_ACP, false},
    {SLICE("s3:PutObject"), S3_WRITE, false},
    {SLICE("s3:DeleteObject"), S3_WRITE, false},
    {SLICE("s3:AbortMultipartUpload"), S3_WRITE, false},
    {SLICE("s3:ListMultipartUploadParts"), S3_WRITE, false},
    {SLICE("s3:GetObject"), S3_READ, true},
    {SLICE("s3:GetObjectAcl"), S3_READ_ACP, true},
    {SLICE("s3:PutObjectAcl"), S3_WRITE_ACP, true},
};

static bool allows(const struct store_bucket *bucket, const struct version *version,
                   struct slice id, enum s3_permission permission)
{
    struct s3_acl acl;
    struct s3_public_access access;
    s3_acl_of(bucket, version, &acl);
    s3_public_access_of(bucket, &access);
    bool is_own = version != NULL && (permission & (S3_READ_ACP | S3_WRITE_ACP)) != 0 &&
                  slice_equal(acl.owner_id, id);
    return is_own || s3_acl_allows(&acl, id, permission, !access.ignores_acls);
}

/* That an object is not there may be known to those who may list the bucket. */
static bool object_allows(struct s3_call *call, const struct store_bucket *bucket, struct slice key,
                          struct slice id, enum s3_permission permission)
{
    struct object *object = NULL;
    int rc = find_asked(call, bucket, key, &object);
    if (rc < 0 || object->version.is_marker) {
        object_unref(object);
        return allows(bucket, NULL, id, S3_READ);
    }
    bool may = allows(bucket, &object->version, id, permission);
    object_unref(object);
    return may;
}

static bool is_granted(struct s3_call *call, const struct store_bucket *bucket, struct slice key,
                       struct slice action, struct slice id)
{
    const struct granted *row = NULL;
    for (size_t i = 0; i < COUNT_OF(granted); i++) {
        if (slice_equal(granted[i].action, action))
            row = &granted[i];
    }
    if (row == NULL)
        return false;
    return row->is_of_object ? object_allows(call, bucket, key, id, row->permission)
                             : allows(bucket, NULL, id, row->permission);
}

/* One at another endpoint is the file's, hence Weir's own. */
static bool may_at_remote(const struct s3_call *call, struct slice action, bool is_able,
                          bool writes)
{
    return (is_able && slice_equal(call->by->owner_id, SLICE(S3_OWNER_ID))) ||
           (call->remote->is_public && !writes && slice_equal(action, SLICE("s3:GetObject")));
}

static bool has_right(struct s3_call *call, const struct store_bucket *bucket, struct slice action,
                      struct slice key, bool writes)
{
    struct slice name = bucket == NULL ? call->bucket_name : bucket->name;
    bool is_able = call->by != NULL && s3_key_may(call->by, name, writes);
    if (call->remote != NULL)
        return may_at_remote(call, action, is_able, writes);
    if (bucket == NULL || (is_able && s3_is_bucket_owner(call, bucket)))
        return is_able;
    if (call->by == NULL && !writes && settings_get(bucket->settings, SETTING_PUBLIC).at != NULL &&
        slice_equal(action, SLICE("s3:GetObject")))
        return true;
    call->needed_a_list = is_granted(call, bucket, key, action,
                                     is_able ? call->by->owner_id : (struct slice){NULL, 0});
    return call->needed_a_list;
}

static bool is_master(const struct s3_call *call, const struct store_bucket *bucket)
{
    return s3_is_bucket_owner(call, bucket) && call->by->is_for_all &&
           call->by->rights == S3_RIGHTS_WRITE;
}

int s3_may(struct s3_call *call, struct slice action, const struct store_bucket *bucket,
           struct slice key, bool writes)
{
    struct slice policy =
        bucket == NULL ? (struct slice){NULL, 0} : settings_get(bucket->settings, SETTING_POLICY);
    call->needed_a_list = false;
    bool may = has_right(call, bucket, action, key, writes);
    if (policy.at != NULL && !(may && is_about_policy(action) && is_master(call, bucket))) {
        enum s3_policy_decision decision = decide(call, policy, bucket, action, key);
        may = decision == S3_POLICY_ALLOW || (may && decision == S3_POLICY_NONE);
        call->needed_a_list = call->needed_a_list && decision == S3_POLICY_NONE;
    }
    call->fault.code = S3_NO_FAULT;
    return may ? 0 : s3_fault_set(&call->fault, S3_ACCESS_DENIED);
}
