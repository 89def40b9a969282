/*
 * What each kind of record does to the index. Records come exactly once, since the mark is written
 * in the same transaction; what they refer to may be gone all the same: a part of an upload that
 * was given up, a deletion of what was replaced.
 */
#include "base/memory.h"
#include "store/catalog_internal.h"

#include <errno.h>

static int refer_pack(struct catalog *catalog, const struct content_segment *segment, int by)
{
    int64_t bytes = by * (int64_t)segment->length;
    for (unsigned i = catalog->deltas_count; i > 0; i--) {
        if (catalog->deltas[i - 1].pack == segment->pack) {
            catalog->deltas[i - 1].bytes += bytes;
            return 0;
        }
    }
    if (catalog->deltas_count == catalog->deltas_max) {
        unsigned max = catalog->deltas_max == 0 ? 16 : 2 * catalog->deltas_max;
        struct pack_delta *deltas = memory_resize(catalog->deltas, max * sizeof *deltas);
        if (deltas == NULL)
            return -ENOMEM;
        catalog->deltas = deltas;
        catalog->deltas_max = max;
    }
    catalog->deltas[catalog->deltas_count++] = (struct pack_delta){segment->pack, bytes};
    return 0;
}

static int refer_blob(struct catalog *catalog, const struct content_segment *segment, int by)
{
    sqlite3_stmt *statement = catalog->statements[SQL_BLOB_REFER];
    catalog_bind_blob(statement, 1, slice_of(segment->hash, sizeof segment->hash));
    (void)sqlite3_bind_int(statement, 2, by);
    (void)sqlite3_bind_int64(statement, 3, catalog->now_ms);
    return catalog_run(statement);
}

int catalog_refer(struct catalog *catalog, struct slice content, int by)
{
    struct content_segment segment;
    int rc;
    while ((rc = content_take(&content, &segment)) == 1) {
        rc = segment.kind == CONTENT_BLOB ? refer_blob(catalog, &segment, by)
                                          : refer_pack(catalog, &segment, by);
        if (rc < 0)
            break;
    }
    return rc;
}

static int count_usage(struct catalog *catalog, const struct version *version, int by)
{
    sqlite3_stmt *statement = catalog->statements[SQL_USAGE_ADD];
    (void)sqlite3_bind_int64(statement, 1, version->bucket);
    (void)sqlite3_bind_int(statement, 2, by);
    (void)sqlite3_bind_int64(statement, 3, by * (int64_t)version->size);
    return catalog_run(statement);
}

/* Writes the version's row; what was there is replaced, and not counted. */
static int write_object(struct catalog *catalog, const struct version *version)
{
    sqlite3_stmt *statement = catalog->statements[SQL_OBJECT_PUT];
    struct buffer *room = &catalog->room;
    struct writer writer;
    room->len = 0;
    int rc = buffer_reserve(room, version_bytes(version) + ROW_CRC_BYTES);
    if (rc < 0)
        return rc;
    writer_init(&writer, room->at, version_bytes(version));
    version_write(&writer, version);
    room->len = writer_slice(&writer).len;
    rc = catalog_row_seal(room, version->bucket, version->key, version->sequence);
    if (rc < 0)
        return rc;
    (void)sqlite3_bind_int64(statement, 1, version->bucket);
    catalog_bind_blob(statement, 2, version->key);
    (void)sqlite3_bind_int64(statement, 3, catalog_ord(version->sequence));
    catalog_bind_blob(statement, 4, buffer_slice(room));
    return catalog_run(statement);
}

/* Takes a version out, whose row `version` was read from. */
static int drop_object(struct catalog *catalog, const struct version *version)
{
    sqlite3_stmt *statement = catalog->statements[SQL_OBJECT_DELETE];
    int rc = catalog_refer(catalog, version->content, -1);
    if (rc == 0)
        rc = count_usage(catalog, version, -1);
    if (rc < 0)
        return rc;
    (void)sqlite3_bind_int64(statement, 1, version->bucket);
    catalog_bind_blob(statement, 2, version->key);
    (void)sqlite3_bind_int64(statement, 3, catalog_ord(version->sequence));
    return catalog_run(statement);
}

/* 1 with the version, whose slices last until the statement is reset; 0: none; or -errno. */
static int step_object(sqlite3_stmt *statement, uint32_t bucket, struct version *ret_version)
{
    int rc = catalog_step(statement);
    if (rc != 1)
        return rc;
    rc = catalog_read_object(statement, bucket, 0, ret_version);
    return rc < 0 ? rc : 1;
}

