/*
 * A snapshot: what a weir.yaml says, checked, with defaults filled in. It is immutable, counted,
 * and holds no run-time state; all it points to lives in its arena. Names are unique within their
 * kind, and identity across snapshots is by name.
 *
 * Times are milliseconds, sizes bytes. Slices end in NUL.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "conf/bucket.h"
#include "conf/place.h"
#include "conf/policy.h"
#include "conf/proxy.h"
#include "conf/tls.h"
#include "os/network.h"
#include "wire/http/encoding.h"
#include "wire/http/message.h"
#include "wire/proxy/proxy.h"

#include <limits.h>
#include <stdatomic.h>

/* A name of something else in the file, with its place. */
struct named {
    struct conf_place place;
    struct slice name;
};

enum conf_address_kind { CONF_ADDRESS_IP, CONF_ADDRESS_NAME, CONF_ADDRESS_UNIX };

/* "127.0.0.1:80", "[::1]:80", ":80" (all addresses, both families), "name:80", "unix:/path". */
struct conf_address {
    enum conf_address_kind kind;
    struct slice text; /* as a person writes it, complete */
    struct slice host; /* IP (no brackets), name, or path; empty for ":80" */
    uint16_t port;     /* 0 for Unix sockets */
};

/* The PROXY protocol at a listener: required or not there. */
struct conf_proxy_protocol {
    unsigned is_required;
    struct network *from; /* who may send it; none: whoever can connect */
    unsigned from_count;
};

enum conf_protocol {
    CONF_PROTOCOL_HTTP,
    CONF_PROTOCOL_TCP,
    CONF_PROTOCOL_H2,    /* of targets: requests by HTTP/2 */
    CONF_PROTOCOL_PROXY, /* of a forward proxy's listener */
};

/* 0 is not "none": every timeout has a value. */
struct conf_timeouts {
    int64_t connect_ms;
    int64_t response_ms; /* to the head of the response */
    int64_t idle_ms;     /* without a byte in a body, either way */
    int64_t grpc_ms;     /* a gRPC call as a whole; 0: as its client says */
};

/* Of a tcp listener: who gets the connections to a name that the client asks for by SNI. */
struct conf_sni_route {
    struct slice name;    /* lower case; "*.x" for all below "x" */
    struct named forward; /* it exists and speaks tcp */
    unsigned group;       /* its number in `groups` */
};

#define CONF_NO_GROUP UINT_MAX

/* Of a listener. None is 0 once the snapshot is made. */
struct conf_client_timeouts {
    int64_t head_ms;    /* from a head's first byte to its last; to a PROXY header */
    int64_t idle_ms;    /* between requests, and without progress in bodies; TCP: without a byte */
    int64_t connect_ms; /* TCP: to a target */
};

struct conf_listener {
    struct conf_place place;
    struct slice name;
    struct conf_address address;
    enum conf_protocol protocol;
    struct conf_tls tls;                    /* source OFF: plain */
    const struct conf_identity *identity;   /* TCP and PROXY with TLS: what it shows; else NULL */
    const struct conf_forward_proxy *proxy; /* PROXY; else NULL */
    struct named forward;       /* TCP: its group; it exists and speaks tcp; may be empty beside
                                   `sni` */
    unsigned group;             /* TCP: the number of that in `groups`; or CONF_NO_GROUP */
    struct conf_sni_route *sni; /* TCP: by the name that is asked for, undecrypted */
    unsigned sni_count;
    struct conf_client_timeouts timeouts;
    struct conf_proxy_protocol proxy_protocol;
    struct network *trusted_proxies; /* whose X-Forwarded-For and Forwarded are believed */
    unsigned trusted_proxies_count;
};

enum conf_pattern_kind { CONF_PATTERN_EXACT, CONF_PATTERN_PREFIX, CONF_PATTERN_WILDCARD };

/*
 * A path pattern. "/a" is EXACT; "/a/" and a star is PREFIX with text "/a/" and matches
 * "/a" too; any other use of '*' is WILDCARD, where '*' stands for any run of bytes.
 */
struct conf_pattern {
    enum conf_pattern_kind kind;
    struct slice text;
};

/* `X-Name: value-pattern`, an empty pattern text with EXACT means that the field must be empty. */
struct conf_field_match {
    struct slice name;
    struct conf_pattern value;
};

/* A query parameter, both parts as they are once decoded. */
struct conf_query_match {
    struct slice name;
    struct conf_pattern value;
};

/*
 * All parts that are given must hold: one of the paths, of the methods, of the hosts and of the
 * sources, and each of the fields and query parameters (one that is repeated holds when one of its
 * values does).
 */
