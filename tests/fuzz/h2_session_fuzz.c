/*
 * A client of HTTP/2 that says anything. The first byte tells how many bytes come at a time, how
 * much room there is for what goes out, and how requests are answered; the rest is what the client
 * says behind its preface. Holds: what is given are whole frames, the first one SETTINGS; streams
 * are closed once; heads that were taken parse or are refused with a status; no memory is lost.
 */
#include "fuzz.h"

#include "base/memory.h"
#include "wire/h2/session.h"

#include <errno.h>

#define STREAMS_MAX 512
#define TEXT_BYTES  65536

struct stream {
    struct h2_stream h2; /* first */
    bool is_closed, is_answered;
    char text[2048];
    char *more; /* owned */
    char head[128];
    size_t unread;
};

static struct {
    struct h2_session *session;
    struct stream *streams[STREAMS_MAX]; /* owned */
    unsigned count;
    unsigned answer; /* how requests are answered */
    size_t step;
    uint8_t out[H2_FRAME_HEAD_BYTES];
    size_t out_len, out_left, frames;
} world;

static struct h2_stream *open_stream(void *owner)
{
    (void)owner;
    if (world.count == STREAMS_MAX)
        return NULL;
    struct stream *stream = NEW(struct stream);
    CHECK(stream != NULL);
    world.streams[world.count++] = stream;
    h2_head_init(&stream->h2.head, stream->text, sizeof stream->text);
    return &stream->h2;
}

static int extend(void *owner, struct h2_stream *h2)
{
    struct stream *stream = (struct stream *)h2;
    (void)owner;
    CHECK(stream->more == NULL && !stream->is_closed);
    stream->more = memory_alloc_raw(TEXT_BYTES);
    CHECK(stream->more != NULL);
    h2_head_extend(&h2->head, stream->more, TEXT_BYTES);
    return 0;
}

static void check_request(const struct h2_head *head, bool has_ended)
{
    struct arena arena;
    struct request_head request;
    struct h1_refusal malformed = {0};
    arena_init(&arena, NULL, 0, 1 << 20);
    int rc = h2_head_parse(head, &arena, has_ended, &request, &malformed);
    if (rc == 0) {
        CHECK(request.version_major == 2 && request.method_name.len > 0);
        CHECK(request.authority.len > 0 && request.fields.count <= HTTP_FIELDS_MAX);
        for (unsigned i = 0; i < request.fields.count; i++) {
            CHECK(http_is_token(request.fields.at[i].name));
            CHECK(http_is_field_value(request.fields.at[i].value));
            CHECK(!field_is_hop_by_hop(request.fields.at[i].id) ||
                  request.fields.at[i].id == FIELD_TE ||
                  request.fields.at[i].id == FIELD_PROXY_AUTHORIZATION ||
                  request.fields.at[i].id == FIELD_PROXY_AUTHENTICATE);
        }
    } else {
        CHECK(malformed.status >= 400 && malformed.status < 600 && malformed.text != NULL);
    }
    arena_finish(&arena);
}

