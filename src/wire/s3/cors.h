/*
 * CORSConfiguration: which origins a browser may let read the answers of a bucket, and the fields
 * that tell it so (S3's user guide, "CORS configuration"; WHATWG Fetch §3.2).
 */
#pragma once

#include "wire/s3/fields.h"

#define S3_CORS_RULES_MAX 100

enum { S3_CORS_GET = 1, S3_CORS_PUT = 2, S3_CORS_POST = 4, S3_CORS_DELETE = 8, S3_CORS_HEAD = 16 };

/* Slices lie in the arena. */
struct s3_cors_rule {
    struct slice id; /* at most 255 bytes; a NULL start without one */
    unsigned methods;
    struct s3_texts origins;        /* one or more, each with at most one '*' */
    struct s3_texts headers;        /* that may be sent, each with at most one '*' */
    struct s3_texts expose_headers; /* tokens */
    uint64_t max_age_s;
    bool has_max_age;
};

struct s3_cors {
    const struct s3_cors_rule *rules;
    unsigned rules_count; /* 1 to S3_CORS_RULES_MAX */
};

/* Returns 0, or a negative code with *fault filled: MalformedXML, InvalidRequest, SlowDown. */
int s3_cors_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                  struct s3_cors *ret_cors);
int s3_cors_write(struct buffer *out, const struct s3_cors *cors);

/* Values of the fields of an answer; those with a NULL start are not sent. */
struct s3_cors_answer {
    const struct s3_cors_rule *rule;
    struct slice allow_origin; /* "*", or the origin that asked */
    struct slice allow_methods;
    struct slice allow_headers; /* those that were asked for, in lower case */
    struct slice expose_headers;
    struct slice max_age;
    bool allows_credentials; /* Access-Control-Allow-Credentials: true */
};

/*
 * The first rule that allows it. `method` is that of the request, or Access-Control-Request-Method
 * of a preflight; `headers` Access-Control-Request-Headers, with a NULL start when there is none.
 * The answer lies in the arena and borrows `origin`. An answer to an Origin needs Vary: Origin,
 * Access-Control-Request-Headers, Access-Control-Request-Method. Returns 0, -ENOENT when no rule
 * allows it, or -ENOMEM.
 */
int s3_cors_match(const struct s3_cors *cors, struct slice origin, struct slice method,
                  struct slice headers, struct arena *arena, struct s3_cors_answer *ret_answer);
