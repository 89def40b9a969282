/*
 * The table, its order of eviction, and loading by one for all who ask. Runs on the worker's loop;
 * only files_load_run leaves it, and only when a disk is needed.
 */
#include "edge/files/cache.h"

#include "base/cleanup.h"
#include "base/writer.h"
#include "conf/snapshot.h"
#include "edge/files/load.h"
#include "edge/files/path.h"
#include "edge/files/types.h"
#include "os/beneath.h"
#include "os/descriptor.h"
#include "os/loop.h"
#include "os/offload.h"
#include "wire/h1/serialise.h"
#include "wire/http/date.h"

#include <assert.h>
#include <errno.h>

#define BUCKETS      4096
#define WAIT_LOAD_MS 30000

const struct files_limits files_limits_default = {
    .entries_max = 8192,
    .bytes_max = (size_t)32 << 20,
    .descriptors_max = 256,
};

struct files_cache {
    struct hash_key hash_key;
    struct files_limits limits;
    struct list order; /* loaded entries, newest first */
    struct list
        *hand; /* SIEVE's: where eviction goes on, toward the newest; &order: at the oldest */
    struct files_cache_stats stats;
    struct files_entry *buckets[BUCKETS]; /* each holds a reference to its entries */
};

/* A fiber that waits for another one's load. */
struct waiter {
    struct list link;
    struct fiber *fiber;
};

int files_cache_create(struct hash_key hash_key, const struct files_limits *limits,
                       struct files_cache **ret_cache)
{
    struct files_cache *cache = NEW(struct files_cache);
    if (cache == NULL)
        return -ENOMEM;
    cache->hash_key = hash_key;
    cache->limits = *limits;
    list_init(&cache->order);
    cache->hand = &cache->order;
    *ret_cache = cache;
    return 0;
}

void files_entry_give(struct files_entry *entry)
{
    if (--entry->references > 0)
        return;
    descriptor_close(entry->fd);
    memory_free(entry->content);
    memory_free(entry);
}

static const struct slice suffixes[ENCODINGS_COUNT] = {
    [ENCODING_IDENTITY] = {"", 0},
    [ENCODING_GZIP] = {".gz", 3},
    [ENCODING_BR] = {".br", 3},
    [ENCODING_ZSTD] = {".zst", 4},
};

static struct files_entry **bucket_of(struct files_cache *cache, uint64_t hash)
{
    return &cache->buckets[hash % BUCKETS];
}

static size_t bytes_of(const struct files_entry *entry)
{
    size_t content = entry->content == NULL ? 0 : (size_t)entry->info.size;
    return entry->bytes + content;
}

/* Takes it out of the table, and its weight off the cache. */
static void drop(struct files_entry *entry)
{
    struct files_cache *cache = entry->cache;
    struct files_entry **at = bucket_of(cache, entry->hash);
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    if (entry->state != FILES_PENDING) {
        if (cache->hand == &entry->link)
            cache->hand = entry->link.prev;
        list_remove(&entry->link);
        cache->stats.entries--;
        cache->stats.bytes -= bytes_of(entry);
        cache->stats.descriptors -= entry->fd >= 0 ? 1 : 0;
    }
    entry->cache = NULL;
    files_entry_give(entry);
}

void files_cache_destroy(struct files_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (cache->buckets[i] != NULL)
            drop(cache->buckets[i]);
    }
    memory_free(cache);
}

static bool is_over(const struct files_cache *cache)
{
    return cache->stats.entries > cache->limits.entries_max ||
           cache->stats.bytes > cache->limits.bytes_max ||
           cache->stats.descriptors > cache->limits.descriptors_max;
}

/* From the oldest to the newest: who was asked for since the hand last came by may stay. */
static void evict(struct files_cache *cache)
{
    while (is_over(cache)) {
        if (cache->hand == &cache->order)
            cache->hand = cache->order.prev;
        struct files_entry *entry = CONTAINER_OF(cache->hand, struct files_entry, link);
        if (entry->was_hit) {
            entry->was_hit = false;
            cache->hand = cache->hand->prev;
        } else {
            cache->stats.evictions++;
            drop(entry);
        }
    }
}

/* What is asked for. */
struct key {
    const struct conf_files *files;
    struct slice path;
    enum http_encoding encoding;
    uint64_t hash;
};

static struct files_entry *lookup(struct files_cache *cache, const struct key *key)
{
    struct files_entry *entry = *bucket_of(cache, key->hash);
    while (entry != NULL && (entry->hash != key->hash || entry->encoding != key->encoding ||
                             !slice_equal(entry->path, key->path) ||
                             !slice_equal(entry->identity, key->files->identity)))
        entry = entry->next;
    return entry;
}

