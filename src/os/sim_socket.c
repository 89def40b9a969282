/* The system calls of a simulated kernel, over the connections of sim_network.c. */
#include "os/sim_network.h"

#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#define BACKLOG_MAX     4096
#define FILE_PART_BYTES 16384

/* Descriptors */

static struct sim_socket *find_socket(struct sim *sim, int fd)
{
    size_t at = (size_t)(fd - SIM_FD_BASE);
    return fd < SIM_FD_BASE || at >= sim->sockets_capacity ? NULL : sim->sockets[at];
}

static struct sim_end *find_end(struct kernel *kernel, int fd)
{
    struct sim_socket *socket = find_socket(sim_host_of(kernel)->sim, fd);
    if (socket == NULL || socket->kind != SIM_END)
        return NULL;
    return CONTAINER_OF(socket, struct sim_end, socket);
}

static struct sim_listener *find_listener(struct kernel *kernel, int fd)
{
    struct sim_socket *socket = find_socket(sim_host_of(kernel)->sim, fd);
    if (socket == NULL || socket->kind != SIM_LISTENER)
        return NULL;
    return CONTAINER_OF(socket, struct sim_listener, socket);
}

static int grow_table(struct sim *sim)
{
    size_t capacity = sim->sockets_capacity == 0 ? 64 : sim->sockets_capacity * 2;
    if (capacity > SIM_FDS_MAX)
        return -ENFILE;
    struct sim_socket **sockets = memory_resize(sim->sockets, capacity * sizeof *sockets);
    if (sockets == NULL)
        return -ENOMEM;
    for (size_t i = sim->sockets_capacity; i < capacity; i++)
        sockets[i] = NULL;
    sim->sockets = sockets;
    sim->sockets_capacity = capacity;
    return 0;
}

/* The lowest free one, as Unix. */
static int find_free(struct sim *sim, size_t *ret_at)
{
    size_t at = 0;
    while (at < sim->sockets_capacity && sim->sockets[at] != NULL)
        at++;
    int rc = at < sim->sockets_capacity ? 0 : grow_table(sim);
    if (rc == 0)
        *ret_at = at;
    return rc;
}

static int take_fd(struct sim_host *host, struct sim_socket *socket)
{
    struct sim *sim = host->sim;
    if (host->descriptors >= host->descriptors_max)
        return -EMFILE;
    size_t at = 0;
    int rc = find_free(sim, &at);
    if (rc < 0)
        return rc;
    sim->sockets[at] = socket;
    socket->fd = SIM_FD_BASE + (int)at;
    socket->host = host;
    host->descriptors++;
    sim->stats.descriptors++;
    if (sim->stats.descriptors > sim->stats.descriptors_high)
        sim->stats.descriptors_high = sim->stats.descriptors;
    return socket->fd;
}

static void give_fd_back(struct sim_socket *socket)
{
    struct sim *sim = socket->host->sim;
    sim->sockets[socket->fd - SIM_FD_BASE] = NULL;
    socket->fd = -1;
    socket->host->descriptors--;
    sim->stats.descriptors--;
}

/* Listening */

static bool is_address_used(const struct sim_host *host, const struct address *address)
{
    LIST_FOR_EACH (&host->sim->listeners, link) {
        const struct sim_socket *other = &CONTAINER_OF(link, struct sim_listener, link)->socket;
        if (sim_is_same_machine(other->host, host) && address_equal(&other->local, address))
            return true;
    }
    return false;
}

static int choose_port(struct sim_host *host, struct address *address)
{
    if (address->any.sa_family != AF_UNIX && address_port(address) == 0) {
        do {
            in_port_t port = htons(host->sim->next_port++ | 0x8000);
            if (address->any.sa_family == AF_INET6)
                address->v6.sin6_port = port;
            else
                address->v4.sin_port = port;
        } while (is_address_used(host, address));
        return 0;
    }
    return is_address_used(host, address) ? -EADDRINUSE : 0;
}

/* A listener has one holder there, whose close ends it. */
static void sim_leave_listening(struct kernel *kernel, int fd)
{
    (void)kernel;
    (void)fd;
}

static int sim_listen(struct kernel *kernel, const struct address *address, int backlog,
                      bool beside)
{
    (void)beside;
    struct sim_host *host = sim_host_of(kernel);
    struct address local = *address;
    int rc = choose_port(host, &local);
    if (rc < 0)
        return rc;
    struct sim_listener *listener = NEW(struct sim_listener);
    if (listener == NULL)
        return -ENOMEM;
    listener->socket = (struct sim_socket){.kind = SIM_LISTENER, .fd = -1, .local = local};
    listener->backlog = backlog > 0 && backlog < BACKLOG_MAX ? (unsigned)backlog : BACKLOG_MAX;
    list_init(&listener->pending);
    rc = take_fd(host, &listener->socket);
    if (rc < 0) {
        memory_free(listener);
        return rc;
    }
    list_append(&host->sim->listeners, &listener->link);
    sim_note(host->sim, host, "listen", rc, address_port(&local));
    return rc;
}

