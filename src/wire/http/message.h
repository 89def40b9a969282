/*
 * HTTP messages as every other layer sees them, whichever version of HTTP they came by (RFC 9110).
 * All slices are borrowed: they point into the received bytes, or to constants, and live as long as
 * the buffer that was parsed.
 */
#pragma once

#include "base/slice.h"

/* Limits of what is taken from outside; each has a metric when it is hit. */
#define HTTP_FIELDS_MAX             100   /* 431 */
#define HTTP_LINE_BYTES_MAX         8192  /* 431, a field line */
#define HTTP_HEAD_BYTES_MAX         32768 /* 431 */
#define HTTP_URI_BYTES_MAX          16384 /* 414 */
#define HTTP_METHOD_BYTES_MAX       32    /* 501 */
#define HTTP_CONNECTION_OPTIONS_MAX 32    /* 431, names in all Connection fields of a message */

/* The methods of RFC 9110 §9 and PATCH; METHOD_OTHER is any other token. */
enum http_method {
    METHOD_OTHER,
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_DELETE,
    METHOD_CONNECT,
    METHOD_OPTIONS,
    METHOD_TRACE,
    METHOD_PATCH,
};

/*
 * Fields that Weir itself looks at: found by number, not by name. One row each: id, name as it is
 * written, in the order of the alphabet. wire/http/field.c makes its look-up from the same table.
 */
/* clang-format off */
#define FIELD_TABLE(row)                            \
    row(ACCEPT, "Accept")                           \
    row(ACCEPT_ENCODING, "Accept-Encoding")         \
    row(ACCEPT_RANGES, "Accept-Ranges")             \
    row(AGE, "Age")                                 \
    row(ALLOW, "Allow")                             \
    row(AUTHORIZATION, "Authorization")             \
    row(CACHE_CONTROL, "Cache-Control")             \
    row(CLIENT_CERT, "Client-Cert")                 \
    row(CLIENT_CERT_CHAIN, "Client-Cert-Chain")     \
    row(CONNECTION, "Connection")                   \
    row(CONTENT_ENCODING, "Content-Encoding")       \
    row(CONTENT_LENGTH, "Content-Length")           \
    row(CONTENT_RANGE, "Content-Range")             \
    row(CONTENT_TYPE, "Content-Type")               \
    row(COOKIE, "Cookie")                           \
    row(DATE, "Date")                               \
    row(ETAG, "ETag")                               \
    row(EXPECT, "Expect")                           \
    row(EXPIRES, "Expires")                         \
    row(FORWARDED, "Forwarded")                     \
    row(HOST, "Host")                               \
    row(IF_MATCH, "If-Match")                       \
    row(IF_MODIFIED_SINCE, "If-Modified-Since")     \
    row(IF_NONE_MATCH, "If-None-Match")             \
    row(IF_RANGE, "If-Range")                       \
    row(IF_UNMODIFIED_SINCE, "If-Unmodified-Since") \
    row(KEEP_ALIVE, "Keep-Alive")                   \
    row(LAST_MODIFIED, "Last-Modified")             \
    row(LOCATION, "Location")                       \
    row(MAX_FORWARDS, "Max-Forwards")               \
    row(PROXY_AUTHENTICATE, "Proxy-Authenticate")   \
    row(PROXY_AUTHORIZATION, "Proxy-Authorization") \
    row(PROXY_CONNECTION, "Proxy-Connection")       \
    row(RANGE, "Range")                             \
    row(REFERER, "Referer")                         \
    row(RETRY_AFTER, "Retry-After")                 \
    row(SEC_FETCH_MODE, "Sec-Fetch-Mode")           \
    row(SERVER, "Server")                           \
    row(SET_COOKIE, "Set-Cookie")                   \
    row(TE, "TE")                                   \
    row(TRACEPARENT, "traceparent")                 \
    row(TRACESTATE, "tracestate")                   \
    row(TRAILER, "Trailer")                         \
    row(TRANSFER_ENCODING, "Transfer-Encoding")     \
    row(UPGRADE, "Upgrade")                         \
    row(USER_AGENT, "User-Agent")                   \
    row(VARY, "Vary")                               \
    row(VIA, "Via")                                 \
    row(WWW_AUTHENTICATE, "WWW-Authenticate")       \
    row(X_CLIENT_CERT, "X-Client-Cert")             \
    row(X_FORWARDED_CLIENT_CERT, "X-Forwarded-Client-Cert") \
    row(X_FORWARDED_FOR, "X-Forwarded-For")         \
    row(X_FORWARDED_HOST, "X-Forwarded-Host")       \
    row(X_FORWARDED_PORT, "X-Forwarded-Port")       \
    row(X_FORWARDED_PREFIX, "X-Forwarded-Prefix")   \
    row(X_FORWARDED_PROTO, "X-Forwarded-Proto")     \
    row(X_REQUEST_ID, "X-Request-Id")
/* clang-format on */

enum field_id {
    FIELD_OTHER,
#define FIELD_ROW(id, name) FIELD_##id,
    FIELD_TABLE(FIELD_ROW)
#undef FIELD_ROW
        FIELD_IDS_COUNT
};

struct field {
    struct slice name;  /* as received */
    struct slice value; /* without the blanks around it */
    enum field_id id;
};

