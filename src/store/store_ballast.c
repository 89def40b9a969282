/*
 * Room on the disk that is held back for the index. What the log has acknowledged the index must be
 * able to follow, and a start must be able to begin a pack, when others have filled the disk beyond
 * the reserve: then it is given up, and taken again when there is room.
 */
#include "store/store_internal.h"

#include <errno.h>

#define BALLAST_PATH  "ballast"
#define BALLAST_BYTES ((uint64_t)4 << 20)

static int reserve(struct disk *disk)
{
    struct disk_file *file;
    int rc = disk_open(disk, BALLAST_PATH, DISK_WRITE | DISK_CREATE, &file);
    if (rc < 0)
        return rc;
    rc = disk_reserve(file, 0, BALLAST_BYTES);
    disk_close(file);
    if (rc < 0)
        (void)disk_remove(disk, BALLAST_PATH);
    return rc;
}

void store_ballast_keep(struct store *store)
{
    uint64_t free, total;
    if (atomic_load(&store->has_ballast) || disk_space(store->disk, &free, &total) < 0 ||
        free < store->options.reserve_bytes + BALLAST_BYTES)
        return;
    atomic_store(&store->has_ballast, reserve(store->disk) == 0);
}

bool store_ballast_release(struct store *store)
{
    atomic_store(&store->has_ballast, false);
    return disk_remove(store->disk, BALLAST_PATH) == 0;
}