/* The key's version without a number; there is one at most. As step_object; the statement is to be
 * reset. */
static int find_null(struct catalog *catalog, uint32_t bucket, struct slice key,
                     struct version *ret_version)
{
    sqlite3_stmt *statement = catalog->statements[SQL_OBJECT_NULLS];
    int rc;
    (void)sqlite3_bind_int64(statement, 1, bucket);
    catalog_bind_blob(statement, 2, key);
    while ((rc = step_object(statement, bucket, ret_version)) == 1 && !ret_version->is_null)
        continue;
    return rc;
}

static int find_sequence(struct catalog *catalog, uint32_t bucket, struct slice key,
                         uint64_t sequence, struct version *ret_version)
{
    sqlite3_stmt *statement = catalog->statements[SQL_OBJECT_GET];
    (void)sqlite3_bind_int64(statement, 1, bucket);
    catalog_bind_blob(statement, 2, key);
    (void)sqlite3_bind_int64(statement, 3, catalog_ord(sequence));
    return step_object(statement, bucket, ret_version);
}

static int drop_null(struct catalog *catalog, uint32_t bucket, struct slice key)
{
    struct version version = {.bucket = 0};
    int rc = find_null(catalog, bucket, key, &version);
    if (rc == 1)
        rc = drop_object(catalog, &version);
    (void)sqlite3_reset(catalog->statements[SQL_OBJECT_NULLS]);
    return rc;
}

/* The record's data as a segment, written into the catalog's own room; without data `content`. */
static int own_content(struct catalog *catalog, const struct record *record,
                       struct packs_place place, struct slice content, struct slice *ret_content)
{
    if (record->data_len == 0) {
        *ret_content = content;
        return 0;
    }
    struct content_segment segment = {
        .kind = CONTENT_PACK,
        .length = record->data_len,
        .pack = place.pack,
        .offset = packs_data_offset(place, record->meta.len),
        .crc = record->data_crc,
    };
    struct writer writer;
    catalog->content.len = 0;
    int rc = buffer_reserve(&catalog->content, CONTENT_SEGMENT_BYTES_MAX);
    if (rc < 0)
        return rc;
    writer_init(&writer, catalog->content.at, CONTENT_SEGMENT_BYTES_MAX);
    content_put(&writer, &segment);
    *ret_content = writer_slice(&writer);
    return 0;
}

static int drop_parts(struct catalog *catalog, struct slice upload)
{
    sqlite3_stmt *statement = catalog->statements[SQL_PARTS];
    catalog_bind_blob(statement, 1, upload);
    int rc;
    while ((rc = catalog_step(statement)) == 1) {
        struct version version = {.bucket = 0};
        struct slice row = catalog_blob(statement, 1);
        rc = catalog_row_check(0, upload, (uint64_t)sqlite3_column_int64(statement, 0), &row);
        if (rc == 0)
            rc = version_read(row, &version);
        if (rc == 0)
            rc = catalog_refer(catalog, version.content, -1);
        if (rc < 0)
            break;
    }
    (void)sqlite3_reset(statement);
    if (rc < 0)
        return rc;
    statement = catalog->statements[SQL_PARTS_DELETE];
    catalog_bind_blob(statement, 1, upload);
    return catalog_run(statement);
}

static int drop_upload(struct catalog *catalog, struct slice upload)
{
    sqlite3_stmt *statement = catalog->statements[SQL_UPLOAD_DELETE];
    int rc = drop_parts(catalog, upload);
    if (rc < 0)
        return rc;
    catalog_bind_blob(statement, 1, upload);
    return catalog_run(statement);
}

static int apply_put(struct catalog *catalog, const struct record *record, struct packs_place place)
{
    struct change_put put;
    int rc = change_read_put(record->meta, &put);
    struct version *version = &put.version;
    if (rc == 0)
        rc = own_content(catalog, record, place, version->content, &version->content);
    if (rc < 0)
        return rc;
    version->sequence = record->sequence;
    /* References come before those of what it replaces go: none falls to nothing in between. */
    rc = catalog_refer(catalog, version->content, 1);
    if (rc == 0 && version->is_null)
        rc = drop_null(catalog, version->bucket, version->key);
    if (rc == 0)
        rc = write_object(catalog, version);
    if (rc == 0)
        rc = count_usage(catalog, version, 1);
    if (rc == 0 && put.upload.len > 0)
        rc = drop_upload(catalog, put.upload);
    return rc;
}

