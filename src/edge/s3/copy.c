/* CopyObject. Large contents are named once more, not copied; small ones are written anew. */
#include "base/cleanup.h"
#include "edge/s3/answer.h"
#include "edge/s3/draft.h"
#include "edge/s3/expiration.h"
#include "edge/s3/operations.h"
#include "edge/s3/quota.h"
#include "edge/s3/source.h"
#include "edge/s3/tell.h"

#include <errno.h>

struct copy {
    struct s3_source source;
    struct s3_draft draft;
    struct s3_received received;
    struct s3_stored_sum sum;
    char sum_room[S3_STORED_SUM_BYTES];
    bool replaces_metadata;
    bool is_shared; /* its content is the source's */
};

static int read_directive(struct s3_call *call, struct slice name, bool *ret_replaces)
{
    struct slice text = s3_field(call, name);
    *ret_replaces = slice_equal(text, SLICE("REPLACE"));
    if (text.at == NULL || *ret_replaces || slice_equal(text, SLICE("COPY")))
        return 0;
    return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT, "Unknown %.*s: COPY or REPLACE",
                        SLICE_ARG(name));
}

static int read_draft(struct s3_call *call, struct copy *copy)
{
    const struct version *from = &copy->source.object->version;
    bool replaces_tags;
    int rc = read_directive(call, SLICE("x-amz-metadata-directive"), &copy->replaces_metadata);
    if (rc == 0)
        rc = read_directive(call, SLICE("x-amz-tagging-directive"), &replaces_tags);
    if (rc == 0)
        rc = s3_draft_read(call, &copy->draft);
    if (rc < 0)
        return rc;
    struct slice class = s3_field(call, SLICE("x-amz-storage-class"));
    bool is_itself = slice_equal(copy->source.bucket_name, call->bucket_name) &&
                     slice_equal(copy->source.key, call->key) && copy->source.version_id.at == NULL;
    /* As on AWS: whatever is asked for, by the request or by the bucket, is a change. */
    bool changes_seal = copy->source.seal.is_on || copy->draft.seal.is_on;
    if (is_itself && !copy->replaces_metadata && class.at == NULL && !changes_seal &&
        s3_field(call, SLICE("x-amz-website-redirect-location")).at == NULL)
        return s3_fault_say(&call->fault, S3_INVALID_REQUEST,
                            "This copy request is illegal because it is trying to copy an object "
                            "to itself without changing the object's metadata, storage class, "
                            "website redirect location or encryption attributes.");
    if (!copy->replaces_metadata)
        copy->draft.version.fields = from->fields;
    if (!replaces_tags)
        copy->draft.version.tags = from->tags;
    return 0;
}

/* All of it in files of their own? Data in a pack belongs to its one record. */
static bool is_shareable(const struct version *version)
{
    struct slice rest = version->content;
    struct content_segment segment;
    while (content_take(&rest, &segment) == 1) {
        if (segment.kind != CONTENT_BLOB)
            return false;
    }
    return version->content.len > 0;
}

static int take_content(struct s3_call *call, struct copy *copy)
{
    const struct version *from = &copy->source.object->version;
    struct slice wanted = s3_field(call, SLICE("x-amz-checksum-algorithm"));
    unsigned kind = s3_checksum_find(wanted);
    if (wanted.at != NULL && kind == S3_CHECKSUM_KINDS)
        return s3_fault_say(&call->fault, S3_INVALID_REQUEST,
                            "Checksum algorithm provided is unsupported.");
    s3_stored_sum_read(from->checksum, &copy->sum);
    bool keeps_sum = wanted.at == NULL || (copy->sum.kind == kind && !copy->sum.is_composite);
    bool is_sealed = copy->source.seal.is_on || copy->draft.seal.is_on;
    if (keeps_sum && !is_sealed && is_shareable(from)) {
        copy->is_shared = store_pin(call->store, from->content) == 0;
        return copy->is_shared ? 0 : s3_fault_memory(&call->fault);
    }
    if (wanted.at == NULL && copy->sum.kind != S3_CHECKSUM_KINDS)
        kind = copy->sum.kind;
    int rc = s3_source_copy(call, &copy->source, 0, from->size, kind, &copy->draft.seal,
                            &copy->received);
    copy->sum = (struct s3_stored_sum){.kind = kind};
    memcpy(copy->sum.sum, copy->received.check, sizeof copy->sum.sum);
    return rc;
}

