/* DeleteObject and DeleteObjects: a version goes for good, or a delete marker takes its place. */
#include "edge/s3/delete.h"
#include "base/cleanup.h"
#include "edge/s3/answer.h"
#include "edge/s3/body.h"
#include "edge/s3/draft.h"
#include "edge/s3/log_request.h"
#include "edge/s3/operations.h"
#include "edge/s3/tell.h"
#include "os/offload.h"
#include "wire/http/date.h"
#include "wire/s3/delete.h"
#include "wire/s3/names.h"

#include <errno.h>

/* Is it kept from deletion? (S3 Object Lock.) */
static bool is_locked(const struct version *version, int64_t now_ms, bool bypasses)
{
    if (version->has_hold)
        return true;
    if (version->lock == VERSION_UNLOCKED || version->retain_until_ms <= now_ms)
        return false;
    return version->lock == VERSION_COMPLIANCE || !bypasses;
}

/* An ETag as it is sent, with quotes perhaps. */
static bool is_etag(struct slice text, const struct version *version)
{
    if (slice_equal(text, SLICE("*")))
        return true;
    if (text.len >= 2 && text.at[0] == '"' && text.at[text.len - 1] == '"')
        text = slice_of(text.at + 1, text.len - 2);
    return slice_equal(text, version->etag);
}

static int check_conditions(const struct deletion *deletion, const struct version *current)
{
    if (deletion->only_sequence != 0 &&
        (current == NULL || current->sequence != deletion->only_sequence))
        return -EEXIST;
    if (deletion->if_match.at != NULL && (current == NULL || current->is_marker))
        return -ENODATA;
    if (deletion->if_match.at != NULL && !is_etag(deletion->if_match, current))
        return -EEXIST;
    if (deletion->has_size && (current == NULL || current->size != deletion->size))
        return -EEXIST;
    if (deletion->has_modified &&
        (current == NULL || current->modified_ms / 1000 != deletion->modified_s))
        return -EEXIST;
    return 0;
}

static bool has_conditions(const struct deletion *deletion)
{
    return deletion->if_match.at != NULL || deletion->has_size || deletion->has_modified ||
           deletion->only_sequence != 0;
}

static int decide(struct store_change *change, const struct version *current)
{
    struct deletion *deletion = change->arg;
    if (current == NULL && change->kind == RECORD_DELETE && deletion->which != VERSION_LATEST)
        return -ENOENT;
    int rc = check_conditions(deletion, current);
    if (rc < 0 || change->kind != RECORD_DELETE || current == NULL)
        return rc;
    if (is_locked(current, deletion->now_ms, deletion->bypasses_governance))
        return -EPERM;
    deletion->was_marker = current->is_marker;
    return 0;
}

void deletion_prepare(struct deletion *deletion, const struct store_bucket *bucket,
                      struct store_change *change)
{
    enum s3_versioning versioning = s3_versioning_of(bucket);
    bool is_named = deletion->which != VERSION_LATEST;
    *change = (struct store_change){.arg = deletion};
    if (is_named || versioning == S3_VERSIONING_NEVER) {
        change->kind = RECORD_DELETE;
        change->version = (struct change_version){
            .bucket = bucket->id,
            .key = deletion->key,
            .which = is_named ? deletion->which : VERSION_NULL,
            .sequence = deletion->sequence,
        };
        change->find = deletion->which;
        change->find_sequence = deletion->sequence;
        /* Without versions the latest is the only one. */
        change->is_only = !is_named;
        change->decide = is_named || has_conditions(deletion) ? decide : NULL;
        return;
    }
    change->kind = RECORD_PUT;
    change->put.version = (struct version){
        .bucket = bucket->id,
        .key = deletion->key,
        .is_marker = true,
        .is_null = versioning == S3_VERSIONING_SUSPENDED,
        .modified_ms = deletion->now_ms,
    };
    change->decide = has_conditions(deletion) ? decide : NULL;
}

/* What is not there has been deleted. Returns 0 or what kept it from being done. */
static int result_of(const struct deletion *deletion, const struct store_change *change)
{
    int rc = change->result;
    return rc == -ENOENT && deletion->which != VERSION_LATEST ? 0 : rc;
}

static bool bypasses_governance(const struct s3_call *call)
{
    return slice_equal_nocase(s3_field(call, SLICE("x-amz-bypass-governance-retention")),
                              SLICE("true"));
}

static int read_date(struct s3_call *call, struct slice text, struct deletion *deletion)
{
    if (text.at == NULL)
        return 0;
    deletion->has_modified = true;
    if (http_date_parse(text, call->now_ms / 1000, &deletion->modified_s) < 0)
        return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT, "The date is no date of HTTP");
    return 0;
}

static int read_size(struct s3_call *call, struct slice text, struct deletion *deletion)
{
    if (text.at == NULL)
        return 0;
    deletion->has_size = true;
    for (size_t i = 0; i < text.len; i++) {
        if (!ascii_is_digit(text.at[i]) || deletion->size > UINT64_MAX / 20)
            return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT, "The size is no number");
        deletion->size = deletion->size * 10 + (unsigned)(text.at[i] - '0');
    }
    return 0;
}

