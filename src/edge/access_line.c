/* The clock, and combined lines. Each part is written once, straight to its place. */
#include "edge/access_line.h"

#include "base/json.h"
#include "edge/access_json.h"
#include "edge/redact.h"
#include "http/exchange.h"
#include "http/session.h"
#include "wire/http/date.h"

/* Both texts from "Sun, 06 Nov 1994 08:49:37 GMT". */
static void set_clock(struct access_clock *clock, int64_t second)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char date[HTTP_DATE_BYTES];
    http_date_write(date, second);
    const char *day = date + 5, *month = date + 8, *year = date + 12, *time = date + 17;
    unsigned number = 1;
    while (number < 12 && memcmp(months + (number - 1) * 3, month, 3) != 0)
        number++;
    struct writer writer;
    writer_init(&writer, clock->rfc3339, sizeof clock->rfc3339 - 1);
    write_bytes(&writer, year, 4);
    write_char(&writer, '-');
    write_char(&writer, (char)('0' + number / 10));
    write_char(&writer, (char)('0' + number % 10));
    write_char(&writer, '-');
    write_bytes(&writer, day, 2);
    write_char(&writer, 'T');
    write_bytes(&writer, time, 8);
    writer_init(&writer, clock->combined, sizeof clock->combined - 1);
    write_bytes(&writer, day, 2);
    write_char(&writer, '/');
    write_bytes(&writer, month, 3);
    write_char(&writer, '/');
    write_bytes(&writer, year, 4);
    write_char(&writer, ':');
    write_bytes(&writer, time, 8);
    write_literal(&writer, " +0000");
    clock->second = second;
}

static void refresh_clock(struct access_clock *clock, int64_t wall_us)
{
    int64_t second = wall_us / 1000000;
    if (clock->second != second || clock->rfc3339[0] == '\0')
        set_clock(clock, second);
}

static void write_three_digits(struct writer *writer, unsigned value)
{
    char digits[3] = {(char)('0' + value / 100 % 10), (char)('0' + value / 10 % 10),
                      (char)('0' + value % 10)};
    write_bytes(writer, digits, sizeof digits);
}

void access_clock_write(const struct access_clock *clock, struct writer *writer, int64_t wall_us)
{
    write_bytes(writer, clock->rfc3339, sizeof clock->rfc3339 - 1);
    write_char(writer, '.');
    write_three_digits(writer, (unsigned)(wall_us / 1000 % 1000));
    write_char(writer, 'Z');
}

void access_time_write(struct writer *writer, int64_t wall_us)
{
    struct access_clock clock = {0};
    refresh_clock(&clock, wall_us);
    access_clock_write(&clock, writer, wall_us);
}

/* 12.345 for 12345 µs. */
static void write_ms(struct writer *writer, int64_t us)
{
    uint64_t value = us < 0 ? 0 : (uint64_t)us;
    write_u64(writer, value / 1000);
    write_char(writer, '.');
    write_three_digits(writer, (unsigned)(value % 1000));
}

/* `key` is what stands before the value, from its comma to its colon. */
#define WRITE_TEXT(writer, key, text)                                                              \
    do {                                                                                           \
        write_literal(writer, key);                                                                \
        write_json_text(writer, text);                                                             \
    } while (0)

#define WRITE_TEXT_IF_ANY(writer, key, text)                                                       \
    do {                                                                                           \
        if ((text).len > 0)                                                                        \
            WRITE_TEXT(writer, key, text);                                                         \
    } while (0)

#define WRITE_NUMBER(writer, key, value)                                                           \
    do {                                                                                           \
        write_literal(writer, key);                                                                \
        write_u64(writer, value);                                                                  \
    } while (0)

/* To within the id's value. */
static void begin_json(struct writer *writer, const struct access_clock *clock, int64_t wall_us,
                       uint64_t id)
{
    write_literal(writer, "{\"time\":\"");
    access_clock_write(clock, writer, wall_us);
    write_literal(writer, "\",\"id\":\"");
    write_hex(writer, id, 16);
}

/* As nginx escapes: quotes, backslashes and all that is not printable ASCII become \xXX. */
static void write_combined_text(struct writer *writer, struct slice text)
{
    while (text.len > 0) {
        size_t run = json_plain_len(text);
        write_bytes(writer, text.at, run);
        if (run < text.len) {
            unsigned char byte = (unsigned char)text.at[run++];
            write_literal(writer, "\\x");
            write_char(writer, "0123456789ABCDEF"[byte >> 4]);
            write_char(writer, "0123456789ABCDEF"[byte & 15]);
        }
        text = slice_from(text, run);
    }
}

/* A field of its own: blanks in it are escaped too. */
static void write_combined_user(struct writer *writer, struct slice user)
{
    struct slice part;
    if (user.len == 0)
        write_char(writer, '-');
    for (bool is_first = true; slice_cut(&user, ' ', &part); is_first = false) {
        if (!is_first)
            write_literal(writer, "\\x20");
        write_combined_text(writer, part);
    }
}

static void write_combined_field(struct writer *writer, const struct conf_access_log *conf,
                                 const struct exchange *exchange, enum field_id id)
{
    struct slice value = fields_value(&exchange->request.fields, id);
    write_literal(writer, " \"");
    if (id == FIELD_REFERER)
        redact_url(writer, &conf->redact, value.len == 0 ? SLICE("-") : value, write_combined_text);
    else
        write_combined_text(writer, value.len == 0 ? SLICE("-") : value);
    write_char(writer, '"');
}

