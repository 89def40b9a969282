/*
 * What the `meta` of each kind of record says, written and read. docs/store-format.md shows it.
 * Slices are borrowed from what was read, or from who made it.
 */
#pragma once

#include "store/content.h"
#include "store/record.h"
#include "store/version.h"

#include <errno.h>

#define UPLOAD_ID_BYTES 16

/* Which version of a key. */
enum version_which { VERSION_LATEST, VERSION_NULL, VERSION_SEQUENCE };

/* RECORD_PUT: the version, whose sequence is the record's. Its content is the record's data where
 * that is not empty. `upload` is what it was sent by, in parts; or empty. */
struct change_put {
    struct version version;
    struct slice upload;
};

/* RECORD_DELETE, RECORD_AMEND: which version; of an AMEND what it says from now on but for its
 * content. */
struct change_version {
    uint32_t bucket;
    struct slice key;
    enum version_which which; /* NULL or SEQUENCE */
    uint64_t sequence;
    struct version version; /* AMEND */
};

/* RECORD_BUCKET, RECORD_BUCKET_GONE (the id alone). */
struct change_bucket {
    uint32_t id;
    struct slice name;
    struct slice settings; /* of the layer above */
    int64_t made_ms;
};

/* RECORD_UPLOAD, RECORD_UPLOAD_GONE (the id alone). `version` is what the object will say of
 * itself; its `modified_ms` is when the upload began. */
struct change_upload {
    struct slice id;
    struct version version; /* with bucket and key */
};

/* RECORD_PART: of `version` size, etag, checksum, modified_ms and content count; that is the
 * record's data where that is not empty. */
struct change_part {
    struct slice upload;
    uint32_t number;
    struct version version;
};

/* RECORD_MOVE: the record's data is that of a segment which lay at `old`. */
struct change_move {
    struct slice upload; /* of a part; empty: of an object's version */
    uint32_t number;     /* of the part */
    uint32_t bucket;     /* of the object, with the next two */
    struct slice key;
    uint64_t sequence;
    struct content_segment old;
};

/* Each needs at most version_bytes + the lengths of the other texts + CHANGE_BYTES. */
#define CHANGE_BYTES 160

void change_write_put(struct writer *writer, const struct change_put *put);
void change_write_version(struct writer *writer, const struct change_version *change,
                          bool is_amend);
void change_write_bucket(struct writer *writer, const struct change_bucket *bucket);
void change_write_upload(struct writer *writer, const struct change_upload *upload);
void change_write_part(struct writer *writer, const struct change_part *part);
void change_write_move(struct writer *writer, const struct change_move *move);

/* 0 or -EBADMSG. */
int change_read_put(struct slice meta, struct change_put *ret_put);
int change_read_version(struct slice meta, bool is_amend, struct change_version *ret_change);
int change_read_bucket(struct slice meta, struct change_bucket *ret_bucket);
int change_read_upload(struct slice meta, struct change_upload *ret_upload);
int change_read_part(struct slice meta, struct change_part *ret_part);
int change_read_move(struct slice meta, struct change_move *ret_move);