static int apply_delete(struct catalog *catalog, const struct record *record)
{
    struct change_version change;
    struct version version = {.bucket = 0};
    int rc = change_read_version(record->meta, false, &change);
    if (rc < 0)
        return rc;
    if (change.which == VERSION_NULL)
        return drop_null(catalog, change.bucket, change.key);
    rc = find_sequence(catalog, change.bucket, change.key, change.sequence, &version);
    if (rc == 1)
        rc = drop_object(catalog, &version);
    (void)sqlite3_reset(catalog->statements[SQL_OBJECT_GET]);
    return rc;
}

static int amend(struct catalog *catalog, const struct change_version *change,
                 const struct version *found)
{
    struct version version = change->version;
    version.bucket = change->bucket;
    version.key = change->key;
    version.sequence = found->sequence;
    version.content = found->content;
    version.size = found->size;
    version.is_null = found->is_null;
    version.is_marker = found->is_marker;
    return write_object(catalog, &version);
}

static int apply_amend(struct catalog *catalog, const struct record *record)
{
    struct change_version change;
    struct version found = {.bucket = 0};
    int rc = change_read_version(record->meta, true, &change);
    if (rc < 0)
        return rc;
    bool is_null = change.which == VERSION_NULL;
    rc = is_null ? find_null(catalog, change.bucket, change.key, &found)
                 : find_sequence(catalog, change.bucket, change.key, change.sequence, &found);
    if (rc == 1)
        rc = amend(catalog, &change, &found);
    (void)sqlite3_reset(catalog->statements[is_null ? SQL_OBJECT_NULLS : SQL_OBJECT_GET]);
    return rc;
}

/* A bucket may go while uploads are under way: nobody could end them, and a later bucket may get
 * its number. */
static int drop_uploads(struct catalog *catalog, uint32_t bucket)
{
    sqlite3_stmt *statement = catalog->statements[SQL_UPLOAD_ANY];
    struct buffer *room = &catalog->room;
    int rc;
    do {
        room->len = 0;
        (void)sqlite3_bind_int64(statement, 1, bucket);
        rc = catalog_step(statement);
        bool is_there = rc == 1;
        if (is_there)
            rc = buffer_append(room, catalog_blob(statement, 0));
        (void)sqlite3_reset(statement);
        if (!is_there || rc < 0)
            return rc;
        rc = drop_upload(catalog, buffer_slice(room));
    } while (rc == 0);
    return rc;
}

static int apply_bucket(struct catalog *catalog, const struct record *record)
{
    struct change_bucket bucket;
    int rc = change_read_bucket(record->meta, &bucket);
    if (rc < 0)
        return rc;
    if (record->kind == RECORD_BUCKET_GONE) {
        sqlite3_stmt *gone = catalog->statements[SQL_BUCKET_DELETE];
        (void)sqlite3_bind_int64(gone, 1, bucket.id);
        rc = catalog_run(gone);
        return rc < 0 ? rc : drop_uploads(catalog, bucket.id);
    }
    sqlite3_stmt *statement = catalog->statements[SQL_BUCKET_PUT];
    struct buffer *room = &catalog->room;
    room->len = 0;
    rc = buffer_append(room, record->meta);
    if (rc == 0)
        rc = catalog_row_seal(room, bucket.id, (struct slice){0}, 0);
    if (rc < 0)
        return rc;
    (void)sqlite3_bind_int64(statement, 1, bucket.id);
    catalog_bind_blob(statement, 2, buffer_slice(room));
    return catalog_run(statement);
}

static int apply_upload(struct catalog *catalog, const struct record *record)
{
    struct change_upload upload;
    int rc = change_read_upload(record->meta, &upload);
    if (rc < 0)
        return rc;
    if (record->kind == RECORD_UPLOAD_GONE)
        return drop_upload(catalog, upload.id);
    sqlite3_stmt *statement = catalog->statements[SQL_UPLOAD_PUT];
    struct buffer *room = &catalog->room;
    room->len = 0;
    rc = buffer_append(room, record->meta);
    if (rc == 0)
        rc = catalog_row_seal(room, upload.version.bucket, upload.id, 0);
    if (rc < 0)
        return rc;
    (void)sqlite3_bind_int64(statement, 1, upload.version.bucket);
    catalog_bind_blob(statement, 2, upload.version.key);
    catalog_bind_blob(statement, 3, upload.id);
    catalog_bind_blob(statement, 4, buffer_slice(room));
    return catalog_run(statement);
}

