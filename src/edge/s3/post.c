/*
 * POST Object: a file that a browser sends by a form. Who made the form has signed what it may say;
 * that takes the place of a signature of the request.
 */
#include "base/cleanup.h"
#include "edge/s3/answer.h"
#include "edge/s3/draft.h"
#include "edge/s3/expiration.h"
#include "edge/s3/log_request.h"
#include "edge/s3/operations.h"
#include "edge/s3/quota.h"
#include "edge/s3/receive.h"
#include "edge/s3/signing_keys.h"
#include "edge/s3/tell.h"
#include "edge/state.h"
#include "wire/s3/fields.h"
#include "wire/s3/form.h"
#include "wire/s3/names.h"
#include "wire/s3/post_policy.h"
#include "wire/s3/tagging.h"

#include <errno.h>

#define FILE_BYTES_MAX (UINT64_C(5) << 30)

struct post {
    struct s3_call *call;
    struct s3_form form;
    struct s3_post_field fields[S3_FORM_FIELDS_MAX];
    struct field as_header[S3_FORM_FIELDS_MAX];
    unsigned count;
    struct slice file_name;
    struct s3_post_limits limits;
    struct s3_draft draft;
    struct s3_received received;
    struct s3_sealer sealer;
    struct s3_sum md5;
    struct s3_sum check;
    struct slice check_sent; /* in base64 */
};

static struct slice field_of(const struct post *post, struct slice name)
{
    for (unsigned i = 0; i < post->count; i++) {
        if (slice_equal(post->fields[i].name, name))
            return post->fields[i].value;
    }
    return (struct slice){NULL, 0};
}

static void replace_field(struct post *post, struct slice name, struct slice value)
{
    for (unsigned i = 0; i < post->count; i++) {
        if (slice_equal(post->fields[i].name, name))
            post->fields[i].value = value;
    }
}

static int keep_field(struct post *post, const struct s3_form_part *part)
{
    struct arena *arena = &post->call->arena;
    char *lower = arena_alloc(arena, part->name.len);
    struct slice value = arena_copy(arena, part->value);
    if (lower == NULL || value.at == NULL)
        return s3_fault_memory(&post->call->fault);
    if (post->count == S3_FORM_FIELDS_MAX)
        return s3_fault_set(&post->call->fault, S3_MAX_POST_PRE_DATA_LENGTH_EXCEEDED);
    for (size_t i = 0; i < part->name.len; i++)
        lower[i] = ascii_lower(part->name.at[i]);
    struct slice name = slice_of(lower, part->name.len);
    struct slice as_header = slice_equal(name, SLICE("acl")) ? SLICE("x-amz-acl") : name;
    post->fields[post->count] = (struct s3_post_field){name, value};
    post->as_header[post->count++] = (struct field){as_header, value, field_id_of(as_header)};
    return 0;
}

/* The next event, receiving what it needs. */
static int next_event(struct post *post, struct s3_form_part *ret_part)
{
    struct s3_call *call = post->call;
    struct slice data;
    for (;;) {
        int event = s3_form_next(&post->form, &call->fault, ret_part);
        if (event != S3_FORM_MORE)
            return event;
        int rc = exchange_read_body(call->exchange, &data);
        if (rc == 0)
            return s3_fault_set(&call->fault, S3_MALFORMED_POST_REQUEST);
        if (rc < 0)
            return s3_fault_set(&call->fault,
                                rc == -EFBIG ? S3_ENTITY_TOO_LARGE : S3_INCOMPLETE_BODY);
        rc = s3_form_feed(&post->form, data, &call->fault);
        if (rc < 0)
            return rc;
    }
}

