/* One machine a target: a fiber that listens, and one for each connection. */
#include "edge_target.h"

#include "base/memory.h"
#include "edge_peer.h"
#include "runner.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define LISTEN_POLL_MS 5

struct visit {
    struct list link;
    struct target_host *host;
    struct peer peer;
    bool is_busy;
};

static bool draw(struct target_host *host, unsigned percent)
{
    return prng_below(host->prng, 100) < percent;
}

/* The answer's head, whole. */
static size_t write_head(char *text, size_t max, enum peer_framing framing, size_t len)
{
    size_t used = (size_t)snprintf(text, max, "HTTP/1.1 200 OK\r\nX-From: sim\r\n");
    if (framing == PEER_LENGTH)
        used += (size_t)snprintf(text + used, max - used, "Content-Length: %zu\r\n", len);
    else if (framing == PEER_CHUNKED)
        used += (size_t)snprintf(text + used, max - used, "Transfer-Encoding: chunked\r\n");
    return used + (size_t)snprintf(text + used, max - used, "\r\n");
}

static int end_visit(struct visit *visit, bool by_reset)
{
    if (by_reset)
        io_reset(&visit->peer.io);
    else
        io_close(&visit->peer.io);
    return -ECONNABORTED;
}

static int send_body(struct visit *visit, const struct request *request, enum peer_framing framing,
                     size_t to)
{
    size_t len = request->response_len, middle = to / 2;
    int rc = peer_write_body(&visit->peer, request->id, framing, 0, middle, len + 1);
    if (rc == 0 && request->pause_ms > 0)
        rc = fiber_sleep(request->pause_ms);
    return rc < 0 ? rc : peer_write_body(&visit->peer, request->id, framing, middle, to, len);
}

static int answer(struct visit *visit, struct request *request)
{
    struct target_host *host = visit->host;
    enum peer_framing framing = PEER_LENGTH + (enum peer_framing)prng_below(host->prng, 3);
    char head[160];
    size_t head_len = write_head(head, sizeof head, framing, request->response_len);
    if (draw(host, host->manners.reset_first)) {
        if (draw(host, 50))
            (void)peer_write(&visit->peer, head, prng_below(host->prng, head_len));
        return end_visit(visit, draw(host, 50));
    }
    bool cuts = draw(host, host->manners.cut_body) && request->response_len > 0;
    size_t to = cuts ? prng_below(host->prng, request->response_len) : request->response_len;
    request->was_cut |= cuts;
    int rc = peer_write(&visit->peer, head, head_len);
    if (rc == 0)
        rc = send_body(visit, request, framing, to);
    if (rc < 0)
        return rc;
    if (cuts) /* without framing, only a reset tells */
        return end_visit(visit, framing == PEER_UNTIL_CLOSE || draw(host, 50));
    return framing == PEER_UNTIL_CLOSE ? end_visit(visit, false) : 0;
}

static int take_body(struct visit *visit, const struct peer_head *head,
                     const struct request *request)
{
    size_t len;
    int rc = peer_read_body(&visit->peer, head, request->id, &len);
    CHECK(rc < 0 || len == request->request_len);
    return rc;
}

static int refuse(struct visit *visit)
{
    static const char answer[] = "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n";
    visit->host->refused++;
    return peer_write(&visit->peer, answer, sizeof answer - 1);
}

static int serve_request(struct visit *visit, const struct peer_head *head, struct request *request)
{
    struct target_host *host = visit->host;
    request->reached++;
    host->served++;
    if (draw(host, host->manners.refuse)) {
        int rc = take_body(visit, head, request);
        return rc < 0 ? rc : refuse(visit);
    }
    if (draw(host, host->manners.stall)) {
        (void)io_wait(&visit->peer.io, IO_PEER_DONE, loop_deadline(PEER_PATIENCE_MS));
        return -ETIMEDOUT;
    }
    bool is_early = request->is_post && draw(host, host->manners.early);
    request->was_cut |= is_early; /* closing on unread bytes may reset the answer */
    int rc = is_early ? 0 : take_body(visit, head, request);
    if (rc == 0 && host->manners.wait_ms > 0)
        rc = fiber_sleep((int64_t)prng_below(host->prng, host->manners.wait_ms));
    if (rc == 0)
        rc = answer(visit, request);
    if (rc == 0 && is_early)
        rc = draw(host, 50) ? take_body(visit, head, request) : -ECONNABORTED;
    if (rc == 0 && draw(host, host->manners.leave)) {
        (void)fiber_sleep((int64_t)prng_below(host->prng, 10));
        rc = -ECONNABORTED;
    }
    return rc;
}

