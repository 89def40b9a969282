/*
 * The heads of responses and of requests to targets as they are written everywhere, in the form of
 * HTTP/1, made into the lists that HTTP/2 sends (RFC 9113 §8.2, §8.3): names in small letters,
 * changed where they stand, without what is about one connection of HTTP/1. Nothing is copied: the
 * list points into the head.
 */
#pragma once

#include "wire/http/message.h"

#include <nghttp2/nghttp2.h>

/* The fields of a message, and what Weir adds. */
#define H2_LINES_MAX (HTTP_FIELDS_MAX + 28)

/*
 * `head` is a status line and field lines, up to the empty one; it is ours, and well formed. 101,
 * the answer to an upgrade, becomes 200 (RFC 8441 §5). Returns their count, or -E2BIG for more than
 * `max`; it may then be tried again.
 */
int h2_lines_of_response(struct slice head, nghttp2_nv *ret_lines, int max);

/*
 * The same of a request line in origin or asterisk form, with Host as its authority. "TE: trailers"
 * stays (RFC 9113 §8.2.2).
 */
int h2_lines_of_request(struct slice head, struct slice scheme, nghttp2_nv *ret_lines, int max);

/* The same of fields, for trailers; their names may have capitals, which nghttp2's copy loses. */
int h2_lines_of_fields(const struct fields *fields, nghttp2_nv ret_lines[static H2_LINES_MAX]);
