/*
 * Who may do what: a key by its own rights, everybody where the file says that a bucket is public,
 * and what the bucket's policy adds or takes away. A denial of the policy wins over all, but for
 * keys that may write to all buckets: they can always change the policy itself.
 */
#include "wire/s3/access.h"
#include "base/cleanup.h"
#include "edge/s3/amend.h"
#include "edge/s3/call.h"
#include "edge/s3/settings.h"
#include "wire/s3/policy.h"
#include "wire/s3/tagging.h"

#include <errno.h>

#define VALUES_MAX 24

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
    {SLICE("s3:x-amz-content-sha256"), SLICE("x-amz-content-sha256"), false},
    {SLICE("s3:x-amz-copy-source"), SLICE("x-amz-copy-source"), false},
    {SLICE("s3:x-amz-metadata-directive"), SLICE("x-amz-metadata-directive"), false},
    {SLICE("s3:x-amz-server-side-encryption"), SLICE("x-amz-server-side-encryption"), false},
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

/* The tags of the object itself, for the policies that ask for them. */
static int find_tags(struct s3_call *call, const struct store_bucket *bucket, struct slice key,
                     struct arena *arena, struct s3_tags *ret_tags)
{
    struct object *object = NULL;
    enum version_which which;
    uint64_t sequence;
    int rc = s3_version_named(call, s3_param(call, SLICE("versionId")), &which, &sequence);
    if (rc == 0)
        rc = store_find(call->store, bucket->id, key, which, sequence, &object);
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
    bool is_closed = access.restricts && call->by == NULL && s3_policy_is_public(policy);
    return decision == S3_POLICY_ALLOW && is_closed ? S3_POLICY_NONE : decision;
}

static bool is_about_policy(struct slice action)
{
    return slice_equal(action, SLICE("s3:GetBucketPolicy")) ||
           slice_equal(action, SLICE("s3:PutBucketPolicy")) ||
           slice_equal(action, SLICE("s3:DeleteBucketPolicy"));
}

static bool has_right(const struct s3_call *call, const struct store_bucket *bucket,
                      struct slice action, bool writes)
{
    if (call->by != NULL)
        return s3_key_may(call->by, bucket == NULL ? call->bucket_name : bucket->name, writes);
    bool is_public =
        call->remote != NULL
            ? call->remote->is_public
            : bucket != NULL && settings_get(bucket->settings, SETTING_PUBLIC).at != NULL;
    return is_public && !writes &&
           (slice_equal(action, SLICE("s3:GetObject")) ||
            slice_equal(action, SLICE("s3:GetObjectVersion")));
}

int s3_may(struct s3_call *call, struct slice action, const struct store_bucket *bucket,
           struct slice key, bool writes)
{
    struct slice policy =
        bucket == NULL ? (struct slice){NULL, 0} : settings_get(bucket->settings, SETTING_POLICY);
    bool may = has_right(call, bucket, action, writes);
    if (policy.at != NULL && !(may && call->by != NULL && call->by->is_for_all &&
                               call->by->rights == S3_RIGHTS_WRITE && is_about_policy(action))) {
        enum s3_policy_decision decision = decide(call, policy, bucket, action, key);
        may = decision == S3_POLICY_ALLOW || (may && decision == S3_POLICY_NONE);
    }
    call->fault.code = S3_NO_FAULT;
    return may ? 0 : s3_fault_set(&call->fault, S3_ACCESS_DENIED);
}
