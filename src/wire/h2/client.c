/* nghttp2's callbacks made into events, and its queue into bytes: the client's side. */
#include "wire/h2/client.h"

#include "base/cleanup.h"
#include "wire/h2/engine.h"
#include "wire/h2/guard.h"
#include "wire/h2/lines.h"

#include <errno.h>

/* A target that lets as many answers to PING and SETTINGS pile up does not read. */
#define ACKS_MAX 100

#define USUAL_LINES 32

struct h2_client {
    nghttp2_session *engine; /* owned */
    struct h2_memory memory; /* its */
    const struct h2_client_ops *ops;
    void *owner;
    struct h2_guard guard;
    int64_t now_ms;    /* as far as we were told */
    bool has_settings; /* the target's first */
    bool is_excessive; /* a header block was */
    struct h2_output output;
};

/* Without memory for something it is not to be trusted any more: the connection ends. */
static bool has_failed(const struct h2_client *client)
{
    return UNLIKELY(client->memory.has_failed);
}

static struct h2_request *request_of(nghttp2_session *engine, int32_t id)
{
    return nghttp2_session_get_stream_user_data(engine, id);
}

/* What comes in. */

static int add_field(struct h2_client *client, struct h2_request *request, struct slice name,
                     struct slice value)
{
    int rc = h2_response_add(&request->response, name, value);
    if (rc != -ENOSPC)
        return rc;
    rc = client->ops->extend(client->owner, request);
    return rc < 0 ? rc : h2_response_add(&request->response, name, value);
}

static int take_header(nghttp2_session *engine, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                       nghttp2_rcbuf *value, uint8_t flags, void *user_data)
{
    struct h2_client *client = user_data;
    struct h2_request *request = request_of(engine, frame->hd.stream_id);
    nghttp2_vec n = nghttp2_rcbuf_get_buf(name), v = nghttp2_rcbuf_get_buf(value);
    (void)flags;
    if (request == NULL)
        return 0;
    int rc = add_field(client, request, slice_of((char *)n.base, n.len),
                       slice_of((char *)v.base, v.len));
    client->is_excessive |= rc == -E2BIG;
    if (rc == -E2BIG)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    return rc < 0 ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : 0;
}

/* RFC 9113 §8.2.1: such a response is malformed; without this the field alone would be left out. */
static int take_invalid_header(nghttp2_session *engine, const nghttp2_frame *frame,
                               nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags,
                               void *user_data)
{
    (void)name, (void)value, (void)flags, (void)user_data;
    struct h2_request *request = request_of(engine, frame->hd.stream_id);
    if (request != NULL)
        request->response.why = "the target sent a malformed field";
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void take_head(struct h2_client *client, struct h2_request *request)
{
    int rc = h2_response_seal(&request->response);
    if (rc == -ENOSPC) {
        rc = client->ops->extend(client->owner, request);
        if (rc == 0)
            rc = h2_response_seal(&request->response);
    }
    if (rc < 0)
        (void)nghttp2_submit_rst_stream(client->engine, NGHTTP2_FLAG_NONE, (int32_t)request->id,
                                        rc == -ENOMEM ? NGHTTP2_INTERNAL_ERROR
                                                      : NGHTTP2_PROTOCOL_ERROR);
}

static int take_frame(nghttp2_session *engine, const nghttp2_frame *frame, void *user_data)
{
    struct h2_client *client = user_data;
    client->has_settings |= frame->hd.type == NGHTTP2_SETTINGS;
    if (frame->hd.type == NGHTTP2_SETTINGS || frame->hd.type == NGHTTP2_GOAWAY)
        client->ops->room(client->owner);
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    struct h2_request *request = request_of(engine, frame->hd.stream_id);
    if (request == NULL)
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS)
        take_head(client, request);
    request->has_ended |= (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS || request->has_ended)
        client->ops->news(client->owner, request);
    return 0;
}

/* The connection's window is never narrowed by one stream that nobody reads: each has its own. */
static int take_data(nghttp2_session *engine, uint8_t flags, int32_t id, const uint8_t *bytes,
                     size_t len, void *user_data)
{
    struct h2_client *client = user_data;
    struct h2_request *request = request_of(engine, id);
    int rc = 0;
    (void)flags;
    h2_guard_earn_bytes(&client->guard, len);
    (void)nghttp2_session_consume_connection(engine, len);
    if (request != NULL)
        rc = client->ops->data(client->owner, request, slice_of((const char *)bytes, len));
    if (rc < 0)
        (void)nghttp2_submit_rst_stream(engine, NGHTTP2_FLAG_NONE, id, NGHTTP2_INTERNAL_ERROR);
    return 0;
}

