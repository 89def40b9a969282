/*
 * The parameters of a request's query, decoded: what tells S3's operations apart, and what is
 * signed. '+' stands for a blank, as AWS reads it.
 */
#pragma once

#include "base/arena.h"
#include "base/writer.h"
#include "wire/s3/faults.h"

#define S3_PARAMS_MAX 100

struct s3_param {
    struct slice name;
    struct slice value; /* never a NULL start; empty without '=' */
};

/* In the order in which they were sent; in an arena. */
struct s3_query {
    const struct s3_param *at;
    unsigned count;
};

/* `raw` is without '?', perhaps of a NULL start. 0, or InvalidURI: an escape that is none, more
 * parameters than S3_PARAMS_MAX; or -ENOMEM. */
int s3_query_parse(struct slice raw, struct arena *arena, struct s3_fault *fault,
                   struct s3_query *ret_query);

/* The first of that name, exactly; a NULL start when there is none. */
struct slice s3_query_value(const struct s3_query *query, struct slice name);

static inline bool s3_query_has(const struct s3_query *query, struct slice name)
{
    return s3_query_value(query, name).at != NULL;
}

/* Decodes escapes, and '+' where asked, into `out` (room for text.len). The length, or -EBADMSG. */
ptrdiff_t s3_unescape(struct slice text, bool has_plus, char *out);

/* Escapes all but the unreserved characters of RFC 3986 §2.3, and '/' where it is kept. At most
 * three bytes for one. */
void s3_escape(struct writer *writer, struct slice text, bool keeps_slash);
