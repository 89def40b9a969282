/*
 * JSON (RFC 8259) written into a fixed-size writer. Reading it is wire/json.
 */
#pragma once

#include "base/writer.h"

/* How many bytes at the start are printable ASCII without quotes and backslashes. */
size_t json_plain_len(struct slice text);

/*
 * The text in quotes. What is valid UTF-8 goes as it is but for quotes, backslashes and control
 * bytes; every other byte becomes \u00XX, so that any bytes make valid JSON and none is lost.
 */
void write_json_text(struct writer *writer, struct slice text);

/* The same without the quotes: a part of a text that does not end within a character. */
void write_json_part(struct writer *writer, struct slice text);

/*
 * Objects and lists with their commas. `name` is that of the member, a plain word that needs no
 * escape; NULL for an element of a list and for the outermost value.
 */
struct json_writer {
    struct writer *out; /* borrowed */
    bool needs_comma;
};

static inline void json_writer_init(struct json_writer *json, struct writer *out)
{
    *json = (struct json_writer){out, false};
}

void json_open_object(struct json_writer *json, const char *name);
void json_close_object(struct json_writer *json);
void json_open_list(struct json_writer *json, const char *name);
void json_close_list(struct json_writer *json);

void json_put_text(struct json_writer *json, const char *name, struct slice text);
void json_put_u64(struct json_writer *json, const char *name, uint64_t value);
void json_put_bool(struct json_writer *json, const char *name, bool value);
