/*
 * What disk_sim.c (calls, faults), disk_sim_content.c (bytes) and disk_sim_names.c (folders) share.
 * The disk's lock is held around all of it.
 */
#pragma once

#include "base/hash.h"
#include "base/list.h"
#include "os/disk_sim.h"
#include "os/lock.h"

#define DISK_SIM_FILE_MAX ((uint64_t)1 << 31)

/* A file or folder. It has at most one name now, and at most one that would last. */
struct disk_sim_node {
    struct list link; /* among all of the disk, oldest first */
    uint64_t id;      /* grows along the list */
    bool is_folder;
    bool is_locked;
    bool is_wanted;                      /* while a folder is synced */
    char path[DISK_PATH_MAX + 1];        /* "": none */
    char synced_path[DISK_PATH_MAX + 1]; /* after a crash */
    unsigned open_files;
    unsigned namings; /* unsynced changes of its name */

    /* Both of `capacity`, zeros behind their sizes. */
    char *bytes;  /* owned; as read now */
    char *synced; /* owned; after a crash, but for `changes` */
    size_t capacity;
    uint64_t size;
    uint64_t synced_size;
    uint64_t reserved;
    struct list changes; /* unsynced, oldest first */
    size_t changes_count;
};

struct disk_sim {
    struct disk disk;
    struct lock lock;
    struct prng chance;
    struct disk_sim_faults faults;
    struct list nodes;
    struct list namings; /* unsynced, oldest first */
    uint64_t next_id;
    unsigned life; /* of files that are open: grows with each crash and kill */
    uint64_t fail_in;
    int fail_error;
    uint64_t crash_in;
    bool is_dead;
    struct disk_sim_stats stats;
};

static inline bool disk_sim_chance(struct disk_sim *sim, uint32_t ppm)
{
    return ppm > 0 && prng_below(&sim->chance, 1000000) < ppm;
}

/* The first `len` bytes of the parts, unsynced. Returns 0, -EFBIG, -ENOMEM. */
int disk_sim_content_write(struct disk_sim_node *node, const struct iovec *parts, int count,
                           size_t len, uint64_t offset);

/* Unsynced. Returns 0, -EFBIG, -ENOMEM. */
int disk_sim_content_resize(struct disk_sim_node *node, uint64_t size);

void disk_sim_content_sync(struct disk_sim_node *node);

/* Some of what is unsynced becomes synced and the rest never will; what is read stays. */
void disk_sim_content_settle(struct disk_sim_node *node, struct prng *prng);

/* What is read is what is synced. */
void disk_sim_content_revert(struct disk_sim_node *node);

void disk_sim_content_finish(struct disk_sim_node *node);

/* The node with this name, or NULL. */
struct disk_sim_node *disk_sim_names_find(struct disk_sim *sim, const char *path);

/* The first node in the folder whose id is above `id`, or NULL. */
struct disk_sim_node *disk_sim_names_next(struct disk_sim *sim, const char *folder, uint64_t id);

/* The part behind the last slash. */
const char *disk_sim_names_last(const char *path);

/* The folder is there ("" always): 0, -ENOENT, -ENOTDIR. */
int disk_sim_names_check_folder(struct disk_sim *sim, const char *folder);

/* The same of the folder that the path lies in. */
int disk_sim_names_check_parent(struct disk_sim *sim, const char *path);

/* These change what is named now, unsynced. Returns 0 or -ENOMEM. */
int disk_sim_names_make(struct disk_sim *sim, const char *path, bool is_folder,
                        struct disk_sim_node **ret_node);
int disk_sim_names_rename(struct disk_sim *sim, struct disk_sim_node *node, const char *to);
int disk_sim_names_remove(struct disk_sim *sim, struct disk_sim_node *node);

void disk_sim_names_sync(struct disk_sim *sim, const char *folder);

/* Decides about all unsynced names and makes them those of now. */
void disk_sim_names_crash(struct disk_sim *sim, struct prng *prng);

/* Frees the node when nothing leads to it any more. */
void disk_sim_node_release(struct disk_sim_node *node);

/* Frees all nodes and unsynced names. */
void disk_sim_names_finish(struct disk_sim *sim);
