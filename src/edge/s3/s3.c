/*
 * The action `s3`: what a request is about, who asks, whether he may, and which operation it is.
 * Called by handle.c. Paths are taken as they were sent: a key may be "a//b" or "../c", which all
 * other actions see in normal form.
 */
#include "edge/s3/s3.h"
#include "edge/events/outbox.h"

#include "base/cleanup.h"
#include "edge/objects.h"
#include "edge/s3/answer.h"
#include "edge/s3/cors.h"
#include "edge/s3/log_request.h"
#include "edge/s3/operations.h"
#include "edge/s3/owners.h"
#include "edge/s3/remote.h"
#include "edge/s3/settings.h"
#include "edge/s3/signing_keys.h"
#include "edge/state.h"
#include "wire/s3/names.h"

#include <errno.h>

/* Beside the bytes of bodies, which stream. */
#define ARENA_FIRST_BYTES 2048
#define ARENA_BYTES_MAX   ((size_t)1 << 20)

enum level { ON_SERVICE, ON_BUCKET, ON_OBJECT };

typedef int operation_run(struct s3_call *call);

/* What a request without any of these parameters means stands behind those with. */
struct operation {
    enum level level;
    enum http_method method;
    struct slice parameter; /* empty: none is needed */
    struct slice action;    /* as policies name it; empty: it asks by itself */
    bool writes;
    operation_run *run;
};

#define ROW(level, method, parameter, action, writes, run)                                         \
    {                                                                                              \
        level, METHOD_##method, SLICE(parameter), SLICE("s3:" action), writes, run                 \
    }

