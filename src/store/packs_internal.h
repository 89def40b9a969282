/* The packs' own parts, shared by packs.c and packs_replay.c. */
#pragma once

#include "os/lock.h"
#include "store/packs.h"

#define PACKS_PATH_BYTES 32

struct pack {
    struct disk_file *file; /* owned; NULL: not opened yet, or there is no such pack */
    bool is_there;
    unsigned readers;
};

struct packs {
    struct disk *disk; /* borrowed */
    struct lock lock;  /* of the next three; the appending thread alone changes `last` */
    struct pack *at;   /* owned; by number */
    uint32_t count;    /* numbers below it may be there */
    uint32_t last;     /* the pack that is written: those below it are sealed */
    struct packs_place end;
    struct packs_place appended; /* with what waits for packs_sync */
    bool must_rotate;            /* nothing may be written behind the end of this pack */
};

void packs_path(char path[static PACKS_PATH_BYTES], uint32_t pack);

/* Opens what is there; the file stays open. `packs->lock` is not held. 0 or -errno. */
int packs_take(struct packs *packs, uint32_t pack, struct disk_file **ret_file);
void packs_give(struct packs *packs, uint32_t pack);

/* Where the valid part of the pack before it ends. 0, -EBADMSG or -errno. */
int packs_read_head(struct packs *packs, uint32_t pack, uint32_t *ret_previous_end);

/* The log goes on in a new pack. 0 or -errno. */
int packs_rotate(struct packs *packs);
