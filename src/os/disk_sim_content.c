/*
 * The bytes of one simulated file: as they read now, as they were synced, and the changes between.
 * A crash cuts those changes off at a place that is drawn for each stretch of sectors.
 */
#include "os/disk_sim_internal.h"

#include "base/memory.h"

#include <errno.h>
#include <string.h>

/* One write, or a new size. */
struct change {
    struct list link;
    bool is_resize;
    uint64_t offset; /* of a resize: the size */
    size_t len;
    char bytes[];
};

/* Grows a zeroed buffer from the node's capacity. */
static int grow(char **buffer, size_t from, size_t to)
{
    char *grown = memory_resize(*buffer, to);
    if (grown == NULL)
        return -ENOMEM;
    memset(grown + from, 0, to - from);
    *buffer = grown;
    return 0;
}

/* Room for so many bytes in both buffers, so that syncing cannot fail. */
static int reserve(struct disk_sim_node *node, uint64_t end)
{
    if (end > DISK_SIM_FILE_MAX)
        return -EFBIG;
    if (end <= node->capacity)
        return 0;
    size_t capacity = node->capacity < 4096 ? 4096 : node->capacity;
    while (capacity < end)
        capacity *= 2;
    int rc = grow(&node->bytes, node->capacity, capacity);
    if (rc == 0)
        rc = grow(&node->synced, node->capacity, capacity);
    if (rc == 0)
        node->capacity = capacity;
    return rc;
}

static struct change *change_create(struct disk_sim_node *node, uint64_t offset, size_t len)
{
    struct change *change = memory_alloc_raw(sizeof *change + len);
    if (change == NULL)
        return NULL;
    *change = (struct change){.offset = offset, .len = len};
    list_append(&node->changes, &change->link);
    node->changes_count++;
    return change;
}

static void forget_changes(struct disk_sim_node *node)
{
    LIST_FOR_EACH (&node->changes, link) {
        list_remove(link);
        memory_free(CONTAINER_OF(link, struct change, link));
    }
    node->changes_count = 0;
}

int disk_sim_content_write(struct disk_sim_node *node, const struct iovec *parts, int count,
                           size_t len, uint64_t offset)
{
    if (len == 0)
        return 0;
    if (offset > DISK_SIM_FILE_MAX)
        return -EFBIG;
    int rc = reserve(node, offset + len);
    if (rc < 0)
        return rc;
    struct change *change = change_create(node, offset, len);
    if (change == NULL)
        return -ENOMEM;
    size_t done = 0;
    for (int i = 0; i < count && done < len; i++) {
        size_t now = parts[i].iov_len < len - done ? parts[i].iov_len : len - done;
        if (now > 0)
            memcpy(change->bytes + done, parts[i].iov_base, now);
        done += now;
    }
    memcpy(node->bytes + offset, change->bytes, len);
    if (node->size < offset + len)
        node->size = offset + len;
    return 0;
}

/* A shorter file has zeros where it once was longer. */
static void resize(char *bytes, uint64_t *size, uint64_t new_size)
{
    if (new_size < *size)
        memset(bytes + new_size, 0, *size - new_size);
    *size = new_size;
}

int disk_sim_content_resize(struct disk_sim_node *node, uint64_t size)
{
    int rc = reserve(node, size);
    if (rc < 0)
        return rc;
    if (size == node->size)
        return 0;
    struct change *change = change_create(node, size, 0);
    if (change == NULL)
        return -ENOMEM;
    change->is_resize = true;
    resize(node->bytes, &node->size, size);
    return 0;
}

/* The size is what it is now, also where an earlier sync failed and lost the bytes. */
void disk_sim_content_sync(struct disk_sim_node *node)
{
    LIST_FOR_EACH (&node->changes, link) {
        const struct change *change = CONTAINER_OF(link, struct change, link);
        if (change->is_resize) {
            resize(node->synced, &node->synced_size, change->offset);
            continue;
        }
        memcpy(node->synced + change->offset, change->bytes, change->len);
        if (node->synced_size < change->offset + change->len)
            node->synced_size = change->offset + change->len;
    }
    resize(node->synced, &node->synced_size, node->size);
    forget_changes(node);
}

