/*
 * Bodies of the coding "aws-chunked": chunks with their sizes, perhaps each with a signature over
 * its bytes and the signature before it, perhaps with trailer fields (Amazon S3 API reference,
 * "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks",
 * and "… with trailing headers").
 */
#pragma once

#include "wire/s3/checksum.h"
#include "wire/s3/signature.h"

#define S3_CHUNK_BYTES_MAX    (UINT64_C(5) << 30)
#define S3_TRAILERS_BYTES_MAX 2048
#define S3_TRAILERS_MAX       8

struct s3_trailer {
    struct slice name; /* in lower case */
    struct slice value;
};

struct s3_chunks {
    int state; /* chunks.c's own */
    enum s3_payload payload;
    uint64_t left; /* of the chunk */
    struct s3_sum sum;
    unsigned char key[S3_SIGNING_KEY_BYTES];
    struct slice timestamp; /* borrowed, with the next */
    struct slice scope;
    char previous[S3_SIGNATURE_LEN]; /* the signature before */
    char claimed[S3_SIGNATURE_LEN];  /* of the chunk under way */
    size_t line_len;
    char line[S3_TRAILERS_BYTES_MAX]; /* under way; trailers stay in it */
    size_t line_start;
    struct s3_trailer trailers[S3_TRAILERS_MAX];
    unsigned trailers_count;
    bool has_trailer_signature;
};

/* `key` is NULL where nothing is signed; else the signature of the head is the first of the chain.
 * `signature` is borrowed. */
void s3_chunks_init(struct s3_chunks *chunks, const struct s3_signature *signature,
                    const unsigned char *key);
void s3_chunks_finish(struct s3_chunks *chunks);

/*
 * Takes bytes off *in. 1: *ret_data is the next part of the content, not yet proved: nothing is to
 * be relied upon before s3_chunks_end. 0: *in is used up. Or -EBADMSG with the fault:
 * IncompleteBody for what is no such body, SignatureDoesNotMatch, MalformedTrailerError; -ENOMEM.
 */
int s3_chunks_next(struct s3_chunks *chunks, struct slice *in, struct s3_fault *fault,
                   struct slice *ret_data);

/* The body has ended: 0 when all was there and every signature held; else as above. */
int s3_chunks_end(const struct s3_chunks *chunks, struct s3_fault *fault);
