/*
 * What a rule or site asks for besides its action: filters of headers and bodies, and policies that
 * a request has to pass. Parts of a snapshot (snapshot.h), with its rules about memory and slices.
 */
#pragma once

#include "base/slice.h"

struct conf_pattern;

/* A field of a header; the value may hold variables (template.h). */
struct conf_field {
    struct slice name;
    struct slice value;
};

/* In this order: remove, set (in place of all of that name), add. */
struct conf_header_edits {
    struct slice *remove;
    unsigned remove_count;
    struct conf_field *set;
    unsigned set_count;
    struct conf_field *add;
    unsigned add_count;
};

struct conf_cors {
    bool enabled;
    bool any_origin;              /* "*"; never with credentials */
    struct conf_pattern *origins; /* empty with any_origin */
    unsigned origins_count;
    struct slice *methods;
    unsigned methods_count;
    struct slice *headers;
    unsigned headers_count;
    struct slice *expose;
    unsigned expose_count;
    unsigned credentials; /* 0 or 1 */
    int64_t max_age_ms;
};

struct conf_compress {
    bool enabled;
    unsigned *encodings; /* enum http_encoding, in the order of preference between equals */
    unsigned encodings_count;
    struct conf_pattern *types; /* of Content-Type; empty: the default list */
    unsigned types_count;
    uint64_t min_size; /* of bodies whose length is told */
    unsigned level;    /* 1 to 9; 0: the default of each encoding */
};

/* Whose requests are counted together. */
enum conf_limit_by {
    CONF_LIMIT_BY_ALL,
    CONF_LIMIT_BY_ADDRESS, /* the client's; of IPv6 its /64 */
    CONF_LIMIT_BY_USER,    /* of basic_auth, or the address */
    CONF_LIMIT_BY_HEADER,  /* a field's value, or the address */
};

struct conf_limit_key {
    enum conf_limit_by by;
    struct slice header;
};

struct conf_rate {
    unsigned count;
    int64_t period_ms; /* not 0 */
};

struct conf_rate_limit {
    bool enabled;
    struct conf_rate rate;
    unsigned burst; /* how many may come at once; at least 1 */
    struct conf_limit_key key;
};

struct conf_concurrency {
    bool enabled;
    unsigned max;
    struct conf_limit_key key;
};

struct conf_user {
    struct slice name;
    struct slice hash; /* bcrypt, as crypt(3) takes it */
};

struct conf_basic_auth {
    bool enabled;
    struct slice file; /* where the users were read from */
    struct slice realm;
    unsigned pass; /* 0 or 1: whether the target gets the credentials */
    struct conf_user *users;
    unsigned users_count;
};

/* A request to a target group that decides about the request. */
struct conf_auth {
    bool enabled;
    struct slice group;
    struct slice path;
    struct slice *copy; /* fields of its response that go into the request */
    unsigned copy_count;
    int64_t timeout_ms;
};

/* For the statuses from `first` to `last`. */
struct conf_error_page {
    unsigned first, last;
    struct slice file; /* its name's end tells the type */
    struct slice body; /* may hold {status} and {request_id} */
};

struct conf_error_pages {
    struct conf_error_page *pages; /* single statuses before classes */
    unsigned pages_count;
    bool intercept; /* the errors of targets too */
};
