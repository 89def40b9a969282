#include "wire/s3/log_line.h"

#include "base/cleanup.h"
#include "wire/s3/query.h"
#include "wire/s3/signature.h"

/* Blanks, quotes, numbers and the date; and three bytes for each that is escaped. */
#define FIXED_BYTES 512

static void write_escaped(struct writer *writer, char c)
{
    static const char digits[] = "0123456789ABCDEF";
    unsigned char byte = (unsigned char)c;
    write_char(writer, '%');
    write_char(writer, digits[byte >> 4]);
    write_char(writer, digits[byte & 15]);
}

/* A blank ends it where it stands alone. */
static void write_text(struct writer *writer, struct slice text, bool is_quoted)
{
    if (text.len == 0) {
        write_char(writer, '-');
        return;
    }
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.at[i];
        if (byte < 0x20 || byte >= 0x7f || byte == '"' || byte == '\\' ||
            (byte == ' ' && !is_quoted))
            write_escaped(writer, text.at[i]);
        else
            write_char(writer, text.at[i]);
    }
}

static void put(struct writer *writer, struct slice text)
{
    write_char(writer, ' ');
    write_text(writer, text, false);
}

static void put_quoted(struct writer *writer, struct slice text)
{
    if (text.len == 0) {
        write_literal(writer, " \"-\"");
        return;
    }
    write_literal(writer, " \"");
    write_text(writer, text, true);
    write_char(writer, '"');
}

static void put_number(struct writer *writer, uint64_t number)
{
    if (number == UINT64_MAX) {
        write_literal(writer, " -");
        return;
    }
    write_char(writer, ' ');
    write_u64(writer, number);
}

/* [06/Feb/2019:00:00:38 +0000] */
static void put_time(struct writer *writer, int64_t time_s)
{
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    char basic[S3_TIMESTAMP_LEN];
    s3_timestamp_write(time_s, basic);
    unsigned month = (unsigned)(basic[4] - '0') * 10 + (unsigned)(basic[5] - '0');
    write_literal(writer, " [");
    write_bytes(writer, basic + 6, 2);
    write_char(writer, '/');
    write_bytes(writer, months[(month + 11) % 12], 3);
    write_char(writer, '/');
    write_bytes(writer, basic, 4);
    for (unsigned at = 9; at < 15; at += 2) {
        write_char(writer, ':');
        write_bytes(writer, basic + at, 2);
    }
    write_literal(writer, " +0000]");
}

/* As policies name it. */
static void put_requester(struct writer *writer, const struct s3_log_line *line)
{
    if (line->requester.len == 0) {
        write_literal(writer, " -");
        return;
    }
    write_literal(writer, " arn:aws:iam::");
    write_text(writer, line->account, false);
    write_literal(writer, ":user/");
    write_text(writer, line->requester, false);
}

static void put_request(struct writer *writer, const struct s3_log_line *line)
{
    if (line->method.len == 0) {
        write_literal(writer, " \"-\"");
        return;
    }
    write_literal(writer, " \"");
    write_text(writer, line->method, false);
    put(writer, line->target);
    put(writer, line->version);
    write_char(writer, '"');
}

size_t s3_log_line_bytes(const struct s3_log_line *line)
{
    const struct slice *texts[] = {
        &line->bucket_owner, &line->bucket,     &line->remote_ip, &line->requester,
        &line->account,      &line->request_id, &line->operation, &line->key,
        &line->method,       &line->target,     &line->version,   &line->error,
        &line->referrer,     &line->user_agent, &line->signature, &line->version_id,
        &line->host_id,      &line->cipher,     &line->host,      &line->authentication,
        &line->tls,
    };
    size_t bytes = FIXED_BYTES;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        bytes += 3 * texts[i]->len;
    return bytes;
}

void s3_log_line_write(struct writer *writer, const struct s3_log_line *line)
{
    write_text(writer, line->bucket_owner, false);
    put(writer, line->bucket);
    put_time(writer, line->time_s);
    put(writer, line->remote_ip);
    put_requester(writer, line);
    put(writer, line->request_id);
    put(writer, line->operation);
    write_char(writer, ' ');
    if (line->key.len == 0)
        write_char(writer, '-');
    else
        s3_escape(writer, line->key, true);
    put_request(writer, line);
    put_number(writer, line->status == 0 ? UINT64_MAX : line->status);
    put(writer, line->error);
    put_number(writer, line->bytes_sent);
    put_number(writer, line->object_size);
    put_number(writer, line->total_ms);
    put_number(writer, line->turn_around_ms);
    put_quoted(writer, line->referrer);
    put_quoted(writer, line->user_agent);
    put(writer, line->version_id);
    put(writer, line->host_id);
    put(writer, line->signature);
    put(writer, line->cipher);
    put(writer, line->authentication);
    put(writer, line->host);
    put(writer, line->tls);
    write_literal(writer, " -"); /* access points do not exist here */
    put(writer, line->needed_a_list ? SLICE("Yes") : (struct slice){NULL, 0});
    write_char(writer, '\n');
}

/* 2026-11-27, with another separator. */
static void write_day(struct writer *writer, const char *basic, char separator)
{
    write_bytes(writer, basic, 4);
    write_char(writer, separator);
    write_bytes(writer, basic + 4, 2);
    write_char(writer, separator);
    write_bytes(writer, basic + 6, 2);
}

struct slice s3_log_key_write(const struct s3_logging *logging, const struct s3_log_place *place,
                              char room[static S3_LOG_KEY_BYTES_MAX])
{
    struct writer writer;
    char basic[S3_TIMESTAMP_LEN];
    bool is_by_event = logging->keys == S3_LOG_KEYS_BY_EVENT;
    s3_timestamp_write(is_by_event ? place->event_s : place->delivery_s, basic);
    if (is_by_event)
        memcpy(basic + 9, "000000", 6);
    writer_init(&writer, room, S3_LOG_KEY_BYTES_MAX);
    write_slice(&writer, logging->prefix);
    if (is_by_event || logging->keys == S3_LOG_KEYS_BY_DELIVERY) {
        write_slice(&writer, place->owner_id);
        write_char(&writer, '/');
        write_slice(&writer, place->region);
        write_char(&writer, '/');
        write_slice(&writer, place->bucket);
        write_char(&writer, '/');
        write_day(&writer, basic, '/');
        write_char(&writer, '/');
    }
    write_day(&writer, basic, '-');
    for (unsigned at = 9; at < 15; at += 2) {
        write_char(&writer, '-');
        write_bytes(&writer, basic + at, 2);
    }
    write_char(&writer, '-');
    for (unsigned shift = 64; shift > 0; shift -= 4)
        write_char(&writer, "0123456789ABCDEF"[place->unique >> (shift - 4) & 15]);
    return writer_slice(&writer);
}
