/* nghttp2's callbacks made into events, and its queue into bytes. */
#include "wire/h2/session.h"

#include "base/cleanup.h"
#include "wire/h2/engine.h"
#include "wire/h2/lines.h"

#include <errno.h>

/* A client that lets as many answers to PING and SETTINGS pile up does not read. */
#define ACKS_MAX 100

/* So many frames besides DATA may wait to be given: streams have a handful each. A client that
 * provokes more than that at a time does not read what it is answered. */
#define FRAMES_MAX (16 * H2_STREAMS_MAX)

#define USUAL_LINES 24

struct h2_session {
    nghttp2_session *engine; /* owned */
    struct h2_memory memory; /* its */
    const struct h2_session_ops *ops;
    void *owner;
    struct h2_guard guard;
    int64_t now_ms; /* as far as we were told */
    unsigned preface_left;
    bool has_settings; /* the client's first */
    bool is_excessive; /* a header list was */
    bool is_flooded;   /* it made us reset too much */
    unsigned refused;  /* streams for which we had no room, not yet told */
    struct h2_output output;
};

static struct h2_stream *stream_of(nghttp2_session *engine, int32_t id)
{
    return nghttp2_session_get_stream_user_data(engine, id);
}

/* Without memory for something it is not to be trusted any more: the connection ends. */
static bool has_failed(const struct h2_session *session)
{
    return UNLIKELY(session->memory.has_failed);
}

/* What comes in. */

static void reset_stream(struct h2_session *session, int32_t id, uint32_t error)
{
    session->refused += error == NGHTTP2_REFUSED_STREAM ? 1 : 0;
    (void)nghttp2_submit_rst_stream(session->engine, NGHTTP2_FLAG_NONE, id, error);
}

