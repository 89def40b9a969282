/* Files of large contents: their names, pins, and reading. Writing is in blob_writer.c. */
#include "store/blobs.h"

#include "base/crc32c.h"
#include "base/map.h"
#include "base/memory.h"
#include "os/random.h"
#include "store/blobs_internal.h"

#include <endian.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define TAIL_MAGIC  "WEIRBLOB"
#define TAIL_LAYOUT 1
/* Checksums that are kept of an open one: of so many blocks. */
#define KEPT_BLOCKS 4096

struct pin {
    unsigned char hash[CONTENT_HASH_BYTES];
    unsigned count;
};

struct blob {
    struct disk_file *file; /* owned */
    uint64_t size;
    uint64_t kept_from; /* the first block whose checksum is kept */
    unsigned kept;
    uint32_t *checksums; /* owned; KEPT_BLOCKS */
};

void blobs_path(char path[static BLOBS_PATH_BYTES], const unsigned char hash[CONTENT_HASH_BYTES])
{
    struct writer writer;
    writer_init(&writer, path, BLOBS_PATH_BYTES);
    write_literal(&writer, "blobs/");
    for (unsigned i = 0; i < CONTENT_HASH_BYTES; i++) {
        write_hex(&writer, hash[i], 2);
        if (i == 0)
            write_char(&writer, '/');
    }
    write_char(&writer, '\0');
}

void blobs_write_tail(unsigned char tail[BLOB_TAIL_BYTES], uint64_t size, uint32_t checksums_crc)
{
    const uint32_t numbers[] = {htole32(TAIL_LAYOUT), htole32(checksums_crc)};
    uint64_t size_le = htole64(size);
    memset(tail, 0, BLOB_TAIL_BYTES);
    memcpy(tail, TAIL_MAGIC, 8);
    memcpy(tail + 8, numbers, sizeof numbers);
    memcpy(tail + 16, &size_le, sizeof size_le);
    uint32_t crc = htole32(crc32c_add(0, slice_of(tail, BLOB_TAIL_BYTES - 4)));
    memcpy(tail + BLOB_TAIL_BYTES - 4, &crc, sizeof crc);
}

static int remove_incoming(void *arg, const char *name)
{
    struct blobs *blobs = arg;
    char path[BLOBS_PATH_BYTES];
    int len = snprintf(path, sizeof path, "incoming/%s", name);
    if (len > 0 && (size_t)len < sizeof path)
        (void)disk_remove(blobs->disk, path);
    return 0;
}

static int make_folders(struct disk *disk)
{
    int rc = disk_make_folder(disk, "blobs");
    for (unsigned i = 0; rc == 0 && i < 256; i++) {
        char path[16];
        (void)snprintf(path, sizeof path, "blobs/%02x", i);
        rc = disk_make_folder(disk, path);
    }
    if (rc == 0)
        rc = disk_sync_folder(disk, "blobs");
    if (rc == 0)
        rc = disk_make_folder(disk, "incoming");
    /* A folder's own name lasts once the one above it is synced. */
    return rc < 0 ? rc : disk_sync_folder(disk, "");
}

int blobs_open(struct disk *disk, struct blobs **ret_blobs, struct error *ret_error)
{
    struct blobs *blobs = NEW(struct blobs);
    if (blobs == NULL)
        return error_set(ret_error, -ENOMEM, "out of memory");
    blobs->disk = disk;
    map_init(&blobs->pins, random_hash_key());
    int rc = lock_init(&blobs->lock);
    if (rc == 0)
        rc = make_folders(disk);
    if (rc == 0)
        rc = disk_each(disk, "incoming", remove_incoming, blobs);
    if (rc < 0) {
        blobs_close(blobs);
        return error_set(ret_error, rc, "the store's folders cannot be made: %s", strerror(-rc));
    }
    *ret_blobs = blobs;
    return 0;
}

void blobs_close(struct blobs *blobs)
{
    if (blobs == NULL)
        return;
    const struct map_entry *entry;
    for (size_t cursor = 0; (entry = map_next(&blobs->pins, &cursor)) != NULL;)
        memory_free(entry->value);
    map_finish(&blobs->pins);
    lock_finish(&blobs->lock);
    memory_free(blobs);
}

static int pin_locked(struct blobs *blobs, const unsigned char hash[CONTENT_HASH_BYTES])
{
    struct pin *pin = map_get(&blobs->pins, slice_of(hash, CONTENT_HASH_BYTES));
    if (pin != NULL) {
        pin->count++;
        return 0;
    }
    pin = NEW(struct pin);
    if (pin == NULL)
        return -ENOMEM;
    memcpy(pin->hash, hash, sizeof pin->hash);
    pin->count = 1;
    int rc = map_set(&blobs->pins, slice_of(pin->hash, sizeof pin->hash), pin);
    if (rc < 0)
        memory_free(pin);
    return rc;
}

