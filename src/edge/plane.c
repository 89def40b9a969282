/* Routes, groups and sockets of a snapshot. At the start, and on worker 0 for a reload. */
#include "edge/plane.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/map.h"
#include "edge/listen.h"
#include "os/descriptor.h"

#include <errno.h>
#include <string.h>

struct making {
    const struct plane_parts *parts;
    struct plane *plane;
    struct edge_socket *sockets; /* a copy; those that are used are taken out */
    struct map groups;           /* name to target_group, of the previous plane */
    struct map listeners;        /* address to listener, of the previous plane */
    struct error *error;
};

static int index_previous(struct making *making)
{
    const struct plane *previous = making->parts->previous;
    int rc = 0;
    map_init(&making->groups, making->parts->hash_key);
    map_init(&making->listeners, making->parts->hash_key);
    for (unsigned i = 0; previous != NULL && rc == 0 && i < previous->groups_count; i++)
        rc = map_set(&making->groups, previous->groups[i].group->name, previous->groups[i].group);
    for (unsigned i = 0; previous != NULL && rc == 0 && i < previous->listeners_count; i++)
        rc = map_set(&making->listeners, previous->listeners[i]->address, previous->listeners[i]);
    return rc;
}

/* A service and a target group of one name have nothing in common. */
static int make_group(const struct making *making, const struct conf_group *conf,
                      struct target_group **ret_group)
{
    struct target_group *known = map_get(&making->groups, conf->name);
    if (known == NULL || known->is_service != conf->is_service)
        return target_group_create(conf, ret_group);
    *ret_group = target_group_ref(known);
    return 0;
}

static int make_groups(struct making *making)
{
    struct plane *plane = making->plane;
    const struct snapshot *snapshot = plane->snapshot;
    plane->groups = memory_alloc_array(snapshot->groups_count + 1, sizeof *plane->groups);
    if (plane->groups == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < snapshot->groups_count; i++) {
        struct group_setup *setup = &plane->groups[i];
        setup->conf = &snapshot->groups[i];
        int rc = make_group(making, setup->conf, &setup->group);
        if (rc < 0)
            return rc;
        plane->groups_count++;
    }
    return 0;
}

/* The descriptor that was handed over for this address, taken out of the list; -1: none. */
static int take_socket(struct making *making, struct slice address)
{
    for (unsigned i = 0; i < making->parts->sockets_count; i++) {
        struct edge_socket *socket = &making->sockets[i];
        if (socket->fd >= 0 && slice_equal(socket->address, address)) {
            int fd = socket->fd;
            socket->fd = -1;
            return fd;
        }
    }
    return -1;
}

static int make_listener(struct making *making, const struct conf_listener *conf,
                         struct listener **ret_listener)
{
    struct listener *known = map_get(&making->listeners, conf->address.text);
    if (known != NULL) {
        *ret_listener = listener_ref(known);
        return 0;
    }
    int fd = take_socket(making, conf->address.text);
    if (fd < 0)
        fd = listen_open(&conf->address, making->error);
    return fd < 0 ? fd : listener_create(conf, fd, making->parts->workers_count, ret_listener);
}

static int make_listeners(struct making *making)
{
    struct plane *plane = making->plane;
    const struct snapshot *snapshot = plane->snapshot;
    plane->listeners = memory_alloc_array(snapshot->listeners_count + 1, sizeof(struct listener *));
    if (plane->listeners == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < snapshot->listeners_count; i++) {
        int rc = make_listener(making, &snapshot->listeners[i], &plane->listeners[i]);
        if (rc < 0)
            return rc;
        plane->listeners_count++;
    }
    return 0;
}

static int copy_sockets(struct making *making)
{
    const struct plane_parts *parts = making->parts;
    making->sockets = memory_alloc_array(parts->sockets_count + 1, sizeof *making->sockets);
    for (unsigned i = 0; i < parts->sockets_count; i++) {
        if (making->sockets == NULL)
            descriptor_close(parts->sockets[i].fd);
        else
            making->sockets[i] = parts->sockets[i];
    }
    return making->sockets == NULL ? -ENOMEM : 0;
}

static void drop_sockets(struct making *making)
{
    for (unsigned i = 0; making->sockets != NULL && i < making->parts->sockets_count; i++) {
        if (making->sockets[i].fd >= 0)
            descriptor_close(making->sockets[i].fd);
    }
    memory_free(making->sockets);
}