/* The numbers come first: each request reads all of them, and most are 0. */
struct conf_match {
    unsigned paths_count;
    unsigned methods_count;
    unsigned fields_count;
    unsigned hosts_count;
    unsigned query_count;
    unsigned sources_count;
    unsigned client_subjects_count;
    struct conf_pattern *paths;
    struct slice *methods; /* "GET" also matches HEAD */
    struct conf_field_match *fields;
    struct slice *hosts; /* lower case, without port; "*.x" for all below "x" */
    struct conf_query_match *query;
    struct network *sources;              /* where the client's address lies */
    struct conf_pattern *client_subjects; /* of a verified client certificate (RFC 2253) */
};

enum conf_action_kind {
    CONF_ACTION_FORWARD,
    CONF_ACTION_FILES,
    CONF_ACTION_REDIRECT,
    CONF_ACTION_RESPOND,
    CONF_ACTION_BUCKET,
    CONF_ACTION_S3,
};

/* Clients that come back are kept together by a cookie. */
struct conf_sticky {
    bool enabled;
    struct slice cookie; /* its name */
    struct slice key;    /* of the hash in its value; may be empty */
    int64_t ttl_ms;      /* without a request; 0: until the browser ends */
};

/* After Envoy's outlier detection; shares in hundredths of a percent. */
struct conf_success_rate {
    bool enabled;
    unsigned minimum_targets; /* with enough requests, to compare at all */
    unsigned request_volume;  /* of a target in an interval */
    unsigned stdev_factor;    /* thousandths */
};

struct conf_ejection {
    bool enabled;
    unsigned consecutive_errors; /* 0: any number */
    unsigned gateway_errors;
    struct conf_success_rate success_rate;
    int64_t interval_ms;
    int64_t time_ms; /* times the number of times in a row */
    int64_t time_max_ms;
    unsigned max_ejected;
};

/* Requests that wait until a target is below its limit. */
struct conf_queue {
    bool enabled;
    unsigned max;
    int64_t timeout_ms;
};

/* A group of a forward: a target group's or service's name; it exists. */
struct conf_share {
    struct slice group;
    unsigned weight; /* 0 to 1000; one of them at least is not 0 */
};

struct conf_forward {
    struct conf_share *shares;
    unsigned shares_count;
    unsigned weights_sum;
    struct conf_sticky sticky; /* to a group; only when there are several */
};

enum conf_listing { CONF_LISTING_OFF, CONF_LISTING_ON };

struct conf_files {
    struct slice root;     /* absolute; a folder when the file was first read */
    struct slice index;    /* "index.html" */
    struct slice fallback; /* a path below root that begins with '/', or empty */
    struct slice hidden; /* the configuration itself, as a path below root without '/'; or empty */
    enum http_encoding *precompressed; /* neighbours that may be sent, liked best first */
    unsigned precompressed_count;
    enum conf_listing listing;
    /* Root, index and hidden in one text, the root's NUL included: where two are equal, all paths
     * show the same. What is kept of files over a reload is kept by it. */
    struct slice identity;
    uint64_t identity_hash;
};

struct conf_redirect {
    unsigned status; /* 301, 302, 303, 307, 308 */
    struct slice to; /* may hold {host} {path} {query} (with its '?') */
};

struct conf_respond {
    unsigned status;
    struct slice body;
    struct slice content_type;
};

/* After which a request may be tried again: bits. */
enum conf_retry_cause {
    CONF_RETRY_NEVER = 0,
    CONF_RETRY_CONNECT = 1 << 0,
    CONF_RETRY_RESET = 1 << 1, /* before the response's head */
    CONF_RETRY_TIMEOUT = 1 << 2,
    CONF_RETRY_429 = 1 << 3,
    CONF_RETRY_500 = 1 << 4,
    CONF_RETRY_502 = 1 << 5,
    CONF_RETRY_503 = 1 << 6,
    CONF_RETRY_504 = 1 << 7,
};

struct conf_retries {
    unsigned max;       /* further tries after the first */
    unsigned causes;    /* enum conf_retry_cause */
    int64_t timeout_ms; /* of each try, to the head of its response; 0: the rule's alone */
    unsigned *on;       /* the causes, one by one; none: the default */
    unsigned on_count;
};

/* Copies of requests for another group. */
struct conf_mirror {
    bool enabled;
    struct slice group;
    unsigned sample; /* hundredths of a percent */
};

/*
 * Among many sites a request finds its rule in no cache. What is read for each request comes first
 * and fills two lines of it; what only some rules have is read for those alone.
 */