static int serve_next(struct visit *visit)
{
    struct target_host *host = visit->host;
    struct peer_head head;
    visit->is_busy = false;
    int rc = host->takes_no_new ? -ECONNABORTED : peer_read_head(&visit->peer, &head);
    if (rc < 0)
        return rc;
    visit->is_busy = true;
    if (strncmp(head.line, "GET /health ", 12) == 0) {
        static const char good[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        static const char bad[] = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";
        return host->is_sick ? peer_write(&visit->peer, bad, sizeof bad - 1)
                             : peer_write(&visit->peer, good, sizeof good - 1);
    }
    uint32_t id, response_len, request_len, pause_ms;
    CHECK(sscanf(head.line, "%*s " PATH_OF_REQUEST " HTTP/1.1", &id, &response_len, &request_len,
                 &pause_ms) == 4);
    CHECK(id < host->ledger->count);
    if (++host->serving > host->serving_most)
        host->serving_most = host->serving;
    rc = serve_request(visit, &head, &host->ledger->requests[id]);
    host->serving--;
    return rc;
}

static void visit_main(void *arg)
{
    struct visit *visit = arg;
    while (serve_next(visit) == 0)
        ;
    io_close(&visit->peer.io);
    list_remove(&visit->link);
    memory_free(visit);
}

struct door {
    struct acceptor acceptor;
    struct target_host *host;
    int fd; /* -1: closed */
};

static void accept_visit(struct acceptor *acceptor, int fd, const struct address *peer)
{
    (void)peer;
    struct visit *visit = NEW(struct visit);
    CHECK(visit != NULL);
    visit->host = CONTAINER_OF(acceptor, struct door, acceptor)->host;
    io_init(&visit->peer.io, NULL);
    CHECK(io_open(&visit->peer.io, fd) == 0);
    list_append(&visit->host->visits, &visit->link);
    CHECK(fiber_start(visit_main, visit, NULL) == 0);
}

static void open_door(struct door *door)
{
    struct kernel *kernel = sim_machine_kernel(sim_machine_current());
    struct address any;
    CHECK(address_from_ip(SLICE("0.0.0.0"), TARGET_PORT, &any) == 0);
    door->fd = kernel->ops->listen(kernel, &any, 64, false);
    CHECK(door->fd >= 0);
    CHECK(acceptor_start(&door->acceptor, door->fd, accept_visit) == 0);
}

static void close_door(struct door *door)
{
    struct kernel *kernel = sim_machine_kernel(sim_machine_current());
    if (door->fd < 0)
        return;
    acceptor_stop(&door->acceptor);
    kernel->ops->close(kernel, door->fd);
    door->fd = -1;
}

static void close_visits(struct target_host *host, bool busy_too)
{
    LIST_FOR_EACH (&host->visits, link) {
        struct visit *visit = CONTAINER_OF(link, struct visit, link);
        if (busy_too)
            io_reset(&visit->peer.io);
        else if (!visit->is_busy && visit->peer.start == visit->peer.end)
            io_close(&visit->peer.io);
    }
}

static void host_main(void *arg)
{
    struct door door = {.host = arg, .fd = -1};
    do {
        if (door.host->takes_no_new) {
            close_door(&door);
            close_visits(door.host, false);
        } else if (door.fd < 0) {
            open_door(&door);
        }
    } while (fiber_sleep(LISTEN_POLL_MS) == 0);
    close_door(&door);
    close_visits(door.host, true);
}

void target_host_start(struct target_host *host)
{
    list_init(&host->visits);
    CHECK(sim_machine_start(host->ip, host_main, host, &host->machine) == 0);
}

void target_host_crash(struct target_host *host)
{
    sim_machine_stop(host->machine);
    host->machine = NULL;
}
