/*
 * Two buffers for each worker: one that it fills, one that is being sent; under a lock that is held
 * for a copy or a swap. The fiber sleeps until the first record comes, and then lets more of them
 * come together.
 */
#include "edge/trace/tracer.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "edge/state.h"
#include "edge/trace/otlp.h"
#include "http/client.h"
#include "os/resolver.h"

#include <errno.h>

#define QUEUE_BYTES     ((size_t)1 << 16) /* of each worker: some 200 requests */
#define BODY_BYTES_MAX  ((size_t)1 << 21)
#define GATHER_MS       1000
#define POST_MS         5000
#define STOP_MS         1000
#define BACK_OFF_MS     1000
#define BACK_OFF_MS_MAX 30000
#define TRIES_MAX       8 /* of one batch: a minute and a half */
#define HEAD_BYTES      1024

struct queue {
    struct lock lock;
    char *bytes; /* owned; made when the first record comes */
    size_t len;
};

struct tracer {
    struct edge *edge;    /* borrowed */
    struct queue *queues; /* owned; one for each worker */
    unsigned count;
    char *spare; /* owned; what a queue gets for its full buffer */
    struct job wake_job;
    atomic_bool is_woken; /* the job is on its way, or the fiber has work */
    struct fiber *fiber;  /* worker 0's, as the rest; NULL when it has ended */
    bool has_work;
    bool is_failing;
    struct resolver *resolver; /* owned; made when a name is to be looked up */
    atomic_ullong exported, dropped, failures;
};

static void wake(struct job *job)
{
    struct tracer *tracer = CONTAINER_OF(job, struct tracer, wake_job);
    tracer->has_work = true;
    if (tracer->fiber != NULL)
        fiber_wake(tracer->fiber);
}

int tracer_create(struct edge *edge, struct tracer **ret_tracer)
{
    struct tracer *tracer = NEW(struct tracer);
    if (tracer == NULL)
        return -ENOMEM;
    tracer->edge = edge;
    tracer->wake_job.run = wake;
    tracer->queues = memory_alloc_array(edge->workers_count, sizeof *tracer->queues);
    if (tracer->queues == NULL) {
        memory_free(tracer);
        return -ENOMEM;
    }
    for (; tracer->count < edge->workers_count; tracer->count++)
        (void)lock_init(&tracer->queues[tracer->count].lock);
    *ret_tracer = tracer;
    return 0;
}

void tracer_destroy(struct tracer *tracer)
{
    if (tracer == NULL)
        return;
    for (unsigned i = 0; i < tracer->count; i++) {
        memory_free(tracer->queues[i].bytes);
        lock_finish(&tracer->queues[i].lock);
    }
    memory_free(tracer->queues);
    memory_free(tracer->spare);
    memory_free(tracer);
}

static void drop(struct tracer *tracer, struct slice records)
{
    atomic_fetch_add(&tracer->dropped, otlp_count(records));
}

static bool enqueue(struct queue *queue, struct slice record)
{
    lock_take(&queue->lock);
    if (queue->bytes == NULL)
        queue->bytes = memory_alloc_raw(QUEUE_BYTES);
    bool fits = queue->bytes != NULL && QUEUE_BYTES - queue->len >= record.len;
    if (fits) {
        memcpy(queue->bytes + queue->len, record.at, record.len);
        queue->len += record.len;
    }
    lock_release(&queue->lock);
    return fits;
}

void tracer_add(struct tracer *tracer, unsigned worker, const struct decision *record)
{
    if (tracer == NULL)
        return;
    struct slice bytes = slice_of((const char *)record, record->bytes);
    if (!enqueue(&tracer->queues[worker], bytes))
        drop(tracer, bytes);
    else if (!atomic_exchange(&tracer->is_woken, true))
        (void)edge_worker_post(&tracer->edge->workers[0], &tracer->wake_job);
}

