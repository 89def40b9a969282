/*
 * Tags of objects and buckets: the document Tagging, and the form of a query that the header
 * x-amz-tagging has ("k1=v1&k2=v2", each part encoded with '%' and '+').
 *
 * S3's rules: 10 tags an object, 50 a bucket; a key has 1 to 128 characters and comes once, a value
 * 0 to 256; both are of letters of any script, digits, blanks and + - = . _ : / @; keys that start
 * with "aws:" are the system's.
 */
#pragma once

#include "wire/s3/fields.h"
#include "wire/xml/writer.h"

enum s3_tagged { S3_TAGGED_OBJECT, S3_TAGGED_BUCKET };

#define S3_OBJECT_TAGS_MAX 10
#define S3_BUCKET_TAGS_MAX 50

struct s3_tag {
    struct slice key;
    struct slice value;
};

/* In the order in which they were sent. */
struct s3_tags {
    const struct s3_tag *tags;
    unsigned count;
};

/* One tag by itself, as the filter of a rule has one: <Key> and <Value> inside `element`. */
int s3_tag_read(const struct xml_element *element, struct s3_fault *fault, struct s3_tag *ret_tag);

/* The list of all elements alike to `first` (NULL: none) beside it; no key twice. */
int s3_tags_read(const struct xml_element *first, unsigned count_max, struct arena *arena,
                 struct s3_fault *fault, struct s3_tags *ret_tags);

/* Each as <Tag>, within an element that is open. */
void s3_tags_write_elements(struct xml_writer *writer, const struct s3_tags *tags);

/*
 * Slices lie in the arena. Returns 0, or a negative code with *fault filled: MalformedXML,
 * InvalidTag, SlowDown.
 */
int s3_tagging_parse(struct slice xml, enum s3_tagged what, struct arena *arena,
                     struct s3_fault *fault, struct s3_tags *ret_tags);
int s3_tagging_write(struct buffer *out, const struct s3_tags *tags);

/* The header of an object; InvalidArgument where it is not encoded as it should. */
int s3_tags_parse_query(struct slice query, struct arena *arena, struct s3_fault *fault,
                        struct s3_tags *ret_tags);
int s3_tags_write_query(struct buffer *out, const struct s3_tags *tags);

/* The value of a key; false when there is none. */
bool s3_tags_find(const struct s3_tags *tags, struct slice key, struct slice *ret_value);
