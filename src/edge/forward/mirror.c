/* Copies of requests on their way. */
#include "edge/forward/mirror.h"

#include "base/cleanup.h"
#include "edge/forward/hash_key.h"
#include "edge/forward/slot.h"
#include "edge/state.h"
#include "edge/view.h"

#include <errno.h>

#define WHOLE    10000 /* hundredths of a percent */
#define FRESH_MS 1000  /* what idled for longer may be closing */

/* Of an answer, before its connection is rather closed. */
#define ANSWER_BYTES_MAX ((size_t)1 << 20)

struct mirror {
    struct list link; /* in its worker's */
    struct fiber *fiber;
    struct view *view; /* counted: keeps the balancer and the rule */
    struct balancer *balancer;
    const struct conf_rule *rule;
    enum http_method method;
    bool is_private; /* its connection begins with the client's address */
    uint64_t key;    /* for ring_hash */
    size_t len;
    char bytes[]; /* the whole request */
};

bool mirror_draws(const struct conf_mirror *conf)
{
    return conf->enabled &&
           (conf->sample == WHOLE || prng_below(&worker_current()->prng, WHOLE) < conf->sample);
}

/* Reads the answer to its end, as far as that is worth it. 0 when the connection is as new. */
static int read_answer(struct mirror *mirror, struct upstream *upstream)
{
    struct response_head response = {.status = 100};
    int64_t deadline_ms = loop_deadline(mirror->rule->timeouts.response_ms);
    int rc = 0;
    while (rc == 0 && response.status < 200 && response.status != 101) {
        const char *why;
        response.fields = (struct fields){worker_current()->fields, 0, HTTP_FIELDS_MAX};
        rc = client_read_head(upstream, mirror->method, deadline_ms, &response, &why);
    }
    struct slice data;
    size_t bytes = 0;
    if (rc == 0 && (response.status == 101 || !response.keep_alive))
        rc = -ECONNRESET;
    if (rc < 0 || response.framing.kind == BODY_NONE)
        return rc;
    do {
        rc = inflow_read_body(&upstream->inflow, &upstream->io, mirror->rule->timeouts.idle_ms,
                              &data);
        bytes += rc == 1 ? data.len : 0;
    } while (rc == 1 && bytes <= ANSWER_BYTES_MAX);
    return rc == 1 ? -EMSGSIZE : rc;
}

/* Once: a copy that is lost on a connection that the target has just closed is no great loss. */
static void ask(struct mirror *mirror, struct member *member)
{
    const struct conf_timeouts *timeouts = &mirror->rule->timeouts;
    struct target *target = member->target;
    struct upstream *upstream =
        mirror->is_private ? NULL : client_take_idle(&member->pool, FRESH_MS);
    int rc = 0;
    atomic_fetch_add_explicit(&target->requests, 1, memory_order_relaxed);
    if (upstream == NULL)
        rc = client_connect(&member->pool, loop_deadline(timeouts->connect_ms), &upstream, NULL);
    struct iovec part = {mirror->bytes, mirror->len};
    if (rc == 0)
        rc = io_write_all(&upstream->io, &part, 1, timeouts->idle_ms);
    if (rc == 0)
        rc = read_answer(mirror, upstream);
    if (rc == 0 && !mirror->is_private)
        client_give_back(upstream);
    else
        client_drop(upstream);
    if (rc < 0 && rc != -EMSGSIZE && rc != -ECANCELED)
        atomic_fetch_add_explicit(&target->failures, 1, memory_order_relaxed);
}

static void end_mirror(struct mirror *mirror)
{
    edge_worker_current()->mirrors_count--;
    list_remove(&mirror->link);
    view_unref(mirror->view);
    memory_free(mirror);
}

