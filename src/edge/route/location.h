/*
 * New addresses, made of texts with {host}, {path} and {query}: where a redirect leads, what a
 * rewrite makes.
 */
#pragma once

#include "base/writer.h"

struct exchange;

/*
 * What location_expand writes at most. Every '{' may be a variable, and behind a '?' a byte of the
 * path may become three.
 */
size_t location_bytes_max(struct slice text, const struct exchange *exchange);

/*
 * {path} and {query} are those that the action sees. {query} comes with its '?', or with a '&' when
 * there is a '?' before it already, and is nothing when there is none. Behind a '?' the characters
 * of {path} that would begin another parameter are escaped.
 */
void location_expand(struct writer *writer, struct slice text, const struct exchange *exchange);
