/*
 * A version of an object: what the index keeps of it and what its record in the log says. The store
 * knows nothing of HTTP: `fields`, `tags`, `checksum`, `access` and `seal` are whatever the layer
 * above wrote.
 *
 * Slices are borrowed: from the bytes it was read from, or from who made it.
 */
#pragma once

#include "base/slice.h"
#include "base/writer.h"

#include <stdint.h>

#define VERSION_KEY_BYTES_MAX    1024
#define VERSION_FIELDS_BYTES_MAX 16384
#define VERSION_TAGS_BYTES_MAX   8192
#define VERSION_ACCESS_BYTES_MAX 8192
#define VERSION_ETAG_BYTES_MAX   64

/* What keeps a version from being deleted (S3 Object Lock). */
enum version_lock { VERSION_UNLOCKED, VERSION_GOVERNANCE, VERSION_COMPLIANCE };

struct version {
    uint32_t bucket;
    struct slice key;
    uint64_t sequence; /* of the change that made it: later versions have larger ones */
    bool is_marker;    /* a delete marker: no content */
    bool is_null;      /* of a bucket without versioning, then: its version is "null" */
    bool has_hold;     /* a legal hold */
    enum version_lock lock;
    int64_t retain_until_ms; /* with a lock; since 1970 */
    int64_t modified_ms;     /* since 1970 */
    uint64_t size;
    struct slice etag; /* without quotes */
    struct slice fields;
    struct slice tags;
    struct slice checksum;
    struct slice content; /* segments (store/content.h) */
    struct slice access;  /* who owns it and who may do what, where that is said */
    struct slice seal;    /* how its content is encrypted, where it is */
};

/* What version_write needs at most for this one. */
size_t version_bytes(const struct version *version);

/* All but bucket, key and sequence, which whoever keeps it knows. */
void version_write(struct writer *writer, const struct version *version);

/* 0, or -EBADMSG; fills all but bucket, key and sequence. */
int version_read(struct slice bytes, struct version *ret_version);
