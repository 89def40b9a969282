/*
 * Giving back what nobody names: blobs without a reference, packs without live data, and packs that
 * are mostly dead, whose rest is written anew. Nothing goes before `grace_ms` have passed since it
 * lost its last name, so that who still reads it can finish; and no pack before the index has come
 * to lie behind it for good.
 */
#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/store_internal.h"

#include <errno.h>
#include <string.h>

#define IDLE_BLOBS_MAX 256
#define MOVES_MAX      64
#define KEEP_EVERY_MS  30000

struct idle_blobs {
    struct store *store;
    unsigned char hashes[IDLE_BLOBS_MAX][CONTENT_HASH_BYTES];
    int64_t before_ms;
    unsigned removed;
};

/* On the index thread, so that nothing comes to name them meanwhile. */
static int remove_idle_blobs(void *arg, struct catalog *catalog)
{
    struct idle_blobs *idle = arg;
    int count = catalog_idle_blobs(catalog, idle->before_ms, idle->hashes, IDLE_BLOBS_MAX);
    for (int i = 0; i < count; i++) {
        int rc = blobs_remove(idle->store->blobs, idle->hashes[i]);
        if (rc == -EBUSY)
            continue;
        if (rc == 0 || rc == -ENOENT)
            rc = catalog_forget_blob(catalog, idle->hashes[i]);
        if (rc < 0)
            return rc;
        idle->removed++;
    }
    return count;
}

struct sweep {
    struct store *store;
    struct catalog *catalog;
    uint64_t removed;
};

static int sweep_blob(void *arg, const unsigned char hash[CONTENT_HASH_BYTES])
{
    struct sweep *sweep = arg;
    int rc = catalog_knows_blob(sweep->catalog, hash);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    rc = blobs_remove(sweep->store->blobs, hash);
    sweep->removed += rc == 0;
    return rc == -EBUSY || rc == -ENOENT ? 0 : rc;
}

/* What a kill has left between a blob's renaming and its record: no index will ever know it. */
static int sweep_blobs(void *arg, struct catalog *catalog)
{
    struct sweep *sweep = arg;
    int rc = 0;
    sweep->catalog = catalog;
    for (unsigned folder = 0; rc == 0 && folder < 256; folder++)
        rc = blobs_each(sweep->store->blobs, folder, sweep_blob, sweep);
    return rc;
}

struct pack_choice {
    struct store *store;
    uint32_t mark_pack;  /* packs below it the index does not need any more */
    uint32_t worst;      /* to be rewritten; 0: none */
    uint64_t worst_live; /* of 1,024 */
    struct buffer dead;  /* of uint32_t */
    struct buffer live;  /* of struct pack_live, by number */
};

struct pack_live {
    uint32_t pack;
    uint64_t bytes;
};

static int note_live(void *arg, uint32_t pack, uint64_t live_bytes)
{
    struct pack_choice *choice = arg;
    struct pack_live live = {pack, live_bytes};
    return buffer_append(&choice->live, slice_of(&live, sizeof live));
}

static int read_packs(void *arg, struct catalog *catalog)
{
    struct pack_choice *choice = arg;
    struct catalog_mark mark;
    int rc = catalog_checkpoint(catalog);
    if (rc == 0)
        rc = catalog_mark_read(catalog, &mark);
    if (rc < 0)
        return rc;
    choice->mark_pack = mark.place.pack;
    return catalog_each_pack(catalog, note_live, choice);
}

static uint64_t live_of(const struct pack_choice *choice, uint32_t pack)
{
    const struct pack_live *at = (const void *)choice->live.at;
    for (size_t i = 0; i < choice->live.len / sizeof *at; i++) {
        if (at[i].pack == pack)
            return at[i].bytes;
    }
    return 0;
}

static int judge_pack(void *arg, uint32_t pack, uint64_t bytes)
{
    struct pack_choice *choice = arg;
    uint64_t live = live_of(choice, pack), share = bytes == 0 ? 0 : live * 1024 / bytes;
    if (pack >= choice->mark_pack)
        return 0;
    if (live == 0)
        return buffer_append(&choice->dead, slice_of(&pack, sizeof pack));
    if (share < 512 && (choice->worst == 0 || share < choice->worst_live)) {
        choice->worst = pack;
        choice->worst_live = share;
    }
    return 0;
}

