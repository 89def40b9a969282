/*
 * multipart/form-data (RFC 7578) as a browser sends a file to S3 (Amazon S3 API reference, POST
 * Object): fields, then the file, which streams. What comes behind the file is not looked at.
 */
#pragma once

#include "base/buffer.h"
#include "wire/s3/faults.h"

#define S3_FORM_FIELDS_MAX       100
#define S3_FORM_FIELDS_BYTES_MAX 20480 /* names and values before the file */
#define S3_FORM_BOUNDARY_MAX     70    /* RFC 2046 §5.1.1 */
#define S3_FORM_HEAD_BYTES_MAX   4096  /* of a part: two or three lines */

struct s3_form {
    int state; /* form.c's own, with all below */
    char delimiter[S3_FORM_BOUNDARY_MAX + 4];
    size_t delimiter_len;
    struct buffer in; /* received and not yet given out */
    size_t taken;     /* of it */
    size_t fields_bytes;
    struct slice name, file_name, type; /* of the part that has begun; in `room` */
    char room[S3_FORM_HEAD_BYTES_MAX];
};

enum s3_form_event {
    S3_FORM_MORE,  /* feed more bytes */
    S3_FORM_FIELD, /* a whole field */
    S3_FORM_FILE,  /* the file begins */
    S3_FORM_DATA,  /* bytes of the file */
    S3_FORM_END,   /* the file has ended */
};

struct s3_form_part {
    struct slice name;      /* FIELD */
    struct slice value;     /* FIELD; DATA */
    struct slice file_name; /* FILE; a NULL start: none */
    struct slice type;      /* FILE; of its Content-Type; a NULL start: none */
};

/* By the request's Content-Type. 0, or the fault: RequestIsNotMultiPartContent,
 * MalformedPOSTRequest. */
int s3_form_init(struct s3_form *form, struct slice content_type, struct s3_fault *fault);
void s3_form_finish(struct s3_form *form);

/* Bytes of the body, which are copied. 0 or -ENOMEM with the fault. */
int s3_form_feed(struct s3_form *form, struct slice bytes, struct s3_fault *fault);

/* The next event; slices of *ret_part last until the next call of either function. Or -EBADMSG:
 * MalformedPOSTRequest, MaxPostPreDataLengthExceeded. */
int s3_form_next(struct s3_form *form, struct s3_fault *fault, struct s3_form_part *ret_part);