static const struct operation operations[] = {
    ROW(ON_SERVICE, GET, "", "ListAllMyBuckets", false, s3_list_buckets),

    ROW(ON_BUCKET, GET, "location", "GetBucketLocation", false, s3_get_location),
    ROW(ON_BUCKET, GET, "versioning", "GetBucketVersioning", false, s3_get_versioning),
    ROW(ON_BUCKET, GET, "policy", "GetBucketPolicy", false, s3_get_document),
    ROW(ON_BUCKET, PUT, "policy", "PutBucketPolicy", true, s3_put_document),
    ROW(ON_BUCKET, DELETE, "policy", "DeleteBucketPolicy", true, s3_delete_document),
    ROW(ON_BUCKET, GET, "cors", "GetBucketCORS", false, s3_get_document),
    ROW(ON_BUCKET, PUT, "cors", "PutBucketCORS", true, s3_put_document),
    ROW(ON_BUCKET, DELETE, "cors", "PutBucketCORS", true, s3_delete_document),
    ROW(ON_BUCKET, GET, "lifecycle", "GetLifecycleConfiguration", false, s3_get_document),
    ROW(ON_BUCKET, PUT, "lifecycle", "PutLifecycleConfiguration", true, s3_put_document),
    ROW(ON_BUCKET, DELETE, "lifecycle", "PutLifecycleConfiguration", true, s3_delete_document),
    ROW(ON_BUCKET, GET, "website", "GetBucketWebsite", false, s3_get_document),
    ROW(ON_BUCKET, PUT, "website", "PutBucketWebsite", true, s3_put_document),
    ROW(ON_BUCKET, DELETE, "website", "DeleteBucketWebsite", true, s3_delete_document),
    ROW(ON_BUCKET, GET, "tagging", "GetBucketTagging", false, s3_get_document),
    ROW(ON_BUCKET, PUT, "tagging", "PutBucketTagging", true, s3_put_document),
    ROW(ON_BUCKET, DELETE, "tagging", "PutBucketTagging", true, s3_delete_document),
    ROW(ON_BUCKET, GET, "notification", "GetBucketNotification", false, s3_get_document),
    ROW(ON_BUCKET, PUT, "notification", "PutBucketNotification", true, s3_put_document),
    ROW(ON_BUCKET, GET, "publicAccessBlock", "GetBucketPublicAccessBlock", false, s3_get_document),
    ROW(ON_BUCKET, PUT, "publicAccessBlock", "PutBucketPublicAccessBlock", true, s3_put_document),
    ROW(ON_BUCKET, DELETE, "publicAccessBlock", "PutBucketPublicAccessBlock", true,
        s3_delete_document),
    ROW(ON_BUCKET, GET, "ownershipControls", "GetBucketOwnershipControls", false, s3_get_document),
    ROW(ON_BUCKET, PUT, "ownershipControls", "PutBucketOwnershipControls", true, s3_put_document),
    ROW(ON_BUCKET, DELETE, "ownershipControls", "PutBucketOwnershipControls", true,
        s3_delete_document),
    ROW(ON_BUCKET, GET, "object-lock", "GetBucketObjectLockConfiguration", false, s3_get_document),
    ROW(ON_BUCKET, PUT, "object-lock", "PutBucketObjectLockConfiguration", true, s3_put_document),
    ROW(ON_BUCKET, GET, "policyStatus", "GetBucketPolicyStatus", false, s3_get_policy_status),
    ROW(ON_BUCKET, GET, "acl", "GetBucketAcl", false, s3_get_acl),
    ROW(ON_BUCKET, GET, "logging", "GetBucketLogging", false, s3_get_logging),
    ROW(ON_BUCKET, GET, "accelerate", "GetAccelerateConfiguration", false, s3_get_accelerate),
    ROW(ON_BUCKET, GET, "requestPayment", "GetBucketRequestPayment", false, s3_get_request_payment),
    ROW(ON_BUCKET, GET, "encryption", "GetEncryptionConfiguration", false, s3_get_document),
    ROW(ON_BUCKET, PUT, "encryption", "PutEncryptionConfiguration", true, s3_put_document),
    ROW(ON_BUCKET, DELETE, "encryption", "PutEncryptionConfiguration", true, s3_delete_document),
    ROW(ON_BUCKET, GET, "replication", "GetReplicationConfiguration", false, s3_get_replication),
    ROW(ON_BUCKET, PUT, "acl", "PutBucketAcl", true, s3_put_acl),
    ROW(ON_BUCKET, PUT, "logging", "PutBucketLogging", true, s3_put_logging),
    ROW(ON_BUCKET, PUT, "requestPayment", "PutBucketRequestPayment", true, s3_put_request_payment),
    ROW(ON_BUCKET, GET, "versions", "ListBucketVersions", false, s3_list_versions),
    ROW(ON_BUCKET, GET, "uploads", "ListBucketMultipartUploads", false, s3_list_uploads),
    ROW(ON_BUCKET, GET, "list-type", "ListBucket", false, s3_list_objects_v2),
    ROW(ON_BUCKET, GET, "", "ListBucket", false, s3_list_objects),
    ROW(ON_BUCKET, HEAD, "", "ListBucket", false, s3_head_bucket),
    ROW(ON_BUCKET, PUT, "versioning", "PutBucketVersioning", true, s3_put_versioning),
    ROW(ON_BUCKET, PUT, "", "CreateBucket", true, s3_create_bucket),
    ROW(ON_BUCKET, DELETE, "", "DeleteBucket", true, s3_delete_bucket),
    /* It asks for each of the objects. */
    {ON_BUCKET, METHOD_POST, SLICE("delete"), SLICE(""), true, s3_delete_objects},
    /* Its form says who sends it, and which object it is. */
    {ON_BUCKET, METHOD_POST, SLICE(""), SLICE(""), true, s3_post_object},

    ROW(ON_OBJECT, GET, "tagging", "GetObjectTagging", false, s3_get_tagging),
    ROW(ON_OBJECT, GET, "retention", "GetObjectRetention", false, s3_get_retention),
    ROW(ON_OBJECT, PUT, "retention", "PutObjectRetention", true, s3_put_retention),
    ROW(ON_OBJECT, GET, "legal-hold", "GetObjectLegalHold", false, s3_get_legal_hold),
    ROW(ON_OBJECT, PUT, "legal-hold", "PutObjectLegalHold", true, s3_put_legal_hold),
    ROW(ON_OBJECT, GET, "acl", "GetObjectAcl", false, s3_get_acl),
    ROW(ON_OBJECT, PUT, "acl", "PutObjectAcl", true, s3_put_acl),
    ROW(ON_OBJECT, GET, "attributes", "GetObjectAttributes", false, s3_get_attributes),
    ROW(ON_OBJECT, GET, "uploadId", "ListMultipartUploadParts", false, s3_list_parts),
    ROW(ON_OBJECT, GET, "", "GetObject", false, s3_get_object),
    ROW(ON_OBJECT, HEAD, "", "GetObject", false, s3_get_object),
    ROW(ON_OBJECT, PUT, "tagging", "PutObjectTagging", true, s3_put_tagging),
    ROW(ON_OBJECT, PUT, "uploadId", "PutObject", true, s3_upload_part),
    ROW(ON_OBJECT, PUT, "", "PutObject", true, s3_put_object),
    ROW(ON_OBJECT, POST, "uploads", "PutObject", true, s3_create_upload),
    ROW(ON_OBJECT, POST, "uploadId", "PutObject", true, s3_complete_upload),
    ROW(ON_OBJECT, DELETE, "tagging", "DeleteObjectTagging", true, s3_delete_tagging),
    ROW(ON_OBJECT, DELETE, "uploadId", "AbortMultipartUpload", true, s3_abort_upload),
    ROW(ON_OBJECT, DELETE, "", "DeleteObject", true, s3_delete_object),
};

