/* Lists count only where neither the bucket's ownership nor its block of public access says no. */
#include "edge/s3/acl.h"

#include "base/cleanup.h"
#include "edge/s3/amend.h"
#include "edge/s3/answer.h"
#include "edge/s3/body.h"
#include "edge/s3/operations.h"
#include "edge/s3/settings.h"
#include "wire/s3/access.h"
#include "wire/s3/acl.h"

#include <errno.h>

static const struct {
    struct slice field;
    enum s3_permission permission;
} grant_fields[] = {
    {SLICE("x-amz-grant-full-control"), S3_MAY_ALL},    {SLICE("x-amz-grant-read"), S3_MAY_READ},
    {SLICE("x-amz-grant-read-acp"), S3_MAY_READ_ACL},   {SLICE("x-amz-grant-write"), S3_MAY_WRITE},
    {SLICE("x-amz-grant-write-acp"), S3_MAY_WRITE_ACL},
};

/* What an action needs, of the bucket's list or of the object's own. */
static const struct {
    struct slice action;
    bool is_of_object;
    unsigned permission;
} needed[] = {
    {SLICE("s3:GetObject"), true, S3_MAY_READ},
    {SLICE("s3:GetObjectVersion"), true, S3_MAY_READ},
    {SLICE("s3:GetObjectAttributes"), true, S3_MAY_READ},
    {SLICE("s3:GetObjectAcl"), true, S3_MAY_READ_ACL},
    {SLICE("s3:PutObjectAcl"), true, S3_MAY_WRITE_ACL},
    {SLICE("s3:ListBucket"), false, S3_MAY_READ},
    {SLICE("s3:ListBucketVersions"), false, S3_MAY_READ},
    {SLICE("s3:ListBucketMultipartUploads"), false, S3_MAY_READ},
    {SLICE("s3:PutObject"), false, S3_MAY_WRITE},
    {SLICE("s3:DeleteObject"), false, S3_MAY_WRITE},
    {SLICE("s3:DeleteObjectVersion"), false, S3_MAY_WRITE},
    {SLICE("s3:GetBucketAcl"), false, S3_MAY_READ_ACL},
    {SLICE("s3:PutBucketAcl"), false, S3_MAY_WRITE_ACL},
};

static bool takes_lists(struct slice settings)
{
    struct slice kept = settings_get(settings, SETTING_OWNERSHIP);
    return kept.at == NULL || slice_search(kept, s3_ownership_name(S3_BUCKET_OWNER_ENFORCED)) < 0;
}

/* Of a document that Weir has written: one that cannot be read blocks all. */
static struct s3_public_access public_access_of(struct s3_call *call, struct slice settings)
{
    SCOPED(arena_finish) struct arena arena;
    struct s3_public_access access = {0};
    struct slice kept = settings_get(settings, SETTING_PUBLIC_ACCESS);
    arena_init(&arena, NULL, 0, S3_CONFIGURATION_ARENA_BYTES);
    if (kept.at != NULL && s3_public_access_parse(kept, &arena, &call->fault, &access) < 0)
        access = (struct s3_public_access){true, true, true, true};
    return access;
}

static bool is_key(const struct s3_keys *keys, struct slice name)
{
    for (unsigned i = 0; keys != NULL && i < keys->count; i++) {
        if (slice_equal(keys->at[i].name, name))
            return true;
    }
    return false;
}

static int check_users(struct s3_call *call, const struct s3_acl *acl)
{
    for (unsigned i = 0; i < acl->count; i++) {
        struct slice id = acl->at[i].id;
        if (acl->at[i].grantee != S3_GRANTEE_USER || slice_equal(id, s3_owner_id()) ||
            is_key(call->keys, id))
            continue;
        return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                            "Invalid id: a grantee is the owner's id, or the name of a key");
    }
    return 0;
}

