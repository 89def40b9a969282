/*
 * The schema as JSON Schema (draft 2020-12): a definition for each struct, so that editors complete
 * keys and show their meaning. What is for later is left out; an editor then marks it.
 */
#include "base/buffer.h"
#include "base/cleanup.h"
#include "conf/read.h"
#include "conf/walk.h"

struct json {
    struct buffer *out; /* borrowed */
    int rc;             /* the first failure; nothing is written after it */
    bool needs_comma;
};

static void put(struct json *json, struct slice text)
{
    if (json->rc == 0)
        json->rc = buffer_append(json->out, text);
}

static void put_cstr(struct json *json, const char *text)
{
    put(json, slice_of_cstr(text));
}

/* Our own texts: no control characters but none the less quotes and backslashes. */
static void put_string(struct json *json, const char *text)
{
    put(json, SLICE("\""));
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            put(json, SLICE("\\"));
        put(json, slice_of(text, 1));
    }
    put(json, SLICE("\""));
}

static void separate(struct json *json)
{
    if (json->needs_comma)
        put(json, SLICE(","));
    json->needs_comma = false;
}

static void open_with(struct json *json, const char *bracket)
{
    separate(json);
    put_cstr(json, bracket);
}

static void close_with(struct json *json, const char *bracket)
{
    put_cstr(json, bracket);
    json->needs_comma = true;
}

static void put_key(struct json *json, const char *key)
{
    separate(json);
    put_string(json, key);
    put(json, SLICE(":"));
}

static void put_member(struct json *json, const char *key, const char *text)
{
    put_key(json, key);
    put_string(json, text);
    json->needs_comma = true;
}

static void put_number(struct json *json, const char *key, int64_t number)
{
    put_key(json, key);
    if (json->rc == 0)
        json->rc = buffer_format(json->out, "%lld", (long long)number);
    json->needs_comma = true;
}

static void put_row(struct json *json, const struct schema_row *row);

static void put_words(struct json *json, const struct schema_word *words)
{
    put_key(json, "enum");
    open_with(json, "[");
    for (; words->name != NULL; words++) {
        if (words->is_later)
            continue;
        separate(json);
        /* In YAML these two are no strings unless they are quoted. */
        if (strcmp(words->name, "true") == 0 || strcmp(words->name, "false") == 0)
            put(json, slice_of_cstr(words->name));
        else
            put_string(json, words->name);
        json->needs_comma = true;
    }
    close_with(json, "]");
}

static void put_integer(struct json *json, const struct schema_row *row)
{
    put_member(json, "type", "integer");
    put_number(json, "minimum", row->min);
    if (row->max > 0)
        put_number(json, "maximum", row->max);
}

/* YAML's numbers and booleans are text where text is wanted. */
static void put_types(struct json *json, const char *const *types, size_t count)
{
    put_key(json, "type");
    open_with(json, "[");
    for (size_t i = 0; i < count; i++) {
        separate(json);
        put_string(json, types[i]);
        json->needs_comma = true;
    }
    close_with(json, "]");
}

static void put_scalar(struct json *json, const struct schema_row *row)
{
    static const char *const text[] = {"string", "number", "boolean"};
    static const char *const size[] = {"string", "integer"};
    const char *pattern = scalar_kinds[row->kind].json_pattern;
    if (row->kind == SCHEMA_WORD) {
        put_words(json, row->words);
        return;
    }
    if (row->kind == SCHEMA_INTEGER && row->words == NULL) {
        put_integer(json, row);
        return;
    }
    if (row->kind == SCHEMA_TEXT || row->kind == SCHEMA_VALUE_PATTERN)
        put_types(json, text, COUNT_OF(text));
    else if (row->kind == SCHEMA_SIZE || row->kind == SCHEMA_INTEGER)
        put_types(json, size, COUNT_OF(size));
    else
        put_member(json, "type", "string");
    if (pattern != NULL && row->words == NULL)
        put_member(json, "pattern", pattern);
}

/* "a target group" is defined as "target-group". */
static void put_reference(struct json *json, const struct schema_struct *type)
{
    const char *noun = type->noun;
    struct slice name = slice_of_cstr(noun);
    struct slice articles[] = {SLICE("a "), SLICE("the ")};
    for (size_t i = 0; i < COUNT_OF(articles); i++) {
        if (slice_starts_with(name, articles[i]))
            name = slice_from(name, articles[i].len);
    }
    for (size_t i = 0; i < name.len; i++)
        put(json, name.at[i] == ' ' ? SLICE("-") : slice_of(name.at + i, 1));
}

static void put_list(struct json *json, const struct schema_row *row)
{
    put_member(json, "type", "array");
    if (row->min > 0)
        put_number(json, "minItems", row->min);
    put_key(json, "items");
    open_with(json, "{");
    put_row(json, row->element);
    close_with(json, "}");
}

static void put_one_or_list(struct json *json, const struct schema_row *row)
{
    put_key(json, "anyOf");
    open_with(json, "[");
    open_with(json, "{");
    put_row(json, row->element);
    close_with(json, "}");
    open_with(json, "{");
    put_list(json, row);
    close_with(json, "}");
    close_with(json, "]");
}

