/*
 * Contents of more than 64 KiB: a file each, named by the SHA-256 of its bytes
 * ("blobs/3a/<62 digits>"), so that the same content lies there once. Behind the content stand a
 * CRC-32C for each 64 KiB of it and 32 bytes: "WEIRBLOB", its layout (1), the CRC-32C of those
 * checksums, the content's size, 4 zeros, and the CRC-32C of those 28. Numbers are little-endian.
 *
 * Nothing is read without its checksum. A file is made whole under another name ("incoming/…") and
 * renamed; it lasts when blob_writer_finish has returned.
 */
#pragma once

#include "base/error.h"
#include "os/disk.h"
#include "store/content.h"

#define BLOB_BLOCK_BYTES 65536
#define BLOB_TAIL_BYTES  32
#define BLOB_HEX_BYTES   (2 * CONTENT_HASH_BYTES)

struct blobs;
struct blob;
struct blob_writer;

/* `disk` is borrowed until blobs_close. What a kill has left of unfinished files is removed. 0 or
 * an error that is told. */
int blobs_open(struct disk *disk, struct blobs **ret_blobs, struct error *ret_error);
void blobs_close(struct blobs *blobs); /* NULL is fine */

/* Begins a file. 0 or -errno. */
int blob_writer_create(struct blobs *blobs, struct blob_writer **ret_writer);

/* The next run of it: whole blocks, but for the last one. Blocks. 0 or -errno. */
int blob_writer_add(struct blob_writer *writer, struct slice run);

/* What was added is on the disk when it returns; beside blob_writer_add of another thread. One that
 * fails fails the file. 0 or -errno. */
int blob_writer_sync(struct blob_writer *writer);

/*
 * Makes it last under its name and pins that: blobs_unpin it once something refers to it, or when
 * nothing will. 0 or -errno; the writer is to be destroyed either way.
 */
int blob_writer_finish(struct blob_writer *writer, unsigned char ret_hash[CONTENT_HASH_BYTES]);

/* Of one that was not finished the file goes. NULL is fine. */
void blob_writer_destroy(struct blob_writer *writer);

/* What is pinned is not removed. Counted. 0 or -ENOMEM. */
int blobs_pin(struct blobs *blobs, const unsigned char hash[CONTENT_HASH_BYTES]);
void blobs_unpin(struct blobs *blobs, const unsigned char hash[CONTENT_HASH_BYTES]);

/* 0; -EBUSY: it is pinned; or -errno. */
int blobs_remove(struct blobs *blobs, const unsigned char hash[CONTENT_HASH_BYTES]);

/* Opens one for reading. 0, -ENOENT, -EBADMSG when it is not of `size` bytes, or -errno. */
int blobs_find(struct blobs *blobs, const unsigned char hash[CONTENT_HASH_BYTES], uint64_t size,
               struct blob **ret_blob);
void blob_close(struct blob *blob); /* NULL is fine */

/* Its content is the file's first bytes. Borrowed; -1 of a simulated disk's. */
int blob_descriptor(const struct blob *blob);

/*
 * Reads whole blocks from `block` on (of BLOB_BLOCK_BYTES; the last one may be shorter) into room
 * for `len` bytes, a multiple of that, and checks them. From one thread at a time. Returns the
 * bytes read, -EAGAIN when it would have to wait and must not, -EBADMSG, or -errno.
 */
ssize_t blob_read(struct blob *blob, uint64_t block, void *ret_bytes, size_t len, bool may_wait);

/* Reads all of it, its name too: 0, -EBADMSG, or -errno. `bytes` of it are added to *read_bytes. */
int blob_verify(struct blobs *blobs, const unsigned char hash[CONTENT_HASH_BYTES],
                uint64_t *read_bytes);

/* Calls visit for each file in one of the 256 folders. As disk_each. */
int blobs_each(struct blobs *blobs, unsigned folder,
               int (*visit)(void *arg, const unsigned char hash[CONTENT_HASH_BYTES]), void *arg);
