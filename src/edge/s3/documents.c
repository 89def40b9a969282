/*
 * Configurations of a bucket that are documents: each is read whole, checked, kept as Weir writes
 * it, and told again. What follows from them is where it takes effect: access.c, cors.c,
 * edge/bucket, lifecycle.
 */
#include "base/cleanup.h"
#include "edge/events/outbox.h"
#include "edge/objects.h"
#include "edge/s3/answer.h"
#include "edge/s3/body.h"
#include "edge/s3/operations.h"
#include "edge/s3/owners.h"
#include "edge/s3/tell.h"
#include "wire/s3/access.h"
#include "wire/s3/cors.h"
#include "wire/s3/encryption.h"
#include "wire/s3/lifecycle.h"
#include "wire/s3/notification.h"
#include "wire/s3/object_lock.h"
#include "wire/s3/policy.h"
#include "wire/s3/tagging.h"
#include "wire/s3/website.h"

#include <errno.h>

/* Reads what was sent and writes what is kept. 0 or the fault; -ENOMEM and -EMSGSIZE of writing are
 * told by the caller. */
typedef int document_check(struct s3_call *call, struct slice body, struct arena *arena,
                           struct buffer *out);

struct document {
    struct slice parameter;
    enum setting setting;
    size_t bytes_max;
    unsigned put_status;
    enum s3_code absent; /* S3_NO_FAULT: `check` of an empty body writes what is told then */
    document_check *check;
};

static int check_policy(struct s3_call *call, struct slice body, struct arena *arena,
                        struct buffer *out)
{
    const struct s3_policy *policy;
    struct s3_public_access access = {0};
    struct slice block = settings_get(call->bucket->settings, SETTING_PUBLIC_ACCESS);
    int rc = s3_policy_parse(body, call->bucket_name, arena, &call->fault, &policy);
    if (rc == 0 && block.at != NULL)
        rc = s3_public_access_parse(block, arena, &call->fault, &access);
    if (rc == 0 && access.blocks_policies && s3_policy_is_public(policy))
        return s3_fault_say(&call->fault, S3_ACCESS_DENIED,
                            "The policy lets everybody in, which this bucket's block of public "
                            "access (BlockPublicPolicy) forbids");
    return rc < 0 ? rc : buffer_append(out, body);
}

static int check_cors(struct s3_call *call, struct slice body, struct arena *arena,
                      struct buffer *out)
{
    struct s3_cors cors;
    int rc = s3_cors_parse(body, arena, &call->fault, &cors);
    return rc < 0 ? rc : s3_cors_write(out, &cors);
}

static int check_lifecycle(struct s3_call *call, struct slice body, struct arena *arena,
                           struct buffer *out)
{
    struct s3_lifecycle lifecycle;
    int rc = s3_lifecycle_parse(body, arena, &call->fault, &lifecycle);
    return rc < 0 ? rc : s3_lifecycle_write(out, &lifecycle);
}

static int check_website(struct s3_call *call, struct slice body, struct arena *arena,
                         struct buffer *out)
{
    struct s3_website website;
    int rc = s3_website_parse(body, arena, &call->fault, &website);
    return rc < 0 ? rc : s3_website_write(out, &website);
}

static int check_tagging(struct s3_call *call, struct slice body, struct arena *arena,
                         struct buffer *out)
{
    struct s3_tags tags;
    int rc = s3_tagging_parse(body, S3_TAGGED_BUCKET, arena, &call->fault, &tags);
    return rc < 0 ? rc : s3_tagging_write(out, &tags);
}

static int check_webhook(struct s3_call *call, struct slice name)
{
    struct outbox *outbox = objects_outbox(call->objects);
    if (outbox != NULL && outbox_find(outbox, name) != NULL)
        return 0;
    return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                        "Unable to validate the following destination configurations: there is no "
                        "webhook \"%.*s\" in Weir's file; \"webhooks\" names them",
                        SLICE_ARG(name));
}

