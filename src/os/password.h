/*
 * Passwords against their hashes, by crypt(3): bcrypt costs milliseconds to seconds of processor
 * time on purpose, so it runs on worker threads (os/offload.h).
 */
#pragma once

#include "base/slice.h"

/*
 * 1: it is the password of that hash; 0: it is not, or the hash is none; -ENOMEM. bcrypt looks at
 * the first 72 bytes. `hash` ends in NUL.
 */
int password_matches(struct slice password, struct slice hash);
