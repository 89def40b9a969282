/* Reading the index: one version, listings, and all of it when it is checked. */
#include "store/catalog_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A copy of the version's row whose slices lie in *room. */
static int keep_version(struct buffer *room, struct version *version)
{
    struct slice *const slices[] = {&version->key,    &version->etag,     &version->fields,
                                    &version->tags,   &version->checksum, &version->content,
                                    &version->access, &version->seal};
    size_t bytes = 0;
    room->len = 0;
    for (unsigned i = 0; i < sizeof slices / sizeof slices[0]; i++)
        bytes += slices[i]->len;
    int rc = buffer_reserve(room, bytes);
    if (rc < 0)
        return rc;
    for (unsigned i = 0; i < sizeof slices / sizeof slices[0]; i++) {
        const char *at = room->at + room->len;
        (void)buffer_append(room, *slices[i]);
        slices[i]->at = at;
    }
    return 0;
}

int catalog_find(struct catalog_reader *reader, uint32_t bucket, struct slice key,
                 enum version_which which, uint64_t sequence, struct buffer *room,
                 struct version *ret_version)
{
    static const enum reader_statement statements[] = {[VERSION_LATEST] = READ_LATEST,
                                                       [VERSION_NULL] = READ_NULL,
                                                       [VERSION_SEQUENCE] = READ_SEQUENCE};
    sqlite3_stmt *statement = reader->statements[statements[which]];
    struct version version;
    int rc;
    (void)sqlite3_bind_int64(statement, 1, bucket);
    catalog_bind_blob(statement, 2, key);
    if (which == VERSION_SEQUENCE)
        (void)sqlite3_bind_int64(statement, 3, catalog_ord(sequence));
    for (;;) {
        rc = catalog_step(statement);
        if (rc != 1)
            break;
        rc = catalog_read_object(statement, bucket, 0, &version);
        if (rc < 0 || which != VERSION_NULL || version.is_null)
            break;
    }
    /* A step that found a row left rc 0 after the row was read. */
    bool is_found = rc == 0 && sqlite3_data_count(statement) > 0;
    if (is_found)
        rc = keep_version(room, &version);
    (void)sqlite3_reset(statement);
    if (rc == 0 && !is_found)
        return -ENOENT;
    if (rc == 0)
        *ret_version = version;
    return rc;
}

/* Where a listing goes on. */
struct position {
    struct buffer key; /* the first that may come; with `sequence` those of this one behind it */
    uint64_t sequence;
};

static sqlite3_stmt *begin_list(struct catalog_reader *reader, uint32_t bucket, struct slice from,
                                uint64_t from_sequence)
{
    sqlite3_stmt *statement = reader->statements[from_sequence == 0 ? READ_LIST : READ_LIST_WITHIN];
    (void)sqlite3_bind_int64(statement, 1, bucket);
    catalog_bind_blob(statement, 2, from);
    if (from_sequence != 0)
        (void)sqlite3_bind_int64(statement, 3, catalog_ord(from_sequence));
    return statement;
}

struct listing {
    struct catalog_reader *reader;
    uint32_t bucket;
    catalog_visit *visit;
    void *arg;
    struct buffer seek;
    struct buffer previous; /* the key before; its other versions follow */
    bool has_previous;
};

/* Rows until the end or until the statement is to begin anew at listing->seek (CATALOG_SEEK). */
static int list_rows(struct listing *listing, sqlite3_stmt *statement)
{
    bool skips = false;
    for (;;) {
        struct version version = {.bucket = 0};
        int rc = catalog_step(statement);
        if (rc == 0)
            return CATALOG_END;
        if (rc == 1)
            rc = catalog_read_object(statement, listing->bucket, 0, &version);
        if (rc < 0)
            return rc;
        bool is_latest =
            !listing->has_previous || !slice_equal(version.key, buffer_slice(&listing->previous));
        if (is_latest) {
            listing->previous.len = 0;
            rc = buffer_append(&listing->previous, version.key);
            listing->has_previous = true;
            skips = false;
        }
        if (rc == 0 && !skips)
            rc = listing->visit(listing->arg, &version, is_latest, &listing->seek);
        if (rc == CATALOG_SKIP_KEY)
            skips = true;
        else if (rc != 0)
            return rc;
    }
}

