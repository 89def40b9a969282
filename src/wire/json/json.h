/*
 * JSON (RFC 8259), read whole into an arena; base/json.h writes it. Strict: no comments, no
 * trailing commas, UTF-8 is passed on as it is, a lone surrogate is refused. At most JSON_DEPTH_MAX
 * levels.
 */
#pragma once

#include "base/arena.h"

#define JSON_DEPTH_MAX 32

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_kind kind;
    bool boolean;
    struct slice text;        /* a string's bytes, decoded; a number as it is written */
    struct slice name;        /* of a member of an object */
    const struct json *first; /* of an array or object, in the order of the text */
    const struct json *next;  /* beside this one */
    unsigned count;           /* elements or members */
};

/*
 * The tree lies in the arena; strings without escapes are borrowed from `text`. Returns 0, -EBADMSG
 * for what is not JSON, or -ENOMEM.
 */
int json_parse(struct slice text, struct arena *arena, const struct json **ret_value);

/* The member of that name (the last one, were it there twice); NULL when there is none, or when
 * `object` is NULL or no object. */
const struct json *json_get(const struct json *object, struct slice name);

/* A member that is a string; an empty slice with a NULL start otherwise. */
struct slice json_get_text(const struct json *object, struct slice name);

/* A member that is a whole number; `otherwise` when it is none or does not fit. */
int64_t json_get_integer(const struct json *object, struct slice name, int64_t otherwise);

bool json_get_bool(const struct json *object, struct slice name, bool otherwise);

/* Walks the elements or members; NULL is fine. */
#define JSON_FOR_EACH(parent, element)                                                             \
    for (const struct json *element = (parent) == NULL ? NULL : (parent)->first; element != NULL;  \
         element = element->next)