static bool names_others(const struct s3_acl *acl)
{
    for (unsigned i = 0; i < acl->count; i++) {
        if (!slice_equal(acl->at[i].id, s3_owner_id()))
            return true;
    }
    return false;
}

/* Looks at a list and packs it. */
static int take(struct s3_call *call, struct slice settings, const struct s3_acl *acl,
                struct slice *ret_packed)
{
    struct writer writer;
    if (names_others(acl) && !takes_lists(settings))
        return s3_fault_set(&call->fault, S3_ACCESS_CONTROL_LIST_NOT_SUPPORTED);
    if (s3_acl_is_public(acl) && public_access_of(call, settings).blocks_acls)
        return s3_fault_say(&call->fault, S3_ACCESS_DENIED,
                            "The list lets everybody in, which this bucket's block of public "
                            "access (BlockPublicAcls) forbids");
    int rc = check_users(call, acl);
    if (rc < 0)
        return rc;
    char *room = arena_alloc(&call->arena, S3_ACL_BYTES_MAX);
    if (room == NULL)
        return s3_fault_memory(&call->fault);
    writer_init(&writer, room, S3_ACL_BYTES_MAX);
    s3_acl_pack(&writer, acl);
    *ret_packed = writer_slice(&writer);
    return writer.overflown ? s3_fault_say(&call->fault, S3_MALFORMED_ACL, "The list is too long")
                            : 0;
}

int s3_acl_of_request(struct s3_call *call, struct slice settings, struct slice *ret_packed)
{
    struct slice word = s3_field(call, SLICE("x-amz-acl"));
    struct s3_acl acl;
    bool has_grants = false;
    int rc = 0;
    acl.count = 0;
    *ret_packed = (struct slice){0};
    for (size_t i = 0; rc == 0 && i < COUNT_OF(grant_fields); i++) {
        struct slice value = s3_field(call, grant_fields[i].field);
        if (value.at == NULL)
            continue;
        has_grants = true;
        rc = s3_acl_add_field(&acl, grant_fields[i].permission, value, &call->fault);
    }
    if (rc == 0 && word.at != NULL && has_grants)
        rc = s3_fault_say(&call->fault, S3_INVALID_REQUEST,
                          "Specifying both Canned ACLs and Header Grants is not allowed");
    if (rc == 0 && word.at != NULL)
        rc = s3_acl_of_word(word, s3_owner_id(), &call->fault, &acl);
    if (rc < 0 || (word.at == NULL && !has_grants))
        return rc;
    return take(call, settings, &acl, ret_packed);
}

int s3_acl_expect_none(struct s3_call *call)
{
    struct slice packed;
    struct s3_acl acl;
    int rc = s3_acl_of_request(call, (struct slice){0}, &packed);
    if (rc < 0)
        return rc;
    s3_acl_unpack(packed, &acl);
    return names_others(&acl) ? s3_fault_set(&call->fault, S3_ACCESS_CONTROL_LIST_NOT_SUPPORTED)
                              : 0;
}

/* The list of the object that the request is about; 0, or -errno where there is none. */
static int find_permissions(struct s3_call *call, const struct store_bucket *bucket,
                            struct slice key, struct slice id, bool with_public, unsigned *ret_bits)
{
    enum version_which which;
    uint64_t sequence;
    struct object *object = NULL;
    int rc = s3_version_named(call, s3_param(call, SLICE("versionId")), &which, &sequence);
    if (rc == 0)
        rc = store_find(call->store, bucket->id, key, which, sequence, &object);
    if (rc < 0)
        return rc;
    bool is_marker = object->version.is_marker;
    *ret_bits = s3_acl_permissions(object->version.acl, id, with_public);
    object_unref(object);
    return is_marker ? -ENOENT : 0;
}

/* Who asks, as lists name him. */
static struct slice id_of_caller(const struct s3_call *call)
{
    return call->by == NULL       ? (struct slice){NULL, 0}
           : call->by->is_for_all ? s3_owner_id()
                                  : call->by->name;
}