int catalog_list(struct catalog_reader *reader, uint32_t bucket, struct slice from,
                 uint64_t from_sequence, catalog_visit *visit, void *arg)
{
    struct listing listing = {.reader = reader, .bucket = bucket, .visit = visit, .arg = arg};
    buffer_init(&listing.seek, VERSION_KEY_BYTES_MAX + 8);
    buffer_init(&listing.previous, VERSION_KEY_BYTES_MAX + 8);
    int rc = buffer_append(&listing.seek, from);
    if (rc == 0 && from_sequence != 0) {
        rc = buffer_append(&listing.previous, from);
        listing.has_previous = true;
    }
    while (rc == 0 || rc == CATALOG_SEEK) {
        sqlite3_stmt *statement =
            begin_list(reader, bucket, buffer_slice(&listing.seek), from_sequence);
        rc = list_rows(&listing, statement);
        (void)sqlite3_reset(statement);
        from_sequence = 0;
    }
    buffer_finish(&listing.seek);
    buffer_finish(&listing.previous);
    return rc == CATALOG_END ? 0 : rc;
}

/* Of a row of uploads: bucket, key, id, row. 0 or -EBADMSG. */
static int read_upload(sqlite3_stmt *statement, struct change_upload *ret_upload)
{
    struct slice id = catalog_blob(statement, 2), row = catalog_blob(statement, 3);
    int rc = catalog_row_check((uint64_t)sqlite3_column_int64(statement, 0), id, 0, &row);
    return rc < 0 ? rc : change_read_upload(row, ret_upload);
}

int catalog_list_uploads(struct catalog_reader *reader, uint32_t bucket, struct slice key,
                         struct slice id,
                         int (*visit)(void *arg, const struct change_upload *upload), void *arg)
{
    sqlite3_stmt *statement = reader->statements[READ_UPLOADS];
    int rc;
    (void)sqlite3_bind_int64(statement, 1, bucket);
    catalog_bind_blob(statement, 2, key);
    catalog_bind_blob(statement, 3, id);
    while ((rc = catalog_step(statement)) == 1) {
        struct change_upload upload;
        rc = read_upload(statement, &upload);
        if (rc == 0)
            rc = visit(arg, &upload);
        if (rc != 0)
            break;
    }
    (void)sqlite3_reset(statement);
    return rc;
}

int catalog_find_upload(struct catalog_reader *reader, struct slice id, struct buffer *room,
                        struct change_upload *ret_upload)
{
    sqlite3_stmt *statement = reader->statements[READ_UPLOAD];
    struct change_upload upload;
    catalog_bind_blob(statement, 1, id);
    int rc = catalog_step(statement);
    if (rc == 1) {
        rc = read_upload(statement, &upload);
        if (rc == 0)
            rc = keep_version(room, &upload.version);
        if (rc == 0) {
            upload.id = id;
            *ret_upload = upload;
        }
    } else if (rc == 0) {
        rc = -ENOENT;
    }
    (void)sqlite3_reset(statement);
    return rc;
}

int catalog_list_parts(struct catalog_reader *reader, struct slice upload, uint32_t from,
                       int (*visit)(void *arg, const struct change_part *part), void *arg)
{
    sqlite3_stmt *statement = reader->statements[READ_PARTS];
    int rc;
    catalog_bind_blob(statement, 1, upload);
    (void)sqlite3_bind_int64(statement, 2, from);
    while ((rc = catalog_step(statement)) == 1) {
        struct change_part part = {.upload = upload,
                                   .number = (uint32_t)sqlite3_column_int64(statement, 0)};
        struct slice row = catalog_blob(statement, 1);
        rc = catalog_row_check(0, upload, part.number, &row);
        if (rc == 0)
            rc = version_read(row, &part.version);
        if (rc == 0)
            rc = visit(arg, &part);
        if (rc != 0)
            break;
    }
    (void)sqlite3_reset(statement);
    return rc;
}

