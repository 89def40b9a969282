/* Opened before they are handed to an edge, so that they outlive it. */
#include "main/sockets.h"

#include "base/log.h"
#include "edge/listen.h"
#include "os/descriptor.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/proc.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

int sockets_find(const struct sockets *sockets, struct slice address)
{
    for (unsigned i = 0; sockets != NULL && i < sockets->count; i++) {
        if (slice_equal(slice_of_cstr(sockets->at[i].address), address))
            return (int)i;
    }
    return -1;
}

/* The path in "unix:/path"; NULL for others. */
static const char *path_of(const char *address)
{
    struct slice rest = slice_of_cstr(address);
    return slice_starts_with(rest, SLICE("unix:")) ? address + strlen("unix:") : NULL;
}

bool sockets_add(struct sockets *sockets, struct slice address, int fd)
{
    struct file_info info = {0};
    if (sockets->count == SOCKETS_MAX || address.len >= SOCKET_ADDRESS_BYTES)
        return false;
    struct socket_entry *entry = &sockets->at[sockets->count++];
    *entry = (struct socket_entry){.fd = fd};
    memcpy(entry->address, address.at, address.len);
    if (path_of(entry->address) != NULL && file_stat(path_of(entry->address), &info) == 0) {
        entry->inode = info.inode;
        entry->device = info.device;
    }
    return true;
}

/* Only where it is the file that was made for it: another program may listen there by now. */
static void remove_file_of(const struct socket_entry *entry)
{
    struct file_info info;
    const char *path = path_of(entry->address);
    if (path != NULL && entry->inode != 0 && file_stat(path, &info) == 0 &&
        info.inode == entry->inode && info.device == entry->device)
        (void)file_remove(path);
}

void sockets_close(struct sockets *sockets, const struct sockets *kept)
{
    for (unsigned i = 0; i < sockets->count; i++) {
        const struct socket_entry *entry = &sockets->at[i];
        int same = sockets_find(kept, slice_of_cstr(entry->address));
        if (entry->fd < 0 || (same >= 0 && kept->at[same].fd == entry->fd))
            continue;
        remove_file_of(entry);
        (void)close(entry->fd);
    }
    sockets->count = 0;
}

void sockets_let_go(struct sockets *sockets)
{
    for (unsigned i = 0; i < sockets->count; i++)
        (void)close(sockets->at[i].fd);
    sockets->count = 0;
}

/* Who holds the port, where that can be seen. */
static void tell_holder(const struct conf_address *address)
{
    uint64_t inodes[PROC_LISTENERS_MAX];
    struct proc_info holder;
    unsigned count = address->port == 0 ? 0 : proc_listeners(address->port, inodes);
    if (count > 0 && proc_find_holder(inodes, count, &holder) == 0)
        log_warn("  port %u is held by %s (pid %d); to see it: ps -fp %d", address->port,
                 holder.name, holder.pid, holder.pid);
}

static bool is_wanted(const struct snapshot *snapshot, struct slice address)
{
    for (unsigned i = 0; i < snapshot->listeners_count; i++) {
        if (slice_equal(snapshot->listeners[i].address.text, address))
            return true;
    }
    return false;
}

/* Those of `have` that listen at that port, and are not wanted any more, share it or no longer do.
 * Returns how many. */
static unsigned share_port(const struct sockets *have, const struct snapshot *snapshot,
                           uint16_t port, bool shares)
{
    unsigned count = 0;
    for (unsigned i = 0; have != NULL && i < have->count; i++) {
        struct slice address = slice_of_cstr(have->at[i].address);
        char suffix[8];
        int len = snprintf(suffix, sizeof suffix, ":%u", port);
        if (path_of(have->at[i].address) != NULL ||
            !slice_ends_with(address, slice_of(suffix, (size_t)len)) ||
            is_wanted(snapshot, address))
            continue;
        descriptor_share_port(have->at[i].fd, shares);
        count++;
    }
    return count;
}

/* Another address at the port of a listener that is to go, as :80 after 127.0.0.1:80. */
static int open_beside(const struct conf_listener *conf, const struct snapshot *snapshot,
                       const struct sockets *have, struct error *error)
{
    uint16_t port = conf->address.port;
    if (port == 0 || share_port(have, snapshot, port, true) == 0)
        return -EADDRINUSE;
    int fd = listen_open_beside(&conf->address, error);
    (void)share_port(have, snapshot, port, false);
    return fd;
}

static int open_one(const struct conf_listener *conf, const struct snapshot *snapshot,
                    const struct sockets *have, const char *file, struct error *ret_error)
{
    struct error error = {0};
    int fd = listen_open(&conf->address, &error);
    if (fd == -EADDRINUSE)
        fd = open_beside(conf, snapshot, have, &error);
    if (fd >= 0)
        return fd;
    log_error("%s:%u: %s", file, conf->place.line, error.text);
    if (error.code == -EADDRINUSE)
        tell_holder(&conf->address);
    return error_set(ret_error, error.code, "%s:%u: %s", file, conf->place.line, error.text);
}

static int refuse_number(struct error *ret_error)
{
    log_error("more than %d listeners, or an address of more than %d bytes", SOCKETS_MAX,
              SOCKET_ADDRESS_BYTES - 1);
    return error_set(ret_error, -E2BIG,
                     "more than %d listeners, or an address of more than %d bytes", SOCKETS_MAX,
                     SOCKET_ADDRESS_BYTES - 1);
}

int sockets_open(const struct snapshot *snapshot, const struct sockets *have, const char *file,
                 struct sockets *ret_sockets, struct error *ret_error)
{
    int rc = 0;
    ret_sockets->count = 0;
    for (unsigned i = 0; rc == 0 && i < snapshot->listeners_count; i++) {
        const struct conf_listener *conf = &snapshot->listeners[i];
        int known = sockets_find(have, conf->address.text);
        int fd = known >= 0 ? have->at[known].fd : open_one(conf, snapshot, have, file, ret_error);
        if (fd < 0) {
            rc = fd;
        } else if (!sockets_add(ret_sockets, conf->address.text, fd)) {
            rc = refuse_number(ret_error);
            if (known < 0)
                (void)close(fd);
        }
    }
    if (rc < 0)
        sockets_close(ret_sockets, have);
    return rc;
}