static int check_notification(struct s3_call *call, struct slice body, struct arena *arena,
                              struct buffer *out)
{
    struct s3_notifications notifications = {.count = 0};
    int rc = body.len == 0 ? 0 : s3_notifications_parse(body, arena, &call->fault, &notifications);
    for (unsigned i = 0; rc == 0 && i < notifications.count; i++)
        rc = check_webhook(call, notifications.items[i].webhook);
    return rc < 0 ? rc : s3_notifications_write(out, &notifications);
}

static int check_public_access(struct s3_call *call, struct slice body, struct arena *arena,
                               struct buffer *out)
{
    struct s3_public_access access;
    int rc = s3_public_access_parse(body, arena, &call->fault, &access);
    return rc < 0 ? rc : s3_public_access_write(out, &access);
}

/* Whose word is to hold alone has granted nothing to others. */
static int check_ownership(struct s3_call *call, struct slice body, struct arena *arena,
                           struct buffer *out)
{
    enum s3_ownership ownership;
    struct s3_acl acl;
    int rc = s3_ownership_parse(body, arena, &call->fault, &ownership);
    s3_acl_of(call->bucket, NULL, &acl);
    if (rc == 0 && ownership == S3_BUCKET_OWNER_ENFORCED && !s3_acl_is_private(&acl))
        return s3_fault_set(&call->fault, S3_INVALID_ACL_WITH_OWNERSHIP);
    return rc < 0 ? rc : s3_ownership_write(out, ownership);
}

static int check_encryption(struct s3_call *call, struct slice body, struct arena *arena,
                            struct buffer *out)
{
    struct s3_encryption encryption;
    int rc = s3_encryption_parse(body, arena, &call->fault, &encryption);
    return rc < 0 ? rc : s3_encryption_write(out, &encryption);
}

static int check_lock(struct s3_call *call, struct slice body, struct arena *arena,
                      struct buffer *out)
{
    struct s3_object_lock lock = {.mode = S3_LOCK_NONE};
    bool is_on = settings_get(call->bucket->settings, SETTING_OBJECT_LOCK).at != NULL;
    if (!is_on && body.len == 0)
        return s3_fault_set(&call->fault, S3_NO_SUCH_OBJECT_LOCK_ON_BUCKET);
    if (!is_on && s3_versioning_of(call->bucket) != S3_VERSIONING_ENABLED)
        return s3_fault_say(&call->fault, S3_INVALID_BUCKET_STATE,
                            "Versioning must be 'Enabled' on the bucket to apply a Object Lock "
                            "configuration");
    int rc = body.len == 0 ? 0 : s3_object_lock_parse(body, arena, &call->fault, &lock);
    return rc < 0 ? rc : s3_object_lock_write(out, &lock);
}

#define MAX S3_CONFIGURATION_BYTES_MAX

static const struct document documents[] = {
    {SLICE("policy"), SETTING_POLICY, S3_POLICY_BYTES_MAX, 204, S3_NO_SUCH_BUCKET_POLICY,
     check_policy},
    {SLICE("cors"), SETTING_CORS, MAX, 200, S3_NO_SUCH_CORS_CONFIGURATION, check_cors},
    {SLICE("lifecycle"), SETTING_LIFECYCLE, S3_LIFECYCLE_BYTES_MAX, 200,
     S3_NO_SUCH_LIFECYCLE_CONFIGURATION, check_lifecycle},
    {SLICE("website"), SETTING_WEBSITE, MAX, 200, S3_NO_SUCH_WEBSITE_CONFIGURATION, check_website},
    {SLICE("tagging"), SETTING_TAGGING, MAX, 204, S3_NO_SUCH_TAG_SET, check_tagging},
    {SLICE("notification"), SETTING_NOTIFICATION, MAX, 200, S3_NO_FAULT, check_notification},
    {SLICE("publicAccessBlock"), SETTING_PUBLIC_ACCESS, MAX, 200, S3_NO_SUCH_PUBLIC_ACCESS_BLOCK,
     check_public_access},
    {SLICE("ownershipControls"), SETTING_OWNERSHIP, MAX, 200, S3_NO_SUCH_OWNERSHIP_CONTROLS,
     check_ownership},
    {SLICE("encryption"), SETTING_ENCRYPTION, MAX, 200, S3_NO_SUCH_ENCRYPTION_CONFIGURATION,
     check_encryption},
    {SLICE("object-lock"), SETTING_LOCK_RULE, MAX, 200, S3_NO_FAULT, check_lock},
};

