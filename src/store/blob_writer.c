/* Writing a large content: hashed and summed as it comes, written in runs of blocks. */
#include "base/buffer.h"
#include "base/crc32c.h"
#include "base/memory.h"
#include "store/blobs_internal.h"

#include <endian.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>

/* Of 64 GiB: far above what one part may be. */
#define CHECKSUMS_BYTES_MAX ((size_t)4 << 20)

struct blob_writer {
    struct blobs *blobs;        /* borrowed */
    struct disk_file *file;     /* owned; NULL once it is closed */
    struct disk_file *replaced; /* owned; the same content as it was before; NULL: none */
    EVP_MD_CTX *sha;            /* owned */
    uint64_t written;
    struct buffer checksums;
    char path[BLOBS_PATH_BYTES];
    bool has_file;
};

static int begin_file(struct blob_writer *writer)
{
    struct blobs *blobs = writer->blobs;
    lock_take(&blobs->lock);
    uint64_t number = ++blobs->incoming;
    lock_release(&blobs->lock);
    (void)snprintf(writer->path, sizeof writer->path, "incoming/%016llx",
                   (unsigned long long)number);
    int rc = disk_open(blobs->disk, writer->path, DISK_WRITE | DISK_NEW, &writer->file);
    writer->has_file = rc == 0;
    return rc;
}

int blob_writer_create(struct blobs *blobs, struct blob_writer **ret_writer)
{
    struct blob_writer *writer = NEW(struct blob_writer);
    if (writer == NULL)
        return -ENOMEM;
    writer->blobs = blobs;
    buffer_init(&writer->checksums, CHECKSUMS_BYTES_MAX);
    writer->sha = EVP_MD_CTX_new();
    int rc = writer->sha == NULL || EVP_DigestInit_ex(writer->sha, EVP_sha256(), NULL) != 1
                 ? -ENOMEM
                 : begin_file(writer);
    if (rc < 0) {
        blob_writer_destroy(writer);
        return rc;
    }
    *ret_writer = writer;
    return 0;
}

static int note_checksums(struct blob_writer *writer, struct slice run)
{
    for (size_t done = 0; done < run.len; done += BLOB_BLOCK_BYTES) {
        struct slice block = slice_from(run, done);
        uint32_t crc = htole32(crc32c_add(0, slice_first(block, BLOB_BLOCK_BYTES)));
        int rc = buffer_append(&writer->checksums, slice_of(&crc, sizeof crc));
        if (rc < 0)
            return rc == -EMSGSIZE ? -EFBIG : rc;
    }
    return 0;
}

int blob_writer_add(struct blob_writer *writer, struct slice run)
{
    int rc =
        EVP_DigestUpdate(writer->sha, run.at, run.len) == 1 ? note_checksums(writer, run) : -ENOMEM;
    if (rc == 0)
        rc = disk_write(writer->file, run.at, run.len, writer->written);
    if (rc < 0)
        return rc;
    writer->written += run.len;
    return 0;
}

int blob_writer_sync(struct blob_writer *writer)
{
    return disk_sync(writer->file);
}

static int write_end(struct blob_writer *writer)
{
    unsigned char tail[BLOB_TAIL_BYTES];
    struct slice checksums = buffer_slice(&writer->checksums);
    blobs_write_tail(tail, writer->written, crc32c_add(0, checksums));
    struct iovec parts[] = {{writer->checksums.at, checksums.len}, {tail, sizeof tail}};
    int rc = disk_write_parts(writer->file, parts, 2, writer->written);
    return rc < 0 ? rc : disk_sync(writer->file);
}

/* Under its name, which is pinned; the folder is on the disk then. */
static int publish(struct blob_writer *writer, const unsigned char hash[CONTENT_HASH_BYTES])
{
    struct blobs *blobs = writer->blobs;
    char path[BLOBS_PATH_BYTES], folder[16];
    blobs_path(path, hash);
    (void)snprintf(folder, sizeof folder, "%.8s", path);
    int rc = blobs_pin(blobs, hash);
    if (rc < 0)
        return rc;
    /* Of one that is replaced the kernel gives back what it holds when it is closed: later. */
    (void)disk_open(blobs->disk, path, 0, &writer->replaced);
    rc = disk_rename(blobs->disk, writer->path, path);
    writer->has_file = rc != 0;
    if (rc == 0)
        rc = disk_sync_folder(blobs->disk, folder);
    if (rc < 0)
        blobs_unpin(blobs, hash);
    return rc;
}

int blob_writer_finish(struct blob_writer *writer, unsigned char ret_hash[CONTENT_HASH_BYTES])
{
    unsigned char hash[CONTENT_HASH_BYTES];
    int rc = EVP_DigestFinal_ex(writer->sha, hash, NULL) == 1 ? 0 : -ENOMEM;
    if (rc == 0)
        rc = write_end(writer);
    disk_close(writer->file);
    writer->file = NULL;
    if (rc == 0)
        rc = publish(writer, hash);
    if (rc == 0)
        memcpy(ret_hash, hash, CONTENT_HASH_BYTES);
    return rc;
}

void blob_writer_destroy(struct blob_writer *writer)
{
    if (writer == NULL)
        return;
    disk_close(writer->file);
    disk_close(writer->replaced);
    if (writer->has_file)
        (void)disk_remove(writer->blobs->disk, writer->path);
    EVP_MD_CTX_free(writer->sha);
    buffer_finish(&writer->checksums);
    memory_free(writer);
}