static void write_outcome(struct s3_call *call, const struct deletion *deletion,
                          const struct store_change *change)
{
    char room[S3_VERSION_ID_LEN];
    struct version version = {.sequence = change->sequence};
    bool made_marker = change->kind == RECORD_PUT;
    struct writer *head = s3_begin(call, 204, EXCHANGE_LENGTH_UNKNOWN);
    if (head == NULL)
        return;
    if (made_marker)
        version.is_null = change->put.version.is_null;
    if (made_marker || deletion->was_marker)
        write_literal(head, "x-amz-delete-marker: true\r\n");
    if (made_marker)
        h1_write_field(head, SLICE("x-amz-version-id"), s3_version_id(&version, room));
    else if (deletion->which != VERSION_LATEST)
        h1_write_field(head, SLICE("x-amz-version-id"), s3_param(call, SLICE("versionId")));
    (void)exchange_send(call->exchange, (struct slice){0}, false);
}

int s3_delete_object(struct s3_call *call)
{
    struct deletion deletion = {.key = call->key, .now_ms = call->now_ms};
    struct store_change change;
    int rc = s3_version_named(call, s3_param(call, SLICE("versionId")), &deletion.which,
                              &deletion.sequence);
    deletion.if_match = fields_value(&call->exchange->request.fields, FIELD_IF_MATCH);
    deletion.bypasses_governance = bypasses_governance(call);
    if (rc == 0)
        rc = read_date(call, s3_field(call, SLICE("x-amz-if-match-last-modified-time")), &deletion);
    if (rc == 0)
        rc = read_size(call, s3_field(call, SLICE("x-amz-if-match-size")), &deletion);
    if (rc < 0)
        return rc;
    deletion_prepare(&deletion, call->bucket, &change);
    (void)s3_commit(call, S3_EVENT_REMOVED_DELETE, &change, 1, NULL);
    rc = s3_change_fault(call, result_of(&deletion, &change));
    if (rc == 0)
        write_outcome(call, &deletion, &change);
    return rc;
}

/* Many at once. */

static int prepare_one(struct s3_call *call, const struct s3_delete_object *object,
                       struct deletion *deletion, struct store_change *change)
{
    *deletion = (struct deletion){
        .key = object->key,
        .now_ms = call->now_ms,
        .if_match = object->etag,
        .has_size = object->has_size,
        .size = object->size,
        .bypasses_governance = bypasses_governance(call),
    };
    int rc = s3_key_check(object->key, &call->fault);
    if (rc == 0 && object->version_id.len > 0)
        rc = s3_version_named(call, object->version_id, &deletion->which, &deletion->sequence);
    if (rc == 0)
        rc = read_date(call, object->last_modified, deletion);
    if (rc == 0)
        rc = s3_may(call, SLICE("s3:DeleteObject"), call->bucket, object->key, true);
    if (rc < 0)
        return rc;
    deletion_prepare(deletion, call->bucket, change);
    return 0;
}

static void tell_one(struct s3_call *call, struct xml_writer *xml,
                     const struct s3_delete_object *object, const struct store_change *change,
                     bool is_quiet)
{
    char room[S3_VERSION_ID_LEN];
    const struct deletion *deletion = change->arg;
    struct version version = {.sequence = change->sequence};
    int rc = result_of(deletion, change);
    if (s3_change_fault(call, rc) < 0) {
        s3_delete_result_fault(xml, object, &call->fault);
        return;
    }
    if (is_quiet)
        return;
    struct s3_deleted deleted = {.key = object->key, .version_id = object->version_id};
    if (change->kind == RECORD_PUT) {
        version.is_null = change->put.version.is_null;
        deleted.is_marker = true;
        deleted.marker_version_id = s3_version_id(&version, room);
    } else if (deletion->was_marker) {
        deleted.is_marker = true;
        deleted.marker_version_id = object->version_id;
    }
    s3_delete_result_add(xml, &deleted);
}

static void log_one(struct s3_call *call, const struct s3_delete_object *object, enum s3_code code)
{
    const struct s3_log_part part = {
        .operation = SLICE("BATCH.DELETE.OBJECT"),
        .key = object->key,
        .version_id = object->version_id,
        .size = UINT64_MAX,
        .status = code == S3_NO_FAULT ? 204 : s3_code_status(code),
        .code = code,
    };
    s3_log_part(call, call->bucket, &part);
}

/* Others are served between so many of a thousand objects. */
#define OBJECTS_A_TURN 16

static void take_turns(unsigned done)
{
    if (done % OBJECTS_A_TURN == OBJECTS_A_TURN - 1)
        fiber_yield();
}

/* One entry for each object of the request, but for the changes: those of objects without a fault.
 */
struct deleting {
    struct s3_call *call;
    const struct s3_delete *request;
    struct arena *arena;
    struct store_change *changes;
    unsigned changes_count;
    struct deletion *deletions;
    struct s3_fault **faults; /* in the arena; NULL: none */
};