static struct sim_connection *first_pending(struct sim_listener *listener)
{
    if (list_is_empty(&listener->pending))
        return NULL;
    return CONTAINER_OF(listener->pending.next, struct sim_connection, pending_link);
}

static void take_pending(struct sim_listener *listener, struct sim_connection *connection)
{
    list_remove(&connection->pending_link);
    listener->pending_count--;
}

static int sim_accept(struct kernel *kernel, int fd, struct address *ret_peer)
{
    struct sim_host *host = sim_host_of(kernel);
    struct sim *sim = host->sim;
    struct sim_listener *listener = find_listener(kernel, fd);
    if (listener == NULL)
        return -EBADF;
    struct sim_connection *connection = first_pending(listener);
    if (connection == NULL || sim_chance(sim, sim->faults.again_ppm))
        return -EAGAIN;
    struct sim_end *server = &connection->ends[1];
    int accepted =
        sim_chance(sim, sim->faults.shortage_ppm) ? -EMFILE : take_fd(host, &server->socket);
    sim_note(sim, host, "accept", fd, accepted);
    if (accepted < 0)
        return accepted;
    take_pending(listener, connection);
    *ret_peer = server->remote;
    return accepted;
}

static void forget_watches(struct sim *sim, const struct sim_listener *listener)
{
    LIST_FOR_EACH (&sim->hosts, host_link) {
        struct sim_host *host = CONTAINER_OF(host_link, struct sim_host, link);
        LIST_FOR_EACH (&host->watches, link) {
            struct sim_watch *watch = CONTAINER_OF(link, struct sim_watch, link);
            if (watch->listener != listener)
                continue;
            list_remove(link);
            memory_free(watch);
        }
    }
}

static void close_listener(struct sim *sim, struct sim_listener *listener)
{
    struct sim_connection *connection;
    while ((connection = first_pending(listener)) != NULL) {
        take_pending(listener, connection);
        connection->ends[1].resets_on_close = true;
        sim_end_close(&connection->ends[1]);
    }
    forget_watches(sim, listener);
    list_remove(&listener->link);
    memory_free(listener);
}

/* Watching */

static int watch_listener(struct sim_host *host, struct sim_listener *listener, uint64_t tag)
{
    struct sim_watch *watch = NEW(struct sim_watch);
    if (watch == NULL)
        return -ENOMEM;
    watch->listener = listener;
    watch->tag = tag;
    list_append(&host->watches, &watch->link);
    return 0;
}

static int sim_watch(struct kernel *kernel, int fd, uint64_t tag, bool is_listener)
{
    struct sim_host *host = sim_host_of(kernel);
    struct sim_listener *listener = find_listener(kernel, fd);
    if (listener != NULL && is_listener)
        return watch_listener(host, listener, tag);
    struct sim_end *end = find_end(kernel, fd);
    if (end == NULL)
        return -EBADF;
    if (end->watcher != NULL)
        return -EEXIST;
    end->watcher = host;
    end->tag = tag;
    if (sim_end_readiness(end) != 0)
        sim_end_raise(end);
    return 0;
}

static void sim_unwatch(struct kernel *kernel, int fd)
{
    struct sim_end *end = find_end(kernel, fd);
    if (end != NULL) {
        end->watcher = NULL;
        list_remove(&end->ready_link);
        return;
    }
    struct sim_listener *listener = find_listener(kernel, fd);
    LIST_FOR_EACH (&sim_host_of(kernel)->watches, link) {
        struct sim_watch *watch = CONTAINER_OF(link, struct sim_watch, link);
        if (watch->listener == listener) {
            list_remove(link);
            memory_free(watch);
            return;
        }
    }
}

int sim_collect(struct sim_host *host, struct kernel_event *events, int max)
{
    int count = 0;
    while (count < max && !list_is_empty(&host->ready)) {
        struct sim_end *end = CONTAINER_OF(host->ready.next, struct sim_end, ready_link);
        list_remove(&end->ready_link);
        unsigned what = sim_end_readiness(end);
        if (what == 0)
            continue;
        sim_note(host->sim, host, "event", end->socket.fd, what);
        events[count++] = (struct kernel_event){end->tag, what};
    }
    LIST_FOR_EACH (&host->watches, link) {
        struct sim_watch *watch = CONTAINER_OF(link, struct sim_watch, link);
        if (count < max && watch->listener->pending_count > 0)
            events[count++] = (struct kernel_event){watch->tag, KERNEL_READABLE};
    }
    return count;
}

