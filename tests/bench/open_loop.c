/*
 * A client in an open loop: requests are due at a rate, whatever the answers do, and an answer's
 * time counts from the moment its request was due. So a server that stands still is not spared the
 * requests that would have come meanwhile. A request that finds all connections taken is not sent,
 * and one that is not answered in time is given up with its connection, as impatient people do.
 *
 * Prints one line of JSON. ./dev bench uses it where the time of single answers is what counts.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 20000
#define EVENTS_MAX      256
#define SECOND_NS       INT64_C(1000000000)

enum state { CLOSED, CONNECTING, BUSY, IDLE };

struct connection {
    int fd;
    enum state state;
    int64_t due_ns;
    int64_t body_left;              /* -1: the head has not come */
    bool is_good;                   /* its answer is a 2xx */
    struct connection *next, *last; /* among the busy, oldest first; `next` also among the free */
};

/* What was asked for. */
static int connections_max = 16;
static double rate_per_s = 1000, seconds = 4;
static int64_t timeout_ns = SECOND_NS;
static bool is_random;
static const char *host = "bench.localhost";
static char request[1024];
static int request_len;
static struct sockaddr_in address = {.sin_family = AF_INET};

/* What came of it. */
static uint64_t offered, refused, late, failed;
static uint32_t *times_us;
static size_t times_count, times_max;

static struct connection connections[CONNECTIONS_MAX];
static struct connection busy = {.next = &busy, .last = &busy};
static struct connection *free_ones;
static uint64_t chance = 88172645463325252u;
static int epoll_fd;
static char bytes[1 << 18];

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

/* Until the next request is due: the same sequence for every server. */
static int64_t next_gap_ns(void)
{
    double mean_ns = 1e9 / rate_per_s;
    if (!is_random)
        return (int64_t)mean_ns;
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (int64_t)(-log(((double)(chance >> 11) + 1) / 9007199254740993.0) * mean_ns);
}

static void watch(struct connection *connection, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(epoll_fd, operation, connection->fd, &event) < 0)
        die("epoll_ctl");
}

static void leave_busy(struct connection *connection)
{
    connection->last->next = connection->next;
    connection->next->last = connection->last;
    connection->next = free_ones;
    free_ones = connection;
}

static void close_connection(struct connection *connection)
{
    (void)close(connection->fd);
    if (connection->state == BUSY || connection->state == CONNECTING)
        leave_busy(connection);
    connection->state = CLOSED;
}

static void fail(struct connection *connection)
{
    failed++;
    close_connection(connection);
}

static void send_request(struct connection *connection)
{
    connection->state = BUSY;
    connection->body_left = -1;
    if (send(connection->fd, request, (size_t)request_len, MSG_NOSIGNAL) != request_len)
        fail(connection);
}

static bool open_connection(struct connection *connection)
{
    static const int on = 1;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0)
        return false;
    (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int rc = connect(connection->fd, (struct sockaddr *)&address, sizeof address);
    if (rc < 0 && errno != EINPROGRESS) {
        (void)close(connection->fd);
        return false;
    }
    connection->state = rc == 0 ? BUSY : CONNECTING;
    watch(connection, EPOLL_CTL_ADD, rc == 0 ? EPOLLIN : EPOLLOUT);
    return true;
}

static void start_request(int64_t due_ns)
{
    struct connection *connection = free_ones;
    offered++;
    if (connection == NULL) {
        refused++;
        return;
    }
    if (connection->state == CLOSED && !open_connection(connection)) {
        failed++;
        return;
    }
    free_ones = connection->next;
    connection->due_ns = due_ns;
    connection->next = &busy;
    connection->last = busy.last;
    busy.last->next = connection;
    busy.last = connection;
    if (connection->state != CONNECTING)
        send_request(connection);
}

static void end_answer(struct connection *connection)
{
    int64_t time_us = (now_ns() - connection->due_ns) / 1000;
    if (!connection->is_good)
        failed++;
    else if (times_count < times_max)
        times_us[times_count++] = (uint32_t)time_us;
    leave_busy(connection);
    connection->state = IDLE;
}

/* A head that comes in one piece, with a Content-Length. Returns its length, or -1. */
static ssize_t read_head(struct connection *connection, size_t len)
{
    bytes[len] = '\0';
    const char *end = strstr(bytes, "\r\n\r\n");
    const char *length = strcasestr(bytes, "\r\nContent-Length:");
    if (len < 16 || end == NULL || length == NULL || length > end)
        return -1;
    connection->is_good = bytes[9] == '2';
    connection->body_left = strtoll(length + 17, NULL, 10);
    return end + 4 - bytes;
}

