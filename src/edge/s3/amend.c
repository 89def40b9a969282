/* Tags of objects; and what tags, retention and holds have in common. */
#include "edge/s3/amend.h"

#include "base/cleanup.h"
#include "edge/s3/answer.h"
#include "edge/s3/body.h"
#include "edge/s3/operations.h"
#include "edge/s3/tell.h"
#include "wire/s3/fields.h"
#include "wire/s3/tagging.h"

#include <errno.h>

static int decide(struct store_change *change, const struct version *current)
{
    struct amendment *amendment = change->arg;
    struct version *version = &change->version.version;
    if (current == NULL)
        return -ENOENT;
    if (current->is_marker)
        return -ENOTSUP;
    *version = *current;
    change->version.which = current->is_null ? VERSION_NULL : VERSION_SEQUENCE;
    change->version.sequence = current->sequence;
    amendment->is_null = current->is_null;
    amendment->sequence = current->sequence;
    size_t len = current->etag.len < sizeof amendment->etag_room ? current->etag.len
                                                                 : sizeof amendment->etag_room;
    memcpy(amendment->etag_room, current->etag.at, len);
    amendment->etag = slice_of(amendment->etag_room, len);
    return amendment->apply(amendment, version);
}

static int absent(struct s3_call *call, enum version_which which)
{
    return s3_fault_set(&call->fault,
                        which == VERSION_LATEST ? S3_NO_SUCH_KEY : S3_NO_SUCH_VERSION);
}

int s3_amend(struct s3_call *call, struct amendment *amendment)
{
    struct store_change change = {
        .kind = RECORD_AMEND,
        .version = {.bucket = call->bucket->id, .key = call->key},
        .decide = decide,
        .arg = amendment,
    };
    int rc = s3_version_named(call, s3_param(call, SLICE("versionId")), &change.find,
                              &change.find_sequence);
    if (rc < 0)
        return rc;
    amendment->call = call;
    rc = amendment->event == S3_EVENT_KINDS
             ? store_commit(call->store, &change, 1)
             : s3_commit(call, amendment->event, &change, 1, &amendment->etag);
    if (rc == -ENOENT)
        return absent(call, change.find);
    if (rc == -ENOTSUP)
        return s3_fault_set(&call->fault,
                            change.find == VERSION_LATEST ? S3_NO_SUCH_KEY : S3_METHOD_NOT_ALLOWED);
    if (rc == -EPERM)
        return s3_fault_say(&call->fault, S3_ACCESS_DENIED,
                            "Access Denied because object protected by object lock.");
    return s3_store_fault(call, rc);
}

int s3_version_find(struct s3_call *call, struct object **ret_object)
{
    enum version_which which;
    uint64_t sequence;
    int rc = s3_version_named(call, s3_param(call, SLICE("versionId")), &which, &sequence);
    if (rc < 0)
        return rc;
    rc = store_find(call->store, call->bucket->id, call->key, which, sequence, ret_object);
    if (rc == -ENOENT)
        return absent(call, which);
    if (rc < 0)
        return s3_store_fault(call, rc);
    if (!(*ret_object)->version.is_marker)
        return 0;
    object_unref(*ret_object);
    return s3_fault_set(&call->fault,
                        which == VERSION_LATEST ? S3_NO_SUCH_KEY : S3_METHOD_NOT_ALLOWED);
}

int s3_check_version_is_there(struct s3_call *call)
{
    struct object *object = NULL;
    int rc = s3_version_find(call, &object);
    if (rc == 0)
        object_unref(object);
    return rc;
}

void s3_write_amended(struct s3_call *call, struct writer *head, const struct amendment *amendment)
{
    const struct version version = {.is_null = amendment->is_null, .sequence = amendment->sequence};
    s3_write_version(call, head, &version);
}

/* Tags. */

int s3_get_tagging(struct s3_call *call)
{
    SCOPED(buffer_finish) struct buffer out;
    struct object *object = NULL;
    struct s3_tags tags = {.count = 0};
    buffer_init(&out, S3_ANSWER_BYTES_MAX);
    int rc = s3_version_find(call, &object);
    if (rc < 0)
        return rc;
    if (object->version.tags.len > 0)
        rc = s3_tags_parse_query(object->version.tags, &call->arena, &call->fault, &tags);
    if (rc == 0 && s3_tagging_write(&out, &tags) < 0)
        rc = s3_fault_memory(&call->fault);
    struct writer *head = rc < 0 ? NULL : s3_begin(call, 200, out.len);
    if (head != NULL) {
        write_literal(head, "Content-Type: application/xml\r\n");
        s3_write_version(call, head, &object->version);
        (void)exchange_send(call->exchange, buffer_slice(&out), false);
    }
    object_unref(object);
    return rc;
}

static int apply_tags(struct amendment *amendment, struct version *version)
{
    version->tags = amendment->tags;
    return 0;
}

static int answer_amended(struct s3_call *call, unsigned status, const struct amendment *amendment)
{
    struct writer *head = s3_begin(call, status, status == 204 ? EXCHANGE_LENGTH_UNKNOWN : 0);
    if (head == NULL)
        return 0;
    s3_write_amended(call, head, amendment);
    (void)exchange_send(call->exchange, (struct slice){0}, false);
    return 0;
}

int s3_put_tagging(struct s3_call *call)
{
    SCOPED(buffer_finish) struct buffer body;
    SCOPED(buffer_finish) struct buffer text;
    SCOPED(arena_finish) struct arena arena;
    struct amendment amendment = {.apply = apply_tags, .event = S3_EVENT_TAGGING_PUT};
    struct s3_tags tags;
    buffer_init(&body, S3_CONFIGURATION_BYTES_MAX);
    buffer_init(&text, VERSION_TAGS_BYTES_MAX);
    arena_init(&arena, NULL, 0, S3_CONFIGURATION_ARENA_BYTES);
    int rc = s3_body_read(call, S3_CONFIGURATION_BYTES_MAX, &body);
    if (rc == 0)
        rc = s3_tagging_parse(buffer_slice(&body), S3_TAGGED_OBJECT, &arena, &call->fault, &tags);
    if (rc == 0 && s3_tags_write_query(&text, &tags) < 0)
        rc = s3_fault_memory(&call->fault);
    amendment.tags = buffer_slice(&text);
    if (rc == 0)
        rc = s3_amend(call, &amendment);
    return rc < 0 ? rc : answer_amended(call, 200, &amendment);
}

int s3_delete_tagging(struct s3_call *call)
{
    struct amendment amendment = {.apply = apply_tags, .event = S3_EVENT_TAGGING_DELETE};
    int rc = s3_amend(call, &amendment);
    return rc < 0 ? rc : answer_amended(call, 204, &amendment);
}
