/* Filters and policies, in the order in which docs/filters.md tells them. */
#include "conf/schema_policy.h"

#include "conf/draft.h"
#include "conf/policy_checks.h"
#include "conf/schema_rows.h"
#include "wire/http/encoding.h"

static const struct schema_row name_row = {.name = "name", .kind = SCHEMA_FIELD_NAME};
static const struct schema_row edit_name_row = {.name = "remove", .kind = SCHEMA_EDIT_NAME};
static const struct schema_row edit_value_row = {
    .name = "value", .kind = SCHEMA_EDIT_VALUE, AT(struct conf_field, value)};

/* Headers. */

static const struct schema_row header_rows[] = {
    {.name = "set",
     .kind = SCHEMA_MAP,
     LIST_AT(struct conf_header_edits, set),
     .name_kind = SCHEMA_EDIT_NAME,
     .name_offset = offsetof(struct conf_field, name),
     .element = &edit_value_row,
     .element_size = sizeof(struct conf_field),
     .max = 50,
     .doc = "fields that are there once, with this value; `{host}`, `{path}`, `{query}` (with its "
            "`?`), `{client}` and `{request_id}` are the request's, `{client_subject}`, "
            "`{client_cert}`, "
            "`{client_cert_pem}`, `{tls_version}`, `{tls_cipher}` and `{tls_server_name}` its "
            "connection's; one that becomes empty is left out"},
    {.name = "add",
     .kind = SCHEMA_MAP,
     LIST_AT(struct conf_header_edits, add),
     .name_kind = SCHEMA_EDIT_NAME,
     .name_offset = offsetof(struct conf_field, name),
     .element = &edit_value_row,
     .element_size = sizeof(struct conf_field),
     .max = 50,
     .doc = "fields beside those of the same name"},
    {.name = "remove",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct conf_header_edits, remove),
     .element = &edit_name_row,
     .element_size = sizeof(struct slice),
     .max = 50,
     .doc = "fields that go, before others are set and added"},
};

const struct schema_struct request_headers_type = {
    .noun = "request headers",
    .doc = "Changes to the header that the target gets: first the site's, then the rule's. Fields "
           "that frame a message or belong to one connection are Weir's own, as are "
           "`X-Forwarded-*`, `Forwarded`, `Via` and `X-Request-Id`; `Host` may be set.",
    ROWS(header_rows),
    .check = check_request_headers,
};

const struct schema_struct response_headers_type = {
    .noun = "response headers",
    .doc = "Changes to the header that the client gets, whoever made the response, Weir's own "
           "errors included: first the site's, then the rule's. Fields that frame a message or "
           "belong to one connection are Weir's own.",
    ROWS(header_rows),
    .check = check_response_headers,
};

static const struct schema_row origin_row = {.name = "origins", .kind = SCHEMA_VALUE_PATTERN};
static const struct schema_row method_row = {.name = "methods", .kind = SCHEMA_METHOD};

static const struct schema_row cors_rows[] = {
    {.name = "origins",
     .kind = SCHEMA_ONE_OR_LIST,
     .is_required = true,
     LIST_AT(struct conf_cors, origins),
     .element = &origin_row,
     .element_size = sizeof(struct conf_pattern),
     .min = 1,
     .max = 100,
     .doc = "whose pages may ask, as in `https://app.example.org` or `https://*.example.org`; "
            "`\"*\"` is any, but not with `credentials`"},
    {.name = "methods",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct conf_cors, methods),
     .element = &method_row,
     .element_size = sizeof(struct slice),
     .max = 20,
     .doc = "methods besides GET, HEAD and POST that they may use; without it PUT, PATCH and "
            "DELETE"},
    {.name = "headers",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct conf_cors, headers),
     .element = &name_row,
     .element_size = sizeof(struct slice),
     .max = 100,
     .doc = "request header fields that they may send; without it those that they ask for"},
    {.name = "expose",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct conf_cors, expose),
     .element = &name_row,
     .element_size = sizeof(struct slice),
     .max = 100,
     .doc = "response header fields that they may read"},
    {.name = "credentials",
     .kind = SCHEMA_WORD,
     .words = bool_words,
     AT(struct conf_cors, credentials),
     .standard = "false",
     .doc = "whether browsers may send cookies and passwords along"},
    {.name = "max_age",
     .kind = SCHEMA_DURATION,
     .min = 0,
     .max = MS_PER_D,
     AT(struct conf_cors, max_age_ms),
     .standard = "10m",
     .doc = "how long browsers may remember the answer"},
};

