/*
 * Events that webhooks are still to be told, kept in the store itself: each is an object of a
 * bucket that no client sees, its key "WEBHOOK/" and the sequence of the change in hexadecimal. It
 * is written by the very commit that makes the change, and removed once it was taken: what has been
 * acknowledged is told, whatever dies meanwhile, and may be told twice.
 */
#pragma once

#include "conf/snapshot.h"
#include "os/lock.h"
#include "store/store.h"

/* More wait for no webhook: what comes then is dropped and counted. */
#define OUTBOX_WAITING_MAX 1000000

#define OUTBOX_PAGE            16
#define OUTBOX_KEY_BYTES_MAX   96
#define OUTBOX_EVENT_BYTES_MAX ((size_t)32 << 10)

/* A webhook that some file has named. It stays until the end. Numbers by any thread. */
struct outbox_hook {
    struct list link;
    struct slice name;       /* behind it */
    bool is_wanted;          /* the file of now has it; under the outbox's lock */
    atomic_llong waiting;    /* for a moment less than 0 */
    atomic_ullong delivered; /* told and taken */
    atomic_ullong failures;  /* tries that were not */
    atomic_ullong dropped;   /* never told: too many waited, or the disk refused */
    char memory[];
};

struct outbox {
    struct lock lock;
    struct list hooks;
    atomic_uint bucket;      /* its id; 0: there is none */
    void (*wake)(void *arg); /* something was added; any thread; NULL: nobody is told */
    void *wake_arg;
};

/* 0 or a negative errno. */
int outbox_init(struct outbox *outbox);
void outbox_finish(struct outbox *outbox);

/* The webhooks of this file from now on. 0 or -ENOMEM. */
int outbox_apply(struct outbox *outbox, const struct snapshot *snapshot);

/* Finds or, where there are webhooks, makes the bucket, and counts what waits in it. Before anybody
 * else is in the store, or again for a new file. May block. 0 or -errno. */
int outbox_open(struct outbox *outbox, struct store *store);

/* The webhook, while the file has it; or NULL. */
struct outbox_hook *outbox_find(struct outbox *outbox, struct slice name);

/* Calls visit for each webhook of the file. */
void outbox_each(struct outbox *outbox, void (*visit)(void *arg, struct outbox_hook *hook),
                 void *arg);

/* Its name is no client's to say. */
bool outbox_is_bucket(struct slice bucket_name);

/* An event for the webhook becomes a change: its key and its message, which are borrowed. */
void outbox_fill(const struct outbox *outbox, struct store_change *change, struct slice key,
                 struct slice message);

/* The key, into room. `number` tells events of one change apart. */
struct slice outbox_key(const struct outbox_hook *hook, uint64_t sequence, unsigned number,
                        char room[static OUTBOX_KEY_BYTES_MAX]);

/* The oldest events of a webhook. */
struct outbox_event {
    char key[OUTBOX_KEY_BYTES_MAX];
    size_t key_len;
    char *message; /* owned */
    size_t message_len;
};
struct outbox_page {
    struct outbox_event events[OUTBOX_PAGE];
    unsigned count;
};

/* 0 or -errno; finish it either way. May wait. */
int outbox_read(struct outbox *outbox, struct store *store, const struct outbox_hook *hook,
                struct outbox_page *ret_page);
void outbox_page_finish(struct outbox_page *page);

/* The first `count` of them have been taken. 0 or -errno. May wait. */
int outbox_remove(struct outbox *outbox, struct store *store, struct outbox_hook *hook,
                  const struct outbox_page *page, unsigned count);