static int find_address(struct tracer *tracer, const struct conf_address *conf, int64_t deadline_ms,
                        struct address *ret_address)
{
    if (conf->kind == CONF_ADDRESS_IP)
        return address_from_ip(conf->host, conf->port, ret_address);
    if (tracer->resolver == NULL) {
        int rc = resolver_create(NULL, &tracer->resolver);
        if (rc < 0)
            return rc;
    }
    int rc = resolver_lookup(tracer->resolver, conf->host, conf->port, ret_address, 1, deadline_ms);
    return rc < 0 ? rc : 0;
}

static int exchange_with(struct upstream *upstream, const struct conf_endpoint *endpoint,
                         struct slice body, int64_t deadline_ms)
{
    char head[HEAD_BYTES];
    struct writer writer;
    writer_init(&writer, head, sizeof head);
    write_literal(&writer, "POST ");
    write_slice(&writer, endpoint->path);
    write_literal(&writer, "/v1/traces HTTP/1.1\r\nHost: ");
    write_slice(&writer, endpoint->address.text);
    write_literal(&writer, "\r\nUser-Agent: weir\r\nContent-Type: application/json\r\n"
                           "Connection: close\r\nContent-Length: ");
    write_u64(&writer, body.len);
    write_literal(&writer, "\r\n\r\n");
    if (writer.overflown)
        return -EMSGSIZE;
    struct iovec parts[] = {{head, writer_slice(&writer).len},
                            {(void *)(uintptr_t)body.at, body.len}};
    int rc = io_write_all(&upstream->io, parts, COUNT_OF(parts), deadline_ms - loop_now_ms());
    struct response_head response = {.status = 100};
    while (rc == 0 && response.status < 200) {
        const char *why;
        response.fields = (struct fields){worker_current()->fields, 0, HTTP_FIELDS_MAX};
        rc = client_read_head(upstream, METHOD_POST, deadline_ms, &response, &why);
    }
    return rc < 0 ? rc : (int)response.status;
}

/* The collector's status, or a negative errno. */
static int post(struct tracer *tracer, const struct conf_endpoint *endpoint, struct slice body,
                int64_t deadline_ms)
{
    struct address address, none = {.len = 0};
    struct client_pool pool;
    struct upstream *upstream = NULL;
    int rc = find_address(tracer, &endpoint->address, deadline_ms, &address);
    if (rc < 0)
        return rc;
    client_pool_init(&pool, &address, &none, 0);
    rc = client_connect(&pool, deadline_ms, &upstream, NULL);
    if (rc == 0)
        rc = exchange_with(upstream, endpoint, body, deadline_ms);
    client_drop(upstream);
    return rc;
}

/* OTLP names those after which the same may be sent again. */
static bool may_repeat(int rc)
{
    return rc < 0 || rc == 429 || rc == 502 || rc == 503 || rc == 504;
}

/* Told once when it begins and once when it is over. */
static void note_failure(struct tracer *tracer, const struct conf_endpoint *endpoint, int rc)
{
    atomic_fetch_add(&tracer->failures, 1);
    if (tracer->is_failing || rc == -ECANCELED)
        return;
    tracer->is_failing = true;
    if (rc < 0)
        log_warn("traces cannot be sent to %.*s: %s; requests are served, spans are dropped",
                 SLICE_ARG(endpoint->address.text), strerror(-rc));
    else
        log_warn("traces are not taken by %.*s, it answers %d; requests are served, spans are "
                 "dropped",
                 SLICE_ARG(endpoint->address.text), rc);
}

static void note_success(struct tracer *tracer, unsigned spans)
{
    atomic_fetch_add(&tracer->exported, spans);
    if (tracer->is_failing)
        log_info("traces are sent again");
    tracer->is_failing = false;
}

/* Posts until it was taken, refused, or was tried often enough. False: not taken. */
static bool post_patiently(struct tracer *tracer, const struct conf_endpoint *endpoint,
                           struct slice body, unsigned tries_max)
{
    int64_t back_off_ms = BACK_OFF_MS;
    for (unsigned try = 1;; try++) {
        int rc = post(tracer, endpoint, body, loop_deadline(POST_MS));
        if (rc >= 200 && rc < 300)
            return true;
        note_failure(tracer, endpoint, rc);
        if (try == tries_max || !may_repeat(rc) || fiber_sleep(back_off_ms) < 0)
            return false;
        back_off_ms = back_off_ms * 2 < BACK_OFF_MS_MAX ? back_off_ms * 2 : BACK_OFF_MS_MAX;
    }
}