static void put_map(struct json *json, const struct schema_row *row)
{
    const char *pattern = scalar_kinds[row->name_kind].json_pattern;
    put_member(json, "type", "object");
    if (pattern != NULL) {
        put_key(json, "propertyNames");
        open_with(json, "{");
        put_member(json, "pattern", pattern);
        close_with(json, "}");
    }
    put_key(json, "additionalProperties");
    open_with(json, "{");
    put_row(json, row->element);
    close_with(json, "}");
}

static void put_one_or_map(struct json *json, const struct schema_row *row)
{
    put_key(json, "anyOf");
    open_with(json, "[");
    open_with(json, "{");
    put_member(json, "type", "string");
    put_member(json, "pattern", scalar_kinds[row->name_kind].json_pattern);
    close_with(json, "}");
    open_with(json, "{");
    put_map(json, row);
    close_with(json, "}");
    close_with(json, "]");
}

static void put_default(struct json *json, const struct schema_row *row)
{
    if (row->kind != SCHEMA_INTEGER || row->words != NULL) {
        put_member(json, "default", row->standard);
        return;
    }
    put_key(json, "default");
    put_cstr(json, row->standard);
    json->needs_comma = true;
}

static void put_row(struct json *json, const struct schema_row *row)
{
    if (row->doc != NULL)
        put_member(json, "description", row->doc);
    if (row->standard != NULL)
        put_default(json, row);
    if (row->kind == SCHEMA_LIST) {
        put_list(json, row);
    } else if (row->kind == SCHEMA_ONE_OR_LIST) {
        put_one_or_list(json, row);
    } else if (row->kind == SCHEMA_MAP) {
        put_map(json, row);
    } else if (row->kind == SCHEMA_ONE_OR_MAP) {
        put_one_or_map(json, row);
    } else if (row->kind == SCHEMA_STRUCT) {
        put_key(json, "$ref");
        put(json, SLICE("\"#/$defs/"));
        put_reference(json, row->type);
        close_with(json, "\"");
    } else if (row->kind == SCHEMA_LATER) {
        put_words(json, row->words);
    } else {
        put_scalar(json, row);
    }
}

static bool is_shown(const struct schema_row *row)
{
    return row->kind != SCHEMA_LATER || row->words != NULL;
}

/* Keys that `host` has too are its own. */
static void put_properties(struct json *json, const struct schema_struct *type,
                           const struct schema_struct *host)
{
    for (unsigned i = 0; i < type->rows_count; i++) {
        const struct schema_row *row = &type->rows[i];
        if (!is_shown(row) || (host != NULL && schema_find(host, slice_of_cstr(row->name)) != NULL))
            continue;
        put_key(json, row->name);
        open_with(json, "{");
        put_row(json, row);
        close_with(json, "}");
    }
}

static void put_required(struct json *json, const struct schema_struct *type)
{
    bool is_any = false;
    for (unsigned i = 0; i < type->rows_count; i++)
        is_any |= type->rows[i].is_required;
    if (!is_any)
        return;
    put_key(json, "required");
    open_with(json, "[");
    for (unsigned i = 0; i < type->rows_count; i++) {
        if (!type->rows[i].is_required)
            continue;
        separate(json);
        put_string(json, type->rows[i].name);
        json->needs_comma = true;
    }
    close_with(json, "]");
}

static void put_map_form(struct json *json, const struct schema_struct *type)
{
    put_member(json, "type", "object");
    put_key(json, "properties");
    open_with(json, "{");
    put_properties(json, type, NULL);
    if (type->also != NULL)
        put_properties(json, type->also, type);
    close_with(json, "}");
    put_required(json, type);
    put_key(json, "additionalProperties");
    put(json, SLICE("false"));
    json->needs_comma = true;
}

static void put_short_form(struct json *json, const struct schema_struct *type, const char *name)
{
    if (name == NULL)
        return;
    open_with(json, "{");
    put_row(json, schema_find(type, slice_of_cstr(name)));
    close_with(json, "}");
}

static void put_struct(struct json *json, const struct schema_struct *type)
{
    put_member(json, "description", type->doc);
    if (type->shorthand == NULL && !type->allows_off) {
        put_map_form(json, type);
        return;
    }
    put_key(json, "anyOf");
    open_with(json, "[");
    put_short_form(json, type, type->shorthand);
    put_short_form(json, type, type->shorthand_number);
    if (type->allows_off) {
        open_with(json, "{");
        put_key(json, "const");
        put_string(json, "off");
        close_with(json, "}");
    }
    open_with(json, "{");
    put_map_form(json, type);
    close_with(json, "}");
    close_with(json, "]");
}

int schema_json_write(struct buffer *buffer)
{
    struct json json = {.out = buffer};
    struct walk walk;
    walk_schema(&walk);
    open_with(&json, "{");
    put_member(&json, "$schema", "https://json-schema.org/draft/2020-12/schema");
    put_member(&json, "title", "weir.yaml");
    put_struct(&json, walk.at[0]);
    put_key(&json, "$defs");
    open_with(&json, "{");
    for (unsigned i = 1; i < walk.count; i++) {
        separate(&json);
        put(&json, SLICE("\n\""));
        put_reference(&json, walk.at[i]);
        put(&json, SLICE("\":"));
        open_with(&json, "{");
        put_struct(&json, walk.at[i]);
        close_with(&json, "}");
    }
    close_with(&json, "}");
    close_with(&json, "}\n");
    return json.rc;
}
