/*
 * A line of a server access log, and the key of an object of such lines (S3's user guide, "Amazon
 * S3 server access log format" and "How do I enable log delivery?"). Pure; all slices are borrowed.
 */
#pragma once

#include "base/writer.h"
#include "wire/s3/logging.h"

/* Slices without a start, and numbers of UINT64_MAX, are told as "-". */
struct s3_log_line {
    struct slice bucket_owner;
    struct slice bucket;
    int64_t time_s;         /* when the request came, since 1970 */
    struct slice remote_ip; /* without a port */
    struct slice requester; /* the name of a key, with `account` its owner's id */
    struct slice account;
    struct slice request_id;
    struct slice operation; /* "REST.GET.OBJECT" */
    struct slice key;
    struct slice method, target, version; /* of the request line: "GET", "/a?b", "HTTP/1.1" */
    unsigned status;                      /* 0: none */
    struct slice error;                   /* its code */
    uint64_t bytes_sent;
    uint64_t object_size;
    uint64_t total_ms;
    uint64_t turn_around_ms;
    struct slice referrer;
    struct slice user_agent;
    struct slice version_id;
    struct slice host_id;
    struct slice signature; /* "SigV4" */
    struct slice cipher;
    struct slice authentication; /* "AuthHeader" or "QueryString" */
    struct slice host;
    struct slice tls;   /* "TLSv1.3" */
    bool needed_a_list; /* an access control list, to be let in */
};

/* The most bytes that the line takes. */
size_t s3_log_line_bytes(const struct s3_log_line *line);

/* With its end of line. Quotes, controls and bytes that are no ASCII are written as %XX. */
void s3_log_line_write(struct writer *writer, const struct s3_log_line *line);

/* Where an object of lines comes to lie. */
struct s3_log_place {
    struct slice owner_id, region, bucket; /* of what is logged */
    int64_t event_s;                       /* a time of the day that its lines are of */
    int64_t delivery_s;
    uint64_t unique;
};

/* The key, into room. */
#define S3_LOG_KEY_BYTES_MAX 1024
struct slice s3_log_key_write(const struct s3_logging *logging, const struct s3_log_place *place,
                              char room[static S3_LOG_KEY_BYTES_MAX]);
