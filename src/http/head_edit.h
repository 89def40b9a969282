/*
 * Looking at and changing the head of a response that stands written in a writer: a status line and
 * lines of "Name: value". Only for heads that Weir has written itself; anything else in there is
 * our own bug. Names are compared in any case. What does not fit overflows the writer.
 */
#pragma once

#include "base/writer.h"

/*
 * Walks the field lines: start with *cursor = 0. The slices are borrowed until the head is changed.
 * False at the end.
 */
bool head_next(const struct writer *head, size_t *cursor, struct slice *ret_name,
               struct slice *ret_value);

/* The value of the first field of that name; a NULL start when there is none. Borrowed as above. */
struct slice head_value(const struct writer *head, struct slice name);

/* Takes all fields of that name out. */
void head_remove(struct writer *head, struct slice name);

/* One field of that name, with this value, in place of all there are. `value` lies elsewhere. */
void head_set(struct writer *head, struct slice name, struct slice value);

/*
 * Adds a member to a field that is a list (RFC 9110 §5.6.1) of tokens, such as Vary, unless it is
 * in there, or "*" is.
 */
void head_add_token(struct writer *head, struct slice name, struct slice token);