static int write_part(struct catalog *catalog, const struct change_part *part)
{
    sqlite3_stmt *statement = catalog->statements[SQL_PART_PUT];
    struct buffer *room = &catalog->room;
    struct writer writer;
    room->len = 0;
    int rc = buffer_reserve(room, version_bytes(&part->version) + ROW_CRC_BYTES);
    if (rc < 0)
        return rc;
    writer_init(&writer, room->at, version_bytes(&part->version));
    version_write(&writer, &part->version);
    room->len = writer_slice(&writer).len;
    rc = catalog_row_seal(room, 0, part->upload, part->number);
    if (rc < 0)
        return rc;
    catalog_bind_blob(statement, 1, part->upload);
    (void)sqlite3_bind_int64(statement, 2, part->number);
    catalog_bind_blob(statement, 3, buffer_slice(room));
    return catalog_run(statement);
}

static bool has_upload(struct catalog *catalog, struct slice id)
{
    sqlite3_stmt *statement = catalog->statements[SQL_UPLOAD_GET];
    catalog_bind_blob(statement, 1, id);
    int rc = catalog_step(statement);
    (void)sqlite3_reset(statement);
    return rc == 1;
}

/* 1 with the part, whose slices last until the statement is reset; 0: none; or -errno. */
static int find_part(struct catalog *catalog, struct slice upload, uint32_t number,
                     struct version *ret_version)
{
    sqlite3_stmt *statement = catalog->statements[SQL_PART_GET];
    catalog_bind_blob(statement, 1, upload);
    (void)sqlite3_bind_int64(statement, 2, number);
    int rc = catalog_step(statement);
    if (rc != 1)
        return rc;
    struct slice row = catalog_blob(statement, 1);
    rc = catalog_row_check(0, upload, number, &row);
    if (rc == 0)
        rc = version_read(row, ret_version);
    return rc < 0 ? rc : 1;
}

static int apply_part(struct catalog *catalog, const struct record *record,
                      struct packs_place place)
{
    struct change_part part;
    struct version old = {.bucket = 0};
    int rc = change_read_part(record->meta, &part);
    if (rc < 0 || !has_upload(catalog, part.upload))
        return rc;
    rc = own_content(catalog, record, place, part.version.content, &part.version.content);
    if (rc == 0)
        rc = catalog_refer(catalog, part.version.content, 1);
    if (rc < 0)
        return rc;
    rc = find_part(catalog, part.upload, part.number, &old);
    if (rc == 1)
        rc = catalog_refer(catalog, old.content, -1);
    (void)sqlite3_reset(catalog->statements[SQL_PART_GET]);
    return rc < 0 ? rc : write_part(catalog, &part);
}

/* `content` with the segment that lies at move->old at its new place; in the catalog's own room.
 * 1; 0: it does not lie there (any more); or -errno. */
static int replace_segment(struct catalog *catalog, struct slice content,
                           const struct content_segment *old, const struct content_segment *moved,
                           struct slice *ret_content)
{
    struct content_segment segment;
    struct writer writer;
    struct buffer *room = &catalog->content;
    bool is_found = false;
    int rc;
    room->len = 0;
    rc = buffer_reserve(room, content.len + CONTENT_SEGMENT_BYTES_MAX);
    if (rc < 0)
        return rc;
    writer_init(&writer, room->at, content.len + CONTENT_SEGMENT_BYTES_MAX);
    while ((rc = content_take(&content, &segment)) == 1) {
        bool is_it = !is_found && segment.kind == CONTENT_PACK && segment.pack == old->pack &&
                     segment.offset == old->offset;
        content_put(&writer, is_it ? moved : &segment);
        is_found |= is_it;
    }
    *ret_content = writer_slice(&writer);
    return rc < 0 ? rc : is_found;
}

static int move_in(struct catalog *catalog, const struct change_move *move,
                   const struct content_segment *moved, struct version *version)
{
    struct slice content;
    int rc = replace_segment(catalog, version->content, &move->old, moved, &content);
    if (rc != 1)
        return rc;
    rc = refer_pack(catalog, moved, 1);
    if (rc == 0)
        rc = refer_pack(catalog, &move->old, -1);
    version->content = content;
    return rc < 0 ? rc : 1;
}