/* Copies the text to *at, and moves that on. */
static struct slice put_text(char **at, struct slice text)
{
    char *start = *at;
    if (text.len > 0)
        memcpy(start, text.at, text.len);
    *at += text.len;
    return slice_of(start, text.len);
}

/* The file's name behind the texts of the key. False for a path that is never served. */
static bool put_name(const struct key *key, char *at)
{
    ssize_t len = files_path_map(key->path, key->files->index, at);
    if (len < 0 || (len > 0 && slice_equal(slice_of(at, (size_t)len), key->files->hidden)))
        return false;
    at += len;
    (void)put_text(&at, suffixes[key->encoding]);
    *at = '\0';
    return true;
}

/* Two references: the table's and the caller's. -ENOENT for a path that is never served. */
static int insert_pending(struct files_cache *cache, const struct key *key,
                          struct files_entry **ret_entry)
{
    const struct conf_files *files = key->files;
    size_t bytes = sizeof(struct files_entry) + files->identity.len + key->path.len * 2 +
                   files->index.len + suffixes[key->encoding].len + 1;
    struct files_entry *entry = memory_alloc_raw(bytes);
    if (entry == NULL)
        return -ENOMEM;
    char *at = (char *)(entry + 1);
    *entry = (struct files_entry){.cache = cache,
                                  .bytes = bytes,
                                  .hash = key->hash,
                                  .identity = put_text(&at, files->identity),
                                  .path = put_text(&at, key->path),
                                  .encoding = key->encoding,
                                  .checked_ms = loop_now_ms(),
                                  .references = 2,
                                  .fd = -1};
    entry->file = at;
    if (!put_name(key, at)) {
        memory_free(entry);
        return -ENOENT;
    }
    list_init(&entry->link);
    list_init(&entry->waiters);
    struct files_entry **bucket = bucket_of(cache, key->hash);
    entry->next = *bucket;
    *bucket = entry;
    *ret_entry = entry;
    return 0;
}

/*
 * Strong: another file, another size or another time is another tag. It is a hash, as inode numbers
 * are nobody's business, with a key that stays over restarts, as clients keep tags. While the
 * clock's tick of the last change still runs, a further change would give the same one: then the
 * moment of this look is made part of it, and it is given up at the next.
 */
static void write_etag(struct files_entry *entry, int64_t now_ns)
{
    static const struct hash_key key = {0, 0};
    const struct file_info *info = &entry->info;
    const uint64_t identity[] = {info->inode, info->size, (uint64_t)info->modified_ns};
    struct writer writer;
    writer_init(&writer, entry->etag_memory, sizeof entry->etag_memory);
    write_char(&writer, '"');
    write_hex(&writer, hash_bytes(key, slice_of(identity, sizeof identity)), 16);
    if (!entry->is_settled) {
        write_char(&writer, '-');
        write_hex(&writer, (uint64_t)now_ns, 16);
    }
    write_char(&writer, '"');
    assert(!writer.overflown);
    entry->validators.etag = writer_slice(&writer);
}

static int64_t seconds_of(int64_t time_ns)
{
    int64_t seconds = time_ns / 1000000000;
    return time_ns % 1000000000 < 0 ? seconds - 1 : seconds;
}

/* A file from the future was modified now (RFC 9110 §8.8.2.1). */
static void write_fields(struct files_entry *entry, int64_t now_ns)
{
    struct validators *validators = &entry->validators;
    int64_t modified_ns = entry->info.modified_ns < now_ns ? entry->info.modified_ns : now_ns;
    validators->modified_s = seconds_of(modified_ns);
    write_etag(entry, now_ns);
    /* That of what is encoded, not of the file it is encoded in. */
    struct slice name = slice_of_cstr(entry->file);
    entry->type = content_type_of(slice_first(name, name.len - suffixes[entry->encoding].len));
    char date[HTTP_DATE_BYTES];
    http_date_write(date, validators->modified_s);

    struct writer writer;
    writer_init(&writer, entry->fields_memory, sizeof entry->fields_memory);
    h1_write_field(&writer, field_name(FIELD_CONTENT_TYPE), entry->type);
    size_t type_len = writer_slice(&writer).len;
    if (entry->encoding != ENCODING_IDENTITY)
        h1_write_field(&writer, field_name(FIELD_CONTENT_ENCODING),
                       http_encoding_name(entry->encoding));
    write_literal(&writer, "X-Content-Type-Options: nosniff\r\nAccept-Ranges: bytes\r\n");
    size_t validators_at = writer_slice(&writer).len;
    h1_write_field(&writer, field_name(FIELD_LAST_MODIFIED), slice_of(date, sizeof date));
    h1_write_field(&writer, field_name(FIELD_ETAG), validators->etag);
    assert(!writer.overflown);
    entry->fields = writer_slice(&writer);
    entry->fields_untyped = slice_from(entry->fields, type_len);
    entry->fields_validators = slice_from(entry->fields, validators_at);
}

