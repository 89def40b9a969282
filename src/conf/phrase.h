/* What the schema's rows are called and allow, in the words of messages and reference pages. */
#pragma once

#include "conf/schema.h"

/* Text of bounded length; what does not fit ends in "…". */
struct phrase {
    char text[320];
};

/* "a, b, c": a row's words but those for later; all keys that may stand in a struct. */
void phrase_words(const struct schema_word *words, struct phrase *ret_phrase);
void phrase_keys(const struct schema_struct *type, struct phrase *ret_phrase);

/* The word or key that was probably meant, or NULL. */
const char *phrase_closest_word(const struct schema_word *words, struct slice written);
const char *phrase_closest_key(const struct schema_struct *type, struct slice written);

/* Collects names for a phrase: "a, b, c". */
struct phrase_list {
    struct phrase *phrase; /* borrowed */
    unsigned count;
    size_t len;
    bool is_full;
};

void phrase_list_init(struct phrase_list *list, struct phrase *phrase);
void phrase_list_add(struct phrase_list *list, struct slice name);

/* How a message calls what the row describes: "a rule", "\"timeout\"". */
void phrase_row(const struct schema_row *row, struct phrase *ret_phrase);

/* What must stand there: "a map", "one value or a list", "a duration". */
const char *phrase_shape(const struct schema_row *row);

/* A number in the units of the kind: 90000 of a DURATION is "90s". */
void phrase_quantity(enum schema_kind kind, int64_t value, struct phrase *ret_phrase);
