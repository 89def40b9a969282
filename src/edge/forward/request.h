/* The request as a target gets it: serialised anew, with what a proxy must add (RFC 9110 §7.6). */
#pragma once

#include "base/writer.h"

struct conf_group;
struct exchange;
struct field_set;
struct framing;

/* Cookies of Weir's own, which no target sees: of the group and of the choice of a group. */
struct own_cookies {
    struct slice names[2];
    unsigned count;
};

/*
 * Writes the whole head; ask the writer for overflow. The body's framing follows the client's.
 * Where the group's connections begin with a PROXY header, that stands before it: they serve one
 * request.
 */
void forward_write_request(struct writer *writer, const struct exchange *exchange,
                           const struct conf_group *group, const struct own_cookies *own);

/* "http" or "https", and the host, as the client asked for them: of us or of a trusted proxy. */
struct slice forward_proto(const struct exchange *exchange);
struct slice forward_host(const struct exchange *exchange);

/* What frames the body, as the client has framed it; and Via, with those of earlier proxies before
 * our own (RFC 9110 §7.6.3). */
void forward_write_framing(struct writer *writer, const struct framing *framing);
void forward_write_via(struct writer *writer, const struct exchange *exchange);

/* X-Forwarded-For, -Proto, -Host, -Port and -Prefix, and X-Request-Id. */
void forward_write_origin(struct writer *writer, const struct exchange *exchange);

/* Adds what only whoever has verified a client's certificate may say of it (RFC 9440), but where a
 * trusted proxy sent the request. */
void forward_leave_out_claims(const struct exchange *exchange, struct field_set *leave_out);