static int read_fields(struct post *post)
{
    struct s3_form_part part;
    int event;
    while ((event = next_event(post, &part)) == S3_FORM_FIELD) {
        int rc = keep_field(post, &part);
        if (rc < 0)
            return rc;
    }
    if (event < 0)
        return event;
    if (event != S3_FORM_FILE)
        return s3_fault_set(&post->call->fault, S3_INCORRECT_NUMBER_OF_FILES);
    post->file_name =
        part.file_name.at == NULL ? SLICE("") : arena_copy(&post->call->arena, part.file_name);
    /* Some browsers send a whole path. */
    for (size_t i = post->file_name.len; i > 0; i--) {
        if (post->file_name.at[i - 1] == '/' || post->file_name.at[i - 1] == '\\') {
            post->file_name = slice_from(post->file_name, i);
            break;
        }
    }
    return 0;
}

/* x-amz-credential and x-amz-signature over the policy's base64. */
static int check_signature(struct post *post, struct slice policy)
{
    struct s3_call *call = post->call;
    char signature[S3_SIGNATURE_LEN];
    struct slice credential = field_of(post, SLICE("x-amz-credential"));
    struct slice claimed = field_of(post, SLICE("x-amz-signature"));
    struct slice rest = credential, access_key = {0}, day = {0}, region = {0};
    if (!slice_equal(field_of(post, SLICE("x-amz-algorithm")), SLICE("AWS4-HMAC-SHA256")) ||
        claimed.at == NULL || credential.at == NULL)
        return s3_fault_say(
            &call->fault, S3_INVALID_ARGUMENT,
            "Bucket POST must contain the fields x-amz-algorithm (AWS4-HMAC-SHA256), "
            "x-amz-credential, x-amz-date and x-amz-signature.");
    if (!slice_cut(&rest, '/', &access_key) || !slice_cut(&rest, '/', &day) ||
        !slice_cut(&rest, '/', &region) || !slice_equal(rest, SLICE("s3/aws4_request")) ||
        !slice_equal(region, call->conf->region))
        return s3_fault_say(&call->fault, S3_AUTHORIZATION_QUERY_PARAMETERS_ERROR,
                            "Error parsing the x-amz-credential field: "
                            "KEY/DATE/%.*s/s3/aws4_request was expected",
                            SLICE_ARG(call->conf->region));
    call->by = call->keys == NULL ? NULL : s3_keys_find(call->keys, access_key);
    call->signature.access_key = access_key;
    if (call->by == NULL)
        return s3_fault_set(&call->fault, S3_INVALID_ACCESS_KEY_ID);
    if (signing_keys_find(&edge_worker_current()->signing_keys, call->by, day, region,
                          call->signing_key) < 0 ||
        s3_sign_text(call->signing_key, policy, signature) < 0) {
        call->by = NULL;
        return s3_fault_memory(&call->fault);
    }
    if (s3_signature_is(claimed, signature))
        return 0;
    call->by = NULL;
    return s3_fault_set(&call->fault, S3_SIGNATURE_DOES_NOT_MATCH);
}

/* Without a policy nobody has signed anything: what everybody may do. */
static int check_policy(struct post *post)
{
    struct s3_call *call = post->call;
    struct slice policy = field_of(post, SLICE("policy"));
    post->limits = (struct s3_post_limits){0, UINT64_MAX};
    if (policy.at == NULL)
        return 0;
    char *json = arena_alloc(&call->arena, policy.len + 1);
    if (json == NULL)
        return s3_fault_memory(&call->fault);
    int rc = check_signature(post, policy);
    if (rc < 0)
        return rc;
    ptrdiff_t len = s3_base64_read(policy, json);
    if (len < 0)
        return s3_fault_say(&call->fault, S3_INVALID_POLICY_DOCUMENT,
                            "Invalid Policy: it is no base64.");
    return s3_post_policy_check(slice_of(json, (size_t)len), post->fields, post->count,
                                call->bucket_name, call->now_ms / 1000, &call->arena, &call->fault,
                                &post->limits);
}

