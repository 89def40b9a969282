/*
 * c-ares on the loop. Its callbacks never suspend: they store the answer and wake fibers. It names
 * the sockets it wants watched; events on them queue one task, which lets c-ares work until its
 * sockets have run dry, because the loop tells of readiness only once.
 */
#include "base/memory.h"
#include "os/file.h"
#include "os/io.h"
#include "os/resolver_internal.h"

#include <ares.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sys/time.h>

#define TIMEOUT_MS   2000
#define TRIES        3
#define STEPS_A_TURN 64

/* How often resolv.conf is looked at, when there is something to ask at all. */
#define LOOK_MS 1000

struct cares {
    ares_channel channel;
    struct resolver_options options; /* its strings are borrowed */
    struct file_info file;           /* resolv.conf as `channel` knows it; zeroed: there was none */
    int64_t look_ms;                 /* when to look at it again */
    bool is_ending;
    struct list sockets; /* struct cares_socket */
    struct timer timer;  /* c-ares's own time-outs */
    struct task pump;
};

struct cares_socket {
    struct io io;
    struct list link;
    struct cares *cares;
    bool wants_read;
    bool wants_write;
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;
static int library_status;

static void start_library(void)
{
    library_status =
        ares_library_init_mem(ARES_LIB_INIT_ALL, memory_alloc_raw, memory_free, memory_resize);
}

static int code_of(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return 0;
    case ARES_ENODATA:
    case ARES_ENOTFOUND:
        return -ENOENT;
    case ARES_ETIMEOUT:
        return -ETIMEDOUT;
    case ARES_ENOMEM:
        return -ENOMEM;
    case ARES_EBADNAME:
        return -EINVAL;
    case ARES_EDESTRUCTION:
    case ARES_ECANCELLED:
        return -ECONNABORTED;
    default:
        return -EREMOTEIO;
    }
}

static void arm_timer(struct cares *cares)
{
    struct timeval left;
    if (ares_timeout(cares->channel, NULL, &left) == NULL)
        timer_cancel(&cares->timer);
    else
        timer_arm(&cares->timer, loop_deadline(left.tv_sec * 1000 + left.tv_usec / 1000 + 1));
}

