/*
 * CompleteMultipartUpload: the list of parts that make an object (S3's API reference), and its
 * answer.
 */
#pragma once

#include "wire/s3/fields.h"

#define S3_PARTS_MAX          10000
#define S3_COMPLETE_BYTES_MAX (4 << 20)

/* For a reader that is fed as the body arrives; its arena needs XML_ARENA_BYTES(s3_complete_limits)
 * and S3_PARTS_MAX * sizeof(struct s3_part). */
extern const struct xml_limits s3_complete_limits;

/* clang-format off */
/* The checksums of S3, in the order of this table: row(NAME, element, header's last word). */
#define S3_CHECKSUMS(row)                                                                          \
    row(CRC32, "ChecksumCRC32", "crc32")                                                           \
    row(CRC32C, "ChecksumCRC32C", "crc32c")                                                        \
    row(CRC64NVME, "ChecksumCRC64NVME", "crc64nvme")                                               \
    row(SHA1, "ChecksumSHA1", "sha1")                                                              \
    row(SHA256, "ChecksumSHA256", "sha256")
/* clang-format on */

enum s3_checksum_kind {
#define S3_CHECKSUM_NAME(name, element, header) S3_CHECKSUM_##name,
    S3_CHECKSUMS(S3_CHECKSUM_NAME)
#undef S3_CHECKSUM_NAME
        S3_CHECKSUM_KINDS
};

/* The element of a kind. */
const char *s3_checksum_element(enum s3_checksum_kind kind);

/* Slices lie in the arena. */
struct s3_part {
    unsigned number;   /* 1 to S3_PARTS_MAX, larger than that of the part before */
    struct slice etag; /* without quotes, not empty */
    struct slice checksums[S3_CHECKSUM_KINDS]; /* in base64, not decoded; a NULL start: not sent */
};

struct s3_complete {
    const struct s3_part *parts;
    unsigned parts_count; /* 1 to S3_PARTS_MAX */
};

/*
 * Returns 0, or a negative code with *fault filled: MalformedXML, InvalidPartOrder, InvalidArgument
 * (a part's number outside of its range), SlowDown. Whether the parts exist is the caller's part:
 * InvalidPart, EntityTooSmall.
 */
int s3_complete_read(const struct xml_element *root, struct arena *arena, struct s3_fault *fault,
                     struct s3_complete *ret_complete);
int s3_complete_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                      struct s3_complete *ret_complete);

/* The request, as a client writes it. Returns 0, -ENOMEM or -EMSGSIZE. */
int s3_complete_write(struct buffer *out, const struct s3_complete *complete);

/* Slices with a NULL start are left away. */
struct s3_complete_result {
    struct slice location; /* the object's URL */
    struct slice bucket;
    struct slice key;
    struct slice etag;          /* without quotes */
    struct slice checksum_type; /* "COMPOSITE" or "FULL_OBJECT" */
    struct slice checksums[S3_CHECKSUM_KINDS];
};
int s3_complete_result_write(struct buffer *out, const struct s3_complete_result *result);
