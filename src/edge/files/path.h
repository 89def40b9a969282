/*
 * From a request to a name below the served folder, and who gets the fallback. No system calls.
 */
#pragma once

#include "wire/http/message.h"

#include <sys/types.h>

/*
 * The name below the root of a normalised path: percent-decoded, without its first '/', with
 * `index` behind a path that ends in '/'. Ends in NUL. `out` has room for path.len + index.len + 1
 * bytes. Returns its length, or -ENOENT for what is never served: an encoded '/' or NUL, and each
 * segment that begins with a dot, but for a first one that is ".well-known" (RFC 8615).
 */
ssize_t files_path_map(struct slice path, struct slice index, char *out);

/*
 * May the fallback stand in for this path, of which there is no file? Only where a person's browser
 * goes to a page: Sec-Fetch-Mode is "navigate", or, of clients that do not send it, Accept names
 * text/html. And never for a path that ends like a file of a known type: a missing chunk or image
 * is a 404 for everybody.
 */
bool files_wants_fallback(const struct request_head *request, struct slice path);
