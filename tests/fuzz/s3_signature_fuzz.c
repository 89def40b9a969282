/*
 * Signatures of requests: a line of method and path, one of the query, then the fields. Holds: a
 * request may claim anything; the canonical request does not depend on the order of the
 * parameters; what is signed here, by the field or by the query, is accepted and is the same anew.
 */
#include "fuzz.h"

#include "base/memory.h"
#include "wire/http/chars.h"
#include "wire/s3/signature.h"

#define REGION     SLICE("us-east-1")
#define DAY        "20130524"
#define SCOPE      DAY "/us-east-1/s3/aws4_request"
#define TIMESTAMP  DAY "T000000Z"
#define NOW_S      INT64_C(1369353600)
#define FIELDS_MAX 24
#define ROOM_BYTES 65536

static const unsigned char key[S3_SIGNING_KEY_BYTES] = "thirty-two bytes of a signing k";

struct made {
    struct field at[FIELDS_MAX + 3];
    struct fields fields;
    struct s3_query query;
    struct s3_signed request;
    struct slice raw_query;
    struct arena arena;
};

static void add_field(struct made *made, struct slice name, struct slice value)
{
    CHECK(made->fields.count < made->fields.max);
    made->at[made->fields.count++] = (struct field){name, value, field_id_of(name)};
}

static bool is_token(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!char_is(name.at[i], CHAR_TOKEN))
            return false;
    }
    return name.len > 0;
}

static void read_request(struct made *made, struct slice bytes)
{
    struct slice line = {0}, method = {0};
    memset(made, 0, sizeof *made);
    arena_init(&made->arena, NULL, 0, 64 << 20);
    made->fields = (struct fields){made->at, 0, FIELDS_MAX + 3};
    (void)slice_cut(&bytes, '\n', &line);
    (void)slice_cut(&line, ' ', &method);
    made->request = (struct s3_signed){method, line, SLICE("example"), &made->query, &made->fields};
    if (bytes.at != NULL)
        (void)slice_cut(&bytes, '\n', &made->raw_query);
    while (bytes.at != NULL && made->fields.count < FIELDS_MAX && slice_cut(&bytes, '\n', &line)) {
        ptrdiff_t colon = slice_find(line, ':');
        if (colon > 0 && is_token(slice_first(line, (size_t)colon)))
            add_field(made, slice_first(line, (size_t)colon),
                      slice_trim(slice_from(line, (size_t)colon + 1)));
    }
}

static int parse_query(struct made *made, struct slice raw)
{
    struct s3_fault fault = {0};
    int rc = s3_query_parse(raw, &made->arena, &fault, &made->query);
    CHECK((rc < 0) == (fault.code != S3_NO_FAULT));
    return rc;
}

static int read_signature(struct made *made, struct s3_signature *ret_signature)
{
    struct s3_fault fault = {0};
    int rc = s3_signature_read(&made->request, REGION, NOW_S, &made->arena, &fault, ret_signature);
    CHECK((rc < 0) == (fault.code != S3_NO_FAULT));
    return rc;
}

static struct s3_proof make(struct made *made, const struct s3_signature *claim)
{
    struct s3_proof proof;
    CHECK(s3_signature_make(&made->request, claim, key, &made->arena, &proof) == 0);
    return proof;
}

/* host, and each x-amz-* field. */
static struct slice signed_headers(struct made *made)
{
    struct writer writer;
    char *room = arena_alloc(&made->arena, ROOM_BYTES);
    CHECK(room != NULL);
    writer_init(&writer, room, ROOM_BYTES);
    write_literal(&writer, "host");
    for (unsigned i = 0; i < made->fields.count; i++) {
        if (!slice_equal_nocase(slice_first(made->at[i].name, 6), SLICE("x-amz-")))
            continue;
        write_char(&writer, ';');
        write_slice(&writer, made->at[i].name);
    }
    return writer.overflown ? SLICE("host") : writer_slice(&writer);
}

static void check_order(struct made *made)
{
    struct s3_signature claim = {
        .form = S3_SIGNED_HEADER,
        .scope = SLICE(SCOPE),
        .headers = SLICE("host;host;host;host;host;host;host;host;host;host;host;host"),
        .timestamp = SLICE(TIMESTAMP),
        .payload = SLICE(S3_UNSIGNED_PAYLOAD)};
    struct slice before = make(made, &claim).canonical;
    struct s3_param params[S3_PARAMS_MAX];
    const struct s3_query query = made->query;
    for (unsigned i = 0; i < query.count; i++)
        params[i] = query.at[query.count - 1 - i];
    made->query.at = params;
    CHECK(slice_equal(make(made, &claim).canonical, before));
    made->query = query;
}