/* Parameters that change what a request means, where Weir has no row for them: not to be taken for
 * the request without. */
static const struct slice subresources[] = {
    SLICE("accelerate"),
    SLICE("acl"),
    SLICE("analytics"),
    SLICE("attributes"),
    SLICE("cors"),
    SLICE("delete"),
    SLICE("encryption"),
    SLICE("intelligent-tiering"),
    SLICE("inventory"),
    SLICE("legal-hold"),
    SLICE("lifecycle"),
    SLICE("logging"),
    SLICE("metrics"),
    SLICE("notification"),
    SLICE("object-lock"),
    SLICE("ownershipControls"),
    SLICE("policy"),
    SLICE("policyStatus"),
    SLICE("publicAccessBlock"),
    SLICE("replication"),
    SLICE("requestPayment"),
    SLICE("restore"),
    SLICE("retention"),
    SLICE("select"),
    SLICE("session"),
    SLICE("tagging"),
    SLICE("torrent"),
    SLICE("uploadId"),
    SLICE("uploads"),
    SLICE("website"),
    SLICE("append"),
    SLICE("renameObject"),
};

struct slice s3_field(const struct s3_call *call, struct slice name)
{
    const struct field *field = fields_find_name(&call->exchange->request.fields, name);
    return field == NULL ? (struct slice){NULL, 0} : field->value;
}

int s3_param_number(struct s3_call *call, struct slice name, uint64_t max, uint64_t *ret_value)
{
    struct slice text = s3_param(call, name);
    uint64_t value = 0;
    if (text.len == 0)
        return 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!ascii_is_digit(text.at[i]) || value > max)
            return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                                "Argument %.*s must be an integer between 0 and %llu",
                                SLICE_ARG(name), (unsigned long long)max);
        value = value * 10 + (unsigned)(text.at[i] - '0');
    }
    if (value > max)
        return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                            "Argument %.*s must be an integer between 0 and %llu", SLICE_ARG(name),
                            (unsigned long long)max);
    *ret_value = value;
    return 0;
}

void s3_step_out(struct s3_call *call, bool comes_back)
{
    if (!call->is_inside)
        return;
    call->is_inside = false;
    call->comes_back = comes_back;
    objects_step_out(call->objects, comes_back);
}

int s3_step_in(struct s3_call *call)
{
    if (call->is_inside)
        return 0;
    if (objects_step_in(call->objects) < 0)
        return s3_fault_set(&call->fault, S3_SLOW_DOWN);
    call->is_inside = true;
    return 0;
}

