/*
 * Buckets and what serves them: the parts of a snapshot that are about the object store. All slices
 * lie in the snapshot's arena and end in NUL. Names follow Amazon's "General purpose buckets naming
 * rules", without the prefixes and suffixes that Amazon keeps for itself.
 */
#pragma once

#include "base/slice.h"
#include "conf/place.h"

#include <stdbool.h>
#include <stdint.h>

#define CONF_BUCKET_NAME_LEN_MAX 63
#define CONF_BUCKET_KEY_LEN_MAX  1024

enum conf_s3_style { CONF_S3_PATH, CONF_S3_VIRTUAL };

/* A server without a path on it: "https://s3.example.org". */
struct conf_server {
    bool is_secure;
    struct slice host;      /* no brackets; empty: it was not given */
    unsigned port;          /* the scheme's own where none was written */
    struct slice authority; /* host and port as the field Host has them */
};

/* A secret that stands elsewhere: in a variable, or in a file's first line. */
struct conf_secret {
    struct slice from;  /* "env:NAME" or "file:PATH" */
    struct slice file;  /* absolute; empty: it is no file */
    struct slice value; /* never told to anybody */
};

/* A bucket at another endpoint of S3. */
struct conf_remote {
    struct conf_place place;
    struct conf_server endpoint;
    struct slice region;
    struct slice bucket; /* its name there */
    struct conf_secret access_key, secret_key;
    enum conf_s3_style style;
    unsigned takes_trailers; /* STREAMING-UNSIGNED-PAYLOAD-TRAILER is known there */
    struct slice ca;         /* absolute path of PEM; empty: the system's authorities */
    struct slice host;       /* of its requests, as the field Host has it */
    unsigned group;          /* its number in the snapshot's `groups` */
};

enum conf_backend_kind { CONF_BACKEND_LOCAL, CONF_BACKEND_S3 };

/* Where a bucket's objects lie. */
struct conf_backend {
    enum conf_backend_kind kind;
    struct conf_remote s3; /* of CONF_BACKEND_S3 */
};

/* A bucket of the file. Its name is unique. */
struct conf_bucket {
    struct conf_place place;
    struct slice name;
    struct conf_backend backend;
    uint64_t quota_bytes;     /* of all versions together; UINT64_MAX: no limit */
    unsigned is_public;       /* anybody may read its objects */
    unsigned is_versioned;    /* an object that is replaced or deleted stays as a version */
    unsigned has_object_lock; /* versions may be kept from deletion; it is versioned then */
};

static inline bool conf_bucket_is_remote(const struct conf_bucket *bucket)
{
    return bucket->backend.kind == CONF_BACKEND_S3;
}

/* Who is told of what happens in buckets. Its name is unique. */
struct conf_webhook {
    struct conf_place place;
    struct slice name;
    struct slice url;          /* http or https; printable ASCII without a user */
    struct conf_secret secret; /* may be empty, as the next two */
    struct slice ca;           /* absolute: a file of authorities */
    struct slice authorities;  /* what it says */
    int64_t timeout_ms;        /* of one try */
};

/* The store itself, one for all buckets. */
struct conf_store {
    struct slice folder;    /* absolute, not yet there perhaps; empty: `edge/store` of the state */
    uint64_t reserve_bytes; /* with less free disk, writes are answered 507 */
    struct slice
        region; /* of the first action `s3`: what happens without a request is told of it */
};

/* The action `s3`. */
struct conf_s3 {
    struct slice *domains; /* lower case; below them the first label is a bucket; may be none */
    unsigned domains_count;
    struct slice region; /* that requests are signed for */
};

/* The action `bucket`: a site out of a bucket. */
struct conf_bucket_site {
    unsigned bucket; /* its number in the snapshot's `buckets` */
    struct slice name;
    struct slice index;      /* "index.html": what stands for a path that ends in '/' */
    struct slice fallback;   /* a path that begins with '/', for navigations; or empty */
    struct slice prefix;     /* before each key, as it is; or empty. No '/' first */
    struct slice error_page; /* a path that begins with '/', sent with 404; or empty */
};

/* 3 to 63 lower-case letters, digits, '-' and '.', a letter or digit at each end and beside each
 * dot, and no IPv4 address. */
bool conf_is_bucket_name(struct slice text);