struct conf_rule {
    struct conf_place place;
    unsigned number; /* from 1, within its site */
    enum conf_action_kind action;
    unsigned gate;     /* from 1 within the snapshot: it has policies; 0: none */
    bool has_filters;  /* responses pass some, the site's among them; or the request is changed */
    bool has_rewrite;  /* strip_prefix or rewrite */
    uint64_t body_max; /* of a request; UINT64_MAX for no limit */
    struct conf_timeouts timeouts;
    struct conf_retries retries;
    struct conf_match match;
    union {
        struct conf_forward forward;
        struct conf_files files;
        struct conf_redirect redirect;
        struct conf_respond respond;
        struct conf_bucket_site bucket;
        struct conf_s3 s3;
    };
    struct conf_mirror mirror; /* of a forward */
    /* The path that the action gets. */
    struct slice strip_prefix; /* "/api", no slash at its end, in normal form; empty: nothing */
    struct slice rewrite;      /* may hold {host} {path} {query}; empty: the path as it is */
    struct conf_header_edits request_headers; /* over the site's */
    struct conf_header_edits response_headers;
    struct conf_cors cors;         /* the rule's, or else the site's */
    struct conf_compress compress; /* the same */
    struct conf_rate_limit rate_limit;
    struct conf_concurrency concurrency;
    struct conf_basic_auth basic_auth;
    struct conf_auth auth;
};

/* What is read for each request comes first, as in a rule. */
struct conf_site {
    struct conf_place place;
    struct slice name;
    struct conf_rule *rules;
    unsigned rules_count;
    bool has_filters;
    bool passes_ambiguous_paths;
    bool needs_client_certificate;     /* plain requests are refused */
    bool redirects_https;              /* plain requests, once there is a certificate */
    const struct conf_listener *https; /* to there; NULL: a proxy in front has it */
    struct slice *domains;             /* lower case; "*.x" for a wildcard, "*" for all */
    unsigned domains_count;
    struct conf_listener **listeners; /* where it answers; at least one */
    unsigned listeners_count;
    struct conf_header_edits request_headers; /* before the rule's */
    struct conf_header_edits response_headers;
    struct conf_cors cors; /* of what no rule matches */
    struct conf_error_pages errors;
    struct conf_identity *identities; /* what it shows where there is TLS */
    unsigned identities_count;
    struct conf_redirect https_redirect;
    struct conf_hsts hsts;
    struct conf_header_edits hsts_edits; /* what that is of responses by TLS */
};

enum conf_balance {
    CONF_BALANCE_LEAST_REQUESTS,
    CONF_BALANCE_ROUND_ROBIN,
    CONF_BALANCE_RANDOM,
    CONF_BALANCE_PEAK_EWMA,
    CONF_BALANCE_RING_HASH,
};

enum conf_hash_source {
    CONF_HASH_ADDRESS, /* the client's, without its port */
    CONF_HASH_PATH,    /* and the query */
    CONF_HASH_HEADER,
    CONF_HASH_COOKIE,
    CONF_HASH_QUERY, /* one parameter */
};

/* What of a request is hashed. */
struct conf_hash_by {
    enum conf_hash_source source;
    struct slice name; /* of the header field, cookie or parameter; else empty */
};

struct conf_balancing {
    enum conf_balance algorithm;
    struct conf_hash_by by;
    unsigned load_max; /* hundredths of a percent of the average; 0: no bound */
};

struct conf_target {
    struct conf_place place;
    struct conf_address address;
    unsigned weight; /* 1 to 256; 0 takes no new requests */
};

struct conf_health {
    bool enabled;
    bool any_below_500; /* no path was given: the target only has to answer, with any such status */
    bool by_grpc;       /* gRPC's health protocol is asked in place of `path` */
    struct slice grpc;  /* of which service; empty: the server */
    struct slice path;
    struct slice host; /* Host of the health request: the first domain of a site that forwards
                          here ("health.x" for "*.x"); empty when there is none: the address */
    int64_t interval_ms;
    int64_t timeout_ms;
    int64_t grace_ms; /* a new task may fail so long */
    unsigned healthy_threshold;
    unsigned unhealthy_threshold;
};

/* A target group: of `target_groups:`, or made by a service, whose targets control fills in. */
struct conf_group {
    struct conf_place place;
    struct slice name;
    bool is_service;
    enum conf_protocol protocol;
    struct conf_balancing balance;
    struct conf_sticky sticky;
    struct conf_ejection ejection;
    unsigned limit; /* requests under way at a target, over all workers; 0: none */
    struct conf_queue queue;
    unsigned fail_open;    /* hundredths of a percent: with fewer healthy targets all are used */
    int64_t slow_start_ms; /* 0: none */
    enum proxy_version proxy_protocol; /* sent at the beginning of each connection */
    unsigned sends_forwarded;          /* Forwarded beside X-Forwarded-* */
    unsigned denies_private;           /* no target's address is private (os/special_use.h) */
    struct conf_group_tls tls;
    struct conf_health health;
    struct conf_target *targets;
    unsigned targets_count;
};