#undef MAX

static const struct document *document_of(const struct s3_call *call)
{
    size_t i = 0;
    while (i + 1 < COUNT_OF(documents) && !s3_has_param(call, documents[i].parameter))
        i++;
    return &documents[i];
}

static size_t arena_bytes(const struct document *document)
{
    return S3_CONFIGURATION_ARENA_BYTES + 8 * document->bytes_max;
}

static int write_fault(struct s3_call *call, int rc)
{
    if (rc == -EMSGSIZE)
        return s3_fault_set(&call->fault, S3_MAX_MESSAGE_LENGTH_EXCEEDED);
    return rc < 0 && call->fault.code == S3_NO_FAULT ? s3_fault_memory(&call->fault) : rc;
}

static int answer_text(struct s3_call *call, struct slice type, struct slice text)
{
    struct writer *head = s3_begin(call, 200, text.len);
    if (head == NULL)
        return 0;
    h1_write_field(head, field_name(FIELD_CONTENT_TYPE), type);
    (void)exchange_send(call->exchange, text, false);
    return 0;
}

int s3_get_document(struct s3_call *call)
{
    const struct document *document = document_of(call);
    SCOPED(buffer_finish) struct buffer out;
    struct slice kept = settings_get(call->bucket->settings, document->setting);
    buffer_init(&out, S3_ANSWER_BYTES_MAX);
    if (kept.at == NULL && document->absent != S3_NO_FAULT)
        return s3_fault_set(&call->fault, document->absent);
    if (kept.at == NULL) {
        int rc = write_fault(call, document->check(call, (struct slice){0}, NULL, &out));
        if (rc < 0)
            return rc;
        kept = buffer_slice(&out);
    }
    return answer_text(call,
                       document->setting == SETTING_POLICY ? SLICE("application/json")
                                                           : SLICE("application/xml"),
                       kept);
}

/* As S3 does when a configuration is put. What was just accepted can be read. */
static void tell_test(struct s3_call *call, struct slice kept)
{
    SCOPED(arena_finish) struct arena arena;
    struct s3_notifications notifications = {.count = 0};
    struct s3_fault fault;
    arena_init(&arena, NULL, 0, S3_CONFIGURATION_ARENA_BYTES + 8 * kept.len);
    if (s3_notifications_parse(kept, &arena, &fault, &notifications) == 0)
        s3_tell_test(call, &notifications);
}

int s3_put_document(struct s3_call *call)
{
    const struct document *document = document_of(call);
    SCOPED(buffer_finish) struct buffer body;
    SCOPED(buffer_finish) struct buffer out;
    SCOPED(arena_finish) struct arena arena;
    buffer_init(&body, document->bytes_max);
    buffer_init(&out, SETTINGS_BYTES_MAX);
    arena_init(&arena, NULL, 0, arena_bytes(document));
    int rc = s3_body_read(call, document->bytes_max, &body);
    if (rc == 0 && body.len == 0)
        rc = s3_fault_set(&call->fault, S3_MISSING_REQUEST_BODY);
    if (rc == 0)
        rc = write_fault(call, document->check(call, buffer_slice(&body), &arena, &out));
    if (rc < 0)
        return rc;
    const struct setting_value values[] = {
        {document->setting, buffer_slice(&out)},
        {SETTING_OBJECT_LOCK, SLICE("Enabled")},
    };
    rc = s3_set_all(call, values, document->setting == SETTING_LOCK_RULE ? 2 : 1);
    if (rc < 0)
        return rc;
    if (document->setting == SETTING_LIFECYCLE)
        objects_hurry(call->objects);
    if (document->setting == SETTING_NOTIFICATION)
        tell_test(call, buffer_slice(&out));
    return document->put_status == 204 ? s3_answer_no_content(call) : s3_answer_empty(call, 200);
}

int s3_delete_document(struct s3_call *call)
{
    int rc = s3_set(call, document_of(call)->setting, (struct slice){NULL, 0});
    return rc < 0 ? rc : s3_answer_no_content(call);
}

