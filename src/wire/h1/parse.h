/* What the parts of the head parser share. Private to wire/h1. */
#pragma once

#include "wire/h1/head.h"

/* What the fields say that decides on framing and on the connection. */
struct h1_facts {
    struct slice host;
    struct slice content_length;
    struct slice transfer_encoding;
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

/* The line at `at`, without its CRLF. h1_scan has found that there is one before `end`. */
struct slice h1_line(const char *at, const char *end);

/* Parses the field lines from `at` on, up to the empty line that ends at `end`. */
int h1_parse_fields(const char *at, const char *end, struct fields *fields, struct h1_facts *facts,
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