static int begin_headers(nghttp2_session *engine, const nghttp2_frame *frame, void *user_data)
{
    struct h2_session *session = user_data;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct h2_stream *stream = session->ops->open(session->owner);
    if (stream == NULL) {
        reset_stream(session, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
        return 0;
    }
    stream->id = (uint32_t)frame->hd.stream_id;
    return nghttp2_session_set_stream_user_data(engine, frame->hd.stream_id, stream);
}

static void lack_memory(struct h2_stream *stream)
{
    stream->head.status = 503;
    stream->head.why = "out of memory for this request";
}

static int take_header(nghttp2_session *engine, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                       nghttp2_rcbuf *value, uint8_t flags, void *user_data)
{
    struct h2_session *session = user_data;
    struct h2_stream *stream = stream_of(engine, frame->hd.stream_id);
    nghttp2_vec n = nghttp2_rcbuf_get_buf(name), v = nghttp2_rcbuf_get_buf(value);
    (void)flags;
    if (stream == NULL)
        return 0;
    struct slice name_slice = slice_of((char *)n.base, n.len);
    struct slice value_slice = slice_of((char *)v.base, v.len);
    int rc = h2_head_add(&stream->head, name_slice, value_slice);
    if (rc == -ENOSPC) {
        rc = session->ops->extend(session->owner, stream);
        if (rc == 0)
            rc = h2_head_add(&stream->head, name_slice, value_slice);
        if (rc == -ENOMEM)
            lack_memory(stream);
    }
    session->is_excessive |= rc == -E2BIG;
    return rc == -E2BIG ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* RFC 9113 §8.2.1: such a request is malformed; without this the field alone would be left out. */
static int take_invalid_header(nghttp2_session *engine, const nghttp2_frame *frame,
                               nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags,
                               void *user_data)
{
    (void)engine, (void)frame, (void)name, (void)value, (void)flags, (void)user_data;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int take_frame(nghttp2_session *engine, const nghttp2_frame *frame, void *user_data)
{
    struct h2_session *session = user_data;
    if (frame->hd.type == NGHTTP2_SETTINGS) {
        session->has_settings = true;
        return 0;
    }
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    struct h2_stream *stream = stream_of(engine, frame->hd.stream_id);
    if (stream == NULL)
        return 0;
    bool is_request =
        frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    stream->has_ended |= (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (is_request) {
        h2_head_seal(&stream->head);
        session->ops->request(session->owner, stream);
    } else if (stream->has_ended) {
        session->ops->end(session->owner, stream);
    }
    return 0;
}

static int take_data(nghttp2_session *engine, uint8_t flags, int32_t id, const uint8_t *bytes,
                     size_t len, void *user_data)
{
    struct h2_session *session = user_data;
    struct h2_stream *stream = stream_of(engine, id);
    int rc = -ENOENT;
    (void)flags;
    if (stream != NULL)
        rc = session->ops->data(session->owner, stream, slice_of((const char *)bytes, len));
    if (rc < 0)
        (void)nghttp2_session_consume_connection(engine, len);
    if (rc < 0 && stream != NULL)
        reset_stream(session, id, NGHTTP2_INTERNAL_ERROR);
    return 0;
}

static int close_stream(nghttp2_session *engine, int32_t id, uint32_t error, void *user_data)
{
    struct h2_session *session = user_data;
    struct h2_stream *stream = stream_of(engine, id);
    if (stream != NULL)
        session->ops->close(session->owner, stream, error);
    return 0;
}

/* What goes out. */

static ssize_t data_length(nghttp2_session *engine, uint8_t frame_type, int32_t id,
                           int32_t session_window, int32_t stream_window, uint32_t frame_bytes_max,
                           void *user_data)
{
    const struct h2_session *session = user_data;
    (void)engine, (void)frame_type, (void)id;
    return h2_output_data_length(&session->output, session_window, stream_window, frame_bytes_max);
}

static int submit_trailers(struct h2_session *session, const struct h2_stream *stream)
{
    UNINITIALISED nghttp2_nv lines[H2_LINES_MAX];
    int count = h2_lines_of_fields(stream->trailers, lines);
    return nghttp2_submit_trailer(session->engine, (int32_t)stream->id, lines, (size_t)count);
}

static ssize_t next_data(nghttp2_session *engine, int32_t id, uint8_t *buffer, size_t len,
                         uint32_t *ret_flags, nghttp2_data_source *source, void *user_data)
{
    struct h2_stream *stream = source->ptr;
    (void)engine, (void)id, (void)buffer;
    if (stream->out.len == 0 && !stream->out_ends) {
        stream->is_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    *ret_flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (stream->out.len > len)
        return (ssize_t)len;
    if (stream->out_ends) {
        *ret_flags |= NGHTTP2_DATA_FLAG_EOF;
        if (stream->trailers != NULL && stream->trailers->count > 0) {
            *ret_flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            int rc = submit_trailers(user_data, stream);
            if (rc != 0)
                return rc;
        }
    }
    return (ssize_t)stream->out.len;
}

/* A DATA frame, copied from where the body lies to where it leaves from. */
static int give_data(nghttp2_session *engine, nghttp2_frame *frame, const uint8_t *head, size_t len,
                     nghttp2_data_source *source, void *user_data)
{
    struct h2_session *session = user_data;
    struct h2_stream *stream = source->ptr;
    (void)engine, (void)frame;
    /* It was reset while its frame waited for room: the frame is dropped. */
    if (stream->out.len < len)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (!h2_output_put_data(&session->output, head, slice_first(stream->out, len)))
        return NGHTTP2_ERR_WOULDBLOCK;
    stream->out = slice_from(stream->out, len);
    h2_guard_earn_bytes(&session->guard, len);
    session->ops->given(session->owner, stream);
    return 0;
}

/* It is the client's doing when we have to reset a stream for one of these. What nghttp2 refuses
 * is beyond H2_STREAMS_MAX, by a client that has not acknowledged our SETTINGS. */
static bool is_its_fault(struct h2_session *session, uint32_t error)
{
    bool is_ours = error == NGHTTP2_REFUSED_STREAM && session->refused > 0;
    session->refused -= is_ours ? 1 : 0;
    return !is_ours && error != NGHTTP2_NO_ERROR && error != NGHTTP2_INTERNAL_ERROR &&
           error != NGHTTP2_CANCEL;
}

static int gave_frame(nghttp2_session *engine, const nghttp2_frame *frame, void *user_data)
{
    struct h2_session *session = user_data;
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR)
        session->ops->fail(session->owner, frame->goaway.error_code);
    if (frame->hd.type == NGHTTP2_RST_STREAM &&
        is_its_fault(session, frame->rst_stream.error_code) &&
        !h2_guard_charge_reset(&session->guard, session->now_ms))
        session->is_flooded = true;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    struct h2_stream *stream = stream_of(engine, frame->hd.stream_id);
    if (stream == NULL)
        return 0;
    bool is_last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (is_last)
        h2_guard_earn_response(&session->guard);
    stream->is_out |= is_last;
    if (frame->hd.type == NGHTTP2_HEADERS && stream->heads_left > 0)
        stream->heads_left--;
    if (is_last || frame->hd.type == NGHTTP2_HEADERS)
        session->ops->given(session->owner, stream);
    return 0;
}

/* Life. */

static int make_callbacks(nghttp2_session_callbacks **ret_callbacks)
{
    nghttp2_session_callbacks *callbacks;
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return -ENOMEM;
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(callbacks, take_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks, take_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, take_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, take_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, close_stream);
    nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, data_length);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, give_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, gave_frame);
    *ret_callbacks = callbacks;
    return 0;
}

static int make_options(nghttp2_option **ret_option)
{
    nghttp2_option *option;
    if (nghttp2_option_new(&option) != 0)
        return -ENOMEM;
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_outbound_ack(option, ACKS_MAX);
    nghttp2_option_set_max_continuations(option, H2_BLOCK_FRAMES_MAX);
    nghttp2_option_set_max_send_header_block_length(option, 2 * H2_BLOCK_BYTES_MAX);
    nghttp2_option_set_builtin_recv_extension_type(option, H2_PRIORITY_UPDATE);
    /* The guard counts them, by the time that we are told. */
    nghttp2_option_set_stream_reset_rate_limit(option, UINT32_MAX, UINT32_MAX);
    *ret_option = option;
    return 0;
}

static int make_engine(struct h2_session *session)
{
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    nghttp2_mem memory = h2_memory_functions(&session->memory);
    int rc = make_callbacks(&callbacks);
    if (rc == 0)
        rc = make_options(&option);
    if (rc == 0 &&
        nghttp2_session_server_new3(&session->engine, callbacks, session, option, &memory) != 0)
        rc = -ENOMEM;
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return rc;
}

static int greet(struct h2_session *session)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_STREAMS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_STREAM_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_HEAD_BYTES_MAX},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    if (nghttp2_submit_settings(session->engine, NGHTTP2_FLAG_NONE, settings, COUNT_OF(settings)) !=
        0)
        return -ENOMEM;
    int rc = nghttp2_session_set_local_window_size(session->engine, NGHTTP2_FLAG_NONE, 0,
                                                   H2_CONNECTION_WINDOW_BYTES);
    return rc == 0 ? 0 : -ENOMEM;
}