/* Since when the pack has been dead, as far as this process has seen; now, when it is news. */
static int64_t dead_since(struct store *store, uint32_t pack, int64_t now_ms)
{
    for (unsigned i = 0; i < store->dead_count; i++) {
        if (store->dead_packs[i] == pack)
            return store->dead_since_ms[i];
    }
    if (store->dead_count == store->dead_max) {
        unsigned max = store->dead_max == 0 ? 16 : 2 * store->dead_max;
        uint32_t *packs = memory_resize(store->dead_packs, max * sizeof *packs);
        if (packs != NULL)
            store->dead_packs = packs;
        int64_t *since = memory_resize(store->dead_since_ms, max * sizeof *since);
        if (since != NULL)
            store->dead_since_ms = since;
        if (packs == NULL || since == NULL)
            return now_ms;
        store->dead_max = max;
    }
    store->dead_packs[store->dead_count] = pack;
    store->dead_since_ms[store->dead_count++] = now_ms;
    return now_ms;
}

static void forget_dead(struct store *store, uint32_t pack)
{
    for (unsigned i = 0; i < store->dead_count; i++) {
        if (store->dead_packs[i] != pack)
            continue;
        store->dead_packs[i] = store->dead_packs[--store->dead_count];
        store->dead_since_ms[i] = store->dead_since_ms[store->dead_count];
        return;
    }
}

static int64_t remove_dead(struct store *store, const struct pack_choice *choice)
{
    const uint32_t *dead = (const void *)choice->dead.at;
    int64_t now_ms = clock_wall_us() / 1000, freed = 0;
    for (size_t i = 0; i < choice->dead.len / sizeof *dead; i++) {
        if (now_ms - dead_since(store, dead[i], now_ms) < store->options.grace_ms)
            continue;
        int64_t bytes = packs_bytes(store->packs, dead[i]);
        int rc = packs_remove(store->packs, dead[i]);
        if (rc < 0 && rc != -ENOENT)
            return rc;
        forget_dead(store, dead[i]);
        freed += bytes < 0 ? 0 : bytes;
    }
    return freed;
}

/* Writing a pack's live data anew. */

struct rewriting {
    struct store *store;
    uint32_t pack;
    struct catalog_reader *reader;
    struct store_change changes[MOVES_MAX];
    char *memory[MOVES_MAX]; /* owned: keys, ids and data of the changes */
    unsigned count;
    struct buffer room;
};

static int commit_moves(struct rewriting *rewriting)
{
    int rc = rewriting->count == 0
                 ? 0
                 : store_commit(rewriting->store, rewriting->changes, rewriting->count);
    for (unsigned i = 0; i < rewriting->count; i++)
        memory_free(rewriting->memory[i]);
    rewriting->count = 0;
    /* What is gone by now, with its bucket, need not move. */
    return rc == -ENOENT ? 0 : rc;
}

static bool content_lies_at(struct slice content, const struct content_segment *old)
{
    struct content_segment segment;
    while (content_take(&content, &segment) == 1) {
        if (segment.kind == CONTENT_PACK && segment.pack == old->pack &&
            segment.offset == old->offset)
            return true;
    }
    return false;
}

struct part_search {
    const struct change_move *move;
    bool is_found;
};

static int look_at_part(void *arg, const struct change_part *part)
{
    struct part_search *search = arg;
    search->is_found = part->number == search->move->number &&
                       content_lies_at(part->version.content, &search->move->old);
    return 1;
}

/* Who uses the record's data? 1 when somebody does; the object that is named first is not always
 * the one, as parts become objects. */
static int is_used(struct rewriting *rewriting, const struct change_move *move)
{
    struct version version;
    struct part_search search = {.move = move};
    if (move->upload.len > 0) {
        int rc = catalog_list_parts(rewriting->reader, move->upload, move->number, look_at_part,
                                    &search);
        return rc < 0 ? rc : search.is_found;
    }
    int rc = catalog_find(rewriting->reader, move->bucket, move->key, VERSION_SEQUENCE,
                          move->sequence, &rewriting->room, &version);
    if (rc < 0)
        return rc == -ENOENT ? 0 : rc;
    return content_lies_at(version.content, &move->old);
}