/* How a crash deals with one file. */
struct fate {
    uint64_t seed;
    size_t changes;
    size_t stretch;    /* sectors that share a cut */
    size_t common_cut; /* when stretch is 0 */
    size_t size_cut;   /* sizes from this change on are lost */
};

/* None, all, or so many of `changes`. */
static size_t draw_cut(struct prng *prng, size_t changes)
{
    switch (prng_below(prng, 4)) {
    case 0:
        return 0;
    case 1:
        return changes;
    default:
        return prng_below(prng, changes + 1);
    }
}

static struct fate draw_fate(struct prng *prng, size_t changes)
{
    static const size_t stretches[] = {0, 1, 1, 8, 8, 128};
    struct fate fate = {.seed = prng_next(prng), .changes = changes};
    fate.stretch = stretches[prng_below(prng, sizeof stretches / sizeof *stretches)];
    fate.common_cut = draw_cut(prng, changes);
    fate.size_cut = draw_cut(prng, changes);
    return fate;
}

/* Of this sector, changes from this one on are lost. */
static size_t cut_of(const struct fate *fate, uint64_t sector)
{
    if (fate->stretch == 0)
        return fate->common_cut;
    struct prng prng;
    prng_init(&prng, fate->seed + sector / fate->stretch);
    return draw_cut(&prng, fate->changes);
}

/* The sectors of one write below `wall` that made it. */
static void keep_sectors(struct disk_sim_node *node, const struct fate *fate,
                         const struct change *change, size_t nth, uint64_t wall)
{
    uint64_t end = change->offset + change->len;
    for (uint64_t at = change->offset; at < end && at < wall;) {
        uint64_t sector = at / DISK_SECTOR_BYTES;
        uint64_t next = (sector + 1) * DISK_SECTOR_BYTES;
        if (next > end)
            next = end;
        if (nth < cut_of(fate, sector))
            memcpy(node->synced + at, change->bytes + (at - change->offset), next - at);
        at = next;
    }
}

/*
 * A cut that is lost leaves the file's old room in place, and what was written there since went to
 * other room that nothing leads to: `wall` is where that begins.
 */
static void settle_changes(struct disk_sim_node *node, const struct fate *fate)
{
    uint64_t wall = UINT64_MAX;
    uint64_t size = node->synced_size;
    size_t nth = 0;
    LIST_FOR_EACH (&node->changes, link) {
        const struct change *change = CONTAINER_OF(link, struct change, link);
        uint64_t end = change->offset + change->len;
        bool is_size_kept = nth < fate->size_cut;
        if (!change->is_resize) {
            keep_sectors(node, fate, change, nth, wall);
            if (is_size_kept && size < end)
                size = end;
        } else if (is_size_kept) {
            memset(node->synced + end, 0, node->capacity - end);
            size = end;
        } else if (end < wall) {
            wall = end;
        }
        nth++;
    }
    node->synced_size = size;
}

/* Of a file that grew, at times a size that it never had: the end of some sector. */
static uint64_t draw_size(struct prng *prng, uint64_t before, uint64_t after)
{
    if (after <= before || prng_below(prng, 4) != 0)
        return after;
    uint64_t size = before + prng_below(prng, after - before + 1);
    size -= size % DISK_SECTOR_BYTES;
    return size < before ? before : size;
}

void disk_sim_content_settle(struct disk_sim_node *node, struct prng *prng)
{
    if (node->changes_count == 0)
        return;
    uint64_t before = node->synced_size;
    struct fate fate = draw_fate(prng, node->changes_count);
    settle_changes(node, &fate);
    uint64_t size = draw_size(prng, before, node->synced_size);
    node->synced_size = size;
    if (size < node->capacity)
        memset(node->synced + size, 0, node->capacity - size);
    forget_changes(node);
}

void disk_sim_content_revert(struct disk_sim_node *node)
{
    forget_changes(node);
    if (node->capacity > 0)
        memcpy(node->bytes, node->synced, node->capacity);
    node->size = node->synced_size;
    node->reserved = 0;
}

void disk_sim_content_finish(struct disk_sim_node *node)
{
    forget_changes(node);
    memory_free(node->bytes);
    memory_free(node->synced);
}
