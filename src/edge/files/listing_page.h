/* What a folder's listing looks like: as a page for people, and as JSON for programs. Pure. */
#pragma once

#include "base/buffer.h"

#define LISTING_NAME_BYTES_MAX 255 /* of Linux */

struct listing_entry {
    struct slice name;
    uint64_t size; /* 0 of folders */
    int64_t modified_s;
    bool is_folder;
};

struct listing {
    struct slice path;        /* as the client asked for it: percent-encoded, ends in '/' */
    struct listing_entry *at; /* borrowed */
    unsigned count;
    bool is_cut;  /* there are more */
    bool is_root; /* there is no folder above it to go to */
};

/* Folders first, then by the names' bytes. */
void listing_sort(struct listing *listing);

/* Names are escaped and links relative, so that they hold under whatever path the folder is shown.
 * Both return 0 or a buffer's error. */
int listing_write_page(const struct listing *listing, struct buffer *out);

/* A list of {"name", "type": "directory" or "file", "mtime", "size" of files}, as nginx's. */
int listing_write_json(const struct listing *listing, struct buffer *out);
