/*
 * A disk in memory that loses power, fills up and breaks, all chance drawn from seeds: the same
 * calls with the same seeds give the same disk. It keeps what os/disk.h promises and nothing more:
 *
 *   - Sectors are whole; a file's unsynced sectors are old or new each on their own, or one of the
 *     versions between. So writes are dropped, torn and reordered, within a file and between files.
 *   - The size of a file that grew is the old, the new, or one between, independent of its bytes,
 *     which are zeros where they did not arrive. A file cut short may be whole again.
 *   - Each making, renaming and removing is done or undone on its own, unless its folder was
 *     synced. What lies in a folder whose own name is undone is lost with it.
 *
 * Not modelled: sectors that tear within, and damage to what was synced (disk_sim_flip is for
 * that). There is no delay. Only files are renamed: -EISDIR for folders.
 *
 * What is synced is never seen to be read back changed but by read_flip_ppm and disk_sim_flip.
 */
#pragma once

#include "os/disk.h"

#include <stdbool.h>

/* Chances in millionths (ppm) for each call; all zero is a disk without faults. */
struct disk_sim_faults {
    uint64_t full_after_bytes; /* -ENOSPC beyond, with what fits written; 0: 1 TiB */
    uint32_t write_error_ppm;  /* -EIO, with any first sectors of it written */
    /* -EIO. What is unsynced stays as it reads now, but some of it is lost at the next crash,
     * whatever is synced later: it is marked clean, as Linux does. */
    uint32_t sync_error_ppm;
    uint32_t read_flip_ppm; /* one bit of what is read is wrong this time */
    uint32_t again_ppm;     /* disk_try_read says -EAGAIN */
};

struct disk_sim_stats {
    uint64_t changes; /* calls that change something: what disk_sim_fail_at counts */
    uint64_t writes;
    uint64_t bytes; /* written */
    uint64_t syncs; /* of files */
    uint64_t folder_syncs;
    uint64_t reads;
    uint64_t used_bytes; /* of all files, reserved room counted in */
};

/* `faults` may be NULL: none. Returns 0 or -ENOMEM. */
int disk_sim_create(uint64_t seed, const struct disk_sim_faults *faults, struct disk **ret_disk);

/* From now on. */
void disk_sim_set_faults(struct disk *disk, const struct disk_sim_faults *faults);

/*
 * The `nth` call from now (1 is the next) that changes something fails with `error` (as -EIO); a
 * write with any part of it done, a sync as by sync_error_ppm. 0: none does. Those calls are
 * writes, syncs, truncations, reservations, renames, removals, and opens and locks that make a
 * file.
 */
void disk_sim_fail_at(struct disk *disk, uint64_t nth, int error);

/*
 * The power fails during the `nth` such call from now: it and all calls after it fail with -EIO.
 * disk_sim_crash then finds it done, or not, or in part. 0: at none.
 */
void disk_sim_crash_at(struct disk *disk, uint64_t nth);

/* From now on all calls fail with -EIO, until disk_sim_crash or disk_sim_kill: a program of the
 * same process that is to be dead cannot clean up behind itself. */
void disk_sim_stop(struct disk *disk);

/* The power has failed by disk_sim_crash_at, or disk_sim_stop was called. */
bool disk_sim_is_dead(struct disk *disk);

/*
 * Power is lost and comes back: the seed decides what is left of all that was not synced. Files
 * that were open, and locks, are good for disk_close alone. Ends disk_sim_fail_at and
 * disk_sim_crash_at. May be repeated.
 */
void disk_sim_crash(struct disk *disk, uint64_t seed);

/* The process dies and starts again: as a crash, but nothing is lost, and what is unsynced stays
 * so. */
void disk_sim_kill(struct disk *disk);

/* Turns over one bit (0 … 7) of a file, as it reads now and after each crash. Returns 0, -ENOENT,
 * -EINVAL behind its end. */
int disk_sim_flip(struct disk *disk, const char *path, uint64_t offset, unsigned bit);

void disk_sim_stats_read(struct disk *disk, struct disk_sim_stats *ret_stats);