static void read_answer(struct connection *connection)
{
    ssize_t got = recv(connection->fd, bytes, sizeof bytes - 1, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0 && connection->state == IDLE) {
        close_connection(connection);
        return;
    }
    ssize_t head = 0;
    if (got > 0 && connection->body_left < 0)
        head = read_head(connection, (size_t)got);
    if (got <= 0 || head < 0 || connection->state != BUSY) {
        fail(connection);
        return;
    }
    connection->body_left -= got - head;
    if (connection->body_left == 0)
        end_answer(connection);
}

static void take_event(const struct epoll_event *event)
{
    struct connection *connection = event->data.ptr;
    if (connection->state == CLOSED)
        return;
    if (connection->state != CONNECTING) {
        read_answer(connection);
    } else if (event->events & (EPOLLERR | EPOLLHUP)) {
        fail(connection);
    } else {
        watch(connection, EPOLL_CTL_MOD, EPOLLIN);
        send_request(connection);
    }
}

static void give_up_late(int64_t now)
{
    while (busy.next != &busy && busy.next->due_ns + timeout_ns <= now) {
        late++;
        close_connection(busy.next);
    }
}

static void run(void)
{
    struct epoll_event events[EVENTS_MAX];
    int64_t due = now_ns(), end = due + (int64_t)(seconds * 1e9);
    while (due < end || busy.next != &busy) {
        int64_t now = now_ns();
        for (; due <= now && due < end; due += next_gap_ns())
            start_request(due);
        give_up_late(now);
        int64_t next = due < end ? due : end + SECOND_NS;
        if (busy.next != &busy && busy.next->due_ns + timeout_ns < next)
            next = busy.next->due_ns + timeout_ns;
        int64_t wait_ns = next > now ? next - now : 0;
        struct timespec wait = {wait_ns / SECOND_NS, wait_ns % SECOND_NS};
        int count = epoll_pwait2(epoll_fd, events, EVENTS_MAX, &wait, NULL);
        if (count < 0 && errno != EINTR)
            die("epoll_pwait2");
        for (int i = 0; i < count; i++)
            take_event(&events[i]);
    }
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static double quantile_ms(double part)
{
    if (times_count == 0)
        return 0;
    size_t at = (size_t)(part * (double)times_count);
    return times_us[at < times_count ? at : times_count - 1] / 1e3;
}

static void report(void)
{
    qsort(times_us, times_count, sizeof *times_us, compare);
    printf("{\"offered\": %" PRIu64 ", \"answered\": %zu, \"refused\": %" PRIu64
           ", \"late\": %" PRIu64 ", \"failed\": %" PRIu64 ", \"seconds\": %.3f",
           offered, times_count, refused, late, failed, seconds);
    printf(", \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"p999_ms\": %.3f, \"max_ms\": %.3f}\n",
           quantile_ms(0.5), quantile_ms(0.99), quantile_ms(0.999), quantile_ms(1));
}

static void usage(void)
{
    fputs("usage: open_loop [-c CONNECTIONS] [-r REQUESTS_PER_S] [-d SECONDS] [-t TIMEOUT_MS]\n"
          "                 [-p] [-h HOST] PORT PATH\n"
          "-p: requests come by chance (Poisson), not evenly\n",
          stderr);
    exit(2);
}

static void read_arguments(int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "c:r:d:t:ph:")) != -1) {
        switch (option) {
        case 'c':
            connections_max = (int)strtol(optarg, NULL, 10);
            break;
        case 'r':
            rate_per_s = strtod(optarg, NULL);
            break;
        case 'd':
            seconds = strtod(optarg, NULL);
            break;
        case 't':
            timeout_ns = strtol(optarg, NULL, 10) * 1000000;
            break;
        case 'p':
            is_random = true;
            break;
        case 'h':
            host = optarg;
            break;
        default:
            usage();
        }
    }
    if (argc - optind != 2 || connections_max < 1 || connections_max > CONNECTIONS_MAX ||
        rate_per_s <= 0 || seconds <= 0 || timeout_ns <= 0)
        usage();
    address.sin_port = htons((uint16_t)strtoul(argv[optind], NULL, 10));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    request_len = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n",
                           argv[optind + 1], host);
    if (request_len >= (int)sizeof request)
        usage();
}

int main(int argc, char **argv)
{
    read_arguments(argc, argv);
    /* Else the kernel lets each wait last 50 us longer. */
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    times_max = (size_t)(rate_per_s * seconds * 1.5) + 1000;
    times_us = malloc(times_max * sizeof *times_us);
    if (epoll_fd < 0 || times_us == NULL)
        die("open_loop");
    for (int i = 0; i < connections_max; i++) {
        connections[i].next = free_ones;
        free_ones = &connections[i];
    }
    run();
    report();
    return 0;
}