static void time_out(struct timer *timer)
{
    struct cares *cares = CONTAINER_OF(timer, struct cares, timer);
    ares_process_fd(cares->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm_timer(cares);
}

static unsigned due_of(const struct cares_socket *socket)
{
    unsigned wanted =
        (socket->wants_read ? IO_READABLE : 0) | (socket->wants_write ? IO_WRITABLE : 0);
    return socket->io.ready & wanted;
}

static struct cares_socket *find_socket(struct cares *cares, int fd)
{
    LIST_FOR_EACH (&cares->sockets, link) {
        struct cares_socket *socket = CONTAINER_OF(link, struct cares_socket, link);
        if (socket->io.fd == fd)
            return socket;
    }
    return NULL;
}

static struct cares_socket *find_due(struct cares *cares)
{
    LIST_FOR_EACH (&cares->sockets, link) {
        struct cares_socket *socket = CONTAINER_OF(link, struct cares_socket, link);
        if (due_of(socket) != 0)
            return socket;
    }
    return NULL;
}

/* c-ares does not tell whether it emptied or filled its socket: ask the kernel. */
static void forget_readiness(struct cares_socket *socket)
{
    struct pollfd now = {.fd = socket->io.fd, .events = POLLIN | POLLOUT};
    (void)poll(&now, 1, 0);
    if ((now.revents & (POLLIN | POLLERR | POLLHUP)) == 0)
        socket->io.ready &= (uint8_t)~IO_READABLE;
    if ((now.revents & (POLLOUT | POLLERR | POLLHUP)) == 0)
        socket->io.ready &= (uint8_t)~IO_WRITABLE;
}

static void pump(struct task *task)
{
    struct cares *cares = CONTAINER_OF(task, struct cares, pump);
    struct cares_socket *socket = find_due(cares);
    for (int i = 0; i < STEPS_A_TURN && socket != NULL; i++) {
        unsigned due = due_of(socket);
        int fd = socket->io.fd;
        ares_process_fd(cares->channel, due & IO_READABLE ? fd : ARES_SOCKET_BAD,
                        due & IO_WRITABLE ? fd : ARES_SOCKET_BAD);
        socket = find_socket(cares, fd); /* it may have been closed */
        if (socket != NULL)
            forget_readiness(socket);
        socket = find_due(cares);
    }
    if (socket != NULL)
        task_queue(&cares->pump);
    arm_timer(cares);
}

static void socket_ready(struct io *io)
{
    struct cares_socket *socket = CONTAINER_OF(io, struct cares_socket, io);
    task_queue(&socket->cares->pump);
}

static void drop_socket(struct cares_socket *socket)
{
    (void)io_release(&socket->io); /* c-ares closes it */
    list_remove(&socket->link);
    memory_free(socket);
}

/* On failure the socket is not watched: what was asked over it times out. */
static struct cares_socket *add_socket(struct cares *cares, int fd)
{
    struct cares_socket *socket = NEW(struct cares_socket);
    if (socket == NULL)
        return NULL;
    io_init(&socket->io, socket_ready);
    if (io_open(&socket->io, fd) < 0) {
        memory_free(socket);
        return NULL;
    }
    socket->io.ready = 0; /* it may be connecting */
    socket->cares = cares;
    list_append(&cares->sockets, &socket->link);
    return socket;
}

/* Called by c-ares whenever what it wants of a socket changes; nothing: it will be closed. */
static void socket_state_changed(void *arg, ares_socket_t fd, int wants_read, int wants_write)
{
    struct cares *cares = arg;
    struct cares_socket *socket = find_socket(cares, fd);
    if (!wants_read && !wants_write) {
        if (socket != NULL)
            drop_socket(socket);
        return;
    }
    if (socket == NULL)
        socket = add_socket(cares, fd);
    if (socket == NULL)
        return;
    socket->wants_read = wants_read;
    socket->wants_write = wants_write;
    if (due_of(socket) != 0)
        task_queue(&cares->pump);
}

static unsigned take_addresses(const struct ares_addrinfo *found, struct address *ret_addresses,
                               int64_t *ret_ttl_ms)
{
    unsigned count = 0;
    int64_t ttl_s = INT32_MAX;
    for (const struct ares_addrinfo_node *node = found->nodes; node != NULL; node = node->ai_next) {
        if (count == RESOLVER_ADDRESSES_MAX || node->ai_addrlen > sizeof(struct sockaddr_in6))
            continue;
        struct address *address = &ret_addresses[count++];
        *address = (struct address){.len = node->ai_addrlen};
        memcpy(&address->any, node->ai_addr, node->ai_addrlen);
        if (node->ai_ttl < ttl_s)
            ttl_s = node->ai_ttl;
    }
    for (const struct ares_addrinfo_cname *alias = found->cnames; alias != NULL;
         alias = alias->next) {
        if (alias->ttl < ttl_s)
            ttl_s = alias->ttl;
    }
    *ret_ttl_ms = ttl_s * 1000;
    return count;
}

static void ask_channel(struct cares *cares, struct resolver_entry *entry);

static void answered(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
    (void)timeouts;
    struct resolver_entry *entry = arg;
    struct cares *cares = entry->resolver->source;
    if (status == ARES_EDESTRUCTION && !cares->is_ending) { /* there are new servers to ask */
        ask_channel(cares, entry);
        return;
    }
    struct address addresses[RESOLVER_ADDRESSES_MAX];
    int64_t ttl_ms = 0;
    unsigned count = 0;
    int rc = code_of(status);
    if (rc == 0)
        count = take_addresses(found, addresses, &ttl_ms);
    if (found != NULL)
        ares_freeaddrinfo(found);
    if (rc == 0 && count == 0)
        rc = -ENOENT;
    resolver_answered(entry, rc, addresses, count, ttl_ms);
}

static void ask_channel(struct cares *cares, struct resolver_entry *entry)
{
    struct ares_addrinfo_hints hints = {
        .ai_flags = ARES_AI_ENVHOSTS, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    ares_getaddrinfo(cares->channel, entry->name, NULL, &hints, answered, entry);
}

static int open_channel(struct cares *cares, ares_channel *ret_channel)
{
    char lookups[] = "fb"; /* /etc/hosts first */
    const struct resolver_options *given = &cares->options;
    struct ares_options options = {
        .timeout = given->timeout_ms > 0 ? given->timeout_ms : TIMEOUT_MS,
        .tries = given->tries > 0 ? given->tries : TRIES,
        .lookups = lookups,
        .sock_state_cb = socket_state_changed,
        .sock_state_cb_data = cares,
        .resolvconf_path = (char *)(uintptr_t)given->file, /* only read */
        .udp_port = given->port,
        .tcp_port = given->port,
    };
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
    if (given->file != NULL)
        mask |= ARES_OPT_RESOLVCONF;
    if (given->port != 0)
        mask |= ARES_OPT_UDP_PORT | ARES_OPT_TCP_PORT;
    ares_channel channel = NULL;
    int status = ares_init_options(&channel, &options, mask);
    if (status != ARES_SUCCESS)
        return code_of(status);
    if (given->servers != NULL)
        status = ares_set_servers_ports_csv(channel, given->servers);
    if (status != ARES_SUCCESS) {
        ares_destroy(channel);
        return status == ARES_EBADSTR ? -EINVAL : code_of(status);
    }
    *ret_channel = channel;
    return 0;
}

static struct file_info stat_file(const struct cares *cares)
{
    struct file_info info = {0};
    (void)file_stat(cares->options.file != NULL ? cares->options.file : "/etc/resolv.conf", &info);
    return info;
}

static bool is_same_file(const struct file_info *a, const struct file_info *b)
{
    return a->changed_ns == b->changed_ns && a->size == b->size && a->inode == b->inode &&
           a->device == b->device;
}

/*
 * Takes up a resolv.conf that has changed: the network came up after us, or the machine moved to
 * another one. What is being asked is asked again of the new servers.
 */
static void follow_file(struct cares *cares)
{
    if (cares->options.servers != NULL || loop_now_ms() < cares->look_ms)
        return;
    cares->look_ms = loop_deadline(LOOK_MS);
    struct file_info now = stat_file(cares);
    ares_channel old = cares->channel;
    if (is_same_file(&now, &cares->file) || open_channel(cares, &cares->channel) < 0)
        return;
    cares->file = now;
    ares_destroy(old);
}

static void ask(struct resolver *resolver, struct resolver_entry *entry)
{
    struct cares *cares = resolver->source;
    follow_file(cares);
    ask_channel(cares, entry);
    arm_timer(cares);
}

static void free_cares(struct cares *cares)
{
    cares->is_ending = true;
    if (cares->channel != NULL)
        ares_destroy(cares->channel); /* answers what is open, and lets go of its sockets */
    assert(list_is_empty(&cares->sockets));
    timer_cancel(&cares->timer);
    list_remove(&cares->pump.link);
    memory_free(cares);
}

static void destroy(struct resolver *resolver)
{
    free_cares(resolver->source);
}

static const struct resolver_source_ops cares_ops = {.ask = ask, .destroy = destroy};

int resolver_create(const struct resolver_options *options, struct resolver **ret_resolver)
{
    (void)pthread_once(&library_once, start_library);
    if (library_status != ARES_SUCCESS)
        return code_of(library_status);
    struct cares *cares = NEW(struct cares);
    if (cares == NULL)
        return -ENOMEM;
    list_init(&cares->sockets);
    timer_init(&cares->timer, time_out);
    task_init(&cares->pump, pump);
    if (options != NULL)
        cares->options = *options;
    cares->file = stat_file(cares);
    int rc = open_channel(cares, &cares->channel);
    if (rc == 0)
        rc = resolver_create_over(&cares_ops, cares, ret_resolver);
    if (rc < 0)
        free_cares(cares);
    return rc;
}