static int close_stream(nghttp2_session *engine, int32_t id, uint32_t error, void *user_data)
{
    struct h2_client *client = user_data;
    struct h2_request *request = request_of(engine, id);
    if (request != NULL)
        client->ops->close(client->owner, request, error);
    return 0;
}

/* What goes out. */

static ssize_t data_length(nghttp2_session *engine, uint8_t frame_type, int32_t id,
                           int32_t session_window, int32_t stream_window, uint32_t frame_bytes_max,
                           void *user_data)
{
    const struct h2_client *client = user_data;
    (void)engine, (void)frame_type, (void)id;
    return h2_output_data_length(&client->output, session_window, stream_window, frame_bytes_max);
}

static int submit_trailers(struct h2_client *client, const struct h2_request *request)
{
    UNINITIALISED nghttp2_nv lines[H2_LINES_MAX];
    int count = h2_lines_of_fields(request->trailers, lines);
    return nghttp2_submit_trailer(client->engine, (int32_t)request->id, lines, (size_t)count);
}

static ssize_t next_data(nghttp2_session *engine, int32_t id, uint8_t *buffer, size_t len,
                         uint32_t *ret_flags, nghttp2_data_source *source, void *user_data)
{
    struct h2_request *request = request_of(engine, id);
    (void)buffer, (void)source;
    if (request == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* it was forgotten */
    if (request->out.len == 0 && !request->out_ends) {
        request->is_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    *ret_flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (request->out.len > len)
        return (ssize_t)len;
    if (request->out_ends) {
        *ret_flags |= NGHTTP2_DATA_FLAG_EOF;
        if (request->trailers != NULL && request->trailers->count > 0) {
            *ret_flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            int rc = submit_trailers(user_data, request);
            if (rc != 0)
                return rc;
        }
    }
    return (ssize_t)request->out.len;
}

static int give_data(nghttp2_session *engine, nghttp2_frame *frame, const uint8_t *head, size_t len,
                     nghttp2_data_source *source, void *user_data)
{
    struct h2_client *client = user_data;
    struct h2_request *request = request_of(engine, frame->hd.stream_id);
    (void)source;
    if (request == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (!h2_output_put_data(&client->output, head, slice_first(request->out, len)))
        return NGHTTP2_ERR_WOULDBLOCK;
    request->out = slice_from(request->out, len);
    h2_guard_earn_bytes(&client->guard, len);
    client->ops->given(client->owner, request);
    return 0;
}

static int gave_frame(nghttp2_session *engine, const nghttp2_frame *frame, void *user_data)
{
    struct h2_client *client = user_data;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    struct h2_request *request = request_of(engine, frame->hd.stream_id);
    if (request == NULL)
        return 0;
    bool is_last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (!request->is_begun)
        h2_guard_earn_response(&client->guard);
    request->is_begun = true;
    request->is_out |= is_last;
    if (is_last || frame->hd.type == NGHTTP2_HEADERS)
        client->ops->given(client->owner, request);
    return 0;
}

/* A head that can no longer be sent, after a GOAWAY: the stream never was. */
static int gave_up_frame(nghttp2_session *engine, const nghttp2_frame *frame, int error,
                         void *user_data)
{
    struct h2_client *client = user_data;
    (void)error;
    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    struct h2_request *request = request_of(engine, frame->hd.stream_id);
    if (request == NULL || request->is_begun)
        return 0;
    (void)nghttp2_session_set_stream_user_data(engine, frame->hd.stream_id, NULL);
    client->ops->close(client->owner, request, H2_REFUSED_STREAM);
    return 0;
}

/* Life. */

static int make_callbacks(nghttp2_session_callbacks **ret_callbacks)
{
    nghttp2_session_callbacks *callbacks;
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return -ENOMEM;
    nghttp2_session_callbacks_set_on_header_callback2(callbacks, take_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks, take_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, take_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, take_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, close_stream);
    nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, data_length);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, give_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, gave_frame);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, gave_up_frame);
    *ret_callbacks = callbacks;
    return 0;
}

static int make_options(nghttp2_option **ret_option)
{
    nghttp2_option *option;
    if (nghttp2_option_new(&option) != 0)
        return -ENOMEM;
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_max_reserved_remote_streams(option, 0);
    nghttp2_option_set_max_outbound_ack(option, ACKS_MAX);
    nghttp2_option_set_max_continuations(option, H2_BLOCK_FRAMES_MAX);
    nghttp2_option_set_max_send_header_block_length(option, 2 * H2_BLOCK_BYTES_MAX);
    nghttp2_option_set_max_deflate_dynamic_table_size(option, H2_CLIENT_TABLE_BYTES);
    *ret_option = option;
    return 0;
}

