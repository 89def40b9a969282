/*
 * What is in a folder that has no index, for rules that say `listing: true`. Read anew for each
 * request, on a worker thread.
 */
#pragma once

#include "conf/snapshot.h"

struct exchange;

/* More names than these are not shown, and the page says that there are more. */
#define LISTING_ENTRIES_MAX 5000

/*
 * Answers with the folder at `path` (below the root, ends in '/'): as JSON where Accept names
 * application/json and not text/html. Left out are names that begin with a dot, Weir's own
 * configuration, and what would be a 404: links that lead out, FIFOs, sockets. 0 when it answered;
 * -ENOENT when there is no such folder, -EACCES, -ENOMEM, or another -errno.
 */
int listing_run(struct exchange *exchange, const struct conf_files *files, struct slice path);
