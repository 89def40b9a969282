/*
 * The files of certificates, keys and authorities that a configuration names, read by whoever may,
 * for whoever may not: one run of bytes of names and contents. What it holds is wiped when it is
 * freed.
 */
#pragma once

#include "base/buffer.h"
#include "base/map.h"

#define BUNDLE_FILE_BYTES_MAX 1048576
#define BUNDLE_BYTES_MAX      268435456

struct bundle {
    struct buffer bytes;
    struct map known; /* name → its entry in the bytes; once it is sealed */
};

void bundle_init(struct bundle *bundle);
void bundle_finish(struct bundle *bundle); /* it is empty then */

/* A name stands in it once. 0, -ENOMEM, or -EMSGSIZE. Not after bundle_seal. */
int bundle_add(struct bundle *bundle, struct slice name, struct slice content);

/* Makes it ready for bundle_find. 0 or -ENOMEM. */
int bundle_seal(struct bundle *bundle);

/* A copy of what bundle_bytes of another one was, sealed. 0, -ENOMEM, or -EBADMSG for what is no
 * bundle. */
int bundle_take(struct bundle *bundle, struct slice bytes);

struct slice bundle_bytes(const struct bundle *bundle);

/* False when there is none of that name. Borrowed from the bundle. */
bool bundle_find(const struct bundle *bundle, struct slice name, struct slice *ret_content);