static int add_move(struct rewriting *rewriting, const struct change_move *move, struct slice data)
{
    size_t bytes = move->upload.len + move->key.len + data.len;
    char *memory = memory_alloc_raw(bytes + 1);
    if (memory == NULL)
        return -ENOMEM;
    struct writer writer;
    writer_init(&writer, memory, bytes);
    write_slice(&writer, move->upload);
    write_slice(&writer, move->key);
    write_slice(&writer, data);
    struct store_change *change = &rewriting->changes[rewriting->count];
    *change = (struct store_change){.kind = RECORD_MOVE, .move = *move};
    change->move.upload = slice_of(memory, move->upload.len);
    change->move.key = slice_of(memory + move->upload.len, move->key.len);
    change->data = slice_of(memory + move->upload.len + move->key.len, data.len);
    rewriting->memory[rewriting->count++] = memory;
    return rewriting->count == MOVES_MAX ? commit_moves(rewriting) : 0;
}

static int rewrite_record(void *arg, const struct record *record, struct packs_place place)
{
    struct rewriting *rewriting = arg;
    struct change_put put;
    struct change_part part;
    struct change_move move = {.number = 0}, moved;
    if (place.pack != rewriting->pack)
        return 1;
    if (record->data_len == 0)
        return 0;
    int rc = 0;
    if (record->kind == RECORD_PUT && (rc = change_read_put(record->meta, &put)) == 0) {
        move.bucket = put.version.bucket;
        move.key = put.version.key;
        move.sequence = record->sequence;
    } else if (record->kind == RECORD_PART && (rc = change_read_part(record->meta, &part)) == 0) {
        move.upload = part.upload;
        move.number = part.number;
    } else if (record->kind == RECORD_MOVE && (rc = change_read_move(record->meta, &moved)) == 0) {
        move = moved;
    }
    if (rc < 0)
        return rc;
    move.old = (struct content_segment){.kind = CONTENT_PACK,
                                        .length = record->data_len,
                                        .pack = place.pack,
                                        .offset = packs_data_offset(place, record->meta.len),
                                        .crc = record->data_crc};
    rc = is_used(rewriting, &move);
    return rc == 1 ? add_move(rewriting, &move, record->data) : rc;
}

/* Parts that became objects, and copies of contents, are found by looking through all objects. */
static int rewrite_rest(struct rewriting *rewriting);

static int rewrite_pack(struct store *store, uint32_t pack)
{
    struct packs_replay replay;
    struct error error;
    struct rewriting *rewriting = NEW(struct rewriting);
    if (rewriting == NULL)
        return -ENOMEM;
    rewriting->store = store;
    rewriting->pack = pack;
    buffer_init(&rewriting->room, (size_t)4 << 20);
    int rc = store_index_wait(store, atomic_load(&store->acknowledged));
    if (rc == 0)
        rc = store_take_reader(store, &rewriting->reader);
    if (rc == 0) {
        rc = packs_replay(store->packs, (struct packs_place){pack, 0}, false, rewrite_record,
                          rewriting, &replay, &error);
        if (rc >= 0)
            rc = commit_moves(rewriting);
        if (rc == 0)
            rc = rewrite_rest(rewriting);
        store_give_reader(store, rewriting->reader);
    }
    for (unsigned i = 0; i < rewriting->count; i++)
        memory_free(rewriting->memory[i]);
    buffer_finish(&rewriting->room);
    memory_free(rewriting);
    return rc;
}

static int rewrite_from_object(void *arg, const struct version *version, bool is_latest,
                               struct buffer *seek)
{
    struct rewriting *rewriting = arg;
    struct slice content = version->content;
    (void)is_latest;
    (void)seek;
    struct content_segment segment;
    int rc = 0;
    while (rc == 0 && content_take(&content, &segment) == 1) {
        if (segment.kind != CONTENT_PACK || segment.pack != rewriting->pack)
            continue;
        char *data = memory_alloc_raw(segment.length + 1);
        if (data == NULL)
            return -ENOMEM;
        struct change_move move = {.bucket = version->bucket,
                                   .key = version->key,
                                   .sequence = version->sequence,
                                   .old = segment};
        rc = packs_read(rewriting->store->packs, &segment, true, data);
        if (rc == 0)
            rc = add_move(rewriting, &move, slice_of(data, segment.length));
        memory_free(data);
        /* What cannot be read any more stays where it is, for `verify` to tell. */
        if (rc == -EBADMSG)
            rc = 0;
    }
    return rc;
}

