/* Names and their order are S3's; eventName goes without "s3:", as S3 has it. */
#include "wire/s3/event.h"

#include "base/json.h"
#include "wire/s3/query.h"
#include "wire/s3/time.h"

#define FIXED_BYTES     1024
#define JSON_BYTES_MAX  6 /* of one byte */
#define SEQUENCER_BYTES 16

size_t s3_event_bytes(const struct s3_event_message *message)
{
    const struct slice texts[] = {
        message->region, message->principal, message->source_ip,  message->request_id,
        message->bucket, message->bucket,    message->version_id, message->configuration_id,
        message->etag,   message->key};
    size_t bytes = FIXED_BYTES;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        bytes += JSON_BYTES_MAX * texts[i].len;
    return bytes;
}

static void put_time(struct json_writer *json, const char *name, int64_t time_ms)
{
    char text[S3_TIME_BYTES];
    s3_time_write(text, time_ms / 1000);
    /* s3_time_write knows seconds. */
    unsigned ms = time_ms > 0 ? (unsigned)(time_ms % 1000) : 0;
    text[20] = (char)('0' + ms / 100);
    text[21] = (char)('0' + ms / 10 % 10);
    text[22] = (char)('0' + ms % 10);
    json_put_text(json, name, slice_of(text, sizeof text));
}

/* A text whose pieces and closing quote follow. */
static void open_text(struct json_writer *json, const char *name)
{
    json_put_text(json, name, SLICE(""));
    if (!json->out->overflown)
        json->out->at--;
}

/* As in a form: a blank is "+". What that leaves is plain, so the quotes can stand around it. */
static void put_key(struct json_writer *json, const char *name, struct slice key)
{
    struct slice rest = key, piece;
    open_text(json, name);
    while (rest.len > 0) {
        ptrdiff_t blank = slice_find(rest, ' ');
        piece = blank < 0 ? rest : slice_first(rest, (size_t)blank);
        s3_escape(json->out, piece, true);
        if (blank >= 0)
            write_char(json->out, '+');
        rest = blank < 0 ? (struct slice){0} : slice_from(rest, (size_t)blank + 1);
    }
    write_char(json->out, '"');
}

static void put_sequencer(struct json_writer *json, uint64_t sequencer)
{
    static const char digits[] = "0123456789ABCDEF";
    char text[SEQUENCER_BYTES];
    for (unsigned i = 0; i < SEQUENCER_BYTES; i++)
        text[i] = digits[sequencer >> (4 * (SEQUENCER_BYTES - 1 - i)) & 15];
    json_put_text(json, "sequencer", slice_of(text, sizeof text));
}

static void put_bucket(struct json_writer *json, const struct s3_event_message *message)
{
    json_open_object(json, "bucket");
    json_put_text(json, "name", message->bucket);
    json_open_object(json, "ownerIdentity");
    json_put_text(json, "principalId", SLICE("weir"));
    json_close_object(json);
    open_text(json, "arn");
    write_literal(json->out, "arn:aws:s3:::");
    write_json_part(json->out, message->bucket);
    write_char(json->out, '"');
    json_close_object(json);
}

static void put_object(struct json_writer *json, const struct s3_event_message *message)
{
    json_open_object(json, "object");
    put_key(json, "key", message->key);
    if (message->has_content) {
        json_put_u64(json, "size", message->size);
        json_put_text(json, "eTag", message->etag);
    }
    if (message->version_id.len > 0)
        json_put_text(json, "versionId", message->version_id);
    put_sequencer(json, message->sequencer);
    json_close_object(json);
}

static void put_one(struct json_writer *json, const char *name, const char *member,
                    struct slice value)
{
    json_open_object(json, name);
    json_put_text(json, member, value);
    json_close_object(json);
}

void s3_event_write(struct writer *writer, const struct s3_event_message *message)
{
    struct json_writer json;
    json_writer_init(&json, writer);
    json_open_object(&json, NULL);
    json_open_list(&json, "Records");
    json_open_object(&json, NULL);
    json_put_text(&json, "eventVersion", SLICE("2.1"));
    json_put_text(&json, "eventSource", SLICE("aws:s3"));
    json_put_text(&json, "awsRegion", message->region);
    put_time(&json, "eventTime", message->time_ms);
    json_put_text(&json, "eventName", slice_from(s3_event_name(message->event), 3));
    put_one(&json, "userIdentity", "principalId", message->principal);
    put_one(&json, "requestParameters", "sourceIPAddress", message->source_ip);
    put_one(&json, "responseElements", "x-amz-request-id", message->request_id);
    json_open_object(&json, "s3");
    json_put_text(&json, "s3SchemaVersion", SLICE("1.0"));
    json_put_text(&json, "configurationId", message->configuration_id);
    put_bucket(&json, message);
    put_object(&json, message);
    json_close_object(&json);
    json_close_object(&json);
    json_close_list(&json);
    json_close_object(&json);
}

void s3_event_write_test(struct writer *writer, const struct s3_event_message *message)
{
    struct json_writer json;
    json_writer_init(&json, writer);
    json_open_object(&json, NULL);
    json_put_text(&json, "Service", SLICE("Amazon S3"));
    json_put_text(&json, "Event", SLICE("s3:TestEvent"));
    put_time(&json, "Time", message->time_ms);
    json_put_text(&json, "Bucket", message->bucket);
    json_put_text(&json, "RequestId", message->request_id);
    json_put_text(&json, "HostId", SLICE("weir"));
    json_close_object(&json);
}