struct conf_env {
    struct slice name;
    struct slice value; /* may hold ${name.field}; $NAME is left to the shell */
};

struct conf_service {
    struct conf_place place;
    struct slice name;
    struct slice directory; /* absolute; it existed when the file was read */
    struct slice command;   /* for `sh -c` */
    struct slice build_run; /* to run in `directory` before the first start; may be empty */
    struct conf_env *env;
    unsigned env_count;
    unsigned tasks_min; /* also how many run */
    unsigned tasks_max;
    int64_t drain_ms;         /* from draining to SIGTERM, and again to SIGKILL */
    struct conf_group *group; /* NULL when no rule forwards to it: no port is chosen for it */
};

enum conf_log_format { CONF_LOG_OFF, CONF_LOG_JSON, CONF_LOG_COMBINED };

/*
 * What a JSON line of the access log may hold, in the order of a line that chooses nothing: id, key
 * and meaning. docs/access-log.md has a row for each.
 */
/* clang-format off */
#define CONF_LOG_FIELD_TABLE(row)                                                                  \
    row(TIME, "time", "when the response ended: UTC, RFC 3339 with milliseconds")                  \
    row(ID, "id", "the request's id; targets and clients see it as `X-Request-Id`")                \
    row(CLIENT, "client", "address of the client, without port; `unix` for a Unix socket")         \
    row(METHOD, "method", "as received")                                                           \
    row(HOST, "host", "as the client named it, with its port")                                     \
    row(PATH, "path", "the target as received, with its query, before anything is normalised")     \
    row(PROTOCOL, "protocol", "`HTTP/1.1`, `HTTP/1.0` or `HTTP/2.0`")                              \
    row(STATUS, "status", "of the response; 499: the client left before there was one")            \
    row(BYTES, "bytes", "of the response's body, as sent")                                         \
    row(REQUEST_BYTES, "request_bytes", "of the request's body, as received")                      \
    row(DURATION_MS, "duration_ms",                                                                \
        "from the request's complete head to the response's last byte, with microseconds; 0.000 "  \
        "for what is answered within one turn of the loop")                                        \
    row(SITE, "site", "the site that has the host")                                                \
    row(PROXY, "proxy", "the forward proxy that was asked; it has no site")                        \
    row(RULE, "rule", "the number of its rule, counted from 1")                                    \
    row(USER, "user", "the name, where a password was checked; of a forward proxy's client")       \
    row(GROUP, "group", "the target group")                                                        \
    row(TARGET, "target", "the target that was asked last; of a forward proxy the address")        \
    row(TRIES, "tries", "how many tries it took; more than 1: others failed before")               \
    row(UPSTREAM_MS, "upstream_ms", "to the head of the target's response")                        \
    row(REASON, "reason", "why Weir itself answered with an error")                                \
    row(GRPC_STATUS, "grpc_status", "of a gRPC call, as a number: the target's or Weir's own")     \
    row(TRACE_ID, "trace_id", "the trace it is part of, where there is `tracing`")                 \
    row(REFERER, "referer", "of the request")                                                      \
    row(USER_AGENT, "user_agent", "of the request")                                                \
    row(TLS_VERSION, "tls_version", "of a request that came by TLS")                               \
    row(TLS_CIPHER, "tls_cipher", "the same")                                                      \
    row(TLS_SERVER_NAME, "tls_server_name", "the name that the client asked for, by SNI")          \
    row(CLIENT_SUBJECT, "client_subject", "of the client's certificate, where one was verified")   \
    row(LISTENER, "listener", "name of the listener")
/* clang-format on */

enum conf_log_field {
#define CONF_LOG_FIELD_ROW(id, key, meaning) CONF_LOG_FIELD_##id,
    CONF_LOG_FIELD_TABLE(CONF_LOG_FIELD_ROW)
#undef CONF_LOG_FIELD_ROW
        CONF_LOG_FIELDS_COUNT
};

/* What is written as REDACTED. Names are compared in any case. */
struct conf_redact {
    struct slice *query; /* of parameters */
    unsigned query_count;
    struct slice *headers; /* of header fields */
    unsigned headers_count;
    bool has_query; /* else those of conf_redact_query are meant */
    bool has_headers;
};