int s3_store_fault(struct s3_call *call, int rc)
{
    struct s3_fault *fault = &call->fault;
    switch (rc) {
    case 0:
        return 0;
    case -ENOENT:
        (void)s3_fault_set(fault, S3_NO_SUCH_BUCKET);
        break;
    case -ESTALE:
        (void)s3_fault_set(fault, S3_NO_SUCH_UPLOAD);
        break;
    case -ENOSPC:
    case -EDQUOT:
        (void)s3_fault_say(fault, S3_INSUFFICIENT_STORAGE, "%s",
                           rc == -ENOSPC
                               ? "The disk has less free space than the reserve of the store: "
                                 "delete something, or make room"
                               : "The bucket would be larger than its quota");
        break;
    case -ENOMEM:
    case -ESHUTDOWN:
    case -ETIMEDOUT:
        (void)s3_fault_set(fault, S3_SLOW_DOWN);
        break;
    default:
        (void)s3_fault_set(fault, S3_INTERNAL_ERROR);
        break;
    }
    return rc;
}

struct slice s3_version_id(const struct version *version, char room[static S3_VERSION_ID_LEN])
{
    struct writer writer;
    if (version->is_null)
        return SLICE("null");
    writer_init(&writer, room, S3_VERSION_ID_LEN);
    write_hex(&writer, version->sequence, 16);
    return writer_slice(&writer);
}

int s3_version_named(struct s3_call *call, struct slice text, enum version_which *ret_which,
                     uint64_t *ret_sequence)
{
    *ret_which = VERSION_LATEST;
    *ret_sequence = 0;
    if (text.at == NULL)
        return 0;
    *ret_which = VERSION_NULL;
    if (slice_equal(text, SLICE("null")))
        return 0;
    *ret_which = VERSION_SEQUENCE;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        int digit = ascii_is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0 || text.len != 16)
            return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT, "Invalid version id specified");
        *ret_sequence = *ret_sequence << 4 | (unsigned)digit;
    }
    return text.len > 0 ? 0
                        : s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                                       "Version id cannot be the empty string");
}

enum s3_versioning s3_versioning_of(const struct store_bucket *bucket)
{
    struct slice state = settings_get(bucket->settings, SETTING_VERSIONING);
    return state.len == 0                         ? S3_VERSIONING_NEVER
           : slice_equal(state, SLICE("Enabled")) ? S3_VERSIONING_ENABLED
                                                  : S3_VERSIONING_SUSPENDED;
}

/* Which bucket and key. */

/* "media" of media.s3.example.com, where s3.example.com is one of the domains. */
static struct slice bucket_of_host(const struct s3_call *call)
{
    struct slice host = call->exchange->host;
    for (unsigned i = 0; i < call->conf->domains_count; i++) {
        struct slice domain = call->conf->domains[i];
        if (host.len > domain.len + 1 && slice_ends_with(host, domain) &&
            host.at[host.len - domain.len - 1] == '.')
            return slice_first(host, host.len - domain.len - 1);
    }
    return (struct slice){NULL, 0};
}

static int decode_path(struct s3_call *call, struct slice *ret_path)
{
    struct slice raw = call->exchange->request.path;
    *ret_path = raw;
    if (slice_find(raw, '%') < 0)
        return 0;
    char *room = arena_alloc(&call->arena, raw.len);
    if (room == NULL)
        return s3_fault_memory(&call->fault);
    ptrdiff_t len = s3_unescape(raw, false, room);
    if (len < 0)
        return s3_fault_set(&call->fault, S3_INVALID_URI);
    *ret_path = slice_of(room, (size_t)len);
    return 0;
}

static int read_target(struct s3_call *call)
{
    struct slice path;
    int rc = decode_path(call, &path);
    if (rc < 0)
        return rc;
    if (!slice_starts_with(path, SLICE("/")))
        return s3_fault_set(&call->fault, S3_INVALID_URI);
    path = slice_from(path, 1);
    call->bucket_name = bucket_of_host(call);
    call->is_in_host = call->bucket_name.at != NULL;
    if (!call->is_in_host) {
        ptrdiff_t slash = slice_find(path, '/');
        call->bucket_name = slash < 0 ? path : slice_first(path, (size_t)slash);
        path = slice_from(path, slash < 0 ? path.len : (size_t)slash + 1);
    }
    call->key = path;
    if (call->bucket_name.len == 0 && path.len > 0)
        return s3_fault_set(&call->fault, S3_INVALID_BUCKET_NAME);
    return path.len == 0 ? 0 : s3_key_check(path, &call->fault);
}

