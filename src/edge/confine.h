/*
 * What the data plane may still do once it serves: as which user, with which files, which system
 * calls. docs/confinement.md tells it to people.
 */
#pragma once

#include "base/error.h"
#include "conf/snapshot.h"

/*
 * Gives up everything that serving this snapshot does not need, before the first thread. 0 or an
 * error that is told; what the kernel cannot do is warned of.
 */
int edge_confine(const struct snapshot *snapshot, struct error *ret_error);

/*
 * Can a process that is confined for `now` serve `next`? If not, *ret_what says what it lacks, in a
 * few words.
 */
bool edge_confinement_covers(const struct snapshot *now, const struct snapshot *next,
                             const char **ret_what);