static void mirror_main(void *arg)
{
    struct mirror *mirror = arg;
    struct balancer *balancer = mirror->balancer;
    struct worker *worker = worker_current();
    const struct choice choice = {
        .prng = &worker->prng, .now_ms = loop_now_ms(), .key = mirror->key};
    bool is_full;
    struct member *member = balancer_take(balancer, &choice, &is_full);
    if (member != NULL) {
        counter_add(&worker->counters.mirrors_sent, 1);
        ask(mirror, member);
        target_leave(balancer->group, member->target);
        member_unref(member);
    } else {
        counter_add(&worker->counters.mirrors_skipped, 1);
    }
    end_mirror(mirror);
}

/* The request as its target got it, with its body. */
static void write_request(struct writer *writer, const struct exchange *exchange,
                          const struct conf_group *group, const struct kept_body *kept,
                          const struct own_cookies *cookies)
{
    bool is_chunked = exchange->request.framing.kind == BODY_CHUNKED;
    forward_write_request(writer, exchange, group, cookies);
    if (is_chunked && kept->len > 0) {
        char head[H1_CHUNK_HEAD_BYTES];
        write_bytes(writer, head, h1_chunk_head(head, kept->len));
    }
    write_slice(writer, slice_of(kept->block, kept->len));
    if (is_chunked && kept->len > 0)
        write_literal(writer, "\r\n");
    if (is_chunked)
        write_literal(writer, "0\r\n\r\n"); /* trailers are not copied */
}

/* NULL when it is too large, or memory is used up. */
static struct mirror *make_mirror(const struct exchange *exchange, const struct conf_group *group,
                                  const struct kept_body *kept, const struct own_cookies *cookies)
{
    size_t max = HTTP_HEAD_BYTES_MAX + 4096 + KEPT_BODY_BYTES_MAX;
    SCOPED_FREE char *bytes = memory_alloc_raw(max);
    if (bytes == NULL)
        return NULL;
    struct writer writer;
    writer_init(&writer, bytes, max);
    write_request(&writer, exchange, group, kept, cookies);
    struct slice request = writer_slice(&writer);
    struct mirror *mirror =
        writer.overflown ? NULL : memory_alloc_raw(sizeof *mirror + request.len);
    if (mirror == NULL)
        return NULL;
    *mirror = (struct mirror){.method = exchange->request.method, .len = request.len};
    memcpy(mirror->bytes, request.at, request.len);
    return mirror;
}

static bool can_be_copied(const struct exchange *exchange, const struct kept_body *kept)
{
    bool has_body = exchange->request.framing.kind != BODY_NONE;
    return !exchange->request.wants_upgrade &&
           (!has_body || (kept->is_ended && kept_body_is_whole(kept, exchange)));
}

void mirror_send(const struct exchange *exchange, const struct route *route, struct view *view,
                 const struct kept_body *kept, const struct own_cookies *cookies)
{
    struct edge_worker *worker = edge_worker_current();
    struct balancer *balancer = &view->balancers[route->mirror - 1]->balancer;
    struct mirror *mirror = NULL;
    if (can_be_copied(exchange, kept) && worker->mirrors_count < MIRRORS_MAX)
        mirror = make_mirror(exchange, balancer->conf, kept, cookies);
    if (mirror == NULL) {
        counter_add(&worker->http.counters.mirrors_skipped, 1);
        return;
    }
    mirror->view = view_ref(view);
    mirror->balancer = balancer;
    mirror->is_private = balancer->conf->proxy_protocol != PROXY_NONE;
    mirror->rule = route->rule;
    mirror->key = forward_hash_key(exchange, &balancer->conf->balance.by, &worker->http.prng);
    worker->mirrors_count++;
    list_append(&worker->mirrors, &mirror->link);
    if (fiber_start(mirror_main, mirror, &mirror->fiber) < 0) {
        counter_add(&worker->http.counters.mirrors_skipped, 1);
        end_mirror(mirror);
    }
}

void mirrors_cancel(struct edge_worker *worker)
{
    LIST_FOR_EACH (&worker->mirrors, link)
        fiber_cancel(CONTAINER_OF(link, struct mirror, link)->fiber);
}
