/*
 * The usual answer is one write of a head and a body from memory. Large files go by sendfile in
 * parts; before each part it is made sure that the page cache has it, so that a slow disk holds up
 * this request and not the loop.
 */
#include "edge/files/send.h"

#include "base/cleanup.h"
#include "http/exchange.h"
#include "http/worker.h"
#include "os/beneath.h"
#include "os/fiber.h"
#include "os/loop.h"
#include "os/offload.h"
#include "wire/http/range.h"

#include <errno.h>

#define PART_BYTES (256 * 1024)

/* Room for one part's head in multipart/byteranges: 160 bytes at most, its type's among them. */
#define PART_HEAD_BYTES 256

static int64_t now_s(void)
{
    return loop_wall_us() / 1000000;
}

struct warming {
    int fd;
    uint64_t offset;
    size_t len;
    int result;
};

/* On a worker thread: reading a part once brings it into the page cache. */
static void warm(void *arg)
{
    enum { STEP_BYTES = 65536 };
    struct warming *warming = arg;
    SCOPED_FREE char *room = memory_alloc_raw(STEP_BYTES);
    ssize_t got = room == NULL ? -ENOMEM : 1;
    while (got > 0 && warming->len > 0) {
        size_t len = warming->len < STEP_BYTES ? warming->len : STEP_BYTES;
        got = beneath_read(warming->fd, room, len, warming->offset, true);
        warming->offset += len;
        warming->len -= len;
    }
    warming->result = got < 0 ? (int)got : 0;
}

/* Read-ahead brings in runs of pages: where the first and the last are, the rest mostly is. */
static bool is_warm(int fd, uint64_t offset, size_t len)
{
    char byte;
    return beneath_read(fd, &byte, 1, offset, false) >= 0 &&
           beneath_read(fd, &byte, 1, offset + len - 1, false) >= 0;
}

static int send_file(struct exchange *exchange, int fd, uint64_t offset, uint64_t len, bool more)
{
    int rc = 0;
    while (rc == 0 && len > 0) {
        size_t part = len < PART_BYTES ? (size_t)len : PART_BYTES;
        if (!is_warm(fd, offset, part)) {
            struct warming warming = {.fd = fd, .offset = offset, .len = part};
            rc = offload(warm, &warming);
            if (rc == 0)
                rc = warming.result;
        }
        if (rc == 0)
            rc = exchange_send_file(exchange, fd, offset, part, more || len > part);
        offset += part;
        len -= part;
        if (len > 0)
            fiber_yield();
    }
    return rc;
}

/* Bytes of the file as the next part of the body. What fails leaves the response to the session. */
static int send_bytes(struct exchange *exchange, const struct files_entry *entry, uint64_t offset,
                      uint64_t len, bool more)
{
    if (exchange->request.method == METHOD_HEAD || len == 0)
        return exchange_send(exchange, (struct slice){0}, more);
    if (entry->content != NULL)
        return exchange_send(exchange, slice_of(entry->content + offset, (size_t)len), more);
    return send_file(exchange, entry->fd, offset, len, more);
}

/* Begins a response and writes the fields that all have. */
static struct writer *begin(struct exchange *exchange, unsigned status, uint64_t length,
                            struct slice fields, struct slice extra)
{
    struct writer *head = exchange_begin(exchange, status, (struct slice){0}, length);
    if (head == NULL)
        return NULL;
    exchange_write_own_fields(head);
    write_slice(head, fields);
    write_slice(head, extra);
    return head;
}

static void send_whole(struct exchange *exchange, const struct files_entry *entry,
                       struct slice extra)
{
    if (begin(exchange, 200, entry->info.size, entry->fields, extra) != NULL)
        (void)send_bytes(exchange, entry, 0, entry->info.size, false);
}

/* RFC 9110 §15.4.5: what a 200 would have said about caching, and no more. */
static void send_not_modified(struct exchange *exchange, const struct files_entry *entry,
                              struct slice extra)
{
    if (begin(exchange, 304, EXCHANGE_LENGTH_UNKNOWN, entry->fields_validators, extra) != NULL)
        (void)exchange_send(exchange, (struct slice){0}, false);
}

static void write_range(struct writer *writer, struct byte_range range, uint64_t size)
{
    write_literal(writer, "Content-Range: bytes ");
    write_u64(writer, range.first);
    write_char(writer, '-');
    write_u64(writer, range.last);
    write_char(writer, '/');
    write_u64(writer, size);
    write_literal(writer, "\r\n");
}

static uint64_t range_length(struct byte_range range)
{
    return range.last - range.first + 1;
}

static void send_unsatisfiable(struct exchange *exchange, const struct files_entry *entry)
{
    exchange->notes.reason = "the file has none of the ranges asked for";
    struct writer *head = begin(exchange, 416, 0, (struct slice){0}, (struct slice){0});
    if (head == NULL)
        return;
    write_literal(head, "Content-Range: bytes */");
    write_u64(head, entry->info.size);
    write_literal(head, "\r\n");
    (void)exchange_send(exchange, (struct slice){0}, false);
}

