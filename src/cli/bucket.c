/*
 * `weir bucket`: looks at a store that no edge has open. `verify` reads everything there is and
 * compares; `inspect` shows the buckets, an object, or the records of the log.
 */
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/place.h"
#include "conf/snapshot.h"
#include "os/file.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>

struct looking {
    const char *folder;
    struct store *store;
    char folder_room[PATH_MAX];
};

static int tell(const char *what)
{
    fprintf(stderr, "weir bucket: %s\n", what);
    return 1;
}

/* --store; else what the file says, else that of the state folder. */
static bool find_folder(struct looking *looking, const char *store, const char *file,
                        const char *state)
{
    struct place place;
    struct snapshot *snapshot = NULL;
    SCOPED(conf_errors_finish) struct conf_errors errors;
    conf_errors_init(&errors);
    looking->folder = store;
    if (store != NULL)
        return true;
    if (!place_find("bucket", file, state, false, &place))
        return false;
    looking->folder = looking->folder_room;
    int len = -1;
    if (snapshot_read_accepted(place.file, &snapshot, &errors) == 0 &&
        snapshot->store.folder.len > 0)
        len = snprintf(looking->folder_room, sizeof looking->folder_room, "%s",
                       snapshot->store.folder.at);
    else
        len = snprintf(looking->folder_room, sizeof looking->folder_room, "%s/edge/store",
                       place.state);
    snapshot_unref(snapshot);
    return len > 0 && (size_t)len < sizeof looking->folder_room;
}

static int open_store(struct looking *looking)
{
    struct store_found found;
    struct error error = {0};
    const struct store_options options = {.folder = looking->folder, .has_threads = false};
    struct file_info info;
    if (file_stat(looking->folder, &info) < 0) {
        fprintf(stderr, "weir bucket: there is no store at %s; --store FOLDER names another\n",
                looking->folder);
        return 1;
    }
    int rc = store_open(&options, &looking->store, &found, &error);
    if (rc == 0)
        return 0;
    if (rc == -EBUSY)
        fprintf(stderr,
                "weir bucket: an edge has the store %s open: `weir down` first; while it runs, it "
                "reads everything again by itself, a part at a time\n",
                looking->folder);
    else
        fprintf(stderr, "weir bucket: the store %s cannot be opened: %s\n", looking->folder,
                error.text);
    return 1;
}

/* verify */

static void tell_fault(void *arg, const char *what)
{
    (void)arg;
    printf("%s\n", what);
}

static int verify(struct looking *looking)
{
    uint64_t bytes = 0;
    if (open_store(looking) != 0)
        return 1;
    int64_t faults = store_verify(looking->store, tell_fault, NULL, &bytes);
    store_close(looking->store);
    if (faults < 0) {
        fprintf(stderr, "weir bucket: the store cannot be read: %s\n", strerror((int)-faults));
        return 1;
    }
    printf("%llu bytes read, %lld fault%s\n", (unsigned long long)bytes, (long long)faults,
           faults == 1 ? "" : "s");
    return faults > 0;
}

/* inspect */

struct usage {
    uint32_t bucket;
    struct catalog_usage found;
};

static int read_usage(void *arg, struct catalog_reader *reader)
{
    struct usage *usage = arg;
    return catalog_usage_read(reader, usage->bucket, &usage->found);
}

static int show_bucket(void *arg, struct store_bucket *bucket)
{
    struct looking *looking = arg;
    struct usage usage = {.bucket = bucket->id};
    if (store_read(looking->store, read_usage, &usage) < 0)
        return 0;
    printf("%-40.*s %10llu versions %14llu bytes\n", SLICE_ARG(bucket->name),
           (unsigned long long)usage.found.versions, (unsigned long long)usage.found.bytes);
    return 0;
}

static int show_buckets(struct looking *looking)
{
    if (open_store(looking) != 0)
        return 1;
    (void)store_bucket_each(looking->store, show_bucket, looking);
    store_close(looking->store);
    return 0;
}

static void show_content(const struct version *version)
{
    struct slice rest = version->content;
    struct content_segment segment;
    while (content_take(&rest, &segment) == 1) {
        if (segment.kind == CONTENT_PACK) {
            printf("content     packs/%08x.pack at %u, %llu bytes, crc32c %08x\n", segment.pack,
                   segment.offset, (unsigned long long)segment.length, segment.crc);
            continue;
        }
        printf("content     blob ");
        for (size_t i = 0; i < sizeof segment.hash; i++)
            printf("%02x", segment.hash[i]);
        printf(", %llu bytes\n", (unsigned long long)segment.length);
    }
}

static void show_version(const struct version *version)
{
    struct slice rest = version->fields, line;
    printf("version     %016llx%s%s\n", (unsigned long long)version->sequence,
           version->is_null ? " (null)" : "", version->is_marker ? ", a delete marker" : "");
    printf("size        %llu\n", (unsigned long long)version->size);
    printf("etag        %.*s\n", SLICE_ARG(version->etag));
    printf("modified    %lld ms since 1970\n", (long long)version->modified_ms);
    while (slice_cut(&rest, '\n', &line)) {
        if (slice_ends_with(line, SLICE("\r")))
            line.len--;
        if (line.len > 0)
            printf("field       %.*s\n", SLICE_ARG(line));
    }
    if (version->tags.len > 0)
        printf("tags        %.*s\n", SLICE_ARG(version->tags));
    show_content(version);
}