static void answer(struct stream *stream)
{
    static const char *const heads[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-Request-Id: 1\r\nConnection: close\r\n\r\n"};
    static struct field trailer = {SLICE("X-Sum"), SLICE("5"), FIELD_OTHER};
    static const struct fields trailers = {&trailer, 1, 1};
    const char *head = heads[world.answer % 3];
    struct h2_stream *h2 = &stream->h2;
    memcpy(stream->head, head, strlen(head));
    h2->out = world.answer % 3 == 1 ? SLICE("") : SLICE("hello");
    h2->out_ends = true;
    h2->trailers = world.answer % 3 == 2 ? &trailers : NULL;
    stream->is_answered = true;
    (void)h2_session_respond(world.session, h2, slice_of(stream->head, strlen(head)));
}

static void request(void *owner, struct h2_stream *h2)
{
    struct stream *stream = (struct stream *)h2;
    (void)owner;
    CHECK(!stream->is_closed && !stream->is_answered);
    check_request(&h2->head, h2->has_ended);
    if (world.answer % 4 != 3)
        answer(stream);
}

static int data(void *owner, struct h2_stream *h2, struct slice bytes)
{
    struct stream *stream = (struct stream *)h2;
    (void)owner;
    CHECK(!stream->is_closed && !h2->has_ended);
    stream->unread += bytes.len;
    CHECK(stream->unread <= H2_STREAM_WINDOW_BYTES);
    return world.answer % 5 == 4 ? -ENOMEM : 0;
}

static void end(void *owner, struct h2_stream *h2)
{
    struct field fields[HTTP_FIELDS_MAX];
    struct fields trailers = {fields, 0, HTTP_FIELDS_MAX};
    (void)owner;
    CHECK(h2->has_ended);
    h2_head_trailers(&h2->head, &trailers);
    CHECK(trailers.count <= HTTP_FIELDS_MAX);
}

static void given(void *owner, struct h2_stream *h2)
{
    (void)owner;
    CHECK(!((struct stream *)h2)->is_closed);
}

static void closed(void *owner, struct h2_stream *h2, uint32_t error)
{
    struct stream *stream = (struct stream *)h2;
    (void)owner;
    (void)error;
    CHECK(!stream->is_closed);
    stream->is_closed = true;
}

static void fail(void *owner, uint32_t error)
{
    (void)owner;
    CHECK(error != H2_NO_ERROR);
}

static const struct h2_session_ops ops = {
    .open = open_stream,
    .extend = extend,
    .request = request,
    .data = data,
    .end = end,
    .given = given,
    .close = closed,
    .fail = fail,
};

/* Whole frames, none larger than a client that has said nothing takes. */
static void check_given(struct slice bytes)
{
    for (size_t i = 0; i < bytes.len;) {
        if (world.out_left > 0) {
            size_t part = bytes.len - i < world.out_left ? bytes.len - i : world.out_left;
            world.out_left -= part;
            i += part;
            continue;
        }
        world.out[world.out_len++] = (uint8_t)bytes.at[i++];
        if (world.out_len < H2_FRAME_HEAD_BYTES)
            continue;
        struct h2_frame frame = h2_frame_unpack(world.out);
        CHECK(frame.len <= 16384);
        CHECK(world.frames++ > 0 || frame.type == H2_SETTINGS);
        world.out_left = frame.len;
        world.out_len = 0;
    }
}

/* As handlers do that wait no longer, perhaps while a frame waits for room. */
static void give_up(void)
{
    for (unsigned i = 0; i < world.count; i++) {
        struct stream *stream = world.streams[i];
        if (!stream->is_closed && stream->is_answered && !stream->h2.is_out)
            h2_session_reset(world.session, &stream->h2, H2_CANCEL);
    }
}

static void drain(void)
{
    static char room[BUFSIZ * 16];
    for (int i = 0; i < 1000 && h2_session_wants_write(world.session); i++) {
        size_t len = world.answer % 8 == 5 ? 20 : 16400 + world.step * 100;
        ptrdiff_t got = h2_session_give(world.session, room, len);
        CHECK(got >= 0);
        check_given(slice_of(room, (size_t)got));
        if (got == 0)
            break;
    }
}

static void read_bodies(void)
{
    for (unsigned i = 0; i < world.count; i++) {
        struct stream *stream = world.streams[i];
        if (stream->unread > 0)
            h2_session_consume(world.session, stream->is_closed ? NULL : &stream->h2,
                               stream->unread);
        stream->unread = 0;
        if (!stream->is_closed && !stream->is_answered && stream->h2.has_ended)
            answer(stream);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len < 2)
        return 0;
    memset(&world, 0, sizeof world);
    world.step = 1U << (bytes[0] % 8 * 2);
    world.answer = bytes[1];
    struct h2_pool pool;
    h2_pool_init(&pool);
    CHECK(h2_session_create(&ops, NULL, &pool, 0, &world.session) == 0);
    int rc = h2_session_take(world.session, SLICE(H2_PREFACE), 0);
    struct slice rest = slice_of((const char *)bytes + 2, len - 2);
    for (int64_t now_ms = 0; rc == 0 && rest.len > 0 && h2_session_wants_read(world.session);
         now_ms++) {
        struct slice part = slice_first(rest, world.step);
        rc = h2_session_take(world.session, part, now_ms);
        rest = slice_from(rest, part.len);
        if (world.answer % 2 == 0)
            read_bodies();
        drain();
        if (world.answer % 9 == 8)
            give_up();
    }
    drain();
    h2_session_destroy(world.session);
    h2_pool_finish(&pool);
    for (unsigned i = 0; i < world.count; i++) {
        memory_free(world.streams[i]->more);
        memory_free(world.streams[i]);
    }
    return 0;
}