/* "${filename}" in the key is the file's own name. */
static int take_key(struct post *post)
{
    struct s3_call *call = post->call;
    const struct slice variable = SLICE("${filename}");
    struct slice key = field_of(post, SLICE("key"));
    if (key.at == NULL)
        return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                            "Bucket POST must contain a field named 'key'. If it is specified, "
                            "please check the order of the fields.");
    ptrdiff_t at = slice_search(key, variable);
    if (at >= 0) {
        struct slice after = slice_from(key, (size_t)at + variable.len);
        key = arena_format(&call->arena, "%.*s%.*s%.*s", (int)at, key.at,
                           SLICE_ARG(post->file_name), SLICE_ARG(after));
        if (key.at == NULL)
            return s3_fault_memory(&call->fault);
        replace_field(post, SLICE("key"), key); /* as which the policy means it */
    }
    call->key = key;
    return s3_key_check(key, &call->fault);
}

/* <Tagging>, as PutObjectTagging takes it. */
static int read_tagging(struct post *post)
{
    struct s3_call *call = post->call;
    SCOPED(buffer_finish) struct buffer text;
    struct s3_tags tags;
    struct slice document = field_of(post, SLICE("tagging"));
    buffer_init(&text, VERSION_TAGS_BYTES_MAX);
    if (document.at == NULL)
        return 0;
    int rc = s3_tagging_parse(document, S3_TAGGED_OBJECT, &call->arena, &call->fault, &tags);
    if (rc == 0 && s3_tags_write_query(&text, &tags) < 0)
        rc = s3_fault_memory(&call->fault);
    if (rc < 0 || text.len == 0)
        return rc;
    post->draft.version.tags = arena_copy(&call->arena, buffer_slice(&text));
    return post->draft.version.tags.at == NULL ? s3_fault_memory(&call->fault) : 0;
}

static int make_draft(struct post *post)
{
    struct s3_call *call = post->call;
    struct request_head *request = &call->exchange->request;
    struct fields kept = request->fields;
    /* What a request to put the object would have as fields, the form has as its own. */
    request->fields = (struct fields){post->as_header, post->count, S3_FORM_FIELDS_MAX};
    int rc = s3_draft_read(call, &post->draft);
    request->fields = kept;
    return rc < 0 ? rc : read_tagging(post);
}

/* A bucket's policy may ask what the form says, as it would of a request to put the object. */
static int check_right(struct post *post)
{
    struct s3_call *call = post->call;
    struct request_head *request = &call->exchange->request;
    struct fields kept = request->fields;
    struct field *all = arena_alloc_array(&call->arena, post->count + kept.count, sizeof *all);
    if (all == NULL)
        return s3_fault_memory(&call->fault);
    unsigned count = 0;
    for (unsigned i = 0; i < kept.count; i++) {
        if (!slice_equal_nocase(slice_first(kept.at[i].name, 6), SLICE("x-amz-")))
            all[count++] = kept.at[i]; /* first, so that no form says where it comes from */
    }
    memcpy(all + count, post->as_header, post->count * sizeof *all);
    count += post->count;
    request->fields = (struct fields){all, count, count};
    int rc = s3_may(call, SLICE("s3:PutObject"), call->bucket, call->key, true);
    request->fields = kept;
    return rc;
}

/* The sum that the form names, if it does. */
static int begin_check(struct post *post)
{
    const struct slice prefix = SLICE("x-amz-checksum-");
    post->received.check_kind = S3_CHECKSUM_KINDS;
    for (unsigned i = 0; i < post->count; i++) {
        const struct s3_post_field *field = &post->fields[i];
        if (!slice_starts_with(field->name, prefix) ||
            post->received.check_kind != S3_CHECKSUM_KINDS)
            continue;
        post->received.check_kind = s3_checksum_find(slice_from(field->name, prefix.len));
        post->check_sent = field->value;
    }
    return post->received.check_kind == S3_CHECKSUM_KINDS ||
                   s3_sum_begin(&post->check, post->received.check_kind) == 0
               ? 0
               : s3_fault_memory(&post->call->fault);
}

static int end_check(struct post *post)
{
    struct s3_received *received = &post->received;
    char room[S3_SUM_BASE64_MAX];
    if (received->check_kind == S3_CHECKSUM_KINDS)
        return 0;
    size_t len = s3_sum_end(&post->check, received->check);
    if (slice_equal(s3_base64_write(received->check, len, room), post->check_sent))
        return 0;
    return s3_fault_say(&post->call->fault, S3_BAD_DIGEST,
                        "The %s you specified did not match the calculated checksum.",
                        s3_checksum_word(received->check_kind));
}