int blobs_pin(struct blobs *blobs, const unsigned char hash[CONTENT_HASH_BYTES])
{
    lock_take(&blobs->lock);
    int rc = pin_locked(blobs, hash);
    lock_release(&blobs->lock);
    return rc;
}

void blobs_unpin(struct blobs *blobs, const unsigned char hash[CONTENT_HASH_BYTES])
{
    lock_take(&blobs->lock);
    struct pin *pin = map_get(&blobs->pins, slice_of(hash, CONTENT_HASH_BYTES));
    if (pin != NULL && --pin->count == 0) {
        (void)map_remove(&blobs->pins, slice_of(pin->hash, sizeof pin->hash));
        memory_free(pin);
    }
    lock_release(&blobs->lock);
}

int blobs_remove(struct blobs *blobs, const unsigned char hash[CONTENT_HASH_BYTES])
{
    char path[BLOBS_PATH_BYTES];
    blobs_path(path, hash);
    lock_take(&blobs->lock);
    int rc = map_get(&blobs->pins, slice_of(hash, CONTENT_HASH_BYTES)) != NULL
                 ? -EBUSY
                 : disk_remove(blobs->disk, path);
    lock_release(&blobs->lock);
    return rc;
}

static uint64_t blocks_of(uint64_t size)
{
    return (size + BLOB_BLOCK_BYTES - 1) / BLOB_BLOCK_BYTES;
}

static int check_tail(const struct blob *blob)
{
    unsigned char tail[BLOB_TAIL_BYTES], expected[BLOB_TAIL_BYTES];
    uint32_t crc;
    ssize_t got = disk_read(blob->file, tail, sizeof tail,
                            blob->size + blocks_of(blob->size) * sizeof(uint32_t));
    if (got < 0)
        return (int)got;
    memcpy(&crc, tail + 12, sizeof crc);
    blobs_write_tail(expected, blob->size, le32toh(crc));
    return got == (ssize_t)sizeof tail && memcmp(tail, expected, sizeof tail) == 0 ? 0 : -EBADMSG;
}

int blobs_find(struct blobs *blobs, const unsigned char hash[CONTENT_HASH_BYTES], uint64_t size,
               struct blob **ret_blob)
{
    char path[BLOBS_PATH_BYTES];
    struct blob *blob = NEW(struct blob);
    if (blob == NULL)
        return -ENOMEM;
    blob->size = size;
    blobs_path(path, hash);
    size_t kept = blocks_of(size) < KEPT_BLOCKS ? (size_t)blocks_of(size) : KEPT_BLOCKS;
    blob->checksums = memory_alloc_array(kept, sizeof *blob->checksums);
    int rc = blob->checksums == NULL ? -ENOMEM : disk_open(blobs->disk, path, 0, &blob->file);
    if (rc == 0)
        rc = check_tail(blob);
    if (rc < 0) {
        blob_close(blob);
        return rc;
    }
    *ret_blob = blob;
    return 0;
}

void blob_close(struct blob *blob)
{
    if (blob == NULL)
        return;
    disk_close(blob->file);
    memory_free(blob->checksums);
    memory_free(blob);
}

int blob_descriptor(const struct blob *blob)
{
    return disk_descriptor(blob->file);
}

/* The checksum of a block, reading those around it where it is not kept. 0 or -errno. */
static int checksum_of(struct blob *blob, uint64_t block, bool may_wait, uint32_t *ret_crc)
{
    if (block < blob->kept_from || block >= blob->kept_from + blob->kept) {
        uint64_t from = block - block % KEPT_BLOCKS, left = blocks_of(blob->size) - from;
        size_t bytes = (left < KEPT_BLOCKS ? (size_t)left : KEPT_BLOCKS) * sizeof(uint32_t);
        uint64_t place = blob->size + from * sizeof(uint32_t);
        blob->kept = 0;
        ssize_t got = may_wait ? disk_read(blob->file, blob->checksums, bytes, place)
                               : disk_try_read(blob->file, blob->checksums, bytes, place);
        if (got < (ssize_t)bytes)
            return got < 0 ? (int)got : -EBADMSG;
        blob->kept_from = from;
        blob->kept = (unsigned)(bytes / sizeof(uint32_t));
    }
    *ret_crc = le32toh(blob->checksums[block - blob->kept_from]);
    return 0;
}

