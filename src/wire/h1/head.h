/*
 * The heads of HTTP/1 messages (RFC 9112), parsed strictly: no bare CR or LF, no folding, no blank
 * before a colon, no ambiguous framing. What is refused, and with which status, is the list in
 * docs/http.md. Two steps, both without copies: h1_scan finds where a head ends as its bytes come
 * in; h1_parse_* then reads the whole head once.
 */
#pragma once

#include "wire/http/message.h"

/*
 * Why bytes were refused: the status to answer a request with (400, 414, 417, 431, 501, 505), and
 * words for the log. What is refused in a response is a 502 to the client, whatever `status` says.
 * `text` is a constant.
 */
struct h1_refusal {
    unsigned status;
    const char *text;
};

/* Zero it before the first byte of a message. */
struct h1_scan {
    uint32_t scanned;    /* bytes looked at already */
    uint32_t line_start; /* where the line being scanned begins */
    uint32_t lines;      /* complete lines seen, the start line included */
};

/*
 * Looks at the bytes received so far, from the message's first. Returns the head's length, with its
 * empty line, once it is complete; 0 while it is not; -EBADMSG with *ret_refusal when the bytes can
 * no longer become a valid head (a limit passed, a bare LF or CR, a NUL). Bytes seen in an earlier
 * call are not looked at again. At most one empty line before a request line is skipped (RFC 9112
 * §2.2) and counts toward the length.
 */
int h1_scan(struct h1_scan *scan, struct slice bytes, struct h1_refusal *ret_refusal);

/*
 * Parses a complete head of the length that h1_scan returned. ret_head->fields.at and .max are set
 * by the caller (HTTP_FIELDS_MAX is enough), all else is set here. Returns 0, or -EBADMSG.
 */
int h1_parse_request(struct slice head, struct request_head *ret_head,
                     struct h1_refusal *ret_refusal);

/*
 * The same for a response. `method` is that of the request it answers: no body follows HEAD, and a
 * 2xx to CONNECT (RFC 9112 §6.3). 1xx and 101 are returned like any other, with BODY_NONE.
 */
int h1_parse_response(struct slice head, enum http_method method, struct response_head *ret_head,
                      struct h1_refusal *ret_refusal);

/*
 * Trailer fields: lines up to the empty one, found by h1_scan_trailers, under the same limits,
 * often the empty line alone. Fields that frame or route (RFC 9110 §6.5.1) are left out of the
 * result. ret_fields->at and .max are set by the caller.
 */
int h1_scan_trailers(struct h1_scan *scan, struct slice bytes, struct h1_refusal *ret_refusal);
int h1_parse_trailers(struct slice section, struct fields *ret_fields,
                      struct h1_refusal *ret_refusal);
