/*
 * The head of an HTTP/2 request (RFC 9113 §8.3) as its fields are decoded one by one, and then as
 * the rest of Weir sees it. Fields are kept as the lines that HTTP/1 would have, one behind the
 * other, so that forwarding copies them in one piece. Pure; memory is the caller's.
 *
 * What nghttp2 has found malformed never comes here: order and repetition of pseudo-header fields,
 * capital letters, control characters, connection-specific fields. The rest is judged here.
 */
#pragma once

#include "base/arena.h"
#include "base/writer.h"
#include "wire/h1/head.h"

enum h2_pseudo { H2_METHOD, H2_SCHEME, H2_AUTHORITY, H2_PATH, H2_PROTOCOL, H2_PSEUDOS };

/* What a header list may be when decoded before the connection ends: a multiple of the limits of
 * one request, which is answered with 431. */
#define H2_LIST_EXCESS 4

struct h2_line {
    uint16_t name_len;
    uint16_t value_len;
};

struct h2_head {
    struct writer text;  /* what comes next; borrowed memory */
    const char *start;   /* of the first field's line */
    const char *resumed; /* of the line numbered `resumed_at`: memory was extended there */
    struct slice pseudo[H2_PSEUDOS];
    uint32_t bytes;     /* of names and values, all that came */
    uint16_t came;      /* fields, all that came */
    uint8_t count;      /* of `lines` */
    uint8_t head_count; /* of them those of the head; the rest are trailers */
    uint8_t resumed_at;
    uint8_t cookies;
    bool is_extended;
    uint16_t status; /* what to refuse the request with; 0: nothing */
    const char *why;
    struct h2_line lines[HTTP_FIELDS_MAX];
};

void h2_head_init(struct h2_head *head, void *memory, size_t len);

/*
 * The next field. 0; -ENOSPC when it does not fit in, try again after h2_head_extend, which needs
 * room for all there may be (H2_HEAD_BYTES); -E2BIG when so much came that the connection should
 * end. What passes a limit of requests is remembered and not kept.
 */
int h2_head_add(struct h2_head *head, struct slice name, struct slice value);

#define H2_HEAD_BYTES 65536
void h2_head_extend(struct h2_head *head, void *memory, size_t len);

/* What comes from now on are trailers. */
void h2_head_seal(struct h2_head *head);

/*
 * The request, as h1_parse_request gives it, with its fields in the arena and room for
 * H2_FIELDS_SPARE more; slices point into the head's memory and the arena. `has_ended`: no body
 * follows. A body of unknown length is BODY_CHUNKED. 0, -ENOMEM, or -EBADMSG with what to answer.
 */
#define H2_FIELDS_SPARE 2
int h2_head_parse(const struct h2_head *head, struct arena *arena, bool has_ended,
                  struct request_head *ret_head, struct h1_refusal *ret_refusal);

/* The trailers, without those that may not come so late; ret_fields->at and max are the caller's.
 */
void h2_head_trailers(const struct h2_head *head, struct fields *ret_fields);

/* An extended CONNECT for a WebSocket (RFC 8441 §5). */
bool h2_head_wants_websocket(const struct h2_head *head);
