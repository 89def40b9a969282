/*
 * Names and passwords against the hashes of a password file. bcrypt runs on worker threads, few at
 * a time over all of the process; what was right is remembered for a minute, as a keyed hash and no
 * longer than the plane lives, so that a change of the file counts at once.
 */
#pragma once

#include "conf/policy.h"

struct passwords;

/* `conf` is borrowed from the snapshot, which outlives it. NULL: no memory. */
struct passwords *passwords_create(const struct conf_basic_auth *conf);
void passwords_destroy(struct passwords *passwords); /* NULL is fine */

/*
 * From any worker, on a fiber; may wait. 1: it is this user's password; 0: there is no such user,
 * or it is another one, and both take as long; -EAGAIN: too many wait to be checked; -ECANCELED;
 * -ENOMEM.
 */
int passwords_check(struct passwords *passwords, struct slice name, struct slice password);

struct arena;

/*
 * The same of a field's value (RFC 7617), its name in *ret_name and the arena. -ENOENT: there is
 * none, or it is of another scheme; -EBADMSG: it is malformed.
 */
int passwords_check_basic(struct passwords *passwords, struct slice value, struct arena *arena,
                          struct slice *ret_name);
