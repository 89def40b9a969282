/*
 * Targets that take their time: each answers a request after its own delay, and works at no more
 * than so many at once, the rest waiting in line as for the workers of an application. They sleep
 * and don't compute, so that many of them fit beside a client on one core.
 *
 * Usage: slow_targets AT_ONCE PORT:DELAY_US...
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TARGETS_MAX     16
#define DESCRIPTORS_MAX 65536
#define EVENTS_MAX      256
#define BACKLOG         4096
#define SECOND_NS       INT64_C(1000000000)

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/* A line of connections, linked by their descriptors. */
struct line {
    int first, last; /* -1: empty */
};

struct target {
    int64_t delay_ns;
    int listen_fd;
    unsigned working;
    struct line waiting, worked_at; /* oldest first; one delay for all, so the first ends first */
};

struct end {
    struct target *target; /* of a listening socket too */
    int64_t ready_ns;
    int next;
    bool is_in_line, is_gone;
};

static struct target targets[TARGETS_MAX];
static struct end ends[DESCRIPTORS_MAX];
static int targets_count, epoll_fd;
static unsigned at_once;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SECOND_NS + now.tv_nsec;
}

static void append(struct line *line, int fd)
{
    ends[fd].next = -1;
    if (line->first < 0)
        line->first = fd;
    else
        ends[line->last].next = fd;
    line->last = fd;
}

static int take_first(struct line *line)
{
    int fd = line->first;
    line->first = ends[fd].next;
    return fd;
}

static void watch(int fd, struct target *target)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (fd >= DESCRIPTORS_MAX || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll_ctl");
    ends[fd] = (struct end){.target = target, .next = -1};
}

static void begin_work(struct target *target)
{
    while (target->working < at_once && target->waiting.first >= 0) {
        int fd = take_first(&target->waiting);
        ends[fd].ready_ns = now_ns() + target->delay_ns;
        append(&target->worked_at, fd);
        target->working++;
    }
}

static void end_work(struct target *target, int64_t now)
{
    while (target->worked_at.first >= 0 && ends[target->worked_at.first].ready_ns <= now) {
        int fd = take_first(&target->worked_at);
        target->working--;
        ends[fd].is_in_line = false;
        if (ends[fd].is_gone)
            (void)close(fd);
        else
            (void)send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL);
    }
    begin_work(target);
}

static void accept_one(struct target *target)
{
    static const int on = 1;
    int fd = accept4(target->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(fd, target);
}

/* One that leaves while its request is worked at stays in line; the work is done all the same. */
static void leave(int fd)
{
    if (!ends[fd].is_in_line)
        (void)close(fd);
    else if (epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL) < 0)
        die("epoll_ctl");
    ends[fd].is_gone = true;
}

/* A request is what one receive brings. */
static void read_request(int fd)
{
    static char bytes[16384];
    ssize_t got = recv(fd, bytes, sizeof bytes, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0 || ends[fd].is_in_line) {
        leave(fd);
        return;
    }
    ends[fd].is_in_line = true;
    append(&ends[fd].target->waiting, fd);
    begin_work(ends[fd].target);
}

static int64_t next_ready_ns(void)
{
    int64_t next = now_ns() + SECOND_NS;
    for (int i = 0; i < targets_count; i++) {
        int first = targets[i].worked_at.first;
        if (first >= 0 && ends[first].ready_ns < next)
            next = ends[first].ready_ns;
    }
    return next;
}

static void turn(void)
{
    struct epoll_event events[EVENTS_MAX];
    int64_t wait_ns = next_ready_ns() - now_ns();
    wait_ns = wait_ns < 0 ? 0 : wait_ns;
    struct timespec wait = {wait_ns / SECOND_NS, wait_ns % SECOND_NS};
    int count = epoll_pwait2(epoll_fd, events, EVENTS_MAX, &wait, NULL);
    if (count < 0 && errno != EINTR)
        die("epoll_pwait2");
    for (int i = 0; i < count; i++) {
        int fd = events[i].data.fd;
        if (fd == ends[fd].target->listen_fd)
            accept_one(ends[fd].target);
        else
            read_request(fd);
    }
    int64_t now = now_ns();
    for (int i = 0; i < targets_count; i++)
        end_work(&targets[i], now);
}

static void open_target(const char *text)
{
    static const int on = 1;
    char *colon;
    unsigned long port = strtoul(text, &colon, 10);
    if (*colon != ':' || targets_count == TARGETS_MAX) {
        fputs("usage: slow_targets AT_ONCE PORT:DELAY_US...\n", stderr);
        exit(2);
    }
    struct target *target = &targets[targets_count++];
    *target = (struct target){
        .delay_ns = strtol(colon + 1, NULL, 10) * 1000, .waiting = {-1, -1}, .worked_at = {-1, -1}};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    target->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (target->listen_fd < 0 ||
        setsockopt(target->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(target->listen_fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(target->listen_fd, BACKLOG) < 0)
        die(text);
    watch(target->listen_fd, target);
}

int main(int argc, char **argv)
{
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    at_once = argc > 2 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
    if (epoll_fd < 0 || at_once == 0) {
        fputs("usage: slow_targets AT_ONCE PORT:DELAY_US...\n", stderr);
        return 2;
    }
    for (int i = 2; i < argc; i++)
        open_target(argv[i]);
    for (;;)
        turn();
}