static int show_object(struct looking *looking, struct slice bucket_name, struct slice key)
{
    struct store_bucket *bucket = NULL;
    struct object *object = NULL;
    if (open_store(looking) != 0)
        return 1;
    int rc = store_bucket_find(looking->store, bucket_name, &bucket);
    if (rc == 0)
        rc = store_find(looking->store, bucket->id, key, VERSION_LATEST, 0, &object);
    if (rc == 0)
        show_version(&object->version);
    else
        fprintf(stderr, "weir bucket: %s\n",
                rc == -EBADMSG ? "the index is damaged there"
                               : "there is no such bucket, or no such object in it");
    object_unref(object);
    store_bucket_unref(bucket);
    store_close(looking->store);
    return rc < 0;
}

/* The log, read from the files alone: also of a store that is open or broken. */

static const char *kind_name(enum record_kind kind)
{
    static const char *const names[] = {
        [RECORD_PUT] = "put",
        [RECORD_DELETE] = "delete",
        [RECORD_AMEND] = "amend",
        [RECORD_BUCKET] = "bucket",
        [RECORD_BUCKET_GONE] = "bucket-gone",
        [RECORD_UPLOAD] = "upload",
        [RECORD_PART] = "part",
        [RECORD_UPLOAD_GONE] = "upload-gone",
        [RECORD_MOVE] = "move",
    };
    return (size_t)kind < COUNT_OF(names) && names[kind] != NULL ? names[kind] : "?";
}

static void show_meta(const struct record *record)
{
    struct change_put put;
    struct change_version version;
    struct change_bucket bucket;
    switch (record->kind) {
    case RECORD_PUT:
        if (change_read_put(record->meta, &put) == 0)
            printf(" bucket %u \"%.*s\" %llu bytes%s", put.version.bucket,
                   SLICE_ARG(put.version.key), (unsigned long long)put.version.size,
                   put.version.is_marker ? ", a delete marker" : "");
        break;
    case RECORD_DELETE:
    case RECORD_AMEND:
        if (change_read_version(record->meta, record->kind == RECORD_AMEND, &version) == 0)
            printf(" bucket %u \"%.*s\"", version.bucket, SLICE_ARG(version.key));
        break;
    case RECORD_BUCKET:
    case RECORD_BUCKET_GONE:
        if (change_read_bucket(record->meta, &bucket) == 0)
            printf(" bucket %u \"%.*s\"", bucket.id, SLICE_ARG(bucket.name));
        break;
    default:
        break;
    }
}

static int show_record(void *arg, const struct record *record, struct packs_place place)
{
    (void)arg;
    printf("%08x:%09u %-11s sequence %llu, data %u", place.pack, place.offset,
           kind_name(record->kind), (unsigned long long)record->sequence, record->data_len);
    show_meta(record);
    printf("\n");
    return 0;
}

static int show_log(struct looking *looking)
{
    struct disk *disk = NULL;
    struct packs *packs = NULL;
    struct packs_replay replay;
    struct error error = {0};
    struct file_info info;
    int rc = file_stat(looking->folder, &info);
    if (rc == 0)
        rc = disk_real_create(looking->folder, &disk);
    if (rc < 0)
        return tell(strerror(-rc));
    rc = packs_open(disk, &packs, &error);
    if (rc == 0)
        rc = packs_replay(packs, (struct packs_place){0, 0}, false, show_record, NULL, &replay,
                          &error);
    if (rc == 0)
        printf("%llu records, %llu bytes torn behind the end, %llu damaged\n",
               (unsigned long long)replay.records, (unsigned long long)replay.torn_bytes,
               (unsigned long long)replay.damaged_bytes);
    else
        fprintf(stderr, "weir bucket: %s\n", error.text);
    packs_close(packs);
    disk_destroy(disk);
    return rc < 0;
}

static int inspect(struct looking *looking, const char *what)
{
    if (what == NULL)
        return show_buckets(looking);
    struct slice word = slice_of_cstr(what);
    ptrdiff_t slash = slice_find(word, '/');
    if (slice_equal(word, SLICE("log")))
        return show_log(looking);
    if (slash <= 0 || (size_t)slash + 1 == word.len)
        return tell("inspect what? Say BUCKET/KEY, or `log`, or nothing");
    return show_object(looking, slice_first(word, (size_t)slash),
                       slice_from(word, (size_t)slash + 1));
}

int cli_bucket(int argc, const char **argv)
{
    const char *file = NULL, *state = NULL, *store = NULL, **words;
    struct looking looking = {.folder = NULL};
    const struct option_row options[] = {
        {'s', "store", OPTION_TEXT, "FOLDER", "the store; without it the one of the file",
         .text = &store},
        PLACE_FILE_ROW('f', file),
        PLACE_STATE_ROW(state),
        {.name = NULL},
    };
    const struct command_usage usage = {
        "bucket", "verify | inspect [BUCKET/KEY | log]",
        "Looks at the object store of this machine while no edge has it open. `verify` reads all\n"
        "of it and compares it with its checksums; `inspect` shows its buckets, one object, or "
        "the\n"
        "records of its log.",
        2, options};
    unsigned count;
    int exit_code;
    if (!options_parse(&usage, argc, argv, &count, &words, &exit_code))
        return exit_code;
    bool is_verify = count == 1 && strcmp(words[0], "verify") == 0;
    bool is_inspect = count >= 1 && strcmp(words[0], "inspect") == 0;
    if (!is_verify && !is_inspect) {
        (void)tell("say `verify` or `inspect`");
        return OPTIONS_EXIT_USAGE;
    }
    if (!find_folder(&looking, store, file, state))
        return 1;
    return is_verify ? verify(&looking) : inspect(&looking, count > 1 ? words[1] : NULL);
}
