/*
 * HTTP/1.1 as simulated clients and targets speak it: a small reader and writer of its own, so that
 * an error of src/http cannot hide behind itself. Bodies are a pattern that tells requests apart;
 * a wrong byte ends the program.
 */
#pragma once

#include "os/io.h"

#define PEER_PATIENCE_MS 120000

enum peer_framing { PEER_NONE, PEER_LENGTH, PEER_CHUNKED, PEER_UNTIL_CLOSE };

struct peer {
    struct io io;
    size_t start, end; /* received and not yet read */
    char bytes[2048];
    int write_error; /* 0: none so far */
};

struct peer_head {
    char line[160]; /* the first one */
    unsigned status;
    enum peer_framing framing;
    size_t length; /* of PEER_LENGTH */
    bool closes;
};

/* Of the body of request `id`. */
char peer_byte_at(uint32_t id, size_t at);

/* 0 or the error; on failure it is closed. */
int peer_connect(struct peer *peer, const char *ip, uint16_t port);

/* Interim responses are skipped. 0, -ENODATA when nothing came, -EPROTO when cut short, or the
 * connection's error. */
int peer_read_head(struct peer *peer, struct peer_head *ret_head);

/* Reads to the body's end. Checks the pattern unless `id` is PEER_ANY. As above. */
#define PEER_ANY UINT32_MAX
int peer_read_body(struct peer *peer, const struct peer_head *head, uint32_t id, size_t *ret_len);

int peer_write(struct peer *peer, const char *bytes, size_t len);

/* A body or its beginning: bytes from `from` to `to` of `len`, the end's framing with the last. */
int peer_write_body(struct peer *peer, uint32_t id, enum peer_framing framing, size_t from,
                    size_t to, size_t len);
