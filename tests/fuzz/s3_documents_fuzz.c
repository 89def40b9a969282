/*
 * Documents of S3, which one is chosen by the first byte. Holds: what is taken is written, and what
 * was written is taken and written the same again; the reader finds the same in pieces as at once;
 * a refusal has a code.
 */
#include "fuzz.h"

#include "base/cleanup.h"
#include "wire/s3/access.h"
#include "wire/s3/acl.h"
#include "wire/s3/bucket.h"
#include "wire/s3/complete.h"
#include "wire/s3/cors.h"
#include "wire/s3/delete.h"
#include "wire/s3/encryption.h"
#include "wire/s3/lifecycle.h"
#include "wire/s3/logging.h"
#include "wire/s3/notification.h"
#include "wire/s3/object_lock.h"
#include "wire/s3/tagging.h"
#include "wire/s3/website.h"

#include <errno.h>

#define ARENA_BYTES (64 << 20)

/* Parses, and writes what came of it. */
#define DOCUMENT(name, type, parse, write)                                                         \
    static int name(struct slice xml, struct arena *arena, struct s3_fault *fault,                 \
                    struct buffer *out)                                                            \
    {                                                                                              \
        type made;                                                                                 \
        int rc = parse(xml, arena, fault, &made);                                                  \
        if (rc == 0)                                                                               \
            CHECK(write(out, &made) == 0);                                                         \
        return rc;                                                                                 \
    }

static int write_versioning(struct buffer *out, const enum s3_versioning *versioning)
{
    return s3_versioning_write(out, *versioning);
}

static int write_ownership(struct buffer *out, const enum s3_ownership *ownership)
{
    return s3_ownership_write(out, *ownership);
}

static int write_hold(struct buffer *out, const bool *is_on)
{
    return s3_legal_hold_write(out, *is_on);
}

static int parse_object_tags(struct slice xml, struct arena *arena, struct s3_fault *fault,
                             struct s3_tags *ret_tags)
{
    return s3_tagging_parse(xml, S3_TAGGED_OBJECT, arena, fault, ret_tags);
}

static int parse_bucket_tags(struct slice xml, struct arena *arena, struct s3_fault *fault,
                             struct s3_tags *ret_tags)
{
    return s3_tagging_parse(xml, S3_TAGGED_BUCKET, arena, fault, ret_tags);
}

static struct slice name_of(const void *arg, struct slice id)
{
    (void)arg;
    return id;
}

static int acl(struct slice xml, struct arena *arena, struct s3_fault *fault, struct buffer *out)
{
    struct s3_acl list;
    int rc = s3_acl_parse(xml, arena, fault, &list);
    if (rc == 0)
        CHECK(s3_acl_write(out, &list, name_of, NULL) == 0);
    return rc;
}

DOCUMENT(delete, struct s3_delete, s3_delete_parse, s3_delete_write)
DOCUMENT(complete, struct s3_complete, s3_complete_parse, s3_complete_write)
DOCUMENT(object_tags, struct s3_tags, parse_object_tags, s3_tagging_write)
DOCUMENT(bucket_tags, struct s3_tags, parse_bucket_tags, s3_tagging_write)
DOCUMENT(query, struct s3_tags, s3_tags_parse_query, s3_tags_write_query)
DOCUMENT(create, struct s3_create_bucket, s3_create_bucket_parse, s3_create_bucket_write)
DOCUMENT(versioning, enum s3_versioning, s3_versioning_parse, write_versioning)
DOCUMENT(lifecycle, struct s3_lifecycle, s3_lifecycle_parse, s3_lifecycle_write)
DOCUMENT(cors, struct s3_cors, s3_cors_parse, s3_cors_write)
DOCUMENT(website, struct s3_website, s3_website_parse, s3_website_write)
DOCUMENT(lock, struct s3_object_lock, s3_object_lock_parse, s3_object_lock_write)
DOCUMENT(retention, struct s3_retention, s3_retention_parse, s3_retention_write)
DOCUMENT(hold, bool, s3_legal_hold_parse, write_hold)
DOCUMENT(notifications, struct s3_notifications, s3_notifications_parse, s3_notifications_write)
DOCUMENT(access, struct s3_public_access, s3_public_access_parse, s3_public_access_write)
DOCUMENT(ownership, enum s3_ownership, s3_ownership_parse, write_ownership)
DOCUMENT(encryption, struct s3_encryption, s3_encryption_parse, s3_encryption_write)
DOCUMENT(logging, struct s3_logging, s3_logging_parse, s3_logging_write)

typedef int (*document)(struct slice xml, struct arena *arena, struct s3_fault *fault,
                        struct buffer *out);

static const document documents[] = {
    delete,        complete, object_tags, bucket_tags, query,     create, versioning,
    lifecycle,     cors,     website,     lock,        retention, hold,   acl,
    notifications, access,   ownership,   encryption,  logging,
};

/* By hand in pieces, and at once: the same root, or the same refusal. */
static void check_pieces(struct slice xml)
{
    static const struct xml_limits limits = {1 << 20, 1000};
    SCOPED(arena_finish) struct arena arena;
    struct xml_reader *reader;
    const struct xml_element *whole = NULL, *pieces = NULL;
    arena_init(&arena, NULL, 0, ARENA_BYTES);
    int rc = xml_parse(xml, &arena, &limits, NULL, &whole);
    CHECK(xml_reader_create(&arena, &limits, &reader) == 0);
    for (size_t at = 0; at < xml.len; at += 7)
        (void)xml_reader_feed(reader, slice_first(slice_from(xml, at), 7), NULL);
    CHECK(xml_reader_finish(reader, NULL, &pieces) == rc);
    CHECK((rc == 0) == (pieces != NULL));
    if (rc == 0)
        CHECK(slice_equal(whole->name, pieces->name) && whole->count == pieces->count &&
              slice_equal(whole->text, pieces->text));
    xml_reader_destroy(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    SCOPED(arena_finish) struct arena arena;
    SCOPED(buffer_finish) struct buffer first;
    SCOPED(buffer_finish) struct buffer second;
    struct s3_fault fault = {0};
    document round = documents[data[0] % COUNT_OF(documents)];
    struct slice xml = slice_of(data + 1, len - 1);
    arena_init(&arena, NULL, 0, ARENA_BYTES);
    buffer_init(&first, ARENA_BYTES);
    buffer_init(&second, ARENA_BYTES);
    int rc = round(xml, &arena, &fault, &first);
    CHECK(rc == 0 || (rc == -EBADMSG && s3_code_status(fault.code) >= 400));
    if (rc == 0) {
        CHECK(round(buffer_slice(&first), &arena, &fault, &second) == 0);
        CHECK(slice_equal(buffer_slice(&first), buffer_slice(&second)));
    }
    check_pieces(xml);
    return 0;
}
