/*
 * What a worker knows of the files it serves: by folder, path of the request and coding, an open
 * descriptor or the whole content, and the fields of the response, ready written. A hit is one look
 * into a hash table. Each worker has its own; nothing is shared.
 *
 * A folder is what conf says of it, not where conf's memory lies: after a reload its entries are
 * found again where nothing changed for it, and by no other folder.
 *
 * An entry is believed for FILES_FRESH_MS, then the file is looked at again: a change is seen
 * within a second. An entry never changes once it is loaded: a file that did gets another one, and
 * who is sending the old one goes on with it. Evicted by SIEVE (Zhang et al., NSDI 2024): paths
 * that are asked for once, such as those that do not exist, push nothing out that is asked for
 * often.
 */
#pragma once

#include "base/hash.h"
#include "base/list.h"
#include "edge/files/condition.h"
#include "os/file.h"
#include "wire/http/encoding.h"

struct conf_files;
struct files_cache;

#define FILES_FRESH_MS 900

/* Of one worker. What has been evicted while it is being sent comes on top until it is sent. */
struct files_limits {
    size_t entries_max;
    size_t bytes_max; /* contents and the entries themselves */
    size_t descriptors_max;
};

extern const struct files_limits files_limits_default;

enum files_state {
    FILES_PENDING, /* somebody is loading it */
    FILES_FILE,
    FILES_FOLDER, /* asked for without a slash at its end */
    FILES_FAILED, /* `error` tells why */
};

/* Counted. Only the cache writes to it; the part below `state` is constant once it is loaded. */
struct files_entry {
    struct files_cache *cache; /* NULL when it is not, or no longer, in the table */
    struct files_entry *next;  /* in its bucket */
    struct list link;          /* by age; on its own until it is loaded */
    struct list waiters;       /* struct waiter, while pending */
    size_t bytes;              /* of the entry itself, with the texts behind it */
    uint64_t hash;
    /* The key; its texts lie behind the entry. */
    struct slice identity; /* of the folder; begins with the root and a NUL */
    struct slice path;
    enum http_encoding encoding; /* other than identity: of a neighbour, "x.js.br" for "/x.js" */
    const char *file;            /* below the root; behind the entry too */
    int64_t checked_ms;
    unsigned references;
    bool was_hit;
    bool is_settled; /* if not, its info does not tell whether it has changed */
    enum files_state state;

    int error; /* -ENOENT, -EACCES; others are not kept */
    struct file_info info;
    int fd;        /* owned; -1: content */
    char *content; /* owned; info.size bytes; NULL of an empty file, and with fd */
    struct validators validators;
    struct slice type;
    /* Field lines of the response: all, and without Content-Type, and validators alone. */
    struct slice fields, fields_untyped, fields_validators;
    char fields_memory[352];
    char etag_memory[40];
};

/* Returns 0 or -ENOMEM. */
int files_cache_create(struct hash_key hash_key, const struct files_limits *limits,
                       struct files_cache **ret_cache);

/* Entries must have been given back. NULL is fine. */
void files_cache_destroy(struct files_cache *cache);

/*
 * What `path` (normalised, of a request) is below files->root: the file itself, or with another
 * encoding than identity the neighbour that has it compressed. May wait in the calling fiber when a
 * disk is needed; who asks for the same meanwhile waits for the same load. Returns 0 with an entry
 * that is a file or a folder, -ENOENT, -EACCES, -ENOMEM, -EMFILE, -ECANCELED, -ETIMEDOUT, or
 * another -errno.
 */
int files_cache_find(struct files_cache *cache, const struct conf_files *files, struct slice path,
                     enum http_encoding encoding, struct files_entry **ret_entry);

/* Gives back what files_cache_find returned. */
void files_entry_give(struct files_entry *entry);

struct files_cache_stats {
    size_t entries, bytes, descriptors;
    uint64_t hits, loads, evictions;
};

void files_cache_stats_read(const struct files_cache *cache, struct files_cache_stats *ret_stats);