/* Does the policy, or the list where it counts, let everybody in? */
static int find_whether_public(struct s3_call *call, bool *ret_is_public)
{
    SCOPED(arena_finish) struct arena arena;
    const struct s3_policy *policy;
    struct s3_acl acl;
    struct s3_public_access access;
    struct slice kept = settings_get(call->bucket->settings, SETTING_POLICY);
    arena_init(&arena, NULL, 0, S3_POLICY_ARENA_BYTES);
    s3_public_access_of(call->bucket, &access);
    s3_acl_of(call->bucket, NULL, &acl);
    *ret_is_public = !access.ignores_acls && s3_acl_is_public(&acl);
    if (kept.at == NULL)
        return 0;
    int rc = s3_policy_parse(kept, call->bucket_name, &arena, &call->fault, &policy);
    if (rc == 0 && !access.restricts && s3_policy_is_public(policy))
        *ret_is_public = true;
    return rc;
}

int s3_get_policy_status(struct s3_call *call)
{
    SCOPED(buffer_finish) struct buffer out;
    struct xml_writer xml;
    bool is_public;
    buffer_init(&out, S3_ANSWER_BYTES_MAX);
    int rc = find_whether_public(call, &is_public);
    if (rc < 0)
        return rc;
    xml_writer_init(&xml, &out);
    xml_open_root(&xml, "PolicyStatus", S3_NAME_SPACE);
    xml_element_bool(&xml, "IsPublic", is_public);
    xml_close(&xml);
    return s3_answer_xml(call, 200, &xml, &out);
}

/* What S3 tells of every bucket, and Weir has no choice about. */

static int answer_fixed(struct s3_call *call, const char *root, const char *element,
                        struct slice text)
{
    SCOPED(buffer_finish) struct buffer out;
    struct xml_writer xml;
    buffer_init(&out, S3_ANSWER_BYTES_MAX);
    xml_writer_init(&xml, &out);
    xml_open_root(&xml, root, S3_NAME_SPACE);
    if (element != NULL)
        xml_element(&xml, element, text);
    xml_close(&xml);
    return s3_answer_xml(call, 200, &xml, &out);
}

int s3_get_accelerate(struct s3_call *call)
{
    return answer_fixed(call, "AccelerateConfiguration", NULL, (struct slice){0});
}

int s3_get_request_payment(struct s3_call *call)
{
    return answer_fixed(call, "RequestPaymentConfiguration", "Payer", SLICE("BucketOwner"));
}

/* A document that may say what is so anyway: its one element `element` is missing, or has the
 * text `text`. 0, NotImplemented or the fault. */
static int read_fixed(struct s3_call *call, struct slice root_name, struct slice element,
                      struct slice text)
{
    SCOPED(buffer_finish) struct buffer body;
    SCOPED(arena_finish) struct arena arena;
    const struct xml_element *root = NULL;
    struct s3_field fields[] = {{.name = element}};
    buffer_init(&body, S3_CONFIGURATION_BYTES_MAX);
    arena_init(&arena, NULL, 0, S3_CONFIGURATION_ARENA_BYTES);
    int rc = s3_body_read(call, S3_CONFIGURATION_BYTES_MAX, &body);
    if (rc == 0)
        rc = s3_configuration_read(buffer_slice(&body), root_name, &arena, &call->fault, &root);
    if (rc == 0)
        rc = s3_fields_take(root, fields, COUNT_OF(fields), &call->fault);
    if (rc < 0 || fields[0].found == NULL ||
        (text.len > 0 && slice_equal(s3_word(fields[0].found), text)))
        return rc;
    return s3_fault_say(&call->fault, S3_NOT_IMPLEMENTED, "%.*s is not implemented",
                        SLICE_ARG(element));
}

int s3_put_request_payment(struct s3_call *call)
{
    int rc = read_fixed(call, SLICE("RequestPaymentConfiguration"), SLICE("Payer"),
                        SLICE("BucketOwner"));
    return rc < 0 ? rc : s3_answer_empty(call, 200);
}

int s3_get_replication(struct s3_call *call)
{
    return s3_fault_set(&call->fault, S3_NO_SUCH_REPLICATION_CONFIGURATION);
}