static int answer(struct s3_call *call, const struct copy *copy)
{
    SCOPED(buffer_finish) struct buffer out;
    struct xml_writer xml;
    const struct version *version = &copy->draft.version;
    char time[S3_TIME_LEN], etag[S3_ETAG_ROOM], sum[S3_SUM_TEXT_ROOM], id[S3_VERSION_ID_LEN];
    buffer_init(&out, S3_ANSWER_BYTES_MAX);
    xml_writer_init(&xml, &out);
    xml_open_root(&xml, "CopyObjectResult", "http://s3.amazonaws.com/doc/2006-03-01/");
    xml_element(&xml, "LastModified", s3_time(version->modified_ms, time));
    xml_element(&xml, "ETag", s3_quoted(version->etag, etag));
    if (copy->sum.kind != S3_CHECKSUM_KINDS) {
        xml_element(&xml, s3_checksum_element(copy->sum.kind), s3_stored_sum_text(&copy->sum, sum));
        xml_element(&xml, "ChecksumType",
                    copy->sum.is_composite ? SLICE("COMPOSITE") : SLICE("FULL_OBJECT"));
    }
    xml_close(&xml);
    if (xml_writer_end(&xml) < 0)
        return s3_fault_memory(&call->fault);
    struct writer *head = s3_begin(call, 200, out.len);
    if (head == NULL)
        return 0;
    write_literal(head, "Content-Type: application/xml\r\n");
    s3_write_version(call, head, version);
    s3_write_expiration(call, head, version);
    s3_seal_write(head, &copy->draft.seal);
    if (s3_versioning_of(copy->source.bucket) != S3_VERSIONING_NEVER)
        h1_write_field(head, SLICE("x-amz-copy-source-version-id"),
                       s3_version_id(&copy->source.object->version, id));
    (void)exchange_send(call->exchange, buffer_slice(&out), false);
    return 0;
}

static int commit(struct s3_call *call, struct copy *copy)
{
    const struct version *from = &copy->source.object->version;
    struct version *version = &copy->draft.version;
    struct s3_condition condition;
    struct store_change change = {.kind = RECORD_PUT, .arg = &condition};
    s3_condition_read(call, &condition);
    if (condition.if_match.at != NULL || condition.if_none_match.at != NULL)
        change.decide = s3_condition_decide;
    if (copy->is_shared) {
        version->content = from->content;
        version->size = from->size;
        version->etag = from->etag;
        change.is_pinned = true;
    } else {
        s3_received_use(&copy->received, &change, version);
    }
    version->checksum = s3_stored_sum_write(&copy->sum, copy->sum_room);
    change.put.version = *version;
    s3_quota_apply(call->bucket, &change);
    int rc = s3_commit(call, S3_EVENT_CREATED_COPY, &change, 1, NULL);
    if (rc < 0 && copy->is_shared)
        store_unpin(call->store, from->content);
    version->sequence = change.sequence;
    return s3_change_fault(call, rc);
}

static int run(struct s3_call *call, struct copy *copy)
{
    int rc = s3_source_find(call, &copy->source);
    if (rc == 0)
        rc = read_draft(call, copy);
    if (rc == 0)
        rc = take_content(call, copy);
    if (rc < 0 && copy->is_shared)
        store_unpin(call->store, copy->source.object->version.content);
    if (rc == 0)
        rc = commit(call, copy);
    s3_received_finish(&copy->received, rc);
    return rc < 0 ? rc : answer(call, copy);
}

int s3_copy_object(struct s3_call *call)
{
    struct copy copy = {.is_shared = false};
    int rc = run(call, &copy);
    if (rc == 0)
        s3_source_log(call, &copy.source, SLICE("REST.COPY.OBJECT_GET"));
    s3_source_finish(&copy.source);
    s3_seal_wipe(&copy.draft.seal);
    return rc;
}
