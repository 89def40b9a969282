/*
 * Heads of requests, responses and trailers. Holds: bytes fed one by one end as bytes fed at once;
 * what is accepted and written anew is accepted again, means the same, and is written the same.
 */
#include "fuzz.h"

#include "base/cleanup.h"
#include "wire/h1/head.h"
#include "wire/h1/serialise.h"

typedef int scan_function(struct h1_scan *scan, struct slice bytes, struct h1_refusal *ret_refusal);

/* Written anew, a field grows by a blank at most. */
#define WRITTEN_BYTES_MAX (2 * HTTP_HEAD_BYTES_MAX)

/* The head's length, 0, or minus the refusal's status; the same however the bytes come. */
static int scan(scan_function *function, struct slice bytes)
{
    struct h1_refusal once = {0}, stepwise = {0};
    struct h1_scan state = {0};
    int result = function(&state, bytes, &once);
    CHECK(result <= 0 || ((size_t)result <= bytes.len && result <= HTTP_HEAD_BYTES_MAX));
    CHECK(result >= 0 || (once.status >= 400 && once.status <= 599 && once.text != NULL));

    state = (struct h1_scan){0};
    int last = 0;
    for (size_t len = 1; len <= bytes.len && last == 0; len++)
        last = function(&state, slice_first(bytes, len), &stepwise);
    CHECK(last == result && once.status == stepwise.status);
    return result;
}

static void check_fields(const struct fields *fields)
{
    for (unsigned i = 0; i < fields->count; i++) {
        const struct field *field = &fields->at[i];
        CHECK(http_is_token(field->name));
        CHECK(http_is_field_value(field->value));
        CHECK(field->id == field_id_of(field->name));
        CHECK(field->value.len == slice_trim(field->value).len);
    }
}

static void check_same_fields(const struct fields *a, const struct fields *b)
{
    CHECK(a->count == b->count);
    for (unsigned i = 0; i < a->count; i++) {
        CHECK(slice_equal(a->at[i].name, b->at[i].name));
        CHECK(slice_equal(a->at[i].value, b->at[i].value));
    }
}

static bool same_framing(const struct framing *a, const struct framing *b)
{
    return a->kind == b->kind && a->content_length == b->content_length &&
           a->has_content_length == b->has_content_length;
}

static void write_all(struct writer *writer, const struct fields *fields)
{
    for (unsigned i = 0; i < fields->count; i++)
        h1_write_field(writer, fields->at[i].name, fields->at[i].value);
    h1_write_end(writer);
    CHECK(!writer->overflown);
}

/* Forwarding is a fixed point: what was left out stays out, all else is kept. */
static void check_forwarded(const struct fields *fields)
{
    static char first[WRITTEN_BYTES_MAX], second[WRITTEN_BYTES_MAX];
    struct writer once, twice;
    writer_init(&once, first, sizeof first);
    h1_write_forwarded(&once, fields, NULL);
    h1_write_end(&once);
    CHECK(!once.overflown);

    struct field at[HTTP_FIELDS_MAX];
    struct fields again = {at, 0, HTTP_FIELDS_MAX};
    struct h1_refusal refusal;
    struct slice section = writer_slice(&once);
    struct h1_scan state = {0};
    /* A line at its limit may have grown past it by the blank. */
    if (h1_scan_trailers(&state, section, &refusal) != (int)section.len) {
        CHECK(refusal.status == 431);
        return;
    }
    CHECK(h1_parse_trailers(section, &again, &refusal) == 0);
    for (unsigned i = 0; i < again.count; i++)
        CHECK(!field_is_hop_by_hop(at[i].id) && at[i].id != FIELD_HOST);
    writer_init(&twice, second, sizeof second);
    h1_write_forwarded(&twice, &again, NULL);
    CHECK(!twice.overflown && writer_slice(&twice).len <= section.len);
}

static bool parse_request(struct slice head, struct field *at, struct request_head *ret_head)
{
    struct h1_refusal refusal = {0};
    *ret_head = (struct request_head){.fields = {at, 0, HTTP_FIELDS_MAX}};
    if (h1_parse_request(head, ret_head, &refusal) == 0)
        return true;
    CHECK(refusal.status >= 400 && refusal.status <= 599 && refusal.text != NULL);
    return false;
}

static void check_request_head(const struct request_head *head)
{
    CHECK(http_is_token(head->method_name) && head->target.len > 0);
    CHECK(head->framing.kind != BODY_UNTIL_CLOSE);
    CHECK(head->form == TARGET_AUTHORITY || head->path.at[0] == '/' ||
          (head->form == TARGET_ASTERISK && slice_equal(head->path, SLICE("*"))));
    CHECK((head->form == TARGET_AUTHORITY) == (head->method == METHOD_CONNECT));
    CHECK(head->authority.len > 0 || head->version_minor == 0);
    check_fields(&head->fields);
}

