/* Routes, groups and sockets of a snapshot. On the main thread, before the workers. */
#include "edge/plane.h"

#include "base/cleanup.h"
#include "edge/handle.h"
#include "edge/listen.h"
#include "os/descriptor.h"

#include <errno.h>

static void fill_server(struct server *server, const struct snapshot *snapshot,
                        const struct conf_listener *listener)
{
    *server = (struct server){
        .handle = edge_handle,
        .log = edge_record,
        .port = listener->address.port,
        .head_timeout_ms = snapshot->client_timeouts.response_ms,
        .idle_timeout_ms = snapshot->client_timeouts.idle_ms,
        .body_max = UINT64_MAX,
        .name = listener->name,
    };
}

/* The descriptor that was handed over for this address, taken out of the list; -1: none. */
static int take_socket(struct edge_socket *sockets, unsigned count, struct slice address)
{
    for (unsigned i = 0; i < count; i++) {
        if (sockets[i].fd >= 0 && slice_equal(sockets[i].address, address)) {
            int fd = sockets[i].fd;
            sockets[i].fd = -1;
            return fd;
        }
    }
    return -1;
}

static int open_listeners(struct plane *plane, const struct edge_options *options,
                          struct error *ret_error)
{
    unsigned count = options->sockets_count;
    struct edge_socket *sockets = memory_alloc_array(count + 1, sizeof *sockets);
    if (sockets == NULL)
        return error_set(ret_error, -ENOMEM, "out of memory");
    for (unsigned i = 0; i < count; i++)
        sockets[i] = options->sockets[i];
    int rc = 0;
    for (unsigned i = 0; rc >= 0 && i < plane->snapshot->listeners_count; i++) {
        const struct conf_address *address = &plane->snapshot->listeners[i].address;
        rc = take_socket(sockets, count, address->text);
        if (rc < 0)
            rc = listen_open(address, ret_error);
        plane->listening[i] = rc;
    }
    for (unsigned i = 0; i < count; i++) {
        if (sockets[i].fd >= 0)
            descriptor_close(sockets[i].fd);
    }
    memory_free(sockets);
    return rc < 0 ? rc : 0;
}

static int make_groups(struct plane *plane)
{
    const struct snapshot *snapshot = plane->snapshot;
    plane->groups = memory_alloc_array(snapshot->groups_count + 1, sizeof *plane->groups);
    if (plane->groups == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < snapshot->groups_count; i++) {
        int rc = target_group_init(&plane->groups[i], &snapshot->groups[i]);
        if (rc < 0)
            return rc;
        plane->groups_count++;
    }
    return 0;
}

static int make_servers(struct plane *plane)
{
    unsigned count = plane->snapshot->listeners_count;
    plane->servers = memory_alloc_array(count + 1, sizeof *plane->servers);
    plane->listening = memory_alloc_array(count + 1, sizeof *plane->listening);
    if (plane->servers == NULL || plane->listening == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < count; i++) {
        fill_server(&plane->servers[i], plane->snapshot, &plane->snapshot->listeners[i]);
        plane->listening[i] = -1;
    }
    return 0;
}

int plane_init(struct plane *plane, const struct edge_options *options, struct hash_key key,
               struct error *ret_error)
{
    *plane = (struct plane){.snapshot = snapshot_ref(options->snapshot)};
    int rc = make_groups(plane);
    if (rc == 0)
        rc = make_servers(plane);
    if (rc == 0)
        rc = router_init(&plane->router, plane->snapshot, key);
    if (rc < 0)
        (void)error_set_errno(ret_error, rc, "cannot set up the configuration");
    if (rc == 0)
        rc = open_listeners(plane, options, ret_error);
    if (rc < 0)
        plane_finish(plane);
    return rc;
}

void plane_finish(struct plane *plane)
{
    for (unsigned i = 0; plane->listening != NULL && i < plane->snapshot->listeners_count; i++) {
        if (plane->listening[i] >= 0)
            descriptor_close(plane->listening[i]);
    }
    for (unsigned i = 0; i < plane->groups_count; i++)
        target_group_finish(&plane->groups[i]);
    router_finish(&plane->router);
    memory_free(plane->groups);
    memory_free(plane->servers);
    memory_free(plane->listening);
    snapshot_unref(plane->snapshot);
    *plane = (struct plane){0};
}