static int rewrite_bucket(void *arg, struct store_bucket *bucket)
{
    struct rewriting *rewriting = arg;
    return catalog_list(rewriting->reader, bucket->id, (struct slice){"", 0}, 0,
                        rewrite_from_object, rewriting);
}

static int rewrite_rest(struct rewriting *rewriting)
{
    struct pack_choice choice = {.store = rewriting->store};
    buffer_init(&choice.dead, (size_t)1 << 20);
    buffer_init(&choice.live, (size_t)16 << 20);
    int rc = store_index_call(rewriting->store, read_packs, &choice);
    bool is_done = rc == 0 && live_of(&choice, rewriting->pack) == 0;
    buffer_finish(&choice.dead);
    buffer_finish(&choice.live);
    if (rc < 0 || is_done)
        return rc;
    rc = store_bucket_each(rewriting->store, rewrite_bucket, rewriting);
    return rc < 0 ? rc : commit_moves(rewriting);
}

int64_t store_collect(struct store *store)
{
    struct pack_choice choice = {.store = store};
    struct sweep sweep = {.store = store};
    struct idle_blobs *idle = NEW(struct idle_blobs);
    int64_t freed = 0;
    if (idle == NULL)
        return -ENOMEM;
    buffer_init(&choice.dead, (size_t)1 << 20);
    buffer_init(&choice.live, (size_t)16 << 20);
    idle->store = store;
    idle->before_ms = clock_wall_us() / 1000 - store->options.grace_ms;
    int rc = 0;
    if (!store->has_swept)
        rc = store_index_call(store, sweep_blobs, &sweep);
    store->has_swept |= rc == 0;
    /* As long as there are more of them. */
    do {
        idle->removed = 0;
        if (rc == 0)
            rc = store_index_call(store, remove_idle_blobs, idle);
    } while (rc == IDLE_BLOBS_MAX && idle->removed > 0);
    if (rc >= 0)
        rc = store_index_call(store, read_packs, &choice);
    if (rc == 0)
        rc = packs_each_sealed(store->packs, judge_pack, &choice);
    if (rc == 0)
        freed = remove_dead(store, &choice);
    if (rc == 0 && choice.worst != 0)
        rc = rewrite_pack(store, choice.worst);
    memory_free(idle);
    buffer_finish(&choice.dead);
    buffer_finish(&choice.live);
    if (freed > 0)
        atomic_fetch_add(&store->collected_bytes, (uint64_t)freed);
    return rc < 0 ? rc : freed;
}

static void keep_main(void *arg)
{
    struct store *store = arg;
    lock_take(&store->keep_lock);
    while (!store->keep_is_closing) {
        condition_wait_for(&store->keep_wanted, &store->keep_lock, KEEP_EVERY_MS);
        if (store->keep_is_closing)
            break;
        lock_release(&store->keep_lock);
        int64_t rc = store_collect(store);
        if (rc < 0)
            log_warn("the store could not be collected: %s", strerror((int)-rc));
        store_scrub_step(store);
        store_ballast_keep(store);
        lock_take(&store->keep_lock);
    }
    lock_release(&store->keep_lock);
}

int store_keep_start(struct store *store)
{
    int rc = thread_start(&store->keep_thread, "weir-keep", THREAD_CPU_ANY, keep_main, store);
    store->has_keep_thread = rc == 0;
    return rc;
}

void store_keep_stop(struct store *store)
{
    if (!store->has_keep_thread)
        return;
    lock_take(&store->keep_lock);
    store->keep_is_closing = true;
    condition_signal(&store->keep_wanted);
    lock_release(&store->keep_lock);
    thread_join(&store->keep_thread);
    store->has_keep_thread = false;
}
