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
    struct framing framing;
    size_t head_len, body_len;
    char bytes[]; /* the request's head, then its body */
};

bool mirror_draws(const struct conf_mirror *conf)
{
    return conf->enabled &&
           (conf->sample == WHOLE || prng_below(&worker_current()->prng, WHOLE) < conf->sample);
}

/* Reads the answer to its end, as far as that is worth it. 0 when the connection is as new. */
static int read_answer(struct mirror *mirror, struct call *call)
{
    struct response_head response = {.status = 100};
    int64_t deadline_ms = loop_deadline(mirror->rule->timeouts.response_ms);
    int rc = 0;
    while (rc == 0 && response.status < 200 && response.status != 101) {
        const char *why;
        response.fields = (struct fields){worker_current()->fields, 0, HTTP_FIELDS_MAX};
        rc = call_read_head(call, mirror->method, deadline_ms, &response, &why);
    }
    struct slice data;
    size_t bytes = 0;
    if (rc == 0 && (response.status == 101 || !response.keep_alive))
        rc = -ECONNRESET;
    if (rc < 0 || response.framing.kind == BODY_NONE)
        return rc;
    do {
        rc = call_read_body(call, mirror->rule->timeouts.idle_ms, &data);
        bytes += rc == 1 ? data.len : 0;
    } while (rc == 1 && bytes <= ANSWER_BYTES_MAX);
    return rc == 1 ? -EMSGSIZE : rc;
}

static int send_copy(struct mirror *mirror, struct call *call)
{
    static const struct fields no_trailers = {.at = NULL}; /* they are not copied */
    int64_t timeout_ms = mirror->rule->timeouts.idle_ms;
    struct slice body = slice_of(mirror->bytes + mirror->head_len, mirror->body_len);
    int rc = call_begin(call, slice_of(mirror->bytes, mirror->head_len), &mirror->framing, body,
                        false, timeout_ms);
    if (rc == 0 && mirror->framing.kind == BODY_CHUNKED)
        rc = call_end(call, &no_trailers, timeout_ms);
    return rc;
}

/* Once: a copy that is lost on a connection that the target has just closed is no great loss. */
static void ask(struct mirror *mirror, struct member *member)
{
    struct target *target = member->target;
    struct call call;
    atomic_fetch_add_explicit(&target->requests, 1, memory_order_relaxed);
    int rc = call_open(&call, &member->pool, FRESH_MS, mirror->is_private,
                       loop_deadline(mirror->rule->timeouts.connect_ms), NULL);
    if (rc == 0)
        rc = send_copy(mirror, &call);
    if (rc == 0)
        rc = read_answer(mirror, &call);
    if (rc == 0 && !mirror->is_private)
        call_give_back(&call);
    else
        call_drop(&call);
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

/* NULL when it is too large, or memory is used up. */
static struct mirror *make_mirror(const struct exchange *exchange, const struct conf_group *group,
                                  const struct kept_body *kept, const struct own_cookies *cookies)
{
    size_t max = HTTP_HEAD_BYTES_MAX + 4096;
    SCOPED_FREE char *bytes = memory_alloc_raw(max);
    if (bytes == NULL)
        return NULL;
    struct writer writer;
    writer_init(&writer, bytes, max);
    forward_write_request(&writer, exchange, group, cookies);
    struct slice head = writer_slice(&writer);
    struct mirror *mirror =
        writer.overflown ? NULL : memory_alloc_raw(sizeof *mirror + head.len + kept->len);
    if (mirror == NULL)
        return NULL;
    *mirror = (struct mirror){.method = exchange->request.method,
                              .framing = exchange->request.framing,
                              .head_len = head.len,
                              .body_len = kept->len};
    memcpy(mirror->bytes, head.at, head.len);
    if (kept->len > 0)
        memcpy(mirror->bytes + head.len, kept->block, kept->len);
    return mirror;
}

static bool can_be_copied(const struct exchange *exchange, const struct kept_body *kept)
{
    bool has_body = exchange->request.framing.kind != BODY_NONE;
    return !exchange->request.wants_upgrade &&
           (!has_body || (kept->is_ended && kept_body_is_whole(kept, exchange->request_bytes)));
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
