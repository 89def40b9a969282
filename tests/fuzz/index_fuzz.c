/*
 * A store whose index has any bytes in it. The first byte says what becomes of a valid one: bit 0
 * takes its WAL away, bit 1 makes the sums of changed pages hold again, so that SQLite and the rows
 * are reached; bit 2: the rest of the input is the whole file; bit 3: the log is gone. Otherwise
 * the input overwrites some of its bytes. Holds: opening works or says why not; then whatever is
 * asked is answered or fails, what is written and acknowledged is read back, and no object is
 * served with a content that it does not have.
 */
#include "fuzz.h"

#include "base/memory.h"
#include "os/disk_sim.h"
#include "store/page_sum.h"
#include "store/sqlite_disk.h"
#include "store/store.h"

#include <endian.h>
#include <string.h>

#define BYTES_MAX      ((size_t)1 << 16)
#define FILE_BYTES_MAX ((size_t)1 << 20)
#define PAGE_BYTES     SQLITE_DISK_PAGE_BYTES

enum { WITHOUT_WAL = 1, RESEALED = 2, WHOLE = 4, WITHOUT_LOG = 8 };

struct file {
    const char *path;
    size_t len;
    char *bytes; /* owned, for as long as the process runs */
};

/* Of a store that was killed. */
static struct file index_file = {.path = "index.db"};
static struct file wal_file = {.path = "index.db-wal"};
static struct file log_file = {.path = "packs/00000001.pack"};

static void read_file(struct disk *disk, struct file *file)
{
    struct disk_file *opened;
    CHECK(disk_open(disk, file->path, 0, &opened) == 0);
    int64_t size = disk_size(opened);
    CHECK(size > 0 && (size_t)size <= FILE_BYTES_MAX);
    file->len = (size_t)size;
    file->bytes = memory_alloc_raw(file->len);
    CHECK(file->bytes != NULL);
    CHECK(disk_read(opened, file->bytes, file->len, 0) == (ssize_t)file->len);
    disk_close(opened);
}

static void write_file(struct disk *disk, const char *path, struct slice bytes)
{
    struct disk_file *file;
    CHECK(disk_open(disk, path, DISK_WRITE | DISK_CREATE, &file) == 0);
    CHECK(disk_write(file, bytes.at, bytes.len, 0) == 0);
    disk_close(file);
}

static int open_store(struct disk *disk, struct store **ret_store, struct error *ret_error)
{
    struct store_options options = {.folder = "", .disk = disk, .recent_bytes = 65536};
    struct store_found found = {.buckets = 0};
    return store_open(&options, ret_store, &found, ret_error);
}

static int put(struct store *store, uint32_t bucket, struct slice key, struct slice data)
{
    struct store_change change = {.kind = RECORD_PUT, .data = data};
    change.put.version = (struct version){
        .bucket = bucket, .key = key, .is_null = true, .size = data.len, .etag = SLICE("e")};
    return store_commit(store, &change, 1);
}

/* Objects, a version besides, an upload with a part; some of it in the WAL alone. */
static void make_valid(void)
{
    struct disk *disk;
    struct store *store;
    struct error error = {0};
    CHECK(disk_sim_create(1, NULL, &disk) == 0);
    CHECK(open_store(disk, &store, &error) == 0);
    struct store_change bucket = {.kind = RECORD_BUCKET, .bucket = {.name = SLICE("bucket")}};
    CHECK(store_commit(store, &bucket, 1) == 0);
    CHECK(put(store, 1, SLICE("a"), SLICE("of a")) == 0);
    CHECK(put(store, 1, SLICE("b/c"), SLICE("of b/c")) == 0);
    struct store_change changes[3] = {
        {.kind = RECORD_UPLOAD},
        {.kind = RECORD_PART, .data = SLICE("part")},
        {.kind = RECORD_PUT, .data = SLICE("new a")},
    };
    changes[0].upload =
        (struct change_upload){.id = SLICE("upload"), .version = {.bucket = 1, .key = SLICE("u")}};
    changes[1].part =
        (struct change_part){.upload = SLICE("upload"), .number = 1, .version = {.size = 4}};
    changes[2].put.version = (struct version){
        .bucket = 1, .key = SLICE("a"), .size = 5, .etag = SLICE("e"), .tags = SLICE("t=1")};
    CHECK(store_collect(store) >= 0);
    store_close(store);
    CHECK(open_store(disk, &store, &error) == 0);
    CHECK(store_commit(store, changes, 3) == 0);
    disk_sim_stop(disk);
    store_close(store);
    disk_sim_kill(disk);
    read_file(disk, &index_file);
    read_file(disk, &wal_file);
    read_file(disk, &log_file);
    disk_destroy(disk);
}

static void seal_page(char *page, uint64_t number)
{
    char *end = page + PAGE_BYTES - SQLITE_DISK_RESERVED_BYTES;
    memset(end, 0, SQLITE_DISK_RESERVED_BYTES);
    uint64_t sum = htole64(page_sum(page, PAGE_BYTES - SQLITE_DISK_RESERVED_BYTES, number));
    memcpy(end + 8, &sum, sizeof sum);
}

