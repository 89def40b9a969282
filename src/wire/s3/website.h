/*
 * WebsiteConfiguration: a bucket that answers as a site does (S3's user guide, "Configuring a
 * static website"), and what it says of one request.
 */
#pragma once

#include "wire/s3/fields.h"

#define S3_WEBSITE_RULES_MAX 50

enum s3_protocol { S3_PROTOCOL_SAME, S3_PROTOCOL_HTTP, S3_PROTOCOL_HTTPS };

/* Slices with a NULL start: not said, which is as in the request. They lie in the arena. */
struct s3_redirect {
    struct slice host;
    enum s3_protocol protocol;
    unsigned status; /* 301 to 308; 301 when it is not said */
    bool has_status; /* was said */
    struct slice replace_key_prefix;
    struct slice replace_key;
};

struct s3_routing_rule {
    struct slice key_prefix; /* a NULL start: any */
    unsigned error_status;   /* 400 to 599; 0: before the object is looked for */
    struct s3_redirect redirect;
};

struct s3_website {
    struct slice index_suffix;       /* a NULL start: all requests are redirected */
    struct slice error_key;          /* a NULL start without one */
    struct s3_redirect redirect_all; /* only host and protocol */
    const struct s3_routing_rule *rules;
    unsigned rules_count;
};

/* Returns 0, or a negative code with *fault filled: MalformedXML, InvalidArgument, InvalidRequest,
 * SlowDown. */
int s3_website_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                     struct s3_website *ret_website);
int s3_website_write(struct buffer *out, const struct s3_website *website);

/*
 * The key to look for: that of the request, with the index's suffix where it is empty or ends with
 * '/'. Lies in the arena, or borrows `key`; a NULL start when the arena is used up. Not for a
 * website that redirects all.
 */
struct slice s3_website_key(const struct s3_website *website, struct slice key,
                            struct arena *arena);

/*
 * Where to, if anywhere. `key` is that of the request, without the index's suffix. `status` is 0
 * before the object is looked for, then the status of the error that would be answered. NULL: no
 * redirect. The prefix that was matched is for s3_website_location.
 */
const struct s3_redirect *s3_website_redirect(const struct s3_website *website, struct slice key,
                                              unsigned status, struct slice *ret_prefix);

/*
 * The value of Location: a whole URL, its key encoded. `host` is that of the request with its port.
 * Returns 0, -ENOMEM or -EMSGSIZE.
 */
int s3_website_location(struct buffer *out, const struct s3_redirect *redirect, struct slice key,
                        struct slice prefix, struct slice host, bool is_https);