int catalog_list_buckets(struct catalog_reader *reader,
                         int (*visit)(void *arg, const struct change_bucket *bucket), void *arg)
{
    sqlite3_stmt *statement = reader->statements[READ_BUCKETS];
    int rc;
    while ((rc = catalog_step(statement)) == 1) {
        struct change_bucket bucket;
        struct slice row = catalog_blob(statement, 1);
        rc = catalog_row_check((uint64_t)sqlite3_column_int64(statement, 0), (struct slice){0}, 0,
                               &row);
        if (rc == 0)
            rc = change_read_bucket(row, &bucket);
        if (rc == 0)
            rc = visit(arg, &bucket);
        if (rc != 0)
            break;
    }
    (void)sqlite3_reset(statement);
    return rc;
}

int catalog_usage_read(struct catalog_reader *reader, uint32_t bucket,
                       struct catalog_usage *ret_usage)
{
    sqlite3_stmt *statement = reader->statements[READ_USAGE];
    (void)sqlite3_bind_int64(statement, 1, bucket);
    int rc = catalog_step(statement);
    *ret_usage = (struct catalog_usage){0};
    if (rc == 1) {
        ret_usage->versions = (uint64_t)sqlite3_column_int64(statement, 0);
        ret_usage->bytes = (uint64_t)sqlite3_column_int64(statement, 1);
    }
    (void)sqlite3_reset(statement);
    return rc < 0 ? rc : 0;
}

struct check {
    void (*tell)(void *arg, const char *what);
    void *arg;
    int64_t found;
};

static void tell(struct check *check, const char *what)
{
    check->found++;
    check->tell(check->arg, what);
}

static int check_file(sqlite3 *db, struct check *check)
{
    sqlite3_stmt *statement;
    int rc = catalog_failure(
        db, sqlite3_prepare_v2(db, "PRAGMA integrity_check(100)", -1, &statement, NULL));
    if (rc < 0)
        return rc;
    while ((rc = catalog_step(statement)) == 1) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        if (text == NULL || strcmp(text, "ok") != 0)
            tell(check, text == NULL ? "out of memory" : text);
    }
    (void)sqlite3_finalize(statement);
    return rc;
}

static int check_objects(sqlite3 *db, struct check *check)
{
    sqlite3_stmt *statement;
    int rc = catalog_failure(db, sqlite3_prepare_v2(db, "SELECT bucket, key, ord, row FROM objects",
                                                    -1, &statement, NULL));
    if (rc < 0)
        return rc;
    while ((rc = catalog_step(statement)) == 1) {
        struct version version;
        uint32_t bucket = (uint32_t)sqlite3_column_int64(statement, 0);
        if (catalog_read_object(statement, bucket, 1, &version) < 0) {
            char what[160];
            struct slice key = catalog_blob(statement, 1);
            (void)snprintf(what, sizeof what, "bucket %u: the row of \"%.*s\" does not hold",
                           bucket, key.len > 100 ? 100 : (int)key.len, key.at);
            tell(check, what);
        }
    }
    (void)sqlite3_finalize(statement);
    return rc;
}

int64_t catalog_check(struct catalog_reader *reader, void (*tell_)(void *arg, const char *what),
                      void *arg)
{
    struct check check = {tell_, arg, 0};
    int rc = check_file(reader->db, &check);
    if (rc == 0)
        rc = check_objects(reader->db, &check);
    if (rc == -EBADMSG)
        tell(&check, "the file itself is damaged");
    return rc < 0 && rc != -EBADMSG ? rc : check.found;
}