ssize_t blob_read(struct blob *blob, uint64_t block, void *ret_bytes, size_t len, bool may_wait)
{
    uint64_t offset = block * BLOB_BLOCK_BYTES;
    if (offset >= blob->size)
        return 0;
    if (len > blob->size - offset)
        len = (size_t)(blob->size - offset);
    ssize_t got = may_wait ? disk_read(blob->file, ret_bytes, len, offset)
                           : disk_try_read(blob->file, ret_bytes, len, offset);
    if (got < 0)
        return got;
    if ((size_t)got < len)
        return -EBADMSG;
    for (size_t done = 0; done < len; done += BLOB_BLOCK_BYTES, block++) {
        uint32_t crc;
        int rc = checksum_of(blob, block, may_wait, &crc);
        if (rc < 0)
            return rc;
        struct slice bytes = slice_of((char *)ret_bytes + done, len - done);
        if (crc32c_add(0, slice_first(bytes, BLOB_BLOCK_BYTES)) != crc)
            return -EBADMSG;
    }
    return got;
}

/* The size that the tail tells: the file is content, checksums, tail. */
static int size_of(struct blobs *blobs, const unsigned char hash[CONTENT_HASH_BYTES],
                   uint64_t *ret_size)
{
    char path[BLOBS_PATH_BYTES];
    struct disk_file *file;
    unsigned char tail[BLOB_TAIL_BYTES];
    blobs_path(path, hash);
    int rc = disk_open(blobs->disk, path, 0, &file);
    if (rc < 0)
        return rc;
    int64_t bytes = disk_size(file);
    ssize_t got = bytes < BLOB_TAIL_BYTES
                      ? 0
                      : disk_read(file, tail, sizeof tail, (uint64_t)bytes - sizeof tail);
    disk_close(file);
    if (got < 0)
        return (int)got;
    if (got < (ssize_t)sizeof tail)
        return -EBADMSG;
    uint64_t size;
    memcpy(&size, tail + 16, sizeof size);
    *ret_size = le64toh(size);
    /* A wild size would ask for wild memory. */
    return *ret_size + blocks_of(*ret_size) * sizeof(uint32_t) + BLOB_TAIL_BYTES == (uint64_t)bytes
               ? 0
               : -EBADMSG;
}

static int hash_all(struct blob *blob, EVP_MD_CTX *sha, char *room, uint64_t *read_bytes)
{
    for (uint64_t block = 0;; block += 4) {
        ssize_t got = blob_read(blob, block, room, (size_t)4 * BLOB_BLOCK_BYTES, true);
        if (got <= 0)
            return (int)got;
        if (EVP_DigestUpdate(sha, room, (size_t)got) != 1)
            return -ENOMEM;
        *read_bytes += (uint64_t)got;
    }
}

int blob_verify(struct blobs *blobs, const unsigned char hash[CONTENT_HASH_BYTES],
                uint64_t *read_bytes)
{
    unsigned char found[CONTENT_HASH_BYTES];
    struct blob *blob = NULL;
    uint64_t size;
    EVP_MD_CTX *sha = NULL;
    char *room = NULL;
    int rc = size_of(blobs, hash, &size);
    if (rc == 0)
        rc = blobs_find(blobs, hash, size, &blob);
    if (rc < 0)
        return rc;
    sha = EVP_MD_CTX_new();
    room = memory_alloc_raw((size_t)4 * BLOB_BLOCK_BYTES);
    if (sha == NULL || room == NULL || EVP_DigestInit_ex(sha, EVP_sha256(), NULL) != 1)
        rc = -ENOMEM;
    if (rc == 0)
        rc = hash_all(blob, sha, room, read_bytes);
    if (rc == 0 && EVP_DigestFinal_ex(sha, found, NULL) != 1)
        rc = -ENOMEM;
    if (rc == 0 && memcmp(found, hash, sizeof found) != 0)
        rc = -EBADMSG;
    EVP_MD_CTX_free(sha);
    memory_free(room);
    blob_close(blob);
    return rc;
}

struct each {
    unsigned folder;
    int (*visit)(void *arg, const unsigned char hash[CONTENT_HASH_BYTES]);
    void *arg;
};

static int nibble_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int visit_file(void *arg, const char *name)
{
    const struct each *each = arg;
    unsigned char hash[CONTENT_HASH_BYTES] = {(unsigned char)each->folder};
    if (strlen(name) != BLOB_HEX_BYTES - 2)
        return 0;
    for (unsigned i = 1; i < CONTENT_HASH_BYTES; i++) {
        int high = nibble_of(name[2 * i - 2]), low = nibble_of(name[2 * i - 1]);
        if (high < 0 || low < 0)
            return 0;
        hash[i] = (unsigned char)(high << 4 | low);
    }
    return each->visit(each->arg, hash);
}

int blobs_each(struct blobs *blobs, unsigned folder,
               int (*visit)(void *arg, const unsigned char hash[CONTENT_HASH_BYTES]), void *arg)
{
    struct each each = {folder, visit, arg};
    char path[16];
    (void)snprintf(path, sizeof path, "blobs/%02x", folder & 255u);
    return disk_each(blobs->disk, path, visit_file, &each);
}
