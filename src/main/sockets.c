/* Opened before they are handed to an edge, so that they outlive it. */
#include "main/sockets.h"

#include "base/log.h"
#include "edge/listen.h"
#include "os/proc.h"

#include <errno.h>
#include <unistd.h>

int sockets_find(const struct sockets *sockets, struct slice address)
{
    for (unsigned i = 0; sockets != NULL && i < sockets->count; i++) {
        if (slice_equal(slice_of_cstr(sockets->at[i].address), address))
            return (int)i;
    }
    return -1;
}

bool sockets_add(struct sockets *sockets, struct slice address, int fd)
{
    if (sockets->count == SOCKETS_MAX || address.len >= SOCKET_ADDRESS_BYTES)
        return false;
    memcpy(sockets->at[sockets->count].address, address.at, address.len);
    sockets->at[sockets->count].address[address.len] = '\0';
    sockets->at[sockets->count++].fd = fd;
    return true;
}

void sockets_close(struct sockets *sockets, const struct sockets *kept)
{
    for (unsigned i = 0; i < sockets->count; i++) {
        int same = sockets_find(kept, slice_of_cstr(sockets->at[i].address));
        bool is_kept = same >= 0 && kept->at[same].fd == sockets->at[i].fd;
        if (!is_kept && sockets->at[i].fd >= 0)
            (void)close(sockets->at[i].fd);
    }
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

static int open_one(const struct conf_listener *conf, const char *file, struct error *ret_error)
{
    struct error error = {0};
    int fd = listen_open(&conf->address, &error);
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
        int fd = known >= 0 ? have->at[known].fd : open_one(conf, file, ret_error);
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
