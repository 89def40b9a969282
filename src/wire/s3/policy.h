/*
 * Bucket policies (S3's user guide, "Policies and permissions"; IAM's "JSON policy element
 * reference"): who may do what with which objects under which conditions. The text is JSON of at
 * most 20 KB and is kept as it was sent; this reads it into an arena and decides by it.
 *
 * Known: Version, Id, Statement; in it Sid, Effect, Principal, NotPrincipal (with Deny only),
 * Action, NotAction, Resource, NotResource and Condition. Operators: String… (also …Like and
 * …IgnoreCase), Numeric… and Date… with their comparisons, Bool, IpAddress, NotIpAddress, Arn…,
 * Null, each but Null with …IfExists, and ForAnyValue:/ForAllValues:. Policy variables ("${…}") are
 * refused, as is all else that is not known: what is not understood must not seem to protect.
 *
 * A principal is "*" (everybody, also without a key), the name of a key, an account, or an ARN of
 * IAM: arn:aws:iam::ACCOUNT:user/NAME (the key of that name, or the account of that name) and
 * arn:aws:iam::ACCOUNT:root (every key of the account). ACCOUNT may be empty. A service of AWS is
 * {"Service": "logging.s3.amazonaws.com"}: to let one in it has to be named, "*" keeps it out as it
 * does everybody.
 */
#pragma once

#include "wire/s3/tagging.h"

#define S3_POLICY_BYTES_MAX 20480

/* What an arena must be allowed to hold for one. */
#define S3_POLICY_ARENA_BYTES (2 << 20)

struct s3_policy;

/*
 * `bucket` is the one that the policy is for; resources must be in it. `json` is borrowed by what
 * is made, which lies in the arena. Returns 0, or a negative code with *fault filled:
 * MalformedPolicy, PolicyTooLarge, SlowDown.
 */
int s3_policy_parse(struct slice json, struct slice bucket, struct arena *arena,
                    struct s3_fault *fault, const struct s3_policy **ret_policy);

/* A condition key and its value, as {"s3:prefix", "a/"}. */
struct s3_policy_value {
    struct slice name; /* compared without regard to case */
    struct slice value;
};

/* A request to be decided; all borrowed. Slices with a NULL start: there is none. */
struct s3_policy_request {
    struct slice action; /* "s3:GetObject" */
    struct slice bucket;
    struct slice key;       /* a NULL start: the request is about the bucket */
    struct slice principal; /* the name of the key that signed; a NULL start: nobody did */
    struct slice account;   /* whose key it is */
    struct slice service;   /* a service of AWS that asks, in place of a principal */
    struct slice source_ip; /* without a port; aws:SourceIp */
    bool is_secure;         /* aws:SecureTransport */
    int64_t now_s;          /* aws:CurrentTime, aws:EpochTime */
    const struct s3_tags *existing_tags; /* s3:ExistingObjectTag/KEY; NULL: none */
    const struct s3_tags *request_tags;  /* s3:RequestObjectTag/KEY and …Keys; NULL: none */
    /* Every other key, as aws:Referer, aws:UserAgent, s3:prefix, s3:delimiter, s3:max-keys,
     * s3:VersionId, s3:x-amz-… */
    const struct s3_policy_value *values;
    size_t values_count;
};

enum s3_policy_decision { S3_POLICY_NONE, S3_POLICY_ALLOW, S3_POLICY_DENY };

/* DENY when any statement that applies denies, else ALLOW when one allows. */
enum s3_policy_decision s3_policy_decide(const struct s3_policy *policy,
                                         const struct s3_policy_request *request);

/*
 * Whether it lets everybody in: a statement allows it to "*" and no condition pins down who they
 * are (an address range not wider than /8, or /32 of IPv6; a fixed account, user, or source).
 * What GetBucketPolicyStatus tells and BlockPublicPolicy refuses.
 */
bool s3_policy_is_public(const struct s3_policy *policy);
