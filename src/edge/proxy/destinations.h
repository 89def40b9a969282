/*
 * Kept connections of one worker to destinations of plain HTTP, by the address that was dialled:
 * which of a name's addresses may be used is decided for each request anew. The longest unused
 * destinations make room for others.
 */
#pragma once

#include "base/map.h"
#include "http/client.h"

#define DESTINATIONS_MAX          1024
#define DESTINATION_IDLE_MAX      16 /* connections */
#define DESTINATION_KEY_BYTES_MAX 19

struct destination {
    struct client_pool pool;
    struct list link; /* the most recently used come last */
    unsigned users;   /* requests that have a connection of its, or are making one */
    uint8_t key_len;
    char key[DESTINATION_KEY_BYTES_MAX];
};

struct destinations {
    struct map map;   /* key → struct destination, owned */
    struct list used; /* of struct destination */
    unsigned count;
};

void destinations_init(struct destinations *destinations, struct hash_key key);
void destinations_finish(struct destinations *destinations); /* nobody uses one any more */

/* That of an IP address and its port. NULL: there is none, or no memory. Counted: given back by
 * destination_release, after the last use of one of its connections. */
struct destination *destination_find(struct destinations *destinations,
                                     const struct address *address);
struct destination *destination_take(struct destinations *destinations,
                                     const struct address *address);
void destination_release(struct destination *destination);
