/*
 * Texts with variables: "https://{host}{path}". A variable is a name of small letters and '_' in
 * braces; any other brace is itself, so that JSON in a header's value needs no escape.
 */
#pragma once

#include "base/slice.h"

enum template_variable {
    TEMPLATE_TEXT, /* none: literal text */
    TEMPLATE_HOST,
    TEMPLATE_PATH,
    TEMPLATE_QUERY, /* with its '?' */
    TEMPLATE_CLIENT,
    TEMPLATE_REQUEST_ID,
    TEMPLATE_CLIENT_SUBJECT,  /* of its verified certificate (RFC 2253) */
    TEMPLATE_CLIENT_CERT,     /* the certificate as RFC 9440 writes it */
    TEMPLATE_CLIENT_CERT_PEM, /* in PEM, percent-encoded, as nginx writes it */
    TEMPLATE_TLS_VERSION,
    TEMPLATE_TLS_CIPHER,
    TEMPLATE_TLS_SERVER_NAME,
    TEMPLATE_STATUS,
    TEMPLATE_UNKNOWN,
};

/*
 * Takes the next piece off *rest: a variable, whose name is *ret_text, or literal text. False at
 * the end.
 */
bool template_next(struct slice *rest, enum template_variable *ret_variable,
                   struct slice *ret_text);

/* The first variable in it that is unknown, or is TEMPLATE_STATUS; a NULL start when all are fine
 * in a request's context. */
struct slice template_unknown(struct slice text);

static inline bool template_has_braces(struct slice text)
{
    return text.len > 0 && memchr(text.at, '{', text.len) != NULL;
}