static int apply_move(struct catalog *catalog, const struct record *record,
                      struct packs_place place)
{
    struct change_move move = {.number = 0};
    struct version version = {.bucket = 0};
    int rc = change_read_move(record->meta, &move);
    if (rc < 0)
        return rc;
    struct content_segment moved = {
        .kind = CONTENT_PACK,
        .length = record->data_len,
        .pack = place.pack,
        .offset = packs_data_offset(place, record->meta.len),
        .crc = record->data_crc,
    };
    if (move.upload.len > 0) {
        rc = find_part(catalog, move.upload, move.number, &version);
        if (rc == 1)
            rc = move_in(catalog, &move, &moved, &version);
        if (rc == 1) {
            struct change_part part = {move.upload, move.number, version};
            rc = write_part(catalog, &part);
        }
        (void)sqlite3_reset(catalog->statements[SQL_PART_GET]);
        return rc;
    }
    rc = find_sequence(catalog, move.bucket, move.key, move.sequence, &version);
    if (rc == 1)
        rc = move_in(catalog, &move, &moved, &version);
    if (rc == 1)
        rc = write_object(catalog, &version);
    (void)sqlite3_reset(catalog->statements[SQL_OBJECT_GET]);
    return rc;
}

int catalog_apply(struct catalog *catalog, const struct record *record, struct packs_place place)
{
    switch (record->kind) {
    case RECORD_PUT:
        return apply_put(catalog, record, place);
    case RECORD_DELETE:
        return apply_delete(catalog, record);
    case RECORD_AMEND:
        return apply_amend(catalog, record);
    case RECORD_BUCKET:
    case RECORD_BUCKET_GONE:
        return apply_bucket(catalog, record);
    case RECORD_UPLOAD:
    case RECORD_UPLOAD_GONE:
        return apply_upload(catalog, record);
    case RECORD_PART:
        return apply_part(catalog, record, place);
    case RECORD_MOVE:
        return apply_move(catalog, record, place);
    }
    return -EBADMSG;
}

int catalog_each_pack(struct catalog *catalog,
                      int (*visit)(void *arg, uint32_t pack, uint64_t live_bytes), void *arg)
{
    sqlite3_stmt *statement = catalog->statements[SQL_PACKS];
    int rc;
    while ((rc = catalog_step(statement)) == 1) {
        int64_t live = sqlite3_column_int64(statement, 1);
        rc =
            visit(arg, (uint32_t)sqlite3_column_int64(statement, 0), live < 0 ? 0 : (uint64_t)live);
        if (rc != 0)
            break;
    }
    (void)sqlite3_reset(statement);
    return rc;
}

int catalog_idle_blobs(struct catalog *catalog, int64_t before_ms,
                       unsigned char (*ret_hashes)[CONTENT_HASH_BYTES], unsigned max)
{
    sqlite3_stmt *statement = catalog->statements[SQL_BLOBS_IDLE];
    unsigned count = 0;
    int rc = 0;
    (void)sqlite3_bind_int64(statement, 1, before_ms);
    (void)sqlite3_bind_int64(statement, 2, max);
    while (count < max && (rc = catalog_step(statement)) == 1) {
        struct slice hash = catalog_blob(statement, 0);
        if (hash.len == CONTENT_HASH_BYTES)
            memcpy(ret_hashes[count++], hash.at, CONTENT_HASH_BYTES);
    }
    (void)sqlite3_reset(statement);
    return rc < 0 ? rc : (int)count;
}

int catalog_forget_blob(struct catalog *catalog, const unsigned char hash[CONTENT_HASH_BYTES])
{
    sqlite3_stmt *statement = catalog->statements[SQL_BLOB_FORGET];
    catalog_bind_blob(statement, 1, slice_of(hash, CONTENT_HASH_BYTES));
    return catalog_run(statement);
}

int catalog_knows_blob(struct catalog *catalog, const unsigned char hash[CONTENT_HASH_BYTES])
{
    sqlite3_stmt *statement = catalog->statements[SQL_BLOB_KNOWN];
    catalog_bind_blob(statement, 1, slice_of(hash, CONTENT_HASH_BYTES));
    int rc = catalog_step(statement);
    (void)sqlite3_reset(statement);
    return rc;
}