int h2_session_create(const struct h2_session_ops *ops, void *owner, struct h2_pool *pool,
                      int64_t now_ms, struct h2_session **ret_session)
{
    struct h2_session *session = NEW(struct h2_session);
    if (session == NULL)
        return -ENOMEM;
    session->ops = ops;
    session->owner = owner;
    session->now_ms = now_ms;
    session->preface_left = sizeof H2_PREFACE - 1;
    h2_guard_init(&session->guard, now_ms);
    h2_memory_init(&session->memory, pool);
    int rc = make_engine(session);
    if (rc == 0)
        rc = greet(session);
    if (rc < 0) {
        h2_session_destroy(session);
        return rc;
    }
    *ret_session = session;
    return 0;
}

void h2_session_destroy(struct h2_session *session)
{
    if (session == NULL)
        return;
    if (!session->memory.has_failed)
        nghttp2_session_del(session->engine);
    h2_memory_finish(&session->memory);
    memory_free(session);
}

void h2_session_end(struct h2_session *session, enum h2_error error)
{
    if (!has_failed(session))
        (void)nghttp2_session_terminate_session(session->engine, error);
}

/* The engine gave up: on a header list without end, or on answers that the client does not read. */
static int judge(struct h2_session *session, ssize_t rc)
{
    if (rc == NGHTTP2_ERR_NOMEM)
        return -ENOMEM;
    bool is_flood = session->is_excessive || rc == NGHTTP2_ERR_FLOODED;
    bool is_foreign = rc == NGHTTP2_ERR_BAD_CLIENT_MAGIC;
    h2_session_end(session, is_flood     ? H2_ENHANCE_YOUR_CALM
                            : is_foreign ? H2_PROTOCOL_ERROR
                                         : H2_INTERNAL_ERROR);
    return -EPROTO;
}

int h2_session_take(struct h2_session *session, struct slice bytes, int64_t now_ms)
{
    enum h2_error error = H2_NO_ERROR;
    session->now_ms = now_ms;
    size_t preface =
        session->preface_left < bytes.len ? session->preface_left : (unsigned)bytes.len;
    session->preface_left -= (unsigned)preface;
    struct slice frames = slice_from(bytes, preface);
    size_t passed = h2_guard_pass(&session->guard, frames, now_ms, &error);
    ssize_t rc =
        nghttp2_session_mem_recv(session->engine, (const uint8_t *)bytes.at, preface + passed);
    if (has_failed(session))
        return -ENOMEM;
    if (rc < 0)
        return judge(session, rc);
    if (passed == frames.len &&
        nghttp2_session_get_outbound_queue_size(session->engine) <= FRAMES_MAX)
        return 0;
    if (passed == frames.len)
        error = H2_ENHANCE_YOUR_CALM;
    h2_session_end(session, error);
    return -EPROTO;
}

ptrdiff_t h2_session_give(struct h2_session *session, char *room, size_t len)
{
    struct h2_output *output = &session->output;
    h2_output_begin(output, room, len);
    int rc = h2_output_fill(output, session->engine, &session->memory);
    if (rc == 0 && UNLIKELY(session->is_flooded)) {
        session->is_flooded = false;
        h2_session_end(session, H2_ENHANCE_YOUR_CALM);
        rc = h2_output_fill(output, session->engine, &session->memory);
    }
    return rc < 0 ? rc : output->room - room;
}

