/*
 * One request of the S3 API while it is answered: what it is about, who asks, and what went wrong.
 * Made by s3_run; its operations are in the files beside it.
 *
 * Operations return 0 when they have answered, or a negative code after filling `fault`, which
 * s3_run then answers. Once a response has begun they return 0 whatever happens.
 */
#pragma once

#include "conf/s3_keys.h"
#include "conf/snapshot.h"
#include "http/exchange.h"
#include "os/clock.h"
#include "store/store.h"
#include "wire/s3/bucket.h"
#include "wire/s3/checksum.h"
#include "wire/s3/chunks.h"
#include "wire/s3/query.h"
#include "wire/s3/signature.h"

#define S3_VERSION_ID_LEN 32 /* the most that one has */

struct s3_call {
    struct exchange *exchange;
    const struct conf_rule *rule;
    const struct conf_s3 *conf; /* the rule's */
    struct objects *objects;
    struct store *store;
    bool is_inside;  /* of it: objects_enter, not outside */
    bool comes_back; /* of one who is outside */
    struct arena arena;
    struct s3_query query;
    struct slice bucket_name;         /* decoded; empty: the service itself */
    struct slice key;                 /* decoded; empty: the bucket itself */
    struct slice version_asked;       /* of the object that s3_may is asked about */
    bool is_in_host;                  /* the bucket's name, and not in the path */
    struct store_bucket *bucket;      /* counted; NULL until it is looked up */
    const struct conf_bucket *remote; /* in its place: a bucket at another endpoint; or NULL */
    struct s3_signature signature;
    struct s3_keys *keys;    /* counted */
    const struct s3_key *by; /* who asks; NULL: nobody that is known */
    unsigned char signing_key[S3_SIGNING_KEY_BYTES];
    struct s3_proof proof;      /* with a fault of SignatureDoesNotMatch */
    struct slice answer_fields; /* lines of the head of whatever is answered */
    struct s3_fault fault;
    struct slice fault_fields; /* lines of the head that go with it */
    int64_t now_ms;            /* since 1970 */
    struct s3_logged *logged;  /* in the arena; NULL: no line is wanted (log_request.h) */
    bool needed_a_list;        /* an access control list, to be let in */
    bool sums_are_of_object;   /* x-amz-checksum-* tells of it, not of the body */
    char request_id[16];
};

/* The value of a request's field by its name; a NULL start when it is not there. */
struct slice s3_field(const struct s3_call *call, struct slice name);

/* A parameter's value, as s3_query_value. */
static inline struct slice s3_param(const struct s3_call *call, struct slice name)
{
    return s3_query_value(&call->query, name);
}

static inline bool s3_has_param(const struct s3_call *call, struct slice name)
{
    return s3_query_has(&call->query, name);
}

/* A whole number from 0 to `max`; InvalidArgument otherwise. *ret_value stays where it is not
 * there. */
int s3_param_number(struct s3_call *call, struct slice name, uint64_t max, uint64_t *ret_value);

/* The bucket of that name at another endpoint, or NULL. */
const struct conf_bucket *s3_remote_named(const struct s3_call *call, struct slice name);

/* The store is given back while the client is waited for; and taken again: SlowDown when it is
 * another edge's by then. */
void s3_step_out(struct s3_call *call, bool comes_back);
int s3_step_in(struct s3_call *call);

/* Fills the fault for a code of the store's. Returns rc. */
int s3_store_fault(struct s3_call *call, int rc);

/* The version that the request names: VERSION_LATEST without one. NoSuchVersion or InvalidArgument.
 */
int s3_version_named(struct s3_call *call, struct slice text, enum version_which *ret_which,
                     uint64_t *ret_sequence);

/* As clients know it: "null", or the sequence in hexadecimal. Into room. */
struct slice s3_version_id(const struct version *version, char room[static S3_VERSION_ID_LEN]);

/* Versioning, as the bucket is set. */
enum s3_versioning s3_versioning_of(const struct store_bucket *bucket);

/* May the caller do this? 0 or AccessDenied. `action` is as policies name it: "s3:GetObject". A
 * `bucket` that is to be made is NULL, and the call's. */
int s3_may(struct s3_call *call, struct slice action, const struct store_bucket *bucket,
           struct slice key, bool writes);
