/* Rows of the schema: what Weir writes down about requests. */
#include "conf/schema_logs.h"

#include "conf/checks.h"
#include "conf/schema_rows.h"

static const struct schema_word log_words[] = {
    {"json", CONF_LOG_JSON, false, "one JSON object a line"},
    {"combined", CONF_LOG_COMBINED, false, "as Apache and nginx write it"},
    {"off", CONF_LOG_OFF, false, "none"},
    {NULL},
};

static const struct schema_word log_field_words[] = {
#define LOG_FIELD_WORD(id, key, meaning) {key, CONF_LOG_FIELD_##id, false, NULL},
    CONF_LOG_FIELD_TABLE(LOG_FIELD_WORD)
#undef LOG_FIELD_WORD
        {NULL},
};

static const struct schema_row log_field_row = {
    .name = "fields", .kind = SCHEMA_WORD, .words = log_field_words};
static const struct schema_row log_header_row = {.name = "headers", .kind = SCHEMA_FIELD_NAME};
static const struct schema_row log_parameter_row = {.name = "query", .kind = SCHEMA_LINE};

static const struct schema_row redact_rows[] = {
    {.name = "query",
     .kind = SCHEMA_LIST,
     LIST_AT(struct conf_redact, query),
     .element = &log_parameter_row,
     .element_size = sizeof(struct slice),
     .max = 100,
     .doc = "parameters in queries, in any case; without it those that usually hold secrets, such "
            "as `token` and `password`; `[]` is none"},
    {.name = "headers",
     .kind = SCHEMA_LIST,
     LIST_AT(struct conf_redact, headers),
     .element = &log_header_row,
     .element_size = sizeof(struct slice),
     .max = 100,
     .doc = "header fields; without it those that hold credentials, such as `Authorization` and "
            "`Cookie`"},
};

static const struct schema_struct redact_type = {
    .noun = "redaction",
    .doc = "Of these the access log has the names alone, `REDACTED` in place of their values.",
    ROWS(redact_rows),
    .check = check_redact,
};

static const struct schema_row log_rows[] = {
    {.name = "format",
     .kind = SCHEMA_WORD,
     .words = log_words,
     AT(struct conf_access_log, format),
     .standard = "json",
     .doc = "how a line looks"},
    {.name = "path",
     .kind = SCHEMA_FILE,
     AT(struct conf_access_log, path),
     .standard = ".weir/access.log",
     .doc = "the file; `-` is standard output"},
    {.name = "fields",
     .kind = SCHEMA_LIST,
     LIST_AT(struct conf_access_log, fields),
     .element = &log_field_row,
     .element_size = sizeof(enum conf_log_field),
     .min = 1,
     .max = CONF_LOG_FIELDS_COUNT,
     .doc = "of `json`: what a line holds, in this order; without it all"},
    {.name = "headers",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct conf_access_log, headers),
     .element = &log_header_row,
     .element_size = sizeof(struct slice),
     .min = 1,
     .max = 20,
     .doc = "of `json`: header fields of the request that a line holds, too"},
    {.name = "sample",
     .kind = SCHEMA_PERCENT,
     .min = 0,
     .max = 10000,
     AT(struct conf_access_log, sample),
     .standard = "100%",
     .doc = "how many requests have a line; those that fail (a status from 500 on, or broken off) "
            "always have one"},
    {.name = "redact",
     .kind = SCHEMA_STRUCT,
     .type = &redact_type,
     AT(struct conf_access_log, redact),
     .doc = "what is not written out"},
};

const struct schema_struct schema_access_log = {
    .noun = "the access log",
    .doc = "One line a request.",
    ROWS(log_rows),
    .shorthand = "format",
    .check = check_access_log,
};

static const struct schema_row tracing_rows[] = {
    {.name = "otlp",
     .kind = SCHEMA_ENDPOINT,
     AT(struct conf_tracing, otlp),
     .doc = "where a collector takes spans by OTLP over HTTP; without it traces are only passed on "
            "and logged"},
    {.name = "sample",
     .kind = SCHEMA_PERCENT,
     .min = 0,
     .max = 10000,
     AT(struct conf_tracing, sample),
     .standard = "10%",
     .doc = "how many of the requests that bring no trace along are traced"},
    {.name = "service",
     .kind = SCHEMA_LINE,
     AT(struct conf_tracing, service),
     .doc = "what the spans call this edge; without it `app`, or `weir`"},
};

const struct schema_struct schema_tracing = {
    .noun = "tracing",
    .doc = "Traces by W3C Trace Context: passed on to targets, and sent to a collector.",
    ROWS(tracing_rows),
    .shorthand = "otlp",
    .check = check_tracing,
};