/* Connections */

static int begin_connection(struct sim_connection *connection, const struct address *to)
{
    if (to->any.sa_family == AF_UNIX)
        return sim_connection_begin_local(connection);
    sim_connection_begin(connection);
    return 0;
}

static int sim_connect(struct kernel *kernel, const struct address *address)
{
    struct sim_host *host = sim_host_of(kernel);
    struct sim_connection *connection = sim_connection_create(host, address);
    if (connection == NULL)
        return -ENOMEM;
    struct sim_end *client = &connection->ends[0];
    int fd = take_fd(host, &client->socket);
    int rc = fd < 0 ? fd : begin_connection(connection, address);
    sim_note(host->sim, host, "connect", rc < 0 ? rc : fd, address_port(address));
    if (rc == 0)
        return fd;
    if (fd >= 0)
        give_fd_back(&client->socket);
    client->is_closed = true;
    sim_connection_release(connection);
    return rc;
}

static int take_error(struct sim_end *end)
{
    int code = end->error;
    end->error = 0;
    return code;
}

static int sim_error(struct kernel *kernel, int fd)
{
    struct sim_end *end = find_end(kernel, fd);
    return end == NULL ? find_listener(kernel, fd) == NULL ? -EBADF : 0 : take_error(end);
}

/* Few bytes, mostly one. */
static size_t shorten(struct sim *sim, size_t len)
{
    size_t few = prng_below(&sim->chance, 4) == 0 ? 1 + prng_below(&sim->chance, 32) : 1;
    return len < few ? len : few;
}

static size_t copy_out(struct sim_end *end, char *bytes, size_t len)
{
    size_t copied = 0;
    while (copied < len && !list_is_empty(&end->received)) {
        struct sim_segment *segment = CONTAINER_OF(end->received.next, struct sim_segment, link);
        size_t part = segment->len < len - copied ? segment->len : len - copied;
        memcpy(bytes + copied, segment->bytes, part);
        copied += part;
        segment->bytes += part;
        segment->len -= part;
        if (segment->len == 0) {
            list_remove(&segment->link);
            memory_free(segment);
        }
    }
    return copied;
}

/* No data is there: the end, the error, or later. */
static ssize_t receive_nothing(struct sim_end *end)
{
    if (end->has_got_finish)
        return 0;
    if (end->error != 0)
        return take_error(end);
    return end->is_dead ? 0 : -EAGAIN;
}

static ssize_t sim_receive(struct kernel *kernel, int fd, void *bytes, size_t len)
{
    struct sim_end *end = find_end(kernel, fd);
    if (end == NULL)
        return -EBADF;
    struct sim *sim = sim_of(end);
    if (end->received_bytes == 0 || len == 0)
        return receive_nothing(end);
    if (sim_chance(sim, sim->faults.again_ppm)) {
        sim_end_nudge(end);
        return -EAGAIN;
    }
    size_t wanted = sim_chance(sim, sim->faults.short_ppm) ? shorten(sim, len) : len;
    size_t got = copy_out(end, bytes, wanted);
    sim_end_took(end, got);
    /* A short read tells the reader to wait for news: here they are. */
    if (got < len && end->received_bytes > 0)
        sim_end_raise(end);
    sim_note(sim, end->socket.host, "receive", fd, (int64_t)got);
    return (ssize_t)got;
}

static size_t total_len(const struct iovec *parts, int parts_count)
{
    size_t total = 0;
    for (int i = 0; i < parts_count; i++)
        total += parts[i].iov_len;
    return total;
}

static struct sim_segment *make_segment(const struct iovec *parts, int parts_count, size_t len)
{
    struct sim_segment *segment = memory_alloc_raw(sizeof *segment + len);
    if (segment == NULL)
        return NULL;
    *segment = (struct sim_segment){.bytes = (char *)(segment + 1), .len = len};
    size_t at = 0;
    for (int i = 0; i < parts_count && at < len; i++) {
        size_t part = parts[i].iov_len < len - at ? parts[i].iov_len : len - at;
        if (part > 0)
            memcpy(segment->bytes + at, parts[i].iov_base, part);
        at += part;
    }
    return segment;
}

/* 0 when bytes may be sent now. */
static int check_sendable(struct sim_end *end)
{
    if (end->error != 0)
        return take_error(end);
    if (end->is_dead || end->has_sent_finish)
        return -EPIPE;
    struct sim *sim = sim_of(end);
    if (!end->is_connected)
        return -EAGAIN;
    if (sim_end_room(end) == 0) {
        end->wants_room = true;
        return -EAGAIN;
    }
    if (sim_chance(sim, sim->faults.again_ppm)) {
        sim_end_nudge(end);
        return -EAGAIN;
    }
    return 0;
}

