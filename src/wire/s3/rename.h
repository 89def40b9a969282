/*
 * Documents of another endpoint of S3 as the clients of this one must read them, while they stream:
 * the bucket's name in <Name>, <Bucket> and <BucketName> is the one that it has here, <Location> is
 * the object's here, and what an error tells of the signature between the two is left out.
 */
#pragma once

#include "base/buffer.h"

/* A bucket's name, or a code. */
#define S3_RENAME_VALUE_MAX 63

struct s3_rename {
    struct slice from, to; /* borrowed, as the next */
    struct slice location; /* escaped for XML already; a NULL start: it is left as it is */
    int state;             /* rename.c's own, with the next four */
    const void *element;   /* whose value comes */
    size_t held_len;
    char held[S3_RENAME_VALUE_MAX + 1];
    char code[S3_RENAME_VALUE_MAX + 1]; /* of an error, ending in NUL; else empty */
};

/* The next part of the document; with `is_last` nothing follows. What is to be sent of it is
 * appended to *out. 0 or the buffer's error. */
int s3_rename_feed(struct s3_rename *rename, struct slice part, bool is_last, struct buffer *out);