static int receive_file(struct post *post)
{
    struct s3_call *call = post->call;
    struct s3_received *received = &post->received;
    struct s3_form_part part;
    int event;
    if (s3_sum_begin(&post->md5, S3_CHECKSUM_MD5) < 0)
        return s3_fault_memory(&call->fault);
    int begun = s3_store_fault(call, s3_sealer_begin(&post->sealer, &post->draft.seal));
    if (begun == 0)
        begun = begin_check(post);
    if (begun < 0)
        return begun;
    incoming_init(&received->incoming, call->store);
    received->has_incoming = true;
    uint64_t max = post->limits.max < FILE_BYTES_MAX ? post->limits.max : FILE_BYTES_MAX;
    while ((event = next_event(post, &part)) == S3_FORM_DATA) {
        if (received->incoming.length + part.value.len > max)
            return s3_fault_set(&call->fault, S3_ENTITY_TOO_LARGE);
        s3_sum_add(&post->md5, part.value);
        if (received->check_kind != S3_CHECKSUM_KINDS)
            s3_sum_add(&post->check, part.value);
        int rc = s3_sealer_add(&post->sealer, &received->incoming, part.value);
        if (rc < 0)
            return s3_store_fault(call, rc);
    }
    if (event < 0)
        return event;
    s3_log_note_received(call);
    received->length = received->incoming.length;
    if (received->length < post->limits.min)
        return s3_fault_set(&call->fault, S3_ENTITY_TOO_SMALL);
    received->etag =
        s3_hex_write(received->md5, s3_sum_end(&post->md5, received->md5), received->etag_room);
    if (s3_seal_hides_sum(&post->draft.seal))
        received->etag = s3_seal_etag(received->md5, received->etag_room);
    int rc = end_check(post);
    if (rc == 0)
        rc = s3_store_fault(call, incoming_end(&received->incoming, received->content_room,
                                               &received->data, &received->content));
    received->is_pinned = rc == 0 && received->content.len > 0;
    return rc;
}

static int commit(struct post *post)
{
    struct s3_call *call = post->call;
    char room[S3_STORED_SUM_BYTES];
    struct s3_stored_sum sum = {.kind = post->received.check_kind};
    struct store_change change = {.kind = RECORD_PUT};
    memcpy(sum.sum, post->received.check, sizeof sum.sum);
    post->draft.version.checksum = s3_stored_sum_write(&sum, room);
    s3_received_use(&post->received, &change, &post->draft.version);
    change.put.version = post->draft.version;
    s3_quota_apply(call->bucket, &change);
    int rc = s3_change_fault(call, s3_commit(call, S3_EVENT_CREATED_POST, &change, 1, NULL));
    post->draft.version.sequence = change.sequence;
    return rc;
}

static void write_created(struct post *post, struct writer *head)
{
    char etag[S3_ETAG_ROOM];
    h1_write_field(head, field_name(FIELD_ETAG), s3_quoted(post->received.etag, etag));
    s3_write_version(post->call, head, &post->draft.version);
    s3_write_expiration(post->call, head, &post->draft.version);
    s3_seal_write(head, &post->draft.seal);
}

static int answer_document(struct post *post)
{
    struct s3_call *call = post->call;
    SCOPED(buffer_finish) struct buffer out;
    struct xml_writer xml;
    char etag[S3_ETAG_ROOM];
    buffer_init(&out, S3_ANSWER_BYTES_MAX);
    xml_writer_init(&xml, &out);
    xml_open(&xml, "PostResponse");
    xml_element(&xml, "Location", s3_location(post->call, &post->call->arena));
    xml_element(&xml, "Bucket", call->bucket_name);
    xml_element(&xml, "Key", call->key);
    xml_element(&xml, "ETag", s3_quoted(post->received.etag, etag));
    xml_close(&xml);
    if (xml_writer_end(&xml) < 0)
        return s3_fault_memory(&call->fault);
    struct writer *head = s3_begin(call, 201, out.len);
    if (head == NULL)
        return 0;
    write_literal(head, "Content-Type: application/xml\r\n");
    h1_write_field(head, field_name(FIELD_LOCATION), s3_location(post->call, &post->call->arena));
    write_created(post, head);
    (void)exchange_send(call->exchange, buffer_slice(&out), false);
    return 0;
}