bool h2_session_wants_write(const struct h2_session *session)
{
    return session->output.held.len > 0 || has_failed(session) ||
           nghttp2_session_want_write(session->engine) != 0;
}

bool h2_session_wants_read(const struct h2_session *session)
{
    return nghttp2_session_want_read(session->engine) != 0;
}

uint64_t h2_session_unit(const struct h2_session *session)
{
    if (!session->has_settings)
        return 1;
    return h2_guard_is_midway(&session->guard) ? (uint64_t)session->guard.units + 2 : 0;
}

/* Responses. */

static int submit(struct h2_session *session, struct h2_stream *stream, const nghttp2_nv *lines,
                  size_t count)
{
    bool has_body = stream->out.len > 0 || !stream->out_ends || stream->trailers != NULL;
    nghttp2_data_provider body = {.source.ptr = stream, .read_callback = next_data};
    stream->heads_left++;
    return h2_engine_errno(nghttp2_submit_response(session->engine, (int32_t)stream->id, lines,
                                                   count, has_body ? &body : NULL));
}

static __attribute__((noinline)) int respond_with_many(struct h2_session *session,
                                                       struct h2_stream *stream, struct slice head)
{
    UNINITIALISED nghttp2_nv lines[H2_LINES_MAX];
    int count = h2_lines_of_response(head, lines, COUNT_OF(lines));
    return count < 0 ? count : submit(session, stream, lines, (size_t)count);
}

/* Nearly all heads are small: the stack of a fiber is not to be touched as deep as others need. */
int h2_session_respond(struct h2_session *session, struct h2_stream *stream, struct slice head)
{
    UNINITIALISED nghttp2_nv lines[USUAL_LINES];
    if (has_failed(session))
        return -ENOMEM;
    int count = h2_lines_of_response(head, lines, COUNT_OF(lines));
    if (UNLIKELY(count == -E2BIG))
        return respond_with_many(session, stream, head);
    return submit(session, stream, lines, (size_t)count);
}

int h2_session_respond_interim(struct h2_session *session, struct h2_stream *stream,
                               struct slice head)
{
    UNINITIALISED nghttp2_nv lines[H2_LINES_MAX];
    int count = has_failed(session) ? -ENOMEM : h2_lines_of_response(head, lines, COUNT_OF(lines));
    if (count < 0)
        return count;
    /* Nobody waits for it to be given: it is copied. */
    for (int i = 0; i < count; i++)
        lines[i].flags = NGHTTP2_NV_FLAG_NONE;
    stream->heads_left++;
    return h2_engine_errno(nghttp2_submit_headers(
        session->engine, NGHTTP2_FLAG_NONE, (int32_t)stream->id, NULL, lines, (size_t)count, NULL));
}

int h2_session_resume(struct h2_session *session, struct h2_stream *stream)
{
    if (has_failed(session))
        return -ENOMEM;
    if (!stream->is_deferred)
        return 0;
    stream->is_deferred = false;
    return h2_engine_errno(nghttp2_session_resume_data(session->engine, (int32_t)stream->id));
}

void h2_session_reset(struct h2_session *session, struct h2_stream *stream, enum h2_error error)
{
    stream->out = (struct slice){0};
    stream->out_ends = false;
    stream->trailers = NULL;
    if (!has_failed(session))
        reset_stream(session, (int32_t)stream->id, error);
}

void h2_session_consume(struct h2_session *session, const struct h2_stream *stream, size_t len)
{
    if (has_failed(session))
        return;
    if (stream != NULL)
        (void)nghttp2_session_consume(session->engine, (int32_t)stream->id, len);
    else
        (void)nghttp2_session_consume_connection(session->engine, len);
}

void h2_session_widen(struct h2_session *session, const struct h2_stream *stream)
{
    if (!has_failed(session))
        (void)nghttp2_session_set_local_window_size(session->engine, NGHTTP2_FLAG_NONE,
                                                    (int32_t)stream->id, H2_WIDE_WINDOW_BYTES);
}

bool h2_session_is_stalled(const struct h2_session *session, const struct h2_stream *stream)
{
    return nghttp2_session_get_stream_remote_window_size(session->engine, (int32_t)stream->id) <=
               0 ||
           nghttp2_session_get_remote_window_size(session->engine) <= 0;
}

void h2_session_announce_end(struct h2_session *session)
{
    if (!has_failed(session))
        (void)nghttp2_submit_shutdown_notice(session->engine);
}

void h2_session_finish(struct h2_session *session, enum h2_error error)
{
    if (has_failed(session))
        return;
    int32_t last = nghttp2_session_get_last_proc_stream_id(session->engine);
    (void)nghttp2_submit_goaway(session->engine, NGHTTP2_FLAG_NONE, last, error, NULL, 0);
}
