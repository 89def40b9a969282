/* The path and the query are written as they are signed, so that nobody can read them otherwise. */
#include "edge/s3/remote_head.h"

#include "base/cleanup.h"
#include "edge/forward/request.h"
#include "edge/s3/signing_keys.h"
#include "edge/state.h"
#include "wire/h1/serialise.h"
#include "wire/s3/sign.h"

#include <errno.h>

/* For the request line and the fields that are added, beside what is counted. */
#define ROOM_BYTES 2048

struct writing {
    const struct remote_head *from;
    struct arena *arena;
    char timestamp[S3_TIMESTAMP_LEN];
    struct s3_query query;
    struct fields fields; /* those that are signed, then the others */
    unsigned signed_count;
    struct slice path;
    struct slice authorization;
};

static bool is_signed(struct slice name)
{
    return slice_equal_nocase(slice_first(name, 6), SLICE("x-amz-")) ||
           field_id_of(name) == FIELD_CONTENT_TYPE ||
           slice_equal_nocase(name, SLICE("content-md5"));
}

static void add_field(struct writing *writing, struct slice name, struct slice value)
{
    writing->fields.at[writing->fields.count++] = (struct field){name, value, field_id_of(name)};
}

static int gather_fields(struct writing *writing)
{
    const struct remote_head *from = writing->from;
    unsigned max = from->fields->count + 2;
    writing->fields.at = arena_alloc_array(writing->arena, max, sizeof *writing->fields.at);
    writing->fields.max = max;
    if (writing->fields.at == NULL)
        return -ENOMEM;
    s3_timestamp_write(from->now_s, writing->timestamp);
    add_field(writing, SLICE("x-amz-date"), slice_of(writing->timestamp, S3_TIMESTAMP_LEN));
    add_field(writing, SLICE("x-amz-content-sha256"), from->payload);
    for (unsigned i = 0; i < from->fields->count; i++) {
        if (is_signed(from->fields->at[i].name))
            writing->fields.at[writing->fields.count++] = from->fields->at[i];
    }
    writing->signed_count = writing->fields.count;
    for (unsigned i = 0; i < from->fields->count; i++) {
        if (!is_signed(from->fields->at[i].name))
            writing->fields.at[writing->fields.count++] = from->fields->at[i];
    }
    return 0;
}

/* Those that Weir knows, and has thought of when it let the request pass: another endpoint may have
 * more of them. What signs a request in its query is not among them. */
static bool is_known(struct slice name)
{
    static const struct slice names[] = {
        SLICE("attributes"),
        SLICE("cors"),
        SLICE("delete"),
        SLICE("lifecycle"),
        SLICE("tagging"),
        SLICE("versioning"),
        SLICE("versions"),
        SLICE("uploads"),
        SLICE("uploadId"),
        SLICE("partNumber"),
        SLICE("versionId"),
        SLICE("list-type"),
        SLICE("prefix"),
        SLICE("delimiter"),
        SLICE("marker"),
        SLICE("max-keys"),
        SLICE("start-after"),
        SLICE("continuation-token"),
        SLICE("fetch-owner"),
        SLICE("encoding-type"),
        SLICE("key-marker"),
        SLICE("version-id-marker"),
        SLICE("max-uploads"),
        SLICE("upload-id-marker"),
        SLICE("max-parts"),
        SLICE("part-number-marker"),
        SLICE("website"),
        SLICE("notification"),
        SLICE("object-lock"),
        SLICE("retention"),
        SLICE("legal-hold"),
        SLICE("logging"),
        SLICE("accelerate"),
        SLICE("requestPayment"),
        SLICE("encryption"),
        SLICE("replication"),
        SLICE("x-id"),
        SLICE("response-content-type"),
        SLICE("response-content-language"),
        SLICE("response-expires"),
        SLICE("response-cache-control"),
        SLICE("response-content-disposition"),
        SLICE("response-content-encoding"),
    };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (slice_equal(name, names[i]))
            return true;
    }
    return false;
}

static int gather_query(struct writing *writing)
{
    const struct s3_query *from = writing->from->query;
    struct s3_param *at = arena_alloc_array(writing->arena, from->count + 1, sizeof *at);
    if (at == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < from->count; i++) {
        if (is_known(from->at[i].name))
            at[writing->query.count++] = from->at[i];
    }
    writing->query.at = at;
    return 0;
}