bool s3_acl_allows(struct s3_call *call, const struct store_bucket *bucket, struct slice action,
                   struct slice key)
{
    size_t i = 0;
    while (i < COUNT_OF(needed) && !slice_equal(needed[i].action, action))
        i++;
    if (i == COUNT_OF(needed) || !takes_lists(bucket->settings))
        return false;
    bool with_public = !public_access_of(call, bucket->settings).ignores_acls;
    struct slice id = id_of_caller(call);
    unsigned bits =
        s3_acl_permissions(settings_get(bucket->settings, SETTING_ACL), id, with_public);
    if (!needed[i].is_of_object)
        return (bits & needed[i].permission) != 0;
    unsigned of_object = 0;
    int rc = find_permissions(call, bucket, key, id, with_public, &of_object);
    /* That it is not there may know who may list the bucket. */
    return rc < 0 ? (bits & S3_MAY_READ) != 0 : (of_object & needed[i].permission) != 0;
}

/* The operations. */

/* Without one the owner may do all, and nobody else anything. */
static int answer_acl(struct s3_call *call, struct slice packed)
{
    SCOPED(buffer_finish) struct buffer out;
    const struct s3_owner owner = {s3_owner_id(), s3_owner_name()};
    struct s3_acl acl;
    buffer_init(&out, S3_ANSWER_BYTES_MAX);
    s3_acl_unpack(packed, &acl);
    if (packed.len == 0 || !takes_lists(call->bucket->settings)) {
        acl.count = 1;
        acl.at[0] = (struct s3_grant){S3_MAY_ALL, S3_GRANTEE_USER, owner.id};
    }
    if (s3_acl_write(&out, &owner, &acl) < 0)
        return s3_fault_memory(&call->fault);
    return s3_answer_text(call, SLICE("application/xml"), buffer_slice(&out));
}

int s3_get_acl(struct s3_call *call)
{
    struct object *object = NULL;
    if (call->key.len == 0)
        return answer_acl(call, settings_get(call->bucket->settings, SETTING_ACL));
    int rc = s3_version_find(call, &object);
    if (rc < 0)
        return rc;
    rc = answer_acl(call, object->version.acl);
    object_unref(object);
    return rc;
}

static int read_acl(struct s3_call *call, struct slice *ret_packed)
{
    SCOPED(buffer_finish) struct buffer body;
    SCOPED(arena_finish) struct arena arena;
    struct s3_acl acl;
    buffer_init(&body, S3_CONFIGURATION_BYTES_MAX);
    arena_init(&arena, NULL, 0, S3_CONFIGURATION_ARENA_BYTES);
    int rc = s3_body_read(call, S3_CONFIGURATION_BYTES_MAX, &body);
    if (rc == 0)
        rc = s3_acl_of_request(call, call->bucket->settings, ret_packed);
    if (rc < 0 || ret_packed->len > 0)
        return rc;
    if (body.len == 0)
        return s3_fault_set(&call->fault, S3_MISSING_SECURITY_HEADER);
    rc = s3_acl_parse(buffer_slice(&body), s3_owner_id(), &arena, &call->fault, &acl);
    return rc < 0 ? rc : take(call, call->bucket->settings, &acl, ret_packed);
}

static int apply_acl(struct amendment *amendment, struct version *version)
{
    version->acl = amendment->acl;
    return 0;
}

int s3_put_acl(struct s3_call *call)
{
    struct amendment amendment = {.apply = apply_acl};
    int rc = call->key.len > 0 ? s3_check_version_is_there(call) : 0;
    if (rc == 0)
        rc = read_acl(call, &amendment.acl);
    if (rc < 0)
        return rc;
    rc = call->key.len > 0 ? s3_amend(call, &amendment) : s3_set(call, SETTING_ACL, amendment.acl);
    return rc < 0 ? rc : s3_answer_empty(call, 200);
}