static int make_engine(struct h2_client *client)
{
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    nghttp2_mem memory = h2_memory_functions(&client->memory);
    int rc = make_callbacks(&callbacks);
    if (rc == 0)
        rc = make_options(&option);
    if (rc == 0 &&
        nghttp2_session_client_new3(&client->engine, callbacks, client, option, &memory) != 0)
        rc = -ENOMEM;
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return rc;
}

static int greet(struct h2_client *client)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_CALL_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_HEAD_BYTES_MAX},
    };
    if (nghttp2_submit_settings(client->engine, NGHTTP2_FLAG_NONE, settings, COUNT_OF(settings)) !=
        0)
        return -ENOMEM;
    int rc = nghttp2_session_set_local_window_size(client->engine, NGHTTP2_FLAG_NONE, 0,
                                                   H2_CALLS_CONNECTION_BYTES);
    return rc == 0 ? 0 : -ENOMEM;
}

int h2_client_create(const struct h2_client_ops *ops, void *owner, struct h2_pool *pool,
                     int64_t now_ms, struct h2_client **ret_client)
{
    struct h2_client *client = NEW(struct h2_client);
    if (client == NULL)
        return -ENOMEM;
    client->ops = ops;
    client->owner = owner;
    client->now_ms = now_ms;
    h2_memory_init(&client->memory, pool);
    h2_guard_init(&client->guard, now_ms);
    client->guard.is_target = true;
    int rc = make_engine(client);
    if (rc == 0)
        rc = greet(client);
    if (rc < 0) {
        h2_client_destroy(client);
        return rc;
    }
    *ret_client = client;
    return 0;
}

void h2_client_destroy(struct h2_client *client)
{
    if (client == NULL)
        return;
    if (!has_failed(client))
        nghttp2_session_del(client->engine);
    h2_memory_finish(&client->memory);
    memory_free(client);
}

void h2_client_end(struct h2_client *client, enum h2_error error)
{
    if (!has_failed(client))
        (void)nghttp2_session_terminate_session(client->engine, error);
}

static int judge(struct h2_client *client, ssize_t rc, const char **ret_why)
{
    if (rc == NGHTTP2_ERR_NOMEM || has_failed(client))
        return -ENOMEM;
    bool is_flood = client->is_excessive || rc == NGHTTP2_ERR_FLOODED;
    *ret_why = client->is_excessive ? "the target sent a header block without end"
               : is_flood           ? "the target sent a flood of frames"
                                    : "the target broke the rules of HTTP/2";
    h2_client_end(client, is_flood ? H2_ENHANCE_YOUR_CALM : H2_PROTOCOL_ERROR);
    return -EPROTO;
}

int h2_client_take(struct h2_client *client, struct slice bytes, int64_t now_ms,
                   const char **ret_why)
{
    enum h2_error error = H2_NO_ERROR;
    client->now_ms = now_ms;
    if (has_failed(client))
        return -ENOMEM;
    size_t passed = h2_guard_pass(&client->guard, bytes, now_ms, &error);
    ssize_t rc = nghttp2_session_mem_recv(client->engine, (const uint8_t *)bytes.at, passed);
    if (rc < 0 || has_failed(client))
        return judge(client, rc, ret_why);
    if (passed < bytes.len) {
        h2_client_end(client, error);
        *ret_why = error == H2_ENHANCE_YOUR_CALM ? "the target sent a flood of frames"
                                                 : "the target broke the rules of HTTP/2";
        return -EPROTO;
    }
    if (nghttp2_session_want_read(client->engine) == 0 &&
        nghttp2_session_want_write(client->engine) != 0)
        *ret_why = "the target broke the rules of HTTP/2";
    return 0;
}

ptrdiff_t h2_client_give(struct h2_client *client, char *room, size_t len)
{
    h2_output_begin(&client->output, room, len);
    int rc = h2_output_fill(&client->output, client->engine, &client->memory);
    return rc < 0 ? rc : client->output.room - room;
}

bool h2_client_wants_write(const struct h2_client *client)
{
    return client->output.held.len > 0 || has_failed(client) ||
           nghttp2_session_want_write(client->engine) != 0;
}