/* Three bytes say where, one how many follow. */
static void overwrite(char *bytes, size_t len, struct slice changes)
{
    while (changes.len >= 4) {
        const unsigned char *at = (const unsigned char *)changes.at;
        struct slice more = slice_first(slice_from(changes, 4), at[3]);
        size_t place = ((size_t)at[0] << 16 | (size_t)at[1] << 8 | at[2]) % len;
        memcpy(bytes + place, more.at, more.len < len - place ? more.len : len - place);
        changes = slice_from(changes, 4 + more.len);
    }
}

static void write_index(struct disk *disk, unsigned how, struct slice input)
{
    static char bytes[FILE_BYTES_MAX + PAGE_BYTES];
    size_t len = how & WHOLE ? input.len : index_file.len;
    memcpy(bytes, how & WHOLE ? input.at : index_file.bytes, len);
    if (!(how & WHOLE))
        overwrite(bytes, len, input);
    for (size_t at = 0; (how & RESEALED) && at + PAGE_BYTES <= len; at += PAGE_BYTES)
        seal_page(bytes + at, at / PAGE_BYTES);
    write_file(disk, index_file.path, slice_of(bytes, len));
    if (!(how & WITHOUT_WAL))
        write_file(disk, wal_file.path, slice_of(wal_file.bytes, wal_file.len));
}

static int ignore_version(void *arg, const struct version *version, bool is_latest,
                          struct buffer *seek)
{
    (void)arg;
    (void)is_latest;
    (void)seek;
    CHECK(version->key.len <= VERSION_KEY_BYTES_MAX);
    return 0;
}

static int ignore_upload(void *arg, const struct change_upload *upload)
{
    (void)arg;
    (void)upload;
    return 0;
}

static int ignore_part(void *arg, const struct change_part *part)
{
    (void)arg;
    (void)part;
    return 0;
}

static int ask_all(void *arg, struct catalog_reader *reader)
{
    struct catalog_usage usage;
    (void)arg;
    (void)catalog_list(reader, 1, SLICE(""), 0, ignore_version, NULL);
    (void)catalog_list(reader, 1, SLICE("a"), 3, ignore_version, NULL);
    (void)catalog_list_uploads(reader, 1, SLICE(""), SLICE(""), ignore_upload, NULL);
    (void)catalog_list_parts(reader, SLICE("upload"), 1, ignore_part, NULL);
    (void)catalog_usage_read(reader, 1, &usage);
    return 0;
}

static void find(struct store *store, enum version_which which, uint64_t sequence)
{
    struct object *object = NULL;
    if (store_find(store, 1, SLICE("a"), which, sequence, &object) < 0)
        return;
    /* A row that is believed is one that was written. */
    CHECK(slice_equal(object->version.etag, SLICE("e")));
    object_unref(object);
}

static bool reads_back(struct store *store, struct slice key, struct slice data)
{
    static char room[OUTGOING_BYTES];
    struct object *object;
    struct outgoing outgoing;
    struct slice part;
    if (store_find(store, 1, key, VERSION_LATEST, 0, &object) < 0)
        return false;
    outgoing_init(&outgoing, store, object, 0, object->version.size);
    bool is_same = outgoing_next(&outgoing, room, &part) == 1 && slice_equal(part, data);
    outgoing_finish(&outgoing);
    object_unref(object);
    return is_same;
}

static void tell(void *arg, const char *what)
{
    (void)arg;
    CHECK(what[0] != '\0');
}

static void use(struct store *store)
{
    uint64_t bytes;
    (void)store_read(store, ask_all, NULL);
    find(store, VERSION_LATEST, 0);
    find(store, VERSION_NULL, 0);
    find(store, VERSION_SEQUENCE, 6);
    if (put(store, 1, SLICE("new"), SLICE("written")) == 0)
        CHECK(reads_back(store, SLICE("new"), SLICE("written")));
    (void)store_verify(store, tell, NULL, &bytes);
    (void)store_collect(store);
    if (put(store, 1, SLICE("newer"), SLICE("written, too")) == 0)
        CHECK(reads_back(store, SLICE("newer"), SLICE("written, too")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct disk *disk;
    struct store *store;
    struct error error = {0};
    if (len < 1 || len > BYTES_MAX)
        return 0;
    if (index_file.len == 0)
        make_valid();
    CHECK(disk_sim_create(1, NULL, &disk) == 0);
    CHECK(disk_make_folder(disk, "packs") == 0);
    if (!(data[0] & WITHOUT_LOG))
        write_file(disk, log_file.path, slice_of(log_file.bytes, log_file.len));
    write_index(disk, data[0], slice_of(data + 1, len - 1));

    if (open_store(disk, &store, &error) < 0) {
        CHECK(error.text[0] != '\0');
    } else {
        use(store);
        store_close(store);
    }
    disk_destroy(disk);
    return 0;
}