/* Somebody between the two sides cuts them apart; what is under way still arrives, or not. */
static void cut(struct sim_end *end)
{
    sim_end_send_reset(end);
    sim_end_send_reset(end->peer);
}

static ssize_t sim_send(struct kernel *kernel, int fd, const struct iovec *parts, int parts_count)
{
    struct sim_end *end = find_end(kernel, fd);
    if (end == NULL)
        return -EBADF;
    int rc = check_sendable(end);
    if (rc < 0)
        return rc;
    struct sim *sim = sim_of(end);
    size_t total = total_len(parts, parts_count), room = sim_end_room(end);
    size_t len = total < room ? total : room;
    end->wants_room = len < total;
    if (sim_chance(sim, sim->faults.short_ppm))
        len = shorten(sim, len);
    if (len == 0)
        return 0;
    struct sim_segment *segment = make_segment(parts, parts_count, len);
    if (segment == NULL)
        return -ENOMEM;
    sim_end_send(end, segment, SIM_DATA);
    sim_note(sim, end->socket.host, "send", fd, (int64_t)len);
    if (sim_chance(sim, sim->faults.reset_ppm))
        cut(end);
    return (ssize_t)len;
}

static ssize_t sim_send_file(struct kernel *kernel, int fd, int file, int64_t *offset, size_t len)
{
    char bytes[FILE_PART_BYTES];
    struct sim_end *end = find_end(kernel, fd);
    if (end == NULL)
        return -EBADF;
    ssize_t got = pread(file, bytes, len < sizeof bytes ? len : sizeof bytes, *offset);
    if (got <= 0)
        return got < 0 ? -errno : 0;
    struct iovec part = {bytes, (size_t)got};
    ssize_t put = sim_send(kernel, fd, &part, 1);
    if (put > 0)
        *offset += put;
    return put;
}

static void sim_shutdown_write(struct kernel *kernel, int fd)
{
    struct sim_end *end = find_end(kernel, fd);
    if (end == NULL || !end->is_connected)
        return;
    sim_note(sim_of(end), end->socket.host, "shutdown", fd, 0);
    sim_end_send_finish(end);
    sim_end_raise(end); /* as Linux wakes those who poll */
}

static void sim_close(struct kernel *kernel, int fd)
{
    struct sim *sim = sim_host_of(kernel)->sim;
    struct sim_socket *socket = find_socket(sim, fd);
    assert(socket != NULL); /* closed twice, or never opened */
    sim_note(sim, socket->host, "close", fd, 0);
    sim_unwatch(kernel, fd);
    give_fd_back(socket);
    if (socket->kind == SIM_LISTENER)
        close_listener(sim, CONTAINER_OF(socket, struct sim_listener, socket));
    else
        sim_end_close(CONTAINER_OF(socket, struct sim_end, socket));
}

static void sim_reset_on_close(struct kernel *kernel, int fd)
{
    struct sim_end *end = find_end(kernel, fd);
    if (end != NULL)
        end->resets_on_close = true;
}

static int sim_local_address(struct kernel *kernel, int fd, struct address *ret_address)
{
    const struct sim_socket *socket = find_socket(sim_host_of(kernel)->sim, fd);
    if (socket == NULL)
        return -EBADF;
    *ret_address = socket->local;
    return 0;
}

static int sim_peer_address(struct kernel *kernel, int fd, struct address *ret_address)
{
    const struct sim_end *end = find_end(kernel, fd);
    if (end == NULL)
        return -ENOTCONN;
    *ret_address = end->remote;
    return 0;
}

static bool sim_is_own_address(struct kernel *kernel, const struct address *address)
{
    char own[ADDRESS_TEXT_BYTES], text[ADDRESS_TEXT_BYTES];
    size_t own_len = address_format_host(&sim_host_of(kernel)->ip, own);
    return slice_equal(slice_of(own, own_len), slice_of(text, address_format_host(address, text)));
}

const struct kernel_ops sim_ops = {
    .now_us = sim_now_us,
    .wall_us = sim_wall_us,
    .random = sim_random,
    .wait = sim_wait,
    .interrupt = sim_interrupt,
    .watch = sim_watch,
    .unwatch = sim_unwatch,
    .listen = sim_listen,
    .put_off = sim_leave_listening,
    .end_listening = sim_leave_listening,
    .accept = sim_accept,
    .connect = sim_connect,
    .error = sim_error,
    .receive = sim_receive,
    .send = sim_send,
    .send_file = sim_send_file,
    .shutdown_write = sim_shutdown_write,
    .close = sim_close,
    .reset_on_close = sim_reset_on_close,
    .local_address = sim_local_address,
    .peer_address = sim_peer_address,
    .is_own_address = sim_is_own_address,
};