static void send_range(struct exchange *exchange, const struct files_entry *entry,
                       struct byte_range range, struct slice extra)
{
    uint64_t len = range_length(range);
    struct writer *head = begin(exchange, 206, len, entry->fields, extra);
    if (head == NULL)
        return;
    write_range(head, range, entry->info.size);
    (void)send_bytes(exchange, entry, range.first, len, false);
}

/* A multipart/byteranges body (RFC 9110 §14.6): what stands before each range, and at the end. */
struct parts {
    const struct byte_range *ranges;
    unsigned count;
    char boundary[21];
    struct slice heads[HTTP_RANGES_MAX + 1]; /* in the exchange's arena; the last is the end */
    uint64_t length;                         /* of the whole body */
};

static void write_boundary(struct parts *parts)
{
    struct writer writer;
    writer_init(&writer, parts->boundary, sizeof parts->boundary);
    write_literal(&writer, "weir-");
    write_hex(&writer, prng_next(&worker_current()->prng), 16);
}

static struct slice boundary_of(const struct parts *parts)
{
    return slice_of(parts->boundary, sizeof parts->boundary);
}

static int write_parts(struct parts *parts, const struct files_entry *entry, struct arena *arena)
{
    write_boundary(parts);
    parts->length = 0;
    for (unsigned i = 0; i <= parts->count; i++) {
        char *room = arena_alloc(arena, PART_HEAD_BYTES);
        if (room == NULL)
            return -ENOMEM;
        struct writer writer;
        writer_init(&writer, room, PART_HEAD_BYTES);
        write_literal(&writer, "\r\n--");
        write_slice(&writer, boundary_of(parts));
        if (i < parts->count) {
            write_literal(&writer, "\r\n");
            h1_write_field(&writer, field_name(FIELD_CONTENT_TYPE), entry->type);
            write_range(&writer, parts->ranges[i], entry->info.size);
            write_literal(&writer, "\r\n");
            parts->length += range_length(parts->ranges[i]);
        } else {
            write_literal(&writer, "--\r\n");
        }
        if (writer.overflown)
            return -EMSGSIZE;
        parts->heads[i] = writer_slice(&writer);
        parts->length += parts->heads[i].len;
    }
    return 0;
}

static void send_parts(struct exchange *exchange, const struct files_entry *entry,
                       const struct parts *parts)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < parts->count; i++) {
        struct byte_range range = parts->ranges[i];
        rc = exchange_send(exchange, parts->heads[i], true);
        if (rc == 0)
            rc = send_bytes(exchange, entry, range.first, range_length(range), true);
    }
    if (rc == 0)
        (void)exchange_send(exchange, parts->heads[parts->count], false);
}

static void send_ranges(struct exchange *exchange, const struct files_entry *entry,
                        const struct byte_range *ranges, unsigned count, struct slice extra)
{
    struct parts parts = {.ranges = ranges, .count = count};
    if (write_parts(&parts, entry, &exchange->arena) < 0) {
        exchange_respond_error(exchange, 503, "out of memory for this request");
        return;
    }
    struct writer *head = begin(exchange, 206, parts.length, entry->fields_untyped, extra);
    if (head == NULL)
        return;
    write_literal(head, "Content-Type: multipart/byteranges; boundary=");
    write_slice(head, boundary_of(&parts));
    write_literal(head, "\r\n");
    send_parts(exchange, entry, &parts);
}

static __attribute__((noinline)) void
send_asked(struct exchange *exchange, const struct files_entry *entry, struct slice extra)
{
    const struct request_head *request = &exchange->request;
    unsigned status = condition_status(request, &entry->validators, now_s());
    if (status == 412) {
        exchange_respond_error(exchange, 412, "the file is not the one that the request is about");
        return;
    }
    if (status == 304) {
        send_not_modified(exchange, entry, extra);
        return;
    }
    struct byte_range ranges[HTTP_RANGES_MAX];
    struct slice asked = condition_range(request, &entry->validators, now_s());
    int count = asked.len == 0 ? 0 : http_range_parse(asked, entry->info.size, ranges);
    /* A coding of a message of several parts would be taken for that of the whole message. */
    if (count > 1 && entry->encoding != ENCODING_IDENTITY)
        count = 0;
    if (count < 0)
        send_unsatisfiable(exchange, entry);
    else if (count == 0)
        send_whole(exchange, entry, extra);
    else if (count == 1)
        send_range(exchange, entry, ranges[0], extra);
    else
        send_ranges(exchange, entry, ranges, (unsigned)count, extra);
}

void files_send(struct exchange *exchange, const struct files_entry *entry, struct slice extra)
{
    if (UNLIKELY(condition_is_asked(&exchange->request)))
        send_asked(exchange, entry, extra);
    else
        send_whole(exchange, entry, extra);
}