bool h2_client_wants_read(const struct h2_client *client)
{
    return !has_failed(client) && nghttp2_session_want_read(client->engine) != 0;
}

bool h2_client_is_greeted(const struct h2_client *client)
{
    return client->has_settings;
}

unsigned h2_client_requests_max(const struct h2_client *client)
{
    if (has_failed(client) || nghttp2_session_check_request_allowed(client->engine) == 0)
        return 0;
    if (!client->has_settings)
        return 1;
    uint32_t theirs = nghttp2_session_get_remote_settings(client->engine,
                                                          NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    return theirs < H2_CALLS_MAX ? theirs : H2_CALLS_MAX;
}

/* Requests. */

static int submit(struct h2_client *client, struct h2_request *request, nghttp2_nv *lines,
                  int count)
{
    /* The head is the caller's again before it leaves: it is copied. */
    for (int i = 0; i < count; i++)
        lines[i].flags &= NGHTTP2_NV_FLAG_NO_INDEX;
    bool has_body = request->out.len > 0 || !request->out_ends || request->trailers != NULL;
    nghttp2_data_provider body = {.read_callback = next_data};
    int32_t id = nghttp2_submit_request(client->engine, NULL, lines, (size_t)count,
                                        has_body ? &body : NULL, request);
    if (id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE)
        return -ENOLINK;
    if (id < 0)
        return h2_engine_errno(id);
    request->id = (uint32_t)id;
    return 0;
}

static __attribute__((noinline)) int submit_many(struct h2_client *client,
                                                 struct h2_request *request, struct slice head,
                                                 struct slice scheme)
{
    UNINITIALISED nghttp2_nv lines[H2_LINES_MAX];
    int count = h2_lines_of_request(head, scheme, lines, COUNT_OF(lines));
    return count < 0 ? count : submit(client, request, lines, count);
}

/* Nearly all heads are small: the stack of a fiber is not to be touched as deep as others need. */
int h2_client_submit(struct h2_client *client, struct h2_request *request, struct slice head,
                     struct slice scheme)
{
    UNINITIALISED nghttp2_nv lines[USUAL_LINES];
    if (has_failed(client))
        return -ENOMEM;
    int count = h2_lines_of_request(head, scheme, lines, COUNT_OF(lines));
    if (UNLIKELY(count == -E2BIG))
        return submit_many(client, request, head, scheme);
    return submit(client, request, lines, count);
}

int h2_client_resume(struct h2_client *client, struct h2_request *request)
{
    if (has_failed(client))
        return -ENOMEM;
    if (!request->is_deferred)
        return 0;
    request->is_deferred = false;
    return h2_engine_errno(nghttp2_session_resume_data(client->engine, (int32_t)request->id));
}

void h2_client_forget(struct h2_client *client, struct h2_request *request, enum h2_error error)
{
    int32_t id = (int32_t)request->id;
    if (id == 0 || has_failed(client))
        return;
    (void)nghttp2_submit_rst_stream(client->engine, NGHTTP2_FLAG_NONE, id, error);
    (void)nghttp2_session_set_stream_user_data(client->engine, id, NULL);
    request->id = 0;
}

void h2_client_consume(struct h2_client *client, const struct h2_request *request, size_t len)
{
    if (!has_failed(client))
        (void)nghttp2_session_consume_stream(client->engine, (int32_t)request->id, len);
}

void h2_client_widen(struct h2_client *client, const struct h2_request *request)
{
    if (!has_failed(client))
        (void)nghttp2_session_set_local_window_size(client->engine, NGHTTP2_FLAG_NONE,
                                                    (int32_t)request->id, H2_WIDE_WINDOW_BYTES);
}

bool h2_client_is_stalled(const struct h2_client *client, const struct h2_request *request)
{
    if (has_failed(client))
        return true;
    return nghttp2_session_get_stream_remote_window_size(client->engine, (int32_t)request->id) <=
               0 ||
           nghttp2_session_get_remote_window_size(client->engine) <= 0;
}

size_t h2_client_first_window(const struct h2_client *client)
{
    if (has_failed(client))
        return 0;
    int32_t whole = nghttp2_session_get_remote_window_size(client->engine);
    uint32_t each =
        nghttp2_session_get_remote_settings(client->engine, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE);
    size_t window = whole < 0 ? 0 : (size_t)whole;
    return window < each ? window : each;
}

void h2_client_ping(struct h2_client *client)
{
    if (!has_failed(client))
        (void)nghttp2_submit_ping(client->engine, NGHTTP2_FLAG_NONE, NULL);
}
