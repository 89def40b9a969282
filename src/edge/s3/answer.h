/* What S3 answers with: documents, faults, and the fields that all have. */
#pragma once

#include "edge/s3/call.h"
#include "wire/xml/writer.h"

#define S3_ANSWER_BYTES_MAX ((size_t)16 << 20)

/* Begins a response with the fields that all have, and steps out of the store: only content is
 * still to be sent. NULL: memory is used up, the caller returns. */
struct writer *s3_begin(struct s3_call *call, unsigned status, uint64_t length);

/* Without a body. Returns 0. */
int s3_answer_empty(struct s3_call *call, unsigned status);

/* 204. Returns 0. */
int s3_answer_no_content(struct s3_call *call);

/* A document; finished by xml_writer_end or not. Returns 0, or the fault of running out. */
int s3_answer_xml(struct s3_call *call, unsigned status, struct xml_writer *xml,
                  struct buffer *document);

/* The call's fault. */
void s3_answer_fault(struct s3_call *call);

/* "x-amz-version-id: …" of a version, where the bucket has versions. */
void s3_write_version(struct s3_call *call, struct writer *head, const struct version *version);

/* A time as XML has it: 2009-10-12T17:50:30.000Z. Into room. */
#define S3_TIME_LEN 24
struct slice s3_time(int64_t time_ms, char room[static S3_TIME_LEN]);

/* An ETag between quotes; into room. */
#define S3_ETAG_ROOM (VERSION_ETAG_BYTES_MAX + 2)
struct slice s3_quoted(struct slice etag, char room[static S3_ETAG_ROOM]);

/* Where the call's object is, for who asks here: escaped, for a field as for XML. A NULL start when
 * the arena is used up. */
struct slice s3_location(const struct s3_call *call, struct arena *arena);

/* Text, encoded where the client asked for encoding-type=url. */
void s3_put_text(struct s3_call *call, struct xml_writer *xml, const char *element,
                 struct slice text, bool is_encoded);