static void try_request(struct slice bytes)
{
    int len = scan(h1_scan, bytes);
    struct field at[HTTP_FIELDS_MAX], at_again[HTTP_FIELDS_MAX];
    struct request_head head, again;
    if (len <= 0 || !parse_request(slice_first(bytes, (size_t)len), at, &head))
        return;
    check_request_head(&head);
    check_forwarded(&head.fields);
    if (head.version_minor == 0)
        return; /* what is written is HTTP/1.1 */

    static char memory[WRITTEN_BYTES_MAX];
    struct writer writer;
    writer_init(&writer, memory, sizeof memory);
    h1_write_request_line(&writer, head.method_name, head.target);
    write_all(&writer, &head.fields);
    struct slice written = writer_slice(&writer);
    struct h1_scan state = {0};
    struct h1_refusal refusal;
    if (h1_scan(&state, written, &refusal) != (int)written.len) {
        CHECK(refusal.status == 431);
        return;
    }
    CHECK(parse_request(written, at_again, &again));
    CHECK(head.method == again.method && head.form == again.form);
    CHECK(slice_equal(head.path, again.path) && slice_equal(head.query, again.query));
    CHECK(slice_equal(head.authority, again.authority) && slice_equal(head.scheme, again.scheme));
    CHECK(head.keep_alive == again.keep_alive && head.wants_upgrade == again.wants_upgrade);
    CHECK(head.expects_continue == again.expects_continue);
    CHECK(same_framing(&head.framing, &again.framing));
    check_same_fields(&head.fields, &again.fields);
}

static bool parse_response(struct slice bytes, enum http_method method, struct field *at,
                           struct response_head *ret_head)
{
    struct h1_refusal refusal = {0};
    *ret_head = (struct response_head){.fields = {at, 0, HTTP_FIELDS_MAX}};
    if (h1_parse_response(bytes, method, ret_head, &refusal) == 0)
        return true;
    CHECK(refusal.status >= 400 && refusal.text != NULL);
    return false;
}

static void try_response(struct slice bytes, enum http_method method)
{
    struct h1_scan state = {0};
    struct h1_refusal refusal;
    int len = h1_scan(&state, bytes, &refusal);
    struct field at[HTTP_FIELDS_MAX], at_again[HTTP_FIELDS_MAX];
    struct response_head head, again;
    if (len <= 0 || !parse_response(slice_first(bytes, (size_t)len), method, at, &head))
        return;
    CHECK(head.status >= 100 && head.status <= 599);
    CHECK(head.framing.kind != BODY_UNTIL_CLOSE || !head.keep_alive);
    check_fields(&head.fields);
    check_forwarded(&head.fields);
    if (head.version_minor == 0)
        return;

    static char memory[WRITTEN_BYTES_MAX];
    struct writer writer;
    writer_init(&writer, memory, sizeof memory);
    h1_write_status_line(&writer, head.status, head.reason);
    write_all(&writer, &head.fields);
    struct slice written = writer_slice(&writer);
    state = (struct h1_scan){0};
    if (h1_scan(&state, written, &refusal) != (int)written.len) {
        CHECK(refusal.status == 431);
        return;
    }
    CHECK(parse_response(written, method, at_again, &again));
    CHECK(head.status == again.status && head.keep_alive == again.keep_alive);
    CHECK(head.has_upgrade == again.has_upgrade && same_framing(&head.framing, &again.framing));
    check_same_fields(&head.fields, &again.fields);
}

static void try_trailers(struct slice bytes)
{
    int len = scan(h1_scan_trailers, bytes);
    struct field at[HTTP_FIELDS_MAX];
    struct fields fields = {at, 0, HTTP_FIELDS_MAX};
    struct h1_refusal refusal;
    if (len <= 0 || h1_parse_trailers(slice_first(bytes, (size_t)len), &fields, &refusal) < 0)
        return;
    check_fields(&fields);
    for (unsigned i = 0; i < fields.count; i++)
        CHECK(at[i].id != FIELD_CONTENT_LENGTH && !field_is_hop_by_hop(at[i].id));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const enum http_method methods[] = {METHOD_GET, METHOD_HEAD, METHOD_CONNECT};
    struct slice bytes = slice_of(data, len);
    try_request(bytes);
    for (size_t i = 0; i < COUNT_OF(methods); i++)
        try_response(bytes, methods[i]);
    try_trailers(bytes);
    return 0;
}