/* In the order received. `at` is borrowed from whoever called the parser. */
struct fields {
    struct field *at;
    unsigned count;
    unsigned max;
};

/* How the end of a body is found (RFC 9112 §6.3). */
enum body_kind {
    BODY_NONE,
    BODY_LENGTH,      /* content_length bytes, not 0 */
    BODY_CHUNKED,     /* its end is told by what comes; by the stream's end in HTTP/2 */
    BODY_UNTIL_CLOSE, /* responses only */
};

struct framing {
    enum body_kind kind;
    uint64_t content_length; /* meaningful for BODY_LENGTH, and for a response to HEAD or a 304 */
    bool has_content_length; /* the field was there, 0 included */
};

/* OPTIONS with an absolute form that has neither path nor query counts as asterisk form, with
 * scheme and authority set (RFC 9112 §3.2.4). */
enum target_form { TARGET_ORIGIN, TARGET_ABSOLUTE, TARGET_AUTHORITY, TARGET_ASTERISK };

struct request_head {
    enum http_method method;
    uint8_t version_major; /* 1 or 2 */
    uint8_t version_minor;
    enum target_form form;
    bool keep_alive;       /* what the client wants (RFC 9112 §9.3) */
    bool expects_continue; /* Expect: 100-continue, only with 1.1 and a body */
    bool wants_upgrade;    /* Upgrade, named by Connection, on 1.1 */
    struct slice method_name;
    struct slice target;    /* as received */
    struct slice scheme;    /* of absolute form and of HTTP/2, else empty */
    struct slice authority; /* the target's, else Host's value, else empty; syntax checked */
    struct slice path;      /* raw, from '/' up to '?'; "/" where absolute form has none; "*" of
                             * asterisk form; empty for CONNECT */
    struct slice query;     /* raw, without '?'; NULL start when there is none */
    struct framing framing;
    struct fields fields;
};

struct response_head {
    unsigned status; /* 100 to 599 */
    uint8_t version_minor;
    bool keep_alive;  /* the connection may carry another message after this one's body */
    bool has_upgrade; /* Upgrade, named by Connection */
    struct slice reason;
    struct framing framing;
    struct fields fields;
};

/* Such a client knows neither chunks nor interim responses. */
static inline bool http_is_1_0(const struct request_head *request)
{
    return request->version_major < 2 && request->version_minor == 0;
}

/* "HTTP/1.1", as CGI's SERVER_PROTOCOL has it. */
struct slice http_version_name(const struct request_head *request);

/* The first field with that id, or NULL. */
const struct field *fields_find(const struct fields *fields, enum field_id id);

/* The first value under that id; a NULL start when there is none. */
static inline struct slice fields_value(const struct fields *fields, enum field_id id)
{
    const struct field *found = fields_find(fields, id);
    return found == NULL ? (struct slice){NULL, 0} : found->value;
}

/* The first field of that name, in any case, or NULL. */
const struct field *fields_find_name(const struct fields *fields, struct slice name);

/* The id of a name, in any case; FIELD_OTHER when Weir does not know it. */
enum field_id field_id_of(struct slice name);

/* No name with an id is longer. */
#define FIELD_NAME_BYTES_MAX 24

/* One name to CGI, WSGI and PHP, which write '-' as '_' and all letters as capitals? */
bool field_names_alike(struct slice a, struct slice b);

/* The name as it is written in RFCs. Not for FIELD_OTHER. */
struct slice field_name(enum field_id id);

/*
 * Does a comma-separated list (RFC 9110 §5.6.1) hold this token, in any case? Parameters behind a
 * ';' are not looked at.
 */
bool http_list_has(struct slice list, struct slice token);

/* Takes the next element of such a list off *list, trimmed, empty ones left out; false at the end.
 * Commas in quoted strings do not separate. */
bool http_list_next(struct slice *list, struct slice *ret_element);

/* tchar of RFC 9110 §5.6.2, at least one. */
bool http_is_token(struct slice s);

/* No NUL, CR, LF or other control but tab (RFC 9110 §5.5). */
bool http_is_field_value(struct slice s);

enum http_method http_method_of(struct slice name);
bool http_method_is_safe(enum http_method method);       /* RFC 9110 §9.2.1 */
bool http_method_is_idempotent(enum http_method method); /* RFC 9110 §9.2.2 */

/* The reason phrase of a status; "Unknown" where there is none. */
const char *http_status_reason(unsigned status);

/*
 * Fields that belong to one connection and never go on: those of RFC 9110 §7.6.1, and the obsolete
 * Keep-Alive and Proxy-Connection. Proxy-Authenticate and Proxy-Authorization are between a client
 * and the next proxy (RFC 9110 §11.7).
 */
static inline bool field_is_hop_by_hop(enum field_id id)
{
    switch (id) {
    case FIELD_CONNECTION:
    case FIELD_KEEP_ALIVE:
    case FIELD_PROXY_AUTHENTICATE:
    case FIELD_PROXY_AUTHORIZATION:
    case FIELD_PROXY_CONNECTION:
    case FIELD_TE:
    case FIELD_TRANSFER_ENCODING:
    case FIELD_UPGRADE:
        return true;
    default:
        return false;
    }
}

/* Takes out what may not come as a trailer: fields that frame, route, modify or authenticate a
 * message, or say how to process its content (RFC 9110 §6.5.1). */
void fields_drop_late(struct fields *fields);