const struct conf_bucket *s3_remote_named(const struct s3_call *call, struct slice name)
{
    const struct view *view = call->exchange->held;
    const struct snapshot *snapshot = view->plane->snapshot;
    for (unsigned i = 0; i < snapshot->buckets_count && snapshot->remotes_count > 0; i++) {
        const struct conf_bucket *bucket = &snapshot->buckets[i];
        if (conf_bucket_is_remote(bucket) && slice_equal(bucket->name, name))
            return bucket;
    }
    return NULL;
}

/* Who asks. */

static int check_signature(struct s3_call *call, const struct s3_signed *request)
{
    call->by = call->keys == NULL ? NULL : s3_keys_find(call->keys, call->signature.access_key);
    if (call->by == NULL)
        return s3_fault_set(&call->fault, S3_INVALID_ACCESS_KEY_ID);
    if (signing_keys_find(&edge_worker_current()->signing_keys, call->by, call->signature.day,
                          call->signature.region, call->signing_key) < 0 ||
        s3_signature_make(request, &call->signature, call->signing_key, &call->arena,
                          &call->proof) < 0) {
        call->by = NULL;
        return s3_fault_memory(&call->fault);
    }
    if (s3_signature_is(call->signature.signature, call->proof.signature))
        return 0;
    call->by = NULL;
    return s3_fault_set(&call->fault, S3_SIGNATURE_DOES_NOT_MATCH);
}

static int authenticate(struct s3_call *call)
{
    const struct request_head *request = &call->exchange->request;
    const struct s3_signed signed_request = {
        .method = request->method_name,
        .path = request->path,
        .host = request->authority,
        .query = &call->query,
        .fields = &request->fields,
    };
    int rc = s3_signature_read(&signed_request, call->conf->region, call->now_ms / 1000,
                               &call->arena, &call->fault, &call->signature);
    if (rc < 0)
        return rc;
    if (call->signature.form != S3_SIGNED_NOT) {
        rc = check_signature(call, &signed_request);
        if (rc == 0)
            call->exchange->notes.user = arena_copy(&call->exchange->arena, call->by->name);
        return rc;
    }
    /* Without a signature a body may still be sent as aws-chunked. */
    struct slice payload = s3_field(call, SLICE("x-amz-content-sha256"));
    if (slice_equal(payload, SLICE("STREAMING-UNSIGNED-PAYLOAD-TRAILER")))
        call->signature.payload_kind = S3_PAYLOAD_UNSIGNED_TRAILER;
    return 0;
}

/* Which operation. */

/* Besides what the signature consists of. */
static bool has_parameters(const struct s3_query *query)
{
    for (unsigned i = 0; i < query->count; i++) {
        if (!slice_starts_with(query->at[i].name, SLICE("X-Amz-")))
            return true;
    }
    return false;
}

static const struct operation *find_operation(struct s3_call *call, enum level level)
{
    bool has_any = has_parameters(&call->query);
    enum http_method method = call->exchange->request.method;
    const struct operation *plain = NULL;
    for (size_t i = 0; i < COUNT_OF(operations); i++) {
        const struct operation *operation = &operations[i];
        if (operation->level != level || operation->method != method)
            continue;
        if (operation->parameter.len == 0)
            plain = operation;
        else if (has_any && s3_has_param(call, operation->parameter))
            return operation;
    }
    for (size_t i = 0; has_any && i < COUNT_OF(subresources); i++) {
        if (s3_has_param(call, subresources[i])) {
            (void)s3_fault_say(&call->fault, S3_NOT_IMPLEMENTED,
                               "A header or query you provided implies functionality that is not "
                               "implemented: %.*s",
                               SLICE_ARG(subresources[i]));
            return NULL;
        }
    }
    if (plain == NULL)
        (void)s3_fault_set(&call->fault, S3_METHOD_NOT_ALLOWED);
    return plain;
}

static int find_bucket(struct s3_call *call, const struct operation *operation)
{
    int rc = outbox_is_bucket(call->bucket_name)
                 ? -ENOENT
                 : store_bucket_find(call->store, call->bucket_name, &call->bucket);
    if (rc == 0 || (operation != NULL && operation->run == s3_create_bucket))
        return 0;
    if (!s3_bucket_name_is_valid(call->bucket_name))
        return s3_fault_set(&call->fault, S3_INVALID_BUCKET_NAME);
    return s3_store_fault(call, rc);
}

