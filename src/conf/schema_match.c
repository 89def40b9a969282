/* Which requests a rule is for, and the folder that it may serve. */
#include "conf/schema_match.h"

#include "conf/schema_rows.h"

static const struct schema_row path_row = {.name = "path", .kind = SCHEMA_PATH_PATTERN};
static const struct schema_row method_row = {.name = "method", .kind = SCHEMA_METHOD};
static const struct schema_row field_row = {
    .name = "header", .kind = SCHEMA_VALUE_PATTERN, AT(struct conf_field_match, value)};

static const struct schema_row host_row = {.name = "host", .kind = SCHEMA_HOST_PATTERN};
static const struct schema_row query_row = {
    .name = "query", .kind = SCHEMA_VALUE_PATTERN, AT(struct conf_query_match, value)};
static const struct schema_row source_row = {.name = "source_ip", .kind = SCHEMA_NETWORK};

static const struct schema_row subject_row = {.name = "client_certificate",
                                              .kind = SCHEMA_VALUE_PATTERN};

static const struct schema_row match_rows[] = {
    {.name = "path",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct conf_match, paths),
     .element = &path_row,
     .element_size = sizeof(struct conf_pattern),
     .min = 1,
     .max = 100,
     .doc = "one of these paths; `/api/*` is all below `/api/` and `/api` itself, any other `*` "
            "stands for any run of characters"},
    {.name = "method",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct conf_match, methods),
     .element = &method_row,
     .element_size = sizeof(struct slice),
     .min = 1,
     .max = 20,
     .doc = "one of these methods; `GET` is `HEAD` too"},
    {.name = "header",
     .kind = SCHEMA_MAP,
     LIST_AT(struct conf_match, fields),
     .name_kind = SCHEMA_FIELD_NAME,
     .name_offset = offsetof(struct conf_field_match, name),
     .element = &field_row,
     .element_size = sizeof(struct conf_field_match),
     .min = 1,
     .max = 20,
     .doc = "each of these header fields has such a value; `*` stands for any run of characters"},
    {.name = "host",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct conf_match, hosts),
     .element = &host_row,
     .element_size = sizeof(struct slice),
     .min = 1,
     .max = 100,
     .doc = "one of these hosts, for a site with several domains; `*.example.org` is all names "
            "below it"},
    {.name = "query",
     .kind = SCHEMA_MAP,
     LIST_AT(struct conf_match, query),
     .name_kind = SCHEMA_LINE,
     .name_offset = offsetof(struct conf_query_match, name),
     .element = &query_row,
     .element_size = sizeof(struct conf_query_match),
     .min = 1,
     .max = 20,
     .doc = "each of these query parameters has such a value once it is decoded; `*` is any, also "
            "an empty one"},
    {.name = "source_ip",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct conf_match, sources),
     .element = &source_row,
     .element_size = sizeof(struct network),
     .min = 1,
     .max = 1000,
     .doc = "the client's address is one of these or in one of these networks; `private` and "
            "`loopback` stand for theirs"},
    {.name = "client_certificate",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct conf_match, client_subjects),
     .element = &subject_row,
     .element_size = sizeof(struct conf_pattern),
     .min = 1,
     .max = 100,
     .doc = "the client has shown a certificate, by `client_auth`, whose subject is one of these "
            "(RFC 2253), as in `CN=ci,O=Example`; `*` stands for any run of characters"},
};

const struct schema_struct match_type = {
    .noun = "a match",
    .doc = "Which requests a rule is for. All parts that are given must hold.",
    ROWS(match_rows),
};

/* Folders. */

static const struct schema_word encoding_words[] = {
    {"br", ENCODING_BR, false, "`.br`, Brotli"},
    {"zstd", ENCODING_ZSTD, false, "`.zst`, Zstandard"},
    {"gzip", ENCODING_GZIP, false, "`.gz`"},
    {NULL},
};

static const struct schema_word listing_words[] = {
    {"true", CONF_LISTING_ON, false, NULL},
    {"false", CONF_LISTING_OFF, false, NULL},
    {NULL},
};

static const struct schema_row encoding_row = {
    .name = "precompressed", .kind = SCHEMA_WORD, .words = encoding_words};

static const struct schema_row files_rows[] = {
    {.name = "root",
     .kind = SCHEMA_FOLDER,
     .is_required = true,
     AT(struct conf_files, root),
     .doc = "the folder; it must be there when Weir starts"},
    {.name = "index",
     .kind = SCHEMA_FILE_NAME,
     AT(struct conf_files, index),
     .standard = "index.html",
     .doc = "the file that a folder's path shows"},
    {.name = "fallback",
     .kind = SCHEMA_URL_PATH,
     AT(struct conf_files, fallback),
     .doc = "what a browser's navigation gets when there is no such file, for single-page "
            "applications"},
    {.name = "precompressed",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct conf_files, precompressed),
     .element = &encoding_row,
     .element_size = sizeof(enum http_encoding),
     .min = 1,
     .max = 3,
     .doc = "files beside the file that are sent to who takes them, `x.js.br` for `x.js`: liked "
            "best first; none is looked for without it"},
    {.name = "listing",
     .kind = SCHEMA_WORD,
     .words = listing_words,
     AT(struct conf_files, listing),
     .standard = "false",
     .doc = "shows what is in a folder that has no index: as a page, or as JSON where that is "
            "asked for"},
};

const struct schema_struct files_type = {
    .noun = "files",
    .doc = "Serves a folder.",
    ROWS(files_rows),
    .shorthand = "root",
};