const struct schema_struct cors_type = {
    .noun = "cors",
    .doc = "Lets pages of other origins use this one. Weir answers preflight requests itself and "
           "sets the response's fields in place of the target's.",
    ROWS(cors_rows),
    .shorthand = "origins",
    .check = check_cors,
};

/* Compression. */

static const struct schema_word encoding_words[] = {
    {"zstd", ENCODING_ZSTD, false, NULL},        {"br", ENCODING_BR, false, NULL},
    {"gzip", ENCODING_GZIP, false, NULL},        {"true", ENCODINGS_COUNT, false, "all of them"},
    {"false", ENCODING_IDENTITY, false, "none"}, {NULL},
};

static const struct schema_row encoding_row = {
    .name = "encodings", .kind = SCHEMA_WORD, .words = encoding_words, .size = sizeof(unsigned)};
static const struct schema_row type_row = {.name = "types", .kind = SCHEMA_VALUE_PATTERN};

static const struct schema_row compress_rows[] = {
    {.name = "encodings",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct conf_compress, encodings),
     .element = &encoding_row,
     .element_size = sizeof(unsigned),
     .min = 1,
     .max = 5,
     .doc = "which, the first being preferred where a client likes several; without it all"},
    {.name = "types",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct conf_compress, types),
     .element = &type_row,
     .element_size = sizeof(struct conf_pattern),
     .min = 1,
     .max = 100,
     .doc = "media types that are compressed, as in `text/*`; without it text, scripts, JSON, XML, "
            "SVG, WebAssembly and the like"},
    {.name = "min_size",
     .kind = SCHEMA_SIZE,
     .min = 0,
     AT(struct conf_compress, min_size),
     .standard = "1KiB",
     .doc = "smaller bodies stay as they are, where their length is told"},
    {.name = "level",
     .kind = SCHEMA_INTEGER,
     .min = 1,
     .max = 9,
     AT(struct conf_compress, level),
     .doc = "1 is fast, 9 small; without it what costs least for its size"},
};

const struct schema_struct compress_type = {
    .noun = "compress",
    .doc = "Compresses responses for clients that accept it. Not those that are encoded already, "
           "say `Cache-Control: no-transform`, or are parts of a whole.",
    ROWS(compress_rows),
    .shorthand = "encodings",
    .check = check_compress,
};

/* Limits. */

static const struct schema_row rate_limit_rows[] = {
    {.name = "rate",
     .kind = SCHEMA_RATE,
     .is_required = true,
     AT(struct conf_rate_limit, rate),
     .doc = "how many requests, as in `100/s`, `30/m` or `1000/h`"},
    {.name = "burst",
     .kind = SCHEMA_INTEGER,
     .min = 1,
     .max = 1000000,
     AT(struct conf_rate_limit, burst),
     .doc = "how many may come at once; without it what comes in a second, at least 1"},
    {.name = "by",
     .kind = SCHEMA_LIMIT_KEY,
     AT(struct conf_rate_limit, key),
     .standard = "address",
     .doc = "whose requests count together"},
};

const struct schema_struct rate_limit_type = {
    .noun = "a rate limit",
    .doc =
        "How many requests a client may make; more are answered 429. All workers count together.",
    ROWS(rate_limit_rows),
    .shorthand = "rate",
    .check = check_rate_limit,
};