static int write_path(struct writing *writing)
{
    const struct conf_remote *remote = writing->from->remote;
    struct writer writer;
    size_t bytes = 3 * writing->from->key.len + remote->bucket.len + 2;
    char *room = arena_alloc(writing->arena, bytes);
    if (room == NULL)
        return -ENOMEM;
    writer_init(&writer, room, bytes);
    write_char(&writer, '/');
    if (remote->style == CONF_S3_PATH) {
        write_slice(&writer, remote->bucket);
        if (writing->from->key.len > 0)
            write_char(&writer, '/');
    }
    s3_escape(&writer, writing->from->key, true);
    writing->path = writer_slice(&writer);
    return 0;
}

static int sign(struct writing *writing)
{
    const struct remote_head *from = writing->from;
    const struct conf_remote *remote = from->remote;
    const struct s3_key owner = {.access_key = remote->access_key.value,
                                 .secret_key = remote->secret_key.value};
    unsigned char key[S3_SIGNING_KEY_BYTES];
    const struct s3_signer signer = {owner.access_key, remote->region, key};
    struct fields fields = {writing->fields.at, writing->signed_count, writing->signed_count};
    const struct s3_signed request = {.method = from->method,
                                      .path = writing->path,
                                      .host = remote->host,
                                      .query = &writing->query,
                                      .fields = &fields};
    signing_keys_find(&edge_worker_current()->signing_keys, &owner, slice_of(writing->timestamp, 8),
                      remote->region, key);
    int rc = s3_sign(&request, &signer, writing->arena, &writing->authorization);
    explicit_bzero(key, sizeof key);
    return rc;
}

static size_t head_bytes(const struct writing *writing)
{
    size_t bytes = ROOM_BYTES + writing->from->method.len + writing->path.len +
                   writing->from->remote->host.len + writing->authorization.len;
    for (unsigned i = 0; i < writing->query.count; i++)
        bytes += 3 * (writing->query.at[i].name.len + writing->query.at[i].value.len) + 2;
    for (unsigned i = 0; i < writing->fields.count; i++)
        bytes += writing->fields.at[i].name.len + writing->fields.at[i].value.len + 4;
    return bytes;
}

static void write_target(struct writer *writer, const struct writing *writing)
{
    write_slice(writer, writing->from->method);
    write_char(writer, ' ');
    write_slice(writer, writing->path);
    for (unsigned i = 0; i < writing->query.count; i++) {
        write_char(writer, i == 0 ? '?' : '&');
        s3_escape(writer, writing->query.at[i].name, false);
        write_char(writer, '=');
        s3_escape(writer, writing->query.at[i].value, false);
    }
    write_literal(writer, " HTTP/1.1\r\n");
}

static int write_head(struct writing *writing, struct slice *ret_head)
{
    struct writer writer;
    size_t bytes = head_bytes(writing);
    char *room = arena_alloc(writing->arena, bytes);
    if (room == NULL)
        return -ENOMEM;
    writer_init(&writer, room, bytes);
    write_target(&writer, writing);
    h1_write_field(&writer, field_name(FIELD_HOST), writing->from->remote->host);
    h1_write_field(&writer, field_name(FIELD_AUTHORIZATION), writing->authorization);
    forward_write_framing(&writer, writing->from->framing);
    for (unsigned i = 0; i < writing->fields.count; i++)
        h1_write_field(&writer, writing->fields.at[i].name, writing->fields.at[i].value);
    h1_write_end(&writer);
    *ret_head = writer_slice(&writer);
    return writer.overflown ? -ENOMEM : 0;
}

int remote_head_write(const struct remote_head *from, struct arena *arena, struct slice *ret_head)
{
    struct writing writing = {.from = from, .arena = arena};
    int rc = gather_fields(&writing);
    if (rc == 0)
        rc = gather_query(&writing);
    if (rc == 0)
        rc = write_path(&writing);
    if (rc == 0)
        rc = sign(&writing);
    return rc < 0 ? rc : write_head(&writing, ret_head);
}