/* What the arena takes for one: whole units of 16 bytes. */
#define FAULT_ROOM_BYTES (sizeof(struct s3_fault) + 16)

static int keep_fault(struct deleting *deleting, unsigned object)
{
    struct s3_fault *fault = arena_alloc(deleting->arena, sizeof *fault);
    if (fault == NULL)
        return s3_fault_memory(&deleting->call->fault);
    *fault = deleting->call->fault;
    deleting->faults[object] = fault;
    return 0;
}

static int prepare_all(struct deleting *deleting)
{
    struct s3_call *call = deleting->call;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < deleting->request->objects_count; i++) {
        struct store_change *change = &deleting->changes[deleting->changes_count];
        if (prepare_one(call, &deleting->request->objects[i], &deleting->deletions[i], change) == 0)
            deleting->changes_count++;
        else
            rc = keep_fault(deleting, i);
        take_turns(i);
    }
    return rc;
}

static int tell_all(const struct deleting *deleting, struct buffer *out)
{
    struct xml_writer xml;
    struct s3_call *call = deleting->call;
    const struct s3_delete *request = deleting->request;
    s3_delete_result_begin(&xml, out);
    for (unsigned i = 0, at = 0; i < request->objects_count; i++) {
        const struct s3_fault *fault = deleting->faults[i];
        call->fault.code = fault == NULL ? S3_NO_FAULT : fault->code;
        if (fault != NULL)
            s3_delete_result_fault(&xml, &request->objects[i], fault);
        else
            tell_one(call, &xml, &request->objects[i], &deleting->changes[at++], request->is_quiet);
        log_one(call, &request->objects[i], call->fault.code);
        take_turns(i);
    }
    return s3_delete_result_end(&xml) < 0 ? s3_fault_memory(&call->fault) : 0;
}

/* All changes of one kind go to the disk together; their conditions and their results are each
 * one's own. */
static int delete_all(struct s3_call *call, const struct s3_delete *request, struct arena *arena,
                      struct buffer *out)
{
    unsigned count = request->objects_count;
    struct deleting deleting = {
        .call = call,
        .request = request,
        .arena = arena,
        .changes = memory_alloc_array(count, sizeof *deleting.changes),
        .deletions = memory_alloc_array(count, sizeof *deleting.deletions),
        .faults = memory_alloc_array(count, sizeof *deleting.faults),
    };
    int rc = deleting.changes == NULL || deleting.deletions == NULL || deleting.faults == NULL
                 ? s3_fault_memory(&call->fault)
                 : 0;
    if (rc == 0)
        rc = prepare_all(&deleting);
    if (rc == 0 && deleting.changes_count > 0)
        (void)s3_commit(call, S3_EVENT_REMOVED_DELETE, deleting.changes, deleting.changes_count,
                        NULL);
    if (rc == 0)
        rc = tell_all(&deleting, out);
    memory_free(deleting.changes);
    memory_free(deleting.deletions);
    memory_free(deleting.faults);
    return rc;
}

static int answer_document(struct s3_call *call, const struct buffer *document)
{
    struct writer *head = s3_begin(call, 200, document->len);
    if (head == NULL)
        return 0;
    write_literal(head, "Content-Type: application/xml\r\n");
    (void)exchange_send(call->exchange, buffer_slice(document), false);
    return 0;
}

/* A thousand objects are a millisecond of XML, in which a worker would serve nobody. */
#define PARSED_HERE_BYTES_MAX 4096

struct parsing {
    struct slice xml;
    struct arena *arena;
    struct s3_fault *fault;
    struct s3_delete *request;
    int result;
};

static void parse_here(void *arg)
{
    struct parsing *parsing = arg;
    parsing->result =
        s3_delete_parse(parsing->xml, parsing->arena, parsing->fault, parsing->request);
}

static int parse(struct s3_call *call, struct slice xml, struct arena *arena,
                 struct s3_delete *ret_request)
{
    struct parsing parsing = {xml, arena, &call->fault, ret_request, 0};
    if (xml.len <= PARSED_HERE_BYTES_MAX || offload(parse_here, &parsing) < 0)
        parse_here(&parsing);
    return parsing.result;
}

int s3_delete_objects(struct s3_call *call)
{
    SCOPED(buffer_finish) struct buffer body;
    SCOPED(buffer_finish) struct buffer out;
    SCOPED(arena_finish) struct arena arena;
    struct s3_delete request;
    buffer_init(&body, S3_DELETE_BYTES_MAX);
    buffer_init(&out, S3_ANSWER_BYTES_MAX);
    arena_init(&arena, NULL, 0,
               XML_ARENA_BYTES(s3_delete_limits) +
                   S3_DELETE_OBJECTS_MAX * (sizeof(struct s3_delete_object) + FAULT_ROOM_BYTES));
    int rc = s3_body_read(call, S3_DELETE_BYTES_MAX, &body);
    if (rc == 0)
        rc = parse(call, buffer_slice(&body), &arena, &request);
    if (rc == 0)
        rc = delete_all(call, &request, &arena, &out);
    return rc < 0 ? rc : answer_document(call, &out);
}