/* To the page that the form names, which learns what was made. */
static int answer_redirect(struct post *post, struct slice place)
{
    struct s3_call *call = post->call;
    struct writer query;
    size_t room = 3 * (call->key.len + S3_ETAG_ROOM) + call->bucket_name.len + 64;
    char etag[S3_ETAG_ROOM], *text = arena_alloc(&call->arena, room);
    if (text == NULL)
        return s3_fault_memory(&call->fault);
    writer_init(&query, text, room);
    write_char(&query, slice_find(place, '?') < 0 ? '?' : '&');
    write_literal(&query, "bucket=");
    write_slice(&query, call->bucket_name);
    write_literal(&query, "&key=");
    s3_escape(&query, call->key, false);
    write_literal(&query, "&etag=");
    s3_escape(&query, s3_quoted(post->received.etag, etag), false);
    struct writer *head = s3_begin(call, 303, 0);
    if (head == NULL)
        return 0;
    write_literal(head, "Location: ");
    write_slice(head, place);
    write_slice(head, writer_slice(&query));
    write_literal(head, "\r\n");
    write_created(post, head);
    (void)exchange_send(call->exchange, (struct slice){0}, false);
    return 0;
}

static bool is_url(struct slice text)
{
    return http_is_field_value(text) && (slice_starts_with(text, SLICE("http://")) ||
                                         slice_starts_with(text, SLICE("https://")));
}

static int answer(struct post *post)
{
    struct s3_call *call = post->call;
    struct slice place = field_of(post, SLICE("success_action_redirect"));
    struct slice status = field_of(post, SLICE("success_action_status"));
    if (is_url(place))
        return answer_redirect(post, place);
    if (slice_equal(status, SLICE("201")))
        return answer_document(post);
    bool is_200 = slice_equal(status, SLICE("200"));
    struct writer *head = s3_begin(call, is_200 ? 200 : 204, is_200 ? 0 : EXCHANGE_LENGTH_UNKNOWN);
    if (head == NULL)
        return 0;
    h1_write_field(head, field_name(FIELD_LOCATION), s3_location(post->call, &post->call->arena));
    write_created(post, head);
    (void)exchange_send(call->exchange, (struct slice){0}, false);
    return 0;
}

static int run(struct post *post)
{
    struct s3_call *call = post->call;
    s3_step_out(call, true);
    int rc = read_fields(post);
    if (rc == 0)
        rc = take_key(post);
    if (rc == 0)
        rc = check_policy(post);
    if (rc == 0)
        rc = s3_step_in(call);
    if (rc == 0)
        rc = check_right(post);
    if (rc == 0)
        rc = make_draft(post);
    s3_step_out(call, true);
    if (rc == 0)
        rc = receive_file(post);
    if (rc == 0)
        rc = s3_step_in(call);
    if (rc == 0)
        rc = commit(post);
    return rc < 0 ? rc : answer(post);
}

int s3_post_object(struct s3_call *call)
{
    SCOPED_FREE struct post *post = memory_alloc(sizeof *post);
    if (post == NULL)
        return s3_fault_memory(&call->fault);
    post->call = call;
    int rc =
        s3_form_init(&post->form, fields_value(&call->exchange->request.fields, FIELD_CONTENT_TYPE),
                     &call->fault);
    if (rc == 0)
        rc = run(post);
    s3_received_finish(&post->received, rc);
    s3_sealer_finish(&post->sealer);
    s3_seal_wipe(&post->draft.seal);
    s3_sum_finish(&post->md5);
    s3_sum_finish(&post->check);
    s3_form_finish(&post->form);
    return rc;
}
