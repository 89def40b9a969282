/*
 * The floor of a proxied request: the four calls that move it, and nothing else. No HTTP is read: a
 * request and a response are what one receive brings. ./dev bench shows it beside the servers, so
 * that a figure tells how much of it is the kernel's.
 *
 * Usage: bare_proxy PORT TARGET_PORT
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX      256
#define DESCRIPTORS_MAX 65536
#define BACKLOG         4096

/* What hangs on each descriptor. */
struct end {
    int other; /* of a target: the client it answers */
    int idle;  /* of an idle target: the next one, or -1 */
    bool is_client;
    bool is_target;
};

static struct end ends[DESCRIPTORS_MAX];
static int epoll_fd, listen_fd, idle_target = -1;
static struct sockaddr_in target_address;
static char bytes[16384];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void watch(int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (fd >= DESCRIPTORS_MAX || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll_ctl");
}

static int new_socket(int flags)
{
    static const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        die("socket");
    return fd;
}

static struct sockaddr_in local(const char *port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void accept_all(void)
{
    int fd;
    while ((fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        watch(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
        ends[fd] = (struct end){.is_client = true};
    }
}

/* An idle target, or a new one; the first connects block, which is not measured. */
static int take_target(void)
{
    int fd = idle_target;
    if (fd >= 0) {
        idle_target = ends[fd].idle;
        return fd;
    }
    fd = new_socket(0);
    if (connect(fd, (const struct sockaddr *)&target_address, sizeof target_address) < 0 ||
        fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
        die("connect");
    watch(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    ends[fd] = (struct end){.is_target = true};
    return fd;
}

static void close_end(int fd)
{
    ends[fd] = (struct end){0};
    (void)close(fd);
}

static void pass_request(int client)
{
    ssize_t got = recv(client, bytes, sizeof bytes, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        close_end(client);
        return;
    }
    int target = take_target();
    ends[target].other = client;
    if (send(target, bytes, (size_t)got, MSG_NOSIGNAL) != got)
        die("send to the target");
}

static void pass_response(int target)
{
    ssize_t got = recv(target, bytes, sizeof bytes, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0)
        die("receive from the target");
    int client = ends[target].other;
    ends[target].idle = idle_target;
    idle_target = target;
    if (ends[client].is_client && send(client, bytes, (size_t)got, MSG_NOSIGNAL) != got)
        close_end(client);
}

static void serve(const struct epoll_event *event)
{
    int fd = event->data.fd;
    if (fd == listen_fd)
        accept_all();
    else if (ends[fd].is_client && (event->events & (EPOLLIN | EPOLLRDHUP)) != 0)
        pass_request(fd);
    else if (ends[fd].is_target && (event->events & EPOLLIN) != 0)
        pass_response(fd);
}

int main(int argc, char *argv[])
{
    if (argc != 3) {
        (void)fputs("usage: bare_proxy PORT TARGET_PORT\n", stderr);
        return 2;
    }
    target_address = local(argv[2]);
    const struct sockaddr_in address = local(argv[1]);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    listen_fd = new_socket(SOCK_NONBLOCK);
    if (epoll_fd < 0 || bind(listen_fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
        listen(listen_fd, BACKLOG) < 0)
        die("listen");
    watch(listen_fd, EPOLLIN);
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(epoll_fd, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++)
            serve(&events[i]);
    }
}
