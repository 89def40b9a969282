/* Plain, pipelining, slow, old and leaving clients; each answer is checked against the ledger. */
#include "edge_client.h"

#include "base/memory.h"
#include "edge_h2.h"
#include "edge_host.h"
#include "edge_peer.h"
#include "runner.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define CONNECTIONS  3
#define PIPELINE_MAX 4
#define SLOW_BYTES   40
#define RUN_MS_MAX   3600000

static bool draw(struct clients *clients, unsigned percent)
{
    return prng_below(clients->prng, 100) < percent;
}

/* Mostly small. */
static uint32_t draw_len(struct clients *clients)
{
    uint64_t max = draw(clients, 70) ? 200 : clients->len_max;
    return (uint32_t)prng_below(clients->prng, max + 1);
}

struct request *clients_request(struct clients *clients, bool is_post, uint32_t pause_ms)
{
    struct ledger *ledger = clients->ledger;
    CHECK(ledger->count < REQUESTS_MAX);
    struct request *request = &ledger->requests[ledger->count];
    *request = (struct request){
        .id = ledger->count++,
        .is_post = is_post,
        .response_len = draw_len(clients),
        .request_len = is_post ? draw_len(clients) : 0,
        .pause_ms = pause_ms,
    };
    return request;
}

static int write_slowly(struct clients *clients, struct peer *peer, const char *bytes, size_t len)
{
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < len; at += SLOW_BYTES) {
        rc = peer_write(peer, bytes + at, len - at < SLOW_BYTES ? len - at : SLOW_BYTES);
        if (rc == 0)
            rc = fiber_sleep((int64_t)prng_below(clients->prng, 20));
    }
    return rc;
}

static int send_as(struct clients *clients, struct peer *peer, const struct request *request,
                   bool is_slow, bool is_old)
{
    bool is_chunked = request->is_post && !is_old && draw(clients, 50);
    char head[240], framing[64] = "";
    if (is_chunked)
        (void)snprintf(framing, sizeof framing, "Transfer-Encoding: chunked\r\n");
    else if (request->is_post)
        (void)snprintf(framing, sizeof framing, "Content-Length: %" PRIu32 "\r\n",
                       request->request_len);
    int len = snprintf(head, sizeof head, "%s " PATH_OF_REQUEST " HTTP/1.%d\r\nHost: x\r\n%s\r\n",
                       request->is_post ? "POST" : "GET", request->id, request->response_len,
                       request->request_len, request->pause_ms, is_old ? 0 : 1, framing);
    int rc = is_slow ? write_slowly(clients, peer, head, (size_t)len)
                     : peer_write(peer, head, (size_t)len);
    if (rc < 0 || !request->is_post)
        return rc;
    size_t all = request->request_len, middle = is_slow ? all / 2 : 0;
    enum peer_framing kind = is_chunked ? PEER_CHUNKED : PEER_LENGTH;
    rc = peer_write_body(peer, request->id, kind, 0, middle, all + 1);
    if (rc == 0 && is_slow)
        rc = fiber_sleep((int64_t)prng_below(clients->prng, 100));
    return rc < 0 ? rc : peer_write_body(peer, request->id, kind, middle, all, all);
}

int client_send(struct clients *clients, struct peer *peer, const struct request *request)
{
    return send_as(clients, peer, request, false, false);
}

void client_judge(const struct clients *clients, const struct request *request, unsigned status)
{
    CHECK(status == 200 || status == 502 || status == 503 || status == 504 || status == 408);
    CHECK(status != 408 || clients->weather == WEATHER_NETWORK);
    CHECK(status == 200 || clients->weather != WEATHER_CALM);
    CHECK(status == 200 || request->is_post || clients->weather > WEATHER_RETRYABLE);
    CHECK(status != 200 || request->reached > 0);
    CHECK(!request->is_post || request->reached <= 1);
}

int client_receive(struct clients *clients, struct peer *peer, const struct request *request,
                   bool *ret_closes)
{
    struct peer_head head;
    size_t len;
    int rc = peer_read_head(peer, &head);
    *ret_closes = true;
    if (rc < 0) {
        CHECK(clients->weather == WEATHER_NETWORK);
        return 0;
    }
    client_judge(clients, request, head.status);
    bool is_from_target = head.status == 200;
    rc = peer_read_body(peer, &head, is_from_target ? request->id : PEER_ANY, &len);
    if (rc < 0) {
        CHECK(clients->weather == WEATHER_NETWORK ||
              (clients->weather == WEATHER_TARGETS && request->was_cut));
        return rc;
    }
    CHECK(!is_from_target || len == request->response_len);
    head.status == 200 ? clients->answered++ : clients->failed++;
    *ret_closes = head.closes || head.framing == PEER_UNTIL_CLOSE;
    return (int)head.status;
}