static struct slice service_of(const struct snapshot *snapshot)
{
    struct slice service = snapshot->tracing.service;
    if (service.len == 0)
        service = snapshot->app;
    return service.len == 0 ? SLICE("weir") : service;
}

static void send_records(struct tracer *tracer, struct slice records, unsigned tries_max)
{
    struct plane *plane = plane_ref(tracer->edge->plane);
    const struct snapshot *snapshot = plane->snapshot;
    const struct conf_endpoint *endpoint = &snapshot->tracing.otlp;
    SCOPED_FREE char *memory = memory_alloc_raw(BODY_BYTES_MAX);
    struct writer body;
    writer_init(&body, memory, memory == NULL ? 0 : BODY_BYTES_MAX);
    unsigned spans = otlp_write(&body, service_of(snapshot), records);
    bool is_wanted = snapshot->tracing.is_on && endpoint->address.host.len > 0;
    if (is_wanted && !body.overflown &&
        post_patiently(tracer, endpoint, writer_slice(&body), tries_max))
        note_success(tracer, spans);
    else
        drop(tracer, records);
    plane_unref(plane);
}

/* The records that have come together in a queue; the buffer becomes the spare one. */
static struct slice take_records(struct tracer *tracer, struct queue *queue)
{
    if (tracer->spare == NULL)
        tracer->spare = memory_alloc_raw(QUEUE_BYTES);
    if (tracer->spare == NULL)
        return (struct slice){0};
    lock_take(&queue->lock);
    struct slice records = slice_of(queue->bytes, queue->len);
    if (records.len > 0) {
        queue->bytes = tracer->spare;
        queue->len = 0;
        tracer->spare = (char *)(uintptr_t)records.at;
    }
    lock_release(&queue->lock);
    return records;
}

static void send_all(struct tracer *tracer, unsigned tries_max)
{
    for (unsigned i = 0; i < tracer->count; i++) {
        struct slice records = take_records(tracer, &tracer->queues[i]);
        if (records.len > 0)
            send_records(tracer, records, tries_max);
    }
}

static int send_last(void *arg)
{
    send_all(arg, 1);
    return 0;
}

static void tracer_main(void *arg)
{
    struct tracer *tracer = arg;
    int rc = 0;
    while (rc != -ECANCELED) {
        while (!tracer->has_work && rc != -ECANCELED)
            rc = fiber_wait(FIBER_FOREVER);
        if (rc != -ECANCELED)
            rc = fiber_sleep(GATHER_MS);
        if (rc == -ECANCELED)
            break;
        tracer->has_work = false;
        atomic_store(&tracer->is_woken, false);
        send_all(tracer, TRIES_MAX);
        rc = fiber_is_cancelled(tracer->fiber) ? -ECANCELED : 0;
    }
    (void)fiber_shield(send_last, tracer, loop_deadline(STOP_MS));
    resolver_destroy(tracer->resolver);
    tracer->resolver = NULL;
    tracer->fiber = NULL;
}

int tracer_start(struct tracer *tracer)
{
    return fiber_start(tracer_main, tracer, &tracer->fiber);
}

void tracer_stop(struct tracer *tracer)
{
    if (tracer != NULL && tracer->fiber != NULL)
        fiber_cancel(tracer->fiber);
}

bool tracer_has_stopped(const struct tracer *tracer)
{
    return tracer == NULL || tracer->fiber == NULL;
}

void tracer_stats_read(const struct tracer *tracer, struct tracer_stats *ret_stats)
{
    *ret_stats = (struct tracer_stats){0};
    if (tracer == NULL)
        return;
    ret_stats->exported = atomic_load(&tracer->exported);
    ret_stats->dropped = atomic_load(&tracer->dropped);
    ret_stats->failures = atomic_load(&tracer->failures);
}