static int make_identities(struct making *making)
{
    const struct plane_parts *parts = making->parts;
    struct plane *plane = making->plane;
    struct identities *identities = NULL;
    int rc = identities_create(plane->snapshot, parts->bundle,
                               parts->previous == NULL ? NULL : parts->previous->identities,
                               &identities);
    if (rc == 0)
        plane_set_identities(plane, identities);
    return rc;
}

int plane_read_s3_keys(const struct bundle *bundle, struct s3_keys **ret_keys)
{
    struct error error = {0};
    struct s3_keys *keys = NULL;
    int rc = s3_keys_take(bundle, &keys, &error);
    if (rc == -ENOMEM)
        return rc;
    if (rc < 0)
        log_error("nobody has a key for the S3 API: %s cannot be used: %s", S3_KEYS_FILE,
                  error.text);
    *ret_keys = keys;
    return 0;
}

/* The error of a listener tells itself; all others are of memory. */
static int make_parts(struct making *making)
{
    struct plane *plane = making->plane;
    int rc = index_previous(making);
    if (rc == 0)
        rc = make_groups(making);
    if (rc == 0)
        rc = router_init(&plane->router, plane->snapshot, making->parts->hash_key);
    if (rc == 0)
        rc = gates_create(plane->snapshot, &plane->gates);
    if (rc == 0)
        rc = proxies_create(plane->snapshot, making->parts->hash_key, &plane->proxies);
    if (rc == 0)
        rc = make_identities(making);
    if (rc == 0)
        rc = plane_read_s3_keys(making->parts->bundle, &plane->s3_keys);
    if (rc < 0)
        return error_set_errno(making->error, rc, "cannot set up the configuration");
    *making->error = (struct error){0};
    rc = make_listeners(making);
    if (rc < 0 && making->error->code == 0)
        return error_set_errno(making->error, rc, "cannot set up the configuration");
    return rc;
}

int plane_create(const struct plane_parts *parts, struct plane **ret_plane, struct error *ret_error)
{
    struct making making = {.parts = parts, .plane = NEW(struct plane), .error = ret_error};
    int rc = copy_sockets(&making);
    if (rc < 0 || making.plane == NULL) {
        drop_sockets(&making);
        memory_free(making.plane);
        return error_set(ret_error, -ENOMEM, "out of memory");
    }
    atomic_init(&making.plane->references, 1);
    making.plane->snapshot = snapshot_ref(parts->snapshot);
    rc = make_parts(&making);
    map_finish(&making.groups);
    map_finish(&making.listeners);
    drop_sockets(&making);
    if (rc < 0)
        plane_unref(making.plane);
    else
        *ret_plane = making.plane;
    return rc;
}

void plane_set_identities(struct plane *plane, struct identities *identities)
{
    plane->identities = identities;
    for (unsigned i = 0; i < plane->groups_count; i++) {
        struct tls_client *client = identities->clients[i].client;
        struct tls_client *before = plane->groups[i].tls;
        plane->groups[i].tls = client == NULL ? NULL : tls_client_ref(client);
        tls_client_unref(before);
    }
}

void plane_take_over(struct plane *plane, int64_t now_ms)
{
    for (unsigned i = 0; i < plane->groups_count; i++) {
        const struct group_setup *setup = &plane->groups[i];
        int rc = target_group_configure(setup->group, setup->conf, now_ms);
        if (rc < 0)
            log_error("the targets of %.*s stay as they were: %s", SLICE_ARG(setup->group->name),
                      strerror(-rc));
    }
}

struct plane *plane_ref(struct plane *plane)
{
    atomic_fetch_add_explicit(&plane->references, 1, memory_order_relaxed);
    return plane;
}

void plane_unref(struct plane *plane)
{
    if (plane == NULL || atomic_fetch_sub(&plane->references, 1) != 1)
        return;
    for (unsigned i = 0; i < plane->listeners_count; i++)
        listener_unref(plane->listeners[i]);
    for (unsigned i = 0; i < plane->groups_count; i++) {
        tls_client_unref(plane->groups[i].tls);
        target_group_unref(plane->groups[i].group);
    }
    router_finish(&plane->router);
    gates_destroy(plane->snapshot, plane->gates);
    proxies_destroy(plane->snapshot, plane->proxies);
    identities_unref(plane->identities);
    s3_keys_unref(plane->s3_keys);
    memory_free(plane->groups);
    memory_free(plane->listeners);
    snapshot_unref(plane->snapshot);
    memory_free(plane);
}