/* A chain of requests sent at once. An answer that closes leaves the rest unanswered. */
static bool pipeline(struct clients *clients, struct peer *peer)
{
    struct request *requests[PIPELINE_MAX];
    int count = 2 + (int)prng_below(clients->prng, PIPELINE_MAX - 1);
    for (int i = 0; i < count; i++) {
        requests[i] = clients_request(clients, i == count - 1 && draw(clients, 30), 0);
        requests[i]->request_len %= 100; /* who sends much and reads nothing is stuck */
        if (client_send(clients, peer, requests[i]) < 0) {
            CHECK(clients->weather >= WEATHER_TARGETS);
            return false;
        }
    }
    bool closes = false;
    for (int i = 0; i < count && !closes; i++)
        (void)client_receive(clients, peer, requests[i], &closes);
    return !closes;
}

/* Goes in the middle of the request or of the answer. */
static bool leave(struct clients *clients, struct peer *peer)
{
    struct request *request = clients_request(clients, draw(clients, 50), 0);
    if (draw(clients, 30)) {
        (void)peer_write(peer, "GET /0/0/0/0 HT", 15);
    } else if (client_send(clients, peer, request) == 0) {
        (void)fiber_sleep((int64_t)prng_below(clients->prng, 10));
        struct peer_head head;
        if (draw(clients, 50))
            (void)peer_read_head(peer, &head);
    }
    if (draw(clients, 50))
        io_reset(&peer->io);
    return false;
}

/* Returns whether the connection may go on. */
static bool ask_next(struct clients *clients, struct peer *peer)
{
    if (draw(clients, 15))
        return pipeline(clients, peer);
    if (draw(clients, 10))
        return leave(clients, peer);
    struct request *request = clients_request(clients, draw(clients, 40), 0);
    bool is_old = draw(clients, 10), closes;
    int rc = send_as(clients, peer, request, draw(clients, 10), is_old);
    if (rc < 0 && is_old)
        return false; /* told of a reset, it cannot take the end of a connection for a body's */
    /* What could not be written whole may have been answered early. */
    int status = client_receive(clients, peer, request, &closes);
    /* After an answer that came before the body's end Weir may close without having said so. */
    bool may_be_early = request->is_post && clients->weather > WEATHER_CALM;
    return rc == 0 && status > 0 && !closes && !is_old && !may_be_early;
}

static void connect_and_ask(struct clients *clients)
{
    struct peer *peer = NEW(struct peer);
    CHECK(peer != NULL);
    /* Through a tunnel nothing is tried again, and nobody answers for a target that broke off. */
    bool may_tunnel = clients->weather == WEATHER_NETWORK || clients->weather == WEATHER_CALM;
    uint16_t port = may_tunnel && draw(clients, 30) ? TUNNEL_PORT : EDGE_PORT;
    int rc = peer_connect(peer, EDGE_IP, port);
    CHECK(rc == 0 || clients->weather == WEATHER_NETWORK);
    for (int i = 0; rc == 0 && i < 4; i++) {
        if (!ask_next(clients, peer))
            break;
        if (draw(clients, 30))
            (void)fiber_sleep((int64_t)prng_below(clients->prng, 2000));
    }
    io_close(&peer->io);
    memory_free(peer);
}

static void client_main(void *arg)
{
    struct clients *clients = arg;
    for (int i = 0; i < CONNECTIONS; i++) {
        if (draw(clients, 30))
            clients_ask_by_h2(clients);
        else
            connect_and_ask(clients);
    }
    clients->left--;
}

void clients_run(struct clients *clients, int count)
{
    clients->left = count;
    for (int i = 0; i < count; i++)
        CHECK(fiber_start(client_main, clients, NULL) == 0);
    for (int64_t until_ms = loop_deadline(RUN_MS_MAX); clients->left > 0;) {
        CHECK(loop_now_ms() < until_ms);
        CHECK(fiber_sleep(50) == 0);
    }
}

unsigned clients_ask(struct clients *clients, uint16_t port, struct request *request)
{
    struct peer *peer = NEW(struct peer);
    CHECK(peer != NULL);
    int status = peer_connect(peer, EDGE_IP, port);
    CHECK(status == 0 || clients->weather == WEATHER_NETWORK); /* a tunnel's end may be a reset */
    bool closes;
    if (status == 0 && client_send(clients, peer, request) == 0)
        status = client_receive(clients, peer, request, &closes);
    else
        CHECK(clients->weather == WEATHER_NETWORK);
    io_close(&peer->io);
    memory_free(peer);
    return status < 0 ? 0 : (unsigned)status;
}