/* What was claimed is read as it was made, and makes the same signature. */
static void check_accepted(struct made *made, const struct s3_proof *proof)
{
    struct s3_signature signature;
    CHECK(read_signature(made, &signature) == 0);
    CHECK(slice_equal(signature.access_key, SLICE("ID")));
    CHECK(s3_signature_is(signature.signature, make(made, &signature).signature));
    CHECK(s3_signature_is(signature.signature, proof->signature));
}

static void check_header_form(struct made *made)
{
    struct s3_signature claim = {.form = S3_SIGNED_HEADER,
                                 .scope = SLICE(SCOPE),
                                 .headers = signed_headers(made),
                                 .timestamp = SLICE(TIMESTAMP),
                                 .payload = SLICE(S3_UNSIGNED_PAYLOAD)};
    struct s3_proof proof = make(made, &claim);
    struct slice value =
        arena_format(&made->arena,
                     "AWS4-HMAC-SHA256 Credential=ID/" SCOPE ", SignedHeaders=%.*s, Signature=%.*s",
                     SLICE_ARG(claim.headers), S3_SIGNATURE_LEN, proof.signature);
    CHECK(value.at != NULL);
    add_field(made, SLICE("Authorization"), value);
    check_accepted(made, &proof);
    made->fields.count--;
}

static void write_parameters(struct made *made, struct writer *writer)
{
    write_slice(writer, made->raw_query);
    write_literal(writer, "&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ID/" SCOPE
                          "&X-Amz-Date=" TIMESTAMP "&X-Amz-Expires=60&X-Amz-SignedHeaders=");
    s3_escape(writer, signed_headers(made), false);
    write_literal(writer, "&X-Amz-Content-Sha256=" S3_UNSIGNED_PAYLOAD);
}

static void check_query_form(struct made *made)
{
    struct writer writer;
    char *room = arena_alloc(&made->arena, 4 * ROOM_BYTES);
    CHECK(room != NULL);
    writer_init(&writer, room, 4 * ROOM_BYTES);
    write_parameters(made, &writer);
    if (writer.overflown || parse_query(made, writer_slice(&writer)) < 0)
        return;
    struct s3_signature claim = {.form = S3_SIGNED_QUERY,
                                 .scope = SLICE(SCOPE),
                                 .headers = signed_headers(made),
                                 .timestamp = SLICE(TIMESTAMP),
                                 .payload = SLICE(S3_UNSIGNED_PAYLOAD)};
    struct s3_proof proof = make(made, &claim);
    write_literal(&writer, "&X-Amz-Signature=");
    write_bytes(&writer, proof.signature, S3_SIGNATURE_LEN);
    if (!writer.overflown && parse_query(made, writer_slice(&writer)) == 0)
        check_accepted(made, &proof);
}

/* Nothing in it speaks of signatures yet. */
static bool is_plain(const struct made *made)
{
    for (unsigned i = 0; i < made->query.count; i++) {
        struct slice name = made->query.at[i].name;
        if (slice_starts_with(name, SLICE("X-Amz-")) || slice_equal(name, SLICE("AWSAccessKeyId")))
            return false;
    }
    return fields_find(&made->fields, FIELD_AUTHORIZATION) == NULL &&
           fields_find_name(&made->fields, SLICE("x-amz-date")) == NULL &&
           fields_find_name(&made->fields, SLICE("x-amz-content-sha256")) == NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct made made;
    struct s3_signature signature;
    if (len > ROOM_BYTES / 2)
        return 0;
    read_request(&made, slice_of(data, len));
    if (parse_query(&made, made.raw_query) == 0) {
        if (read_signature(&made, &signature) == 0 && signature.form != S3_SIGNED_NOT)
            (void)make(&made, &signature);
        check_order(&made);
        if (is_plain(&made)) {
            check_query_form(&made);
            CHECK(parse_query(&made, made.raw_query) == 0);
            add_field(&made, SLICE("x-amz-date"), SLICE(TIMESTAMP));
            add_field(&made, SLICE("x-amz-content-sha256"), SLICE(S3_UNSIGNED_PAYLOAD));
            check_header_form(&made);
        }
    }
    arena_finish(&made.arena);
    return 0;
}