static const struct schema_row concurrency_rows[] = {
    {.name = "max",
     .kind = SCHEMA_INTEGER,
     .is_required = true,
     .min = 1,
     .max = 1000000,
     AT(struct conf_concurrency, max),
     .doc = "how many requests at one time"},
    {.name = "by",
     .kind = SCHEMA_LIMIT_KEY,
     AT(struct conf_concurrency, key),
     .standard = "all",
     .doc = "whose requests count together"},
};

const struct schema_struct concurrency_type = {
    .noun = "concurrency",
    .doc = "How many requests may be under way at one time, all workers together. More are "
           "answered 503, or 429 where each client is counted apart.",
    ROWS(concurrency_rows),
    .shorthand = "max",
    .check = check_concurrency,
};

/* Who may. */

static const struct schema_row basic_auth_rows[] = {
    {.name = "users",
     .kind = SCHEMA_FILE,
     .is_required = true,
     AT(struct conf_basic_auth, file),
     .doc = "a file as `htpasswd -B` writes it, with bcrypt hashes"},
    {.name = "realm",
     .kind = SCHEMA_LINE,
     AT(struct conf_basic_auth, realm),
     .standard = "Restricted",
     .doc = "what the browser's question names"},
    {.name = "pass",
     .kind = SCHEMA_WORD,
     .words = bool_words,
     AT(struct conf_basic_auth, pass),
     .standard = "false",
     .doc = "whether the target gets name and password too"},
};

const struct schema_struct basic_auth_type = {
    .noun = "basic auth",
    .doc = "Asks for a name and a password (RFC 7617). The file is read when the configuration is.",
    ROWS(basic_auth_rows),
    .shorthand = "users",
    .check = check_basic_auth,
};

static const struct schema_row proxy_users_rows[] = {
    {.name = "users",
     .kind = SCHEMA_FILE,
     .is_required = true,
     AT(struct conf_basic_auth, file),
     .doc = "a file as `htpasswd -B` writes it, with bcrypt hashes"},
    {.name = "realm",
     .kind = SCHEMA_LINE,
     AT(struct conf_basic_auth, realm),
     .doc = "what the browser's question names; without it the proxy's name"},
};

const struct schema_struct proxy_users_type = {
    .noun = "users of a forward proxy",
    .doc = "Who may use a forward proxy at all (RFC 9110 §11.7, RFC 1929). The file is read when "
           "the configuration is.",
    ROWS(proxy_users_rows),
    .shorthand = "users",
    .check = check_basic_auth,
};

static const struct schema_row auth_rows[] = {
    {.name = "forward",
     .kind = SCHEMA_NAMED,
     .is_required = true,
     AT(struct draft_auth, forward),
     .doc = "the service or target group that is asked"},
    {.name = "path",
     .kind = SCHEMA_URL_PATH,
     AT(struct draft_auth, auth.path),
     .standard = "/",
     .doc = "what it is asked for, by GET"},
    {.name = "copy",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct draft_auth, auth.copy),
     .element = &edit_name_row,
     .element_size = sizeof(struct slice),
     .max = 50,
     .doc = "fields of its answer that go into the request in place of the client's own"},
    {.name = "timeout",
     .kind = SCHEMA_DURATION,
     .min = 1,
     .max = 10 * MS_PER_MIN,
     AT(struct draft_auth, auth.timeout_ms),
     .standard = "10s",
     .doc = "how long its answer may take"},
};

const struct schema_struct auth_type = {
    .noun = "auth",
    .doc = "Asks a service before each request. With 2xx the request goes on; 401, 403 and "
           "redirects are the client's answer; anything else is an error. It gets the request's "
           "header with `X-Forwarded-Method`, `X-Forwarded-Uri` and `X-Original-URL`.",
    ROWS(auth_rows),
    .check = check_auth,
};

const struct schema_row error_page_row = {
    .name = "page", .kind = SCHEMA_TEXT, AT(struct draft_error_page, value)};
