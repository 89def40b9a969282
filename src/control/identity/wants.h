/* What a configuration wants of a keeper, and what that has to reach for it. */
#pragma once

#include "base/error.h"
#include "conf/snapshot.h"

/* Is there anything to do for one? */
bool keeper_is_wanted(const struct snapshot *snapshot);
/* Would a keeper have other work under the second one? */
bool keeper_must_change(const struct snapshot *now, const struct snapshot *next);

/*
 * Before its first thread: this process gives up what it does not need. It writes in
 * STATE/certificates alone, and reads certificates, authorities and what name resolution needs; but
 * where a hook is to be started, which could do nothing then, only root's capabilities go.
 */
int keeper_confine(const struct snapshot *snapshot, const char *state, struct error *ret_error);
