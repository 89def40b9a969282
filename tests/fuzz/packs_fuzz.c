/*
 * Packs with any bytes in them. The first byte says how the rest becomes packs: as it is, or behind
 * a head and records that hold together, some of whose bytes the input overwrites. Holds: each
 * record that is visited holds together where it is said to lie; what is appended behind the end
 * after a repair is there when the packs are opened again, behind the same records as before.
 */
#include "fuzz.h"

#include "base/buffer.h"
#include "base/crc32c.h"
#include "base/memory.h"
#include "os/disk_sim.h"
#include "store/packs.h"

#define BYTES_MAX   16384
#define RECORDS_MAX 4096

struct seen {
    struct packs *packs;
    struct packs_place places[RECORDS_MAX];
    uint32_t crcs[RECORDS_MAX]; /* of meta and data */
    unsigned count;
};

static int see(void *arg, const struct record *record, struct packs_place place)
{
    struct seen *seen = arg;
    struct content_segment segment = {.kind = CONTENT_PACK,
                                      .length = record->data.len,
                                      .pack = place.pack,
                                      .offset = packs_data_offset(place, record->meta.len),
                                      .crc = record->data_crc};
    char *data = memory_alloc_raw(record->data.len + 1);
    CHECK(data != NULL && seen->count < RECORDS_MAX);
    CHECK(record->data.len == record->data_len);
    CHECK(crc32c_add(0, record->data) == record->data_crc);
    CHECK(packs_read(seen->packs, &segment, true, data) == 0);
    CHECK(slice_equal(slice_of(data, record->data.len), record->data));
    memory_free(data);
    seen->places[seen->count] = place;
    seen->crcs[seen->count++] = crc32c_add(crc32c_add(0, record->meta), record->data);
    return 0;
}

static struct packs *open_packs(struct disk *disk)
{
    struct packs *packs;
    struct error error = {0};
    CHECK(packs_open(disk, &packs, &error) == 0);
    return packs;
}

static void replay(struct packs *packs, bool is_repair, struct seen *ret_seen,
                   struct packs_replay *ret_replay)
{
    struct error error = {0};
    ret_seen->packs = packs;
    ret_seen->count = 0;
    CHECK(packs_replay(packs, (struct packs_place){0, 0}, is_repair, see, ret_seen, ret_replay,
                       &error) == 0);
    CHECK(ret_replay->records == ret_seen->count);
}

static void append(struct packs *packs, uint64_t sequence)
{
    struct record record = {.kind = RECORD_PUT,
                            .sequence = sequence,
                            .meta = SLICE("a name"),
                            .data = SLICE("what is under it")};
    struct packs_place place;
    CHECK(packs_append(packs, &record, 1, &place) == 0);
    CHECK(packs_sync(packs) == 0);
}

static void write_file(struct disk *disk, const char *path, struct slice bytes, uint64_t offset)
{
    struct disk_file *file;
    CHECK(disk_open(disk, path, DISK_WRITE | DISK_CREATE, &file) == 0);
    CHECK(disk_write(file, bytes.at, bytes.len, offset) == 0);
    disk_close(file);
}

/* Two packs with two records each. */
static void make_valid(struct disk *disk)
{
    uint64_t sequence = 1;
    for (unsigned i = 0; i < 2; i++) {
        struct packs_replay found;
        struct seen seen;
        struct packs *packs = open_packs(disk);
        replay(packs, true, &seen, &found);
        append(packs, sequence++);
        append(packs, sequence++);
        packs_close(packs);
    }
}

/* Of a pack: three bytes say which and where, one how many follow. */
static void overwrite(struct disk *disk, struct slice changes)
{
    static const char *const paths[] = {"packs/00000001.pack", "packs/00000002.pack"};
    while (changes.len >= 4) {
        const unsigned char *at = (const unsigned char *)changes.at;
        struct slice bytes = slice_first(slice_from(changes, 4), at[3]);
        write_file(disk, paths[at[0] & 1], bytes, (at[1] << 8 | at[2]) & 511);
        changes = slice_from(changes, 4 + bytes.len);
    }
}

static void check_same(const struct seen *before, const struct seen *after, unsigned more)
{
    CHECK(after->count == before->count + more);
    for (unsigned i = 0; i < before->count; i++) {
        CHECK(after->places[i].pack == before->places[i].pack);
        CHECK(after->places[i].offset == before->places[i].offset);
        CHECK(after->crcs[i] == before->crcs[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct seen first, second;
    struct disk *disk;
    struct packs_replay found, again;
    if (len < 1 || len > BYTES_MAX)
        return 0;
    struct slice bytes = slice_of(data + 1, len - 1);
    CHECK(disk_sim_create(1, NULL, &disk) == 0);
    make_valid(disk);
    if (data[0] & 1)
        write_file(disk, "packs/00000003.pack", bytes, 0);
    else
        overwrite(disk, bytes);

    struct packs *packs = open_packs(disk);
    replay(packs, true, &first, &found);
    append(packs, found.last_sequence + 1);
    packs_close(packs);

    packs = open_packs(disk);
    replay(packs, false, &second, &again);
    check_same(&first, &second, 1);
    CHECK(again.torn_bytes == 0);
    packs_close(packs);
    disk_destroy(disk);
    return 0;
}
