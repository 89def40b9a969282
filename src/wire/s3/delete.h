/*
 * Delete: many objects deleted by one request (S3's API reference, DeleteObjects), and its answer
 * DeleteResult, which is written entry by entry.
 */
#pragma once

#include "wire/s3/fields.h"
#include "wire/xml/writer.h"

#define S3_DELETE_OBJECTS_MAX 1000
#define S3_DELETE_BYTES_MAX   (2 << 20)

/* For a reader that is fed as the body arrives; its arena needs XML_ARENA_BYTES(s3_delete_limits)
 * and S3_DELETE_OBJECTS_MAX * sizeof(struct s3_delete_object). */
extern const struct xml_limits s3_delete_limits;

/* Slices lie in the arena; those of elements that are not there have a NULL start. */
struct s3_delete_object {
    struct slice key; /* not empty; its length is not looked at */
    struct slice version_id;
    struct slice etag;          /* as it is sent, with quotes perhaps; may be "*" */
    struct slice last_modified; /* an HTTP date or one of ISO 8601, as it is sent */
    uint64_t size;
    bool has_size;
};

struct s3_delete {
    const struct s3_delete_object *objects;
    unsigned objects_count; /* 1 to S3_DELETE_OBJECTS_MAX */
    bool is_quiet;
};

/* Returns 0, or a negative code with *fault filled: MalformedXML, SlowDown. */
int s3_delete_read(const struct xml_element *root, struct arena *arena, struct s3_fault *fault,
                   struct s3_delete *ret_delete);
int s3_delete_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                    struct s3_delete *ret_delete);

/* The request, as a client writes it. Returns 0, -ENOMEM or -EMSGSIZE. */
int s3_delete_write(struct buffer *out, const struct s3_delete *delete);

/* An entry of the answer. */
struct s3_deleted {
    struct slice key;
    struct slice version_id;        /* that was asked for */
    struct slice marker_version_id; /* of the delete marker that was made or deleted */
    bool is_marker;                 /* a delete marker was made or deleted */
};

/* The answer: begin, entries in the order of the request, end. The writer is the caller's;
 * s3_delete_result_end returns what xml_writer_end returns. */
void s3_delete_result_begin(struct xml_writer *writer, struct buffer *out);
void s3_delete_result_add(struct xml_writer *writer, const struct s3_deleted *deleted);
void s3_delete_result_fault(struct xml_writer *writer, const struct s3_delete_object *object,
                            const struct s3_fault *fault);
int s3_delete_result_end(struct xml_writer *writer);