static int run_operation(struct s3_call *call)
{
    enum level level = call->bucket_name.len == 0 ? ON_SERVICE
                       : call->key.len == 0       ? ON_BUCKET
                                                  : ON_OBJECT;
    if (call->exchange->request.method == METHOD_OPTIONS && level != ON_SERVICE) {
        int found = find_bucket(call, NULL);
        if (found == 0)
            s3_log_note(call, call->bucket);
        return found < 0 ? found : s3_cors_preflight(call);
    }
    const struct operation *operation = find_operation(call, level);
    int rc = operation == NULL ? -EBADMSG : 0;
    if (rc == 0 && level != ON_SERVICE)
        rc = find_bucket(call, operation);
    if (rc == 0 && call->bucket != NULL) {
        s3_log_note(call, call->bucket);
        s3_cors_prepare(call);
    }
    if (rc == 0 && level != ON_SERVICE && operation->action.len > 0)
        rc = s3_may(call, operation->action,
                    operation->run == s3_create_bucket ? NULL : call->bucket, call->key,
                    operation->writes);
    return rc < 0 ? rc : operation->run(call);
}

/*
 * RFC 9110 §10.1.1 lets a server leave 100 (Continue) out where there is no body. S3 sends it, and
 * botocore before 1.31 counts on that: after a final response that comes at once, be it an error,
 * it takes the next one on the connection for a continuation of it.
 */
static void greet_empty(struct s3_call *call)
{
    const struct request_head *request = &call->exchange->request;
    const struct response_head interim = {.status = 100};
    if (request->framing.kind == BODY_NONE &&
        slice_equal_nocase(fields_value(&request->fields, FIELD_EXPECT), SLICE("100-continue")))
        (void)exchange_send_interim(call->exchange, &interim);
}

/* Who may do what at a bucket is a matter of Weir's own: the other endpoint knows only one key. */
static bool is_about_rights(struct slice parameter)
{
    return slice_equal(parameter, SLICE("policy")) || slice_equal(parameter, SLICE("acl")) ||
           slice_equal(parameter, SLICE("policyStatus")) ||
           slice_equal(parameter, SLICE("publicAccessBlock")) ||
           slice_equal(parameter, SLICE("ownershipControls"));
}

/* No lists go along, as whom they name the other endpoint does not know. */
static int expect_no_list(struct s3_call *call)
{
    const struct fields *fields = &call->exchange->request.fields;
    const struct slice owner = SLICE(S3_OWNER_ID);
    struct s3_acl acl;
    int rc =
        s3_acl_parse_word(s3_field(call, SLICE("x-amz-acl")), owner, owner, &call->fault, &acl);
    bool has_grants = rc == 0 && !s3_acl_is_private(&acl);
    for (unsigned i = 0; rc == 0 && i < fields->count; i++)
        has_grants |=
            slice_equal_nocase(slice_first(fields->at[i].name, 12), SLICE("x-amz-grant-"));
    return has_grants ? s3_fault_set(&call->fault, S3_ACCESS_CONTROL_LIST_NOT_SUPPORTED) : rc;
}

/* The life of such a bucket, and what may be done in it, is the file's. */
static int run_on_remote(struct s3_call *call, const struct operation *operation)
{
    if (operation->run == s3_get_location)
        return operation->run(call);
    if (operation->run == s3_create_bucket)
        return s3_fault_set(&call->fault, S3_BUCKET_ALREADY_OWNED_BY_YOU);
    if (operation->run == s3_delete_bucket)
        return s3_fault_say(&call->fault, S3_METHOD_NOT_ALLOWED,
                            "The bucket lies at another endpoint and is one of the file's: take "
                            "it out there");
    if (operation->run == s3_post_object || is_about_rights(operation->parameter))
        return s3_fault_say(&call->fault, S3_NOT_IMPLEMENTED,
                            "The bucket lies at another endpoint: forms, policies and access "
                            "control lists are for buckets on Weir's own disk");
    int rc = operation->writes ? expect_no_list(call) : 0;
    return rc < 0 ? rc : s3_remote_run(call);
}

