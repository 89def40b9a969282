/* What the parts of the head parser share. Private to wire/h1. */
#pragma once

#include "wire/h1/head.h"
#include "wire/h1/lines.h"

/* What the fields say that decides on framing and on the connection. */
struct h1_facts {
    const struct field *host; /* borrowed from the head; the last of that name, or NULL */
    const struct field *content_length;
    const struct field *transfer_encoding;
    unsigned hosts;
    unsigned content_lengths;
    unsigned transfer_encodings;
    unsigned connection_options;
    bool says_close;
    bool says_keep_alive;
    bool names_upgrade; /* "upgrade" in Connection */
    bool has_upgrade;   /* the Upgrade field, not empty */
    bool expects_continue;
    bool expects_unknown;
};

/* Sets *ret_refusal and returns -EBADMSG. */
int h1_refuse(struct h1_refusal *ret_refusal, unsigned status, const char *text);

/*
 * Parses the field lines up to the empty one. The head was found complete by h1_scan; `lines`
 * stands at its first field line.
 */
int h1_parse_fields(struct h1_lines *lines, struct fields *fields, struct h1_facts *facts,
                    struct h1_refusal *ret_refusal);

/* "HTTP/1.0" or "HTTP/1.1". */
int h1_parse_version(struct slice text, uint8_t *ret_minor, struct h1_refusal *ret_refusal);

/*
 * The length of the body as far as fields tell it (RFC 9112 §6.3, points 3 to 6): BODY_NONE stands
 * for Content-Length: 0 and for neither field.
 */
int h1_parse_framing(const struct h1_facts *facts, uint8_t version_minor,
                     struct framing *ret_framing, struct h1_refusal *ret_refusal);

/* RFC 9112 §9.3. */
bool h1_is_persistent(const struct h1_facts *facts, uint8_t version_minor);
