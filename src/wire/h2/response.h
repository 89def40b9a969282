/*
 * The response of a target over HTTP/2 as its fields are decoded one by one. They are kept as the
 * heads and trailers that HTTP/1 would have, one behind the other, and read by the same strict
 * parser (wire/h1/head.h). Pure; memory is the caller's.
 */
#pragma once

#include "base/writer.h"
#include "wire/http/message.h"

/* What a header block may be when decoded before the connection ends: a multiple of the limits of
 * one response, whose excess resets its stream alone. */
#define H2_RESPONSE_EXCESS 4

/* Room for all there may be: interim responses, the final one and its trailers. */
#define H2_RESPONSE_BYTES_MAX 65536

struct h2_response {
    struct writer text;   /* borrowed memory */
    uint32_t read;        /* of it, by h2_response_next */
    uint32_t complete;    /* of it, whole heads */
    uint32_t trailers_at; /* 0: there are none, or not yet */
    uint32_t bytes;       /* of the block that comes in: of names and values, all that came */
    uint16_t fields;      /* likewise */
    bool has_final;       /* a final head is complete */
    const char *why;      /* what is wrong with it; NULL: nothing */
};

void h2_response_init(struct h2_response *response, void *memory, size_t len);

/* Larger memory, once: what is there is copied. The memory before stays in use. */
void h2_response_extend(struct h2_response *response, void *memory, size_t len);

/*
 * The next field, pseudo-header fields included. 0; -ENOSPC when it does not fit in, try again
 * after h2_response_extend; -EBADMSG when the response is to be given up (`why`); -E2BIG when so
 * much came that the connection should end.
 */
int h2_response_add(struct h2_response *response, struct slice name, struct slice value);

/* The header block is complete. 0, or as before. */
int h2_response_seal(struct h2_response *response);

/*
 * Parses the next complete head: 1; 0 when there is none; -EBADMSG with *ret_why.
 * ret_head->fields.at and max are the caller's. `has_ended`: nothing follows the final head. A body
 * of unknown length is BODY_CHUNKED.
 */
int h2_response_next(struct h2_response *response, enum http_method method, bool has_ended,
                     struct response_head *ret_head, const char **ret_why);

/* Fields came behind the final head. */
static inline bool h2_response_has_trailers(const struct h2_response *response)
{
    return response->has_final && writer_slice(&response->text).len > response->complete;
}

/* Those that may be passed on; ret_fields->at and max are the caller's. */
void h2_response_trailers(const struct h2_response *response, struct fields *ret_fields);
