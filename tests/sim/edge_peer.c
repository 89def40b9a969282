/* Heads found by their empty line, bodies checked byte by byte. */
#include "edge_peer.h"

#include "base/cleanup.h"
#include "runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define PART_BYTES 700

char peer_byte_at(uint32_t id, size_t at)
{
    return (char)(at * 31 + at / 257 + id * 7);
}

int peer_connect(struct peer *peer, const char *ip, uint16_t port)
{
    struct address address;
    CHECK(address_from_ip(slice_of_cstr(ip), port, &address) == 0);
    peer->start = peer->end = 0;
    peer->write_error = 0;
    io_init(&peer->io, NULL);
    return io_connect_wait(&peer->io, &address, loop_deadline(PEER_PATIENCE_MS));
}

/* At least one more byte. */
static int fill(struct peer *peer)
{
    if (peer->start == peer->end)
        peer->start = peer->end = 0;
    CHECK(peer->end < sizeof peer->bytes);
    ssize_t got = io_read_wait(&peer->io, peer->bytes + peer->end, sizeof peer->bytes - peer->end,
                               loop_deadline(PEER_PATIENCE_MS));
    if (got > 0)
        peer->end += (size_t)got;
    return got > 0 ? 0 : got == 0 ? -ENODATA : (int)got;
}

/* The next line without its end, which is made NUL. */
static int read_line(struct peer *peer, char **ret_line)
{
    for (;;) {
        char *start = peer->bytes + peer->start;
        char *end = memchr(start, '\n', peer->end - peer->start);
        if (end != NULL) {
            CHECK(end > start && end[-1] == '\r');
            end[-1] = '\0';
            peer->start = (size_t)(end + 1 - peer->bytes);
            *ret_line = start;
            return 0;
        }
        if (peer->start > 0) {
            memmove(peer->bytes, start, peer->end - peer->start);
            peer->end -= peer->start;
            peer->start = 0;
        }
        bool has_some = peer->end > 0;
        int rc = fill(peer);
        if (rc < 0)
            return rc == -ENODATA && has_some ? -EPROTO : rc;
    }
}

static size_t number(const char *text, int base)
{
    return strtoul(text, NULL, base);
}

static void read_field(struct peer_head *head, const char *line)
{
    if (strncasecmp(line, "content-length: ", 16) == 0) {
        CHECK(head->framing != PEER_CHUNKED && head->framing != PEER_LENGTH);
        head->framing = PEER_LENGTH;
        head->length = number(line + 16, 10);
    } else if (strcasecmp(line, "transfer-encoding: chunked") == 0) {
        CHECK(head->framing != PEER_LENGTH);
        head->framing = PEER_CHUNKED;
    } else if (strcasecmp(line, "connection: close") == 0) {
        head->closes = true;
    }
}

static int read_one_head(struct peer *peer, struct peer_head *ret_head)
{
    char *line;
    int rc = read_line(peer, &line);
    if (rc < 0)
        return rc;
    *ret_head = (struct peer_head){0};
    CHECK(strlen(line) < sizeof ret_head->line);
    memcpy(ret_head->line, line, strlen(line) + 1);
    if (strncmp(line, "HTTP/1.1 ", 9) == 0) {
        ret_head->status = (unsigned)number(line + 9, 10);
        ret_head->framing = ret_head->status < 200 ? PEER_NONE : PEER_UNTIL_CLOSE;
    }
    while ((rc = read_line(peer, &line)) == 0 && *line != '\0')
        read_field(ret_head, line);
    return rc == -ENODATA ? -EPROTO : rc;
}

int peer_read_head(struct peer *peer, struct peer_head *ret_head)
{
    int rc;
    do
        rc = read_one_head(peer, ret_head);
    while (rc == 0 && ret_head->status >= 100 && ret_head->status < 200);
    return rc;
}

/* Up to `max` body bytes that follow the `at` before. Their number, or an error. */
static ssize_t take(struct peer *peer, uint32_t id, size_t at, size_t max)
{
    int rc = peer->start == peer->end ? fill(peer) : 0;
    if (rc < 0)
        return rc;
    size_t len = peer->end - peer->start < max ? peer->end - peer->start : max;
    for (size_t i = 0; i < len && id != PEER_ANY; i++)
        CHECK(peer->bytes[peer->start + i] == peer_byte_at(id, at + i));
    peer->start += len;
    return (ssize_t)len;
}

/* Exactly `len` more bytes. */
static int take_all(struct peer *peer, uint32_t id, size_t *at, size_t len)
{
    while (len > 0) {
        ssize_t got = take(peer, id, *at, len);
        if (got < 0)
            return got == -ENODATA ? -EPROTO : (int)got;
        *at += (size_t)got;
        len -= (size_t)got;
    }
    return 0;
}

static int read_chunks(struct peer *peer, uint32_t id, size_t *at)
{
    char *line;
    for (;;) {
        int rc = read_line(peer, &line);
        size_t len = rc == 0 ? number(line, 16) : 0;
        if (rc == 0)
            rc = take_all(peer, id, at, len);
        if (rc == 0)
            rc = read_line(peer, &line);
        if (rc < 0)
            return rc == -ENODATA ? -EPROTO : rc;
        CHECK(*line == '\0');
        if (len == 0)
            return 0;
    }
}

int peer_read_body(struct peer *peer, const struct peer_head *head, uint32_t id, size_t *ret_len)
{
    *ret_len = 0;
    switch (head->framing) {
    case PEER_NONE:
        return 0;
    case PEER_LENGTH:
        return take_all(peer, id, ret_len, head->length);
    case PEER_CHUNKED:
        return read_chunks(peer, id, ret_len);
    case PEER_UNTIL_CLOSE:
        break;
    }
    for (;;) {
        ssize_t got = take(peer, id, *ret_len, SIZE_MAX);
        /* A socket tells of its reset once: who heard of it when writing reads an end. */
        if (got == -ENODATA)
            return peer->write_error;
        if (got < 0)
            return (int)got;
        *ret_len += (size_t)got;
    }
}

int peer_write(struct peer *peer, const char *bytes, size_t len)
{
    struct iovec part = {(void *)(uintptr_t)bytes, len};
    int rc = io_write_all(&peer->io, &part, 1, PEER_PATIENCE_MS);
    if (rc < 0)
        peer->write_error = rc;
    return rc;
}

int peer_write_body(struct peer *peer, uint32_t id, enum peer_framing framing, size_t from,
                    size_t to, size_t len)
{
    int rc = 0;
    while (rc == 0 && from < to) {
        char bytes[PART_BYTES + 16];
        size_t part = to - from < PART_BYTES ? to - from : PART_BYTES, used = 0;
        if (framing == PEER_CHUNKED)
            used = (size_t)snprintf(bytes, sizeof bytes, "%zx\r\n", part);
        for (size_t i = 0; i < part; i++)
            bytes[used++] = peer_byte_at(id, from + i);
        if (framing == PEER_CHUNKED) {
            bytes[used++] = '\r';
            bytes[used++] = '\n';
        }
        rc = peer_write(peer, bytes, used);
        from += part;
    }
    return rc == 0 && to == len && framing == PEER_CHUNKED ? peer_write(peer, "0\r\n\r\n", 5) : rc;
}