static int serve_remote(struct s3_call *call)
{
    enum level level = call->key.len == 0 ? ON_BUCKET : ON_OBJECT;
    if (call->exchange->request.method == METHOD_OPTIONS)
        return s3_remote_run(call); /* a browser's question, which nobody signs */
    const struct operation *operation = find_operation(call, level);
    if (operation == NULL)
        return -EBADMSG;
    int rc = operation->action.len == 0
                 ? 0
                 : s3_may(call, operation->action, NULL, call->key, operation->writes);
    if (rc == 0 && operation->run == s3_get_object)
        rc = s3_check_overrides(call);
    return rc < 0 ? rc : run_on_remote(call, operation);
}

/* All buckets of the file are elsewhere, and nobody wants others. */
static int serve_without_store(struct s3_call *call)
{
    if (call->bucket_name.len > 0 && call->exchange->request.method == METHOD_PUT &&
        call->key.len == 0 && call->query.count == 0)
        return s3_fault_say(&call->fault, S3_NOT_IMPLEMENTED,
                            "All buckets of this server lie at other endpoints: those are made "
                            "there, and named in the file");
    if (call->bucket_name.len > 0)
        return s3_fault_set(&call->fault, S3_NO_SUCH_BUCKET);
    const struct operation *operation = find_operation(call, ON_SERVICE);
    return operation == NULL ? -EBADMSG : operation->run(call);
}

static int check_length(struct s3_call *call)
{
    const struct exchange *exchange = call->exchange;
    const struct framing *framing = &exchange->request.framing;
    return framing->has_content_length && framing->content_length > exchange->body_max
               ? s3_fault_set(&call->fault, S3_ENTITY_TOO_LARGE)
               : 0;
}

static int serve(struct s3_call *call)
{
    greet_empty(call);
    int rc =
        s3_query_parse(call->exchange->request.query, &call->arena, &call->fault, &call->query);
    call->version_asked = rc < 0 ? (struct slice){NULL, 0} : s3_param(call, SLICE("versionId"));
    if (rc == 0)
        rc = read_target(call);
    if (rc == 0 && (rc = authenticate(call)) < 0)
        s3_log_note_refused(call);
    if (rc == 0)
        rc = check_length(call);
    if (rc < 0)
        return rc;
    call->remote = call->bucket_name.len == 0 ? NULL : s3_remote_named(call, call->bucket_name);
    if (call->remote != NULL)
        return serve_remote(call);
    if (call->objects == NULL)
        return serve_without_store(call);
    rc = objects_enter(call->objects, &call->store);
    if (rc == -ENODEV)
        return s3_fault_say(&call->fault, S3_SERVICE_UNAVAILABLE,
                            "The object store cannot be opened: the log of the service tells why");
    if (rc < 0)
        return s3_store_fault(call, rc == -ENOENT ? -EIO : rc);
    call->is_inside = true;
    rc = run_operation(call);
    store_bucket_unref(call->bucket);
    if (call->is_inside)
        objects_leave(call->objects);
    else
        objects_leave_outside(call->objects, call->comes_back);
    call->is_inside = false;
    return rc;
}

void s3_run(struct exchange *exchange, const struct conf_rule *rule)
{
    UNINITIALISED _Alignas(16) char first[ARENA_FIRST_BYTES];
    const struct view *view = exchange->held;
    struct writer writer;
    struct s3_call call = {
        .exchange = exchange,
        .rule = rule,
        .conf = &rule->s3,
        .objects = edge_worker_current()->edge->objects,
        .keys = s3_keys_ref(view->s3_keys),
        .now_ms = clock_wall_us() / 1000,
    };
    writer_init(&writer, call.request_id, sizeof call.request_id);
    write_hex(&writer, exchange->id, 16);
    arena_init(&call.arena, first, sizeof first, ARENA_BYTES_MAX);
    bool has_failed = serve(&call) < 0;
    if (has_failed)
        s3_answer_fault(&call);
    s3_log_request(&call, has_failed);
    explicit_bzero(call.signing_key, sizeof call.signing_key);
    arena_finish(&call.arena);
    s3_keys_unref(call.keys);
}