struct conf_access_log {
    enum conf_log_format format;
    struct slice path;           /* absolute; empty for standard output */
    enum conf_log_field *fields; /* of JSON; none: all */
    unsigned fields_count;
    struct slice *headers; /* of requests, written too */
    unsigned headers_count;
    unsigned sample; /* how many of 10,000 requests that did not fail */
    struct conf_redact redact;
};

/* "http://host:port/path". */
struct conf_endpoint {
    struct conf_address address;
    struct slice path; /* without '/' at its end; may be empty */
};

struct conf_tracing {
    bool is_on;
    struct conf_endpoint otlp; /* its host is empty when spans are only passed on and logged */
    unsigned sample;           /* how many of 10,000 requests that no trace brought along */
    struct slice service;      /* empty: the app's name, or "weir" */
};

struct snapshot {
    atomic_uint references;
    struct arena arena;
    struct slice file;   /* the path it was read from, as the user gave it */
    struct slice folder; /* absolute, that file's */
    struct slice app;    /* empty when the file names none */
    unsigned workers;    /* threads of the edge; 0 for one per processor */
    struct slice user;   /* whom the edge becomes when root starts it; empty: not said */
    struct conf_place user_place;
    struct conf_access_log access_log;
    struct conf_tracing tracing;
    int64_t drain_ms; /* from SIGTERM to closing what is still open */
    struct conf_listener *listeners;
    unsigned listeners_count;
    struct conf_site *sites;
    unsigned sites_count;
    unsigned gates_count;          /* rules with policies */
    struct conf_managed **managed; /* the certificates that Weir gets, each once */
    unsigned managed_count;
    bool has_client_auth; /* some site asks clients for certificates */
    struct slice email;   /* for the certificate authority; may be empty */
    struct conf_acme acme;
    bool lacks_files; /* password files or error pages could not be read: only of a text that was
                         accepted before */
    struct conf_group *groups;
    unsigned groups_count;
    struct conf_service *services;
    unsigned services_count;
    struct conf_forward_proxy *proxies;
    unsigned proxies_count;
    struct conf_bucket *buckets;
    unsigned buckets_count;
    unsigned remotes_count; /* of these: how many are at another endpoint */
    struct conf_store store;
    struct conf_webhook *webhooks;
    unsigned webhooks_count;
    bool has_s3;                 /* some rule serves the S3 API: its keys are wanted */
    struct conf_error *warnings; /* what is taken and should be known, by place */
    unsigned warnings_count;
};

/* The errors of a file, all at once, in the file's order; at most 50 are kept. */
struct conf_errors {
    struct arena arena;
    struct conf_error *at;
    unsigned count;
    unsigned dropped; /* more than were kept */
};

struct conf_error {
    struct conf_place place;
    struct slice text; /* what is wrong and what is allowed; may end in: did you mean "x"? */
    bool hides_line;   /* it may hold a secret: the line is never shown */
};

/*
 * Reads and checks the file's text. `file` is its path, for messages and to resolve relative paths
 * (directories are looked at through os/file.h). On success 0 and a snapshot with one reference. On
 * failure -EINVAL with at least one entry in *errors, or -ENOMEM.
 */
int snapshot_parse(struct slice file, struct slice text, struct snapshot **ret_snapshot,
                   struct conf_errors *errors);

/* The same for a text that was accepted before: a folder that is gone since is not an error. */
int snapshot_parse_accepted(struct slice file, struct slice text, struct snapshot **ret_snapshot,
                            struct conf_errors *errors);

struct buffer;

/* snapshot_parse of a file on disk; unreadable files are an entry in *errors too (place 0:0). What
 * was read is appended to *text (NULL is fine), for conf_errors_format. */
int snapshot_read(const char *file, struct buffer *text, struct snapshot **ret_snapshot,
                  struct conf_errors *errors);

/* The same for who only wants to know what there is: as snapshot_parse_accepted, without the files
 * and variables that may be another user's to read. */
int snapshot_read_accepted(const char *file, struct snapshot **ret_snapshot,
                           struct conf_errors *errors);

struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot); /* NULL is fine */

void conf_errors_init(struct conf_errors *errors);
void conf_errors_finish(struct conf_errors *errors);

/*
 * For people: "file:line:column: error: text", the line, and a caret under the column, one block an
 * error. `text` is the file's text (may be empty). Returns 0 or a buffer's error.
 */
int conf_errors_format(const struct conf_errors *errors, struct slice file, struct slice text,
                       struct buffer *ret_text);

/* The same for warnings, a snapshot's for instance. */
int conf_warnings_format(const struct conf_error *warnings, unsigned count, struct slice file,
                         struct slice text, struct buffer *ret_text);
