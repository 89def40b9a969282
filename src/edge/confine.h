/*
 * What the data plane may still do once it serves: as which user, with which files, which system
 * calls. docs/confinement.md tells it to people.
 */
#pragma once

#include "base/error.h"
#include "conf/snapshot.h"

/*
 * Gives up everything that serving this snapshot does not need, before the first thread. Where a
 * store is wanted, its folder (in the state folder, unless the file names one) is made and opened
 * before: *ret_store_fd, the caller's; else -1. 0 or an error that is told; what the kernel cannot
 * do is warned of.
 */
int edge_confine(const struct snapshot *snapshot, const char *state, int *ret_store_fd,
                 struct error *ret_error);

/* Has it buckets, or the S3 API? */
bool edge_wants_store(const struct snapshot *snapshot);

/*
 * Can a process that is confined for `now` serve `next`? If not, *ret_what says what it lacks, in a
 * few words.
 */
bool edge_confinement_covers(const struct snapshot *now, const struct snapshot *next,
                             const char **ret_what);
