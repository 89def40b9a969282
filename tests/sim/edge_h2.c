/* Streams side by side: bodies both ways, resets in the middle, all checked against the ledger. */
#include "edge_h2.h"

#include "base/cleanup.h"
#include "edge_host.h"
#include "edge_peer.h"
#include "runner.h"

#include <errno.h>
#include <inttypes.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

#define ASKS_MAX 8

struct ask {
    struct request *request; /* borrowed from the ledger */
    int32_t stream;
    unsigned status;
    size_t got, sent; /* of the bodies */
    bool has_ended;   /* the answer */
    bool is_closed;
    bool is_given_up; /* by us */
};

struct h2_client {
    struct clients *clients;
    struct peer peer;
    nghttp2_session *session;
    struct ask asks[ASKS_MAX];
    int count, open;
};

static struct ask *ask_of(nghttp2_session *session, int32_t stream)
{
    return nghttp2_session_get_stream_user_data(session, stream);
}

static int take_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                       size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                       void *user_data)
{
    struct ask *ask = ask_of(session, frame->hd.stream_id);
    (void)flags;
    (void)user_data;
    if (name_len == 7 && memcmp(name, ":status", 7) == 0 && value_len == 3)
        ask->status = (unsigned)strtoul((const char *)value, NULL, 10);
    return 0;
}

static int take_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes,
                     size_t len, void *user_data)
{
    struct ask *ask = ask_of(session, stream);
    (void)flags;
    (void)user_data;
    for (size_t i = 0; ask->status == 200 && i < len; i++)
        CHECK((char)bytes[i] == peer_byte_at(ask->request->id, ask->got + i));
    ask->got += len;
    return 0;
}

static int take_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    bool is_message = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    (void)user_data;
    if (is_message && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
        ask_of(session, frame->hd.stream_id)->has_ended = true;
    return 0;
}

static int close_stream(nghttp2_session *session, int32_t stream, uint32_t error, void *user_data)
{
    struct h2_client *client = user_data;
    struct ask *ask = ask_of(session, stream);
    (void)error;
    ask->is_closed = true;
    client->open--;
    return 0;
}

static ssize_t give_data(nghttp2_session *session, int32_t stream, uint8_t *bytes, size_t len,
                         uint32_t *ret_flags, nghttp2_data_source *source, void *user_data)
{
    struct ask *ask = source->ptr;
    size_t left = ask->request->request_len - ask->sent;
    (void)session;
    (void)stream;
    (void)user_data;
    if (left <= len) {
        len = left;
        *ret_flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)peer_byte_at(ask->request->id, ask->sent + i);
    ask->sent += len;
    return (ssize_t)len;
}

static nghttp2_nv pair(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), NGHTTP2_NV_FLAG_NONE};
}

static void ask_next(struct h2_client *client, bool is_post)
{
    struct ask *ask = &client->asks[client->count++];
    struct request *request = clients_request(client->clients, is_post, 0);
    char path[64], length[16];
    *ask = (struct ask){.request = request};
    (void)snprintf(path, sizeof path, PATH_OF_REQUEST, request->id, request->response_len,
                   request->request_len, request->pause_ms);
    (void)snprintf(length, sizeof length, "%" PRIu32, request->request_len);
    nghttp2_nv fields[] = {pair(":method", is_post ? "POST" : "GET"), pair(":scheme", "http"),
                           pair(":authority", "x"), pair(":path", path),
                           pair("content-length", length)};
    bool tells_length = is_post && prng_below(client->clients->prng, 2) == 0;
    nghttp2_data_provider body = {.source.ptr = ask, .read_callback = give_data};
    ask->stream = nghttp2_submit_request(client->session, NULL, fields, tells_length ? 5 : 4,
                                         is_post ? &body : NULL, ask);
    CHECK(ask->stream > 0);
    client->open++;
}

static int flush(struct h2_client *client)
{
    for (;;) {
        const uint8_t *bytes;
        ssize_t len = nghttp2_session_mem_send(client->session, &bytes);
        CHECK(len >= 0);
        if (len == 0)
            return 0;
        int rc = peer_write(&client->peer, (const char *)bytes, (size_t)len);
        if (rc < 0)
            return rc;
    }
}

/* Now and then one is given up in its middle. */
static void give_up_some(struct h2_client *client)
{
    struct ask *ask = &client->asks[prng_below(client->clients->prng, (uint64_t)client->count)];
    if (ask->is_closed || prng_below(client->clients->prng, 100) >= 5)
        return;
    ask->is_given_up = true;
    CHECK(nghttp2_submit_rst_stream(client->session, NGHTTP2_FLAG_NONE, ask->stream,
                                    NGHTTP2_CANCEL) == 0);
}

/* Until all streams are closed, or the connection is. */
static void run(struct h2_client *client)
{
    char bytes[2048];
    int rc = flush(client);
    while (rc == 0 && client->open > 0) {
        ssize_t got =
            io_read_wait(&client->peer.io, bytes, sizeof bytes, loop_deadline(PEER_PATIENCE_MS));
        if (got <= 0)
            break;
        CHECK(nghttp2_session_mem_recv(client->session, (uint8_t *)bytes, (size_t)got) == got);
        give_up_some(client);
        rc = flush(client);
    }
}

static void judge(struct clients *clients, const struct ask *ask)
{
    const struct request *request = ask->request;
    if (ask->is_given_up)
        return;
    if (!ask->has_ended) {
        CHECK(clients->weather == WEATHER_NETWORK ||
              (clients->weather == WEATHER_TARGETS && request->was_cut));
        return;
    }
    client_judge(clients, request, ask->status);
    CHECK(ask->status != 200 || ask->got == request->response_len);
    ask->status == 200 ? clients->answered++ : clients->failed++;
}

static nghttp2_session *make_session(struct h2_client *client)
{
    nghttp2_session *session;
    nghttp2_session_callbacks *callbacks;
    CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, take_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, take_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, take_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, close_stream);
    CHECK(nghttp2_session_client_new(&session, callbacks, client) == 0);
    nghttp2_session_callbacks_del(callbacks);
    CHECK(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, NULL, 0) == 0);
    return session;
}

void clients_ask_by_h2(struct clients *clients)
{
    struct h2_client *client = NEW(struct h2_client);
    CHECK(client != NULL);
    client->clients = clients;
    client->session = make_session(client);
    int rc = peer_connect(&client->peer, EDGE_IP, EDGE_PORT);
    CHECK(rc == 0 || clients->weather == WEATHER_NETWORK);
    for (int round = 0; rc == 0 && round < 2 && client->open == 0; round++) {
        int count = 1 + (int)prng_below(clients->prng, ASKS_MAX / 2);
        for (int i = 0; i < count; i++)
            ask_next(client, prng_below(clients->prng, 100) < 40);
        run(client);
    }
    for (int i = 0; i < client->count; i++)
        judge(clients, &client->asks[i]);
    io_close(&client->peer.io);
    nghttp2_session_del(client->session);
    memory_free(client);
}