static void take_result(struct files_entry *entry, const struct files_load *load)
{
    entry->is_settled = load->is_settled;
    entry->error = load->result;
    if (load->result < 0) {
        entry->state = FILES_FAILED;
        return;
    }
    entry->info = load->info;
    entry->fd = load->fd;
    entry->content = load->content;
    entry->state = load->info.is_folder ? FILES_FOLDER : FILES_FILE;
    if (entry->state == FILES_FILE)
        write_fields(entry, load->now_ns);
}

/* The entry is loaded: it counts from now on. Failures that may pass by themselves are not kept. */
static void publish(struct files_cache *cache, struct files_entry *entry)
{
    list_prepend(&cache->order, &entry->link);
    cache->stats.entries++;
    cache->stats.bytes += bytes_of(entry);
    cache->stats.descriptors += entry->fd >= 0 ? 1 : 0;
    if (entry->state == FILES_FAILED && entry->error != -ENOENT && entry->error != -EACCES)
        drop(entry);
    evict(cache);
    while (!list_is_empty(&entry->waiters)) {
        struct waiter *waiter = CONTAINER_OF(entry->waiters.next, struct waiter, link);
        list_remove(&waiter->link);
        fiber_wake(waiter->fiber);
    }
}

static void load(struct files_cache *cache, struct files_entry *entry)
{
    struct files_load load = {
        .root = entry->identity.at, .file = entry->file, .now_ns = loop_wall_us() * 1000};
    cache->stats.loads++;
    files_load_run(&load);
    if (load.result == -EAGAIN) {
        load.may_wait = true;
        int rc = offload(files_load_run, &load);
        if (rc < 0)
            load.result = rc;
    }
    take_result(entry, &load);
    publish(cache, entry);
}

static int wait_for_load(struct files_entry *entry)
{
    struct waiter waiter = {.fiber = fiber_current()};
    list_append(&entry->waiters, &waiter.link);
    int64_t deadline_ms = loop_deadline(WAIT_LOAD_MS);
    int rc = 0;
    while (rc == 0 && entry->state == FILES_PENDING)
        rc = fiber_wait(deadline_ms);
    list_remove(&waiter.link);
    return entry->state == FILES_PENDING ? rc : 0;
}

static bool is_unchanged(const struct file_info *a, const struct file_info *b)
{
    return a->inode == b->inode && a->device == b->device && a->size == b->size &&
           a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns &&
           a->is_regular == b->is_regular;
}

/* Looks at the file again, without waiting: false when that is not possible. */
static bool is_still_true(const struct files_entry *entry)
{
    struct file_info info;
    int rc = beneath_stat(entry->identity.at, entry->file, false, &info);
    switch (entry->state) {
    case FILES_FILE:
        return rc == 0 && entry->is_settled && is_unchanged(&entry->info, &info);
    case FILES_FOLDER:
        return rc == 0 && info.is_folder;
    case FILES_FAILED:
        return rc == -ENOENT && entry->error == -ENOENT;
    case FILES_PENDING:
        break;
    }
    return false;
}

/* An entry of the table to rely on, or NULL. */
static struct files_entry *find_fresh(struct files_cache *cache, const struct key *key)
{
    struct files_entry *entry = lookup(cache, key);
    if (entry == NULL || entry->state == FILES_PENDING)
        return entry;
    if (UNLIKELY(loop_now_ms() - entry->checked_ms >= FILES_FRESH_MS)) {
        if (!is_still_true(entry)) {
            drop(entry);
            return NULL;
        }
        entry->checked_ms = loop_now_ms();
    }
    entry->was_hit = true;
    cache->stats.hits++;
    return entry;
}

int files_cache_find(struct files_cache *cache, const struct conf_files *files, struct slice path,
                     enum http_encoding encoding, struct files_entry **ret_entry)
{
    struct key key = {files, path, encoding,
                      hash_bytes(cache->hash_key, path) ^ files->identity_hash ^ encoding};
    struct files_entry *entry = find_fresh(cache, &key);
    int rc = 0;
    if (entry == NULL) {
        rc = insert_pending(cache, &key, &entry);
        if (rc < 0)
            return rc;
        load(cache, entry);
    } else {
        entry->references++;
        if (UNLIKELY(entry->state == FILES_PENDING))
            rc = wait_for_load(entry);
    }
    if (rc == 0)
        rc = entry->error;
    if (rc < 0) {
        files_entry_give(entry);
        return rc;
    }
    *ret_entry = entry;
    return 0;
}

void files_cache_stats_read(const struct files_cache *cache, struct files_cache_stats *ret_stats)
{
    *ret_stats = cache->stats;
}