static void write_combined(struct writer *writer, const struct conf_access_log *conf,
                           const struct exchange *exchange, const struct access_clock *clock)
{
    const struct request_head *request = &exchange->request;
    write_slice(writer, exchange->client);
    write_literal(writer, " - ");
    write_combined_user(writer, exchange->notes.user);
    write_literal(writer, " [");
    write_bytes(writer, clock->combined, sizeof clock->combined - 1);
    write_literal(writer, "] \"");
    if (request->method_name.len == 0) {
        write_char(writer, '-');
    } else {
        write_combined_text(writer, request->method_name);
        write_char(writer, ' ');
        redact_url(writer, &conf->redact, request->target, write_combined_text);
        write_char(writer, ' ');
        write_slice(writer, http_version_name(request));
    }
    write_literal(writer, "\" ");
    write_u64(writer, exchange->status);
    write_char(writer, ' ');
    write_u64(writer, exchange->response_bytes);
    write_combined_field(writer, conf, exchange, FIELD_REFERER);
    write_combined_field(writer, conf, exchange, FIELD_USER_AGENT);
    write_char(writer, '\n');
}

void access_line_write(struct writer *writer, const struct conf_access_log *conf,
                       const struct exchange *exchange, struct access_clock *clock, int64_t wall_us,
                       int64_t duration_us)
{
    refresh_clock(clock, wall_us);
    if (conf->format == CONF_LOG_COMBINED)
        write_combined(writer, conf, exchange, clock);
    else
        access_json_write(writer, conf, exchange, clock, wall_us, duration_us);
}

/* A forward proxy's tunnel looks as far as it goes like a request. */
static void write_json_tunnel(struct writer *writer, const struct access_connection *connection)
{
    WRITE_TEXT(writer, ",\"method\":", slice_of_cstr(connection->method));
    WRITE_TEXT(writer, ",\"host\":", connection->host);
    WRITE_TEXT(writer, ",\"protocol\":", slice_of_cstr(connection->protocol));
    WRITE_NUMBER(writer, ",\"status\":", connection->status);
}

static void write_json_connection(struct writer *writer, const struct access_connection *connection)
{
    WRITE_TEXT(writer, "\",\"client\":", connection->client);
    if (connection->proxy.len > 0)
        write_json_tunnel(writer, connection);
    else
        write_literal(writer, ",\"protocol\":\"tcp\"");
    WRITE_NUMBER(writer, ",\"bytes\":", connection->bytes_sent);
    WRITE_NUMBER(writer, ",\"request_bytes\":", connection->bytes_received);
    write_literal(writer, ",\"duration_ms\":");
    write_ms(writer, connection->duration_us);
    WRITE_TEXT_IF_ANY(writer, ",\"proxy\":", connection->proxy);
    if (connection->rule > 0)
        WRITE_NUMBER(writer, ",\"rule\":", connection->rule);
    WRITE_TEXT_IF_ANY(writer, ",\"user\":", connection->user);
    WRITE_TEXT_IF_ANY(writer, ",\"group\":", connection->group);
    WRITE_TEXT_IF_ANY(writer, ",\"target\":", connection->target);
    WRITE_NUMBER(writer, ",\"tries\":", connection->tries);
    write_literal(writer, ",\"upstream_ms\":");
    write_ms(writer, connection->connect_us);
    WRITE_TEXT_IF_ANY(writer, ",\"reason\":", slice_of_cstr(connection->reason));
    WRITE_TEXT_IF_ANY(writer, ",\"tls_server_name\":", connection->server_name);
    WRITE_TEXT(writer, ",\"listener\":", connection->listener);
    write_literal(writer, "}\n");
}

/* There was no request and no status: as nginx writes both then. */
static void write_combined_connection(struct writer *writer,
                                      const struct access_connection *connection,
                                      const struct access_clock *clock)
{
    write_slice(writer, connection->client);
    write_literal(writer, " - ");
    write_combined_user(writer, connection->user);
    write_literal(writer, " [");
    write_bytes(writer, clock->combined, sizeof clock->combined - 1);
    if (connection->proxy.len > 0) {
        write_literal(writer, "] \"");
        write_slice(writer, slice_of_cstr(connection->method));
        write_char(writer, ' ');
        write_combined_text(writer, connection->host);
        write_char(writer, ' ');
        write_slice(writer, slice_of_cstr(connection->protocol));
        write_literal(writer, "\" ");
        write_u64(writer, connection->status);
        write_char(writer, ' ');
    } else {
        write_literal(writer, "] \"-\" 000 ");
    }
    write_u64(writer, connection->bytes_sent);
    write_literal(writer, " \"-\" \"-\"\n");
}

void access_line_write_connection(struct writer *writer, enum conf_log_format format,
                                  const struct access_connection *connection,
                                  struct access_clock *clock, int64_t wall_us)
{
    refresh_clock(clock, wall_us);
    if (format == CONF_LOG_COMBINED) {
        write_combined_connection(writer, connection, clock);
        return;
    }
    begin_json(writer, clock, wall_us, connection->id);
    write_json_connection(writer, connection);
}
