/* Uploads in parts: what the index says of one, and what a request says that it means. */
#pragma once

#include "edge/s3/call.h"

#define S3_UPLOAD_ID_LEN (2 * UPLOAD_ID_BYTES)

/* An upload, in memory of its own. */
struct s3_upload {
    struct buffer room;
    char id[UPLOAD_ID_BYTES];
    struct change_upload upload; /* slices lie in `room` and `id` */
    unsigned check_kind;         /* S3_CHECKSUM_KINDS: none was chosen */
    bool is_composite;           /* else its sum is one of all bytes */
};

/* The one that the parameter uploadId names, of this very key. NoSuchUpload. */
int s3_upload_find(struct s3_call *call, struct s3_upload *ret_upload);
void s3_upload_finish(struct s3_upload *upload);

/* The id in bytes; -EBADMSG for what is none. */
int s3_upload_id_read(struct slice text, char ret_id[static UPLOAD_ID_BYTES]);

/* What a new upload's version keeps of it: the kind of sum, and whether that is of sums. */
void s3_upload_sum_write(unsigned kind, bool is_composite, char ret_room[static 2],
                         struct slice *ret_checksum);
void s3_upload_sum_read(struct slice checksum, unsigned *ret_kind, bool *ret_is_composite);

/* "CRC32" and so on. */
struct slice s3_checksum_name(unsigned kind);
