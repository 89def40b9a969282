/*
 * A target of HTTP/2 that says anything. The first byte tells how many bytes come at a time, the
 * second what is asked; the rest is what the target says. Holds: what is given are whole frames
 * behind a preface; requests are closed once, and never again looked at; heads that come out parse
 * or are refused in words; a body never passes its window; no memory is lost.
 */
#include "fuzz.h"

#include "base/memory.h"
#include "wire/h2/client.h"

#include <errno.h>

#define REQUESTS   6
#define TEXT_BYTES 512

struct request {
    struct h2_request h2; /* first */
    bool is_closed, is_forgotten, has_final;
    char text[TEXT_BYTES];
    char *more; /* owned */
    size_t unread;
};

static struct {
    struct h2_client *client;
    struct request *requests; /* owned */
    size_t step;
    unsigned answer;
    size_t preface;
    uint8_t out[H2_FRAME_HEAD_BYTES];
    size_t out_len, out_left, frames;
} world;

static struct request *request_of(struct h2_request *h2)
{
    struct request *request = (struct request *)h2;
    CHECK(!request->is_closed && !request->is_forgotten);
    return request;
}

static int extend(void *owner, struct h2_request *h2)
{
    struct request *request = request_of(h2);
    (void)owner;
    if (request->more != NULL)
        return -ENOMEM;
    request->more = memory_alloc_raw(H2_RESPONSE_BYTES_MAX);
    CHECK(request->more != NULL);
    h2_response_extend(&h2->response, request->more, H2_RESPONSE_BYTES_MAX);
    return 0;
}

static void check_fields(const struct fields *fields)
{
    CHECK(fields->count <= HTTP_FIELDS_MAX);
    for (unsigned i = 0; i < fields->count; i++) {
        CHECK(http_is_token(fields->at[i].name));
        CHECK(http_is_field_value(fields->at[i].value));
    }
}

static void read_heads(struct request *request)
{
    struct field fields[HTTP_FIELDS_MAX];
    struct response_head head = {.fields = {fields, 0, HTTP_FIELDS_MAX}};
    const char *why = NULL;
    int rc =
        h2_response_next(&request->h2.response, METHOD_GET, request->h2.has_ended, &head, &why);
    if (rc < 0)
        CHECK(why != NULL);
    if (rc > 0) {
        CHECK(!request->has_final && head.status >= 100 && head.status < 600 && head.status != 101);
        check_fields(&head.fields);
        request->has_final = head.status >= 200;
    }
    if (request->h2.has_ended) {
        head.fields.count = 0;
        h2_response_trailers(&request->h2.response, &head.fields);
        check_fields(&head.fields);
    }
}

static void news(void *owner, struct h2_request *h2)
{
    (void)owner;
    if (world.answer % 2 == 0)
        read_heads(request_of(h2));
}

static int data(void *owner, struct h2_request *h2, struct slice bytes)
{
    struct request *request = request_of(h2);
    (void)owner;
    CHECK(!h2->has_ended);
    request->unread += bytes.len;
    CHECK(request->unread <= H2_CALL_WINDOW_BYTES);
    return world.answer % 5 == 4 ? -ENOMEM : 0;
}

static void given(void *owner, struct h2_request *h2)
{
    (void)owner;
    (void)request_of(h2);
}

static void closed(void *owner, struct h2_request *h2, uint32_t error)
{
    (void)owner;
    (void)error;
    request_of(h2)->is_closed = true;
}

static void room(void *owner)
{
    (void)owner;
    CHECK(h2_client_requests_max(world.client) <= H2_CALLS_MAX);
}

static const struct h2_client_ops ops = {
    .extend = extend, .news = news, .data = data, .given = given, .close = closed, .room = room};

static void ask(struct request *request, unsigned number)
{
    static struct field trailer = {SLICE("X-Sum"), SLICE("5"), FIELD_OTHER};
    static const struct fields trailers = {&trailer, 1, 1};
    char head[] = "POST /a?b HTTP/1.1\r\nHost: a.example\r\nX-A: b\r\nTE: trailers\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n";
    h2_response_init(&request->h2.response, request->text, sizeof request->text);
    request->h2.out = number % 2 == 0 ? SLICE("hello") : SLICE("");
    request->h2.out_ends = number % 3 != 2;
    request->h2.trailers = number == 3 ? &trailers : NULL;
    CHECK(h2_client_submit(world.client, &request->h2, slice_of(head, strlen(head)),
                           SLICE("http")) == 0);
}

/* A preface, then whole frames. */
static void check_given(struct slice bytes)
{
    static const char preface[] = H2_PREFACE;
    for (size_t i = 0; i < bytes.len;) {
        if (world.preface < sizeof preface - 1) {
            CHECK(bytes.at[i++] == preface[world.preface++]);
            continue;
        }
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

static void drain(void)
{
    static char bytes[65536];
    for (int i = 0; i < 1000 && h2_client_wants_write(world.client); i++) {
        ptrdiff_t got = h2_client_give(world.client, bytes, 16400 + world.step % 1000);
        CHECK(got >= 0);
        check_given(slice_of(bytes, (size_t)got));
        if (got == 0)
            break;
    }
}

static void go_on(unsigned turn)
{
    for (unsigned i = 0; i < REQUESTS; i++) {
        struct request *request = &world.requests[i];
        if (request->is_closed || request->is_forgotten)
            continue;
        h2_client_consume(world.client, &request->h2, request->unread);
        request->unread = 0;
        if (turn == 5 && i == world.answer % REQUESTS) {
            h2_client_forget(world.client, &request->h2, H2_CANCEL);
            request->is_forgotten = true;
        } else if (turn == 3 && !request->h2.out_ends) {
            request->h2.out = SLICE("more");
            request->h2.out_ends = true;
            CHECK(h2_client_resume(world.client, &request->h2) == 0);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const char *why = NULL;
    if (len < 2)
        return 0;
    memset(&world, 0, sizeof world);
    world.step = (size_t)1 << (bytes[0] % 8 * 2);
    world.answer = bytes[1];
    world.requests = memory_alloc_array(REQUESTS, sizeof *world.requests);
    CHECK(world.requests != NULL);
    struct h2_pool pool;
    h2_pool_init(&pool);
    CHECK(h2_client_create(&ops, NULL, &pool, 0, &world.client) == 0);
    for (unsigned i = 0; i < REQUESTS; i++)
        ask(&world.requests[i], i);
    drain();
    int rc = 0;
    struct slice rest = slice_of((const char *)bytes + 2, len - 2);
    for (unsigned turn = 0; rc == 0 && rest.len > 0 && h2_client_wants_read(world.client); turn++) {
        struct slice part = slice_first(rest, world.step);
        rc = h2_client_take(world.client, part, turn, &why);
        CHECK(rc == 0 || (rc == -EPROTO && why != NULL));
        rest = slice_from(rest, part.len);
        go_on(turn);
        drain();
    }
    drain();
    h2_client_destroy(world.client);
    for (unsigned i = 0; i < REQUESTS; i++)
        memory_free(world.requests[i].more);
    memory_free(world.requests);
    h2_pool_finish(&pool);
    return 0;
}
