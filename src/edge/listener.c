/* Counting, and the socket's end. */
#include "edge/listener.h"

#include "base/cleanup.h"
#include "os/descriptor.h"

#include <errno.h>

int listener_create(const struct conf_listener *conf, int fd, unsigned workers_count,
                    struct listener **ret_listener)
{
    size_t len = conf->address.text.len;
    struct listener *listener = memory_alloc(sizeof *listener + len + 1);
    struct latency *latencies = memory_alloc_array(workers_count, sizeof *latencies);
    if (listener == NULL || latencies == NULL) {
        memory_free(listener);
        memory_free(latencies);
        descriptor_close(fd);
        return -ENOMEM;
    }
    char *address = (char *)(listener + 1);
    memcpy(address, conf->address.text.at, len);
    atomic_init(&listener->references, 1);
    listener->fd = fd;
    listener->address = slice_of(address, len);
    listener->latencies = latencies;
    *ret_listener = listener;
    return 0;
}

struct listener *listener_ref(struct listener *listener)
{
    atomic_fetch_add_explicit(&listener->references, 1, memory_order_relaxed);
    return listener;
}

void listener_unref(struct listener *listener)
{
    if (listener == NULL || atomic_fetch_sub(&listener->references, 1) != 1)
        return;
    if (listener->fd >= 0)
        descriptor_close(listener->fd);
    memory_free(listener->latencies);
    memory_free(listener);
}
