/* On the worker's own thread. */
#include "edge/proxy/destinations.h"

#include "base/cleanup.h"

void destinations_init(struct destinations *destinations, struct hash_key key)
{
    *destinations = (struct destinations){0};
    map_init(&destinations->map, key);
    list_init(&destinations->used);
}

static void destroy(struct destinations *destinations, struct destination *destination)
{
    (void)map_remove(&destinations->map, slice_of(destination->key, destination->key_len));
    list_remove(&destination->link);
    client_pool_finish(&destination->pool);
    memory_free(destination);
    destinations->count--;
}

void destinations_finish(struct destinations *destinations)
{
    while (!list_is_empty(&destinations->used))
        destroy(destinations, CONTAINER_OF(destinations->used.next, struct destination, link));
    map_finish(&destinations->map);
}

/* Family, port and address; what else may stand in a socket address (a flow) is none of it. */
static uint8_t make_key(const struct address *address, char ret_key[static 19])
{
    bool is_v6 = address->any.sa_family == AF_INET6;
    ret_key[0] = is_v6 ? '6' : '4';
    if (is_v6) {
        memcpy(ret_key + 1, &address->v6.sin6_port, 2);
        memcpy(ret_key + 3, &address->v6.sin6_addr, 16);
        return 19;
    }
    memcpy(ret_key + 1, &address->v4.sin_port, 2);
    memcpy(ret_key + 3, &address->v4.sin_addr, 4);
    return 7;
}

static struct destination *use(struct destinations *destinations, struct destination *destination)
{
    list_remove(&destination->link);
    list_append(&destinations->used, &destination->link);
    destination->users++;
    return destination;
}

struct destination *destination_find(struct destinations *destinations,
                                     const struct address *address)
{
    char key[DESTINATION_KEY_BYTES_MAX];
    struct destination *found = map_get(&destinations->map, slice_of(key, make_key(address, key)));
    return found == NULL ? NULL : use(destinations, found);
}

static void make_room(struct destinations *destinations)
{
    LIST_FOR_EACH (&destinations->used, link) {
        struct destination *oldest = CONTAINER_OF(link, struct destination, link);
        if (destinations->count < DESTINATIONS_MAX)
            return;
        if (oldest->users == 0)
            destroy(destinations, oldest);
    }
}

struct destination *destination_take(struct destinations *destinations,
                                     const struct address *address)
{
    static const struct address none;
    struct destination *destination = destination_find(destinations, address);
    if (destination != NULL)
        return destination;
    make_room(destinations);
    destination = NEW(struct destination);
    if (destination == NULL)
        return NULL;
    client_pool_init(&destination->pool, address, &none, DESTINATION_IDLE_MAX);
    list_init(&destination->link);
    destination->key_len = make_key(address, destination->key);
    if (map_set(&destinations->map, slice_of(destination->key, destination->key_len), destination) <
        0) {
        memory_free(destination);
        return NULL;
    }
    destinations->count++;
    return use(destinations, destination);
}

void destination_release(struct destination *destination)
{
    destination->users--;
}
