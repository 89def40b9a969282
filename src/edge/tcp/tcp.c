/*
 * A connection's way to a target: straight-line code on the session's fiber, then a relay. What is
 * known of it lives in an object of its own, which ends with the relay and is then told to the log.
 * A name to choose by (SNI) can be looked for in the session's inflow before a target is chosen:
 * what was received there goes to the target first.
 */
#include "edge/tcp/tcp.h"

#include "base/cleanup.h"
#include "edge/forward/hash_key.h"
#include "edge/forward/slot.h"
#include "http/relay.h"
#include "http/session_internal.h"

#include <errno.h>

#define TRIES_MAX    3
#define SUSPECT_MS   1000 /* as for requests: others are asked first meanwhile */
#define UNDECIDED_MS 2000

struct tcp_connection {
    struct tcp_route route;
    struct access_connection facts;
    struct member *member; /* counted; the one that has it, or was tried last */
    int64_t started_us;
    char client[]; /* facts.client is this; behind it facts.server_name */
};

static struct tcp_connection *create(const struct session *session, const struct tcp_route *route)
{
    size_t len = session->client_len;
    struct slice name = route->server_name;
    struct tcp_connection *connection = memory_alloc(sizeof *connection + len + name.len);
    if (connection == NULL)
        return NULL;
    memcpy(connection->client, session->client, len);
    if (name.len > 0)
        memcpy(connection->client + len, name.at, name.len);
    connection->route = *route;
    connection->started_us = loop_now_us();
    connection->facts = (struct access_connection){
        .id = prng_next(&worker_current()->prng),
        .client = slice_of(connection->client, len),
        .listener = route->listener->name,
        .group = route->group,
        .server_name = slice_of(connection->client + len, name.len),
    };
    return connection;
}

static void count(const struct access_connection *facts)
{
    struct worker_counters *counters = &worker_current()->counters;
    counter_add(&counters->tcp_connections, 1);
    counter_add(&counters->tcp_bytes_received, facts->bytes_received);
    counter_add(&counters->tcp_bytes_sent, facts->bytes_sent);
}

static void end(struct tcp_connection *connection)
{
    struct access_connection *facts = &connection->facts;
    facts->duration_us = loop_now_us() - connection->started_us;
    if (connection->member != NULL)
        facts->target = connection->member->target->id;
    count(facts);
    connection->route.ended(facts, connection->route.held);
    member_unref(connection->member);
    memory_free(connection);
}

static void leave_target(const struct tcp_connection *connection)
{
    target_leave(connection->route.balancer->group, connection->member->target);
}

static void relay_ended(void *arg, const struct relay_result *result)
{
    struct tcp_connection *connection = arg;
    connection->facts.bytes_received = result->to_target_bytes;
    connection->facts.bytes_sent = result->to_client_bytes;
    connection->facts.reason = relay_reason(result->error);
    leave_target(connection);
    end(connection);
}

/* Somebody may be about to say who can take it: as for requests. */
static struct member *take(struct tcp_connection *connection, struct member *const *tried,
                           unsigned tried_count)
{
    struct balancer *balancer = connection->route.balancer;
    struct choice choice = {.prng = &worker_current()->prng,
                            .key = forward_hash_address(connection->facts.client),
                            .tried = tried,
                            .tried_count = tried_count};
    struct target_group *group = balancer->group;
    int64_t deadline_ms = loop_deadline(UNDECIDED_MS);
    for (;;) {
        unsigned version = atomic_load(&group->version);
        bool is_full;
        choice.now_ms = loop_now_ms();
        struct member *member = balancer_take(balancer, &choice, &is_full);
        if (member != NULL || is_full || tried_count > 0 || !target_group_is_undecided(group) ||
            target_group_await(group, version, deadline_ms) < 0)
            return member;
    }
}

static int greet(const struct tcp_connection *connection, const struct session *session,
                 struct upstream *upstream, int64_t timeout_ms)
{
    char bytes[PROXY_V1_BYTES_MAX];
    struct writer writer;
    struct proxy_header origin;
    enum proxy_version version = connection->route.balancer->conf->proxy_protocol;
    if (version == PROXY_NONE)
        return 0;
    session_origin(session, &origin);
    writer_init(&writer, bytes, sizeof bytes);
    proxy_write(&writer, version, &origin);
    struct iovec part = {bytes, writer_slice(&writer).len};
    return io_write_all(&upstream->io, &part, 1, timeout_ms);
}

static int try_member(struct tcp_connection *connection, const struct session *session,
                      struct upstream **ret_upstream)
{
    struct target *target = connection->member->target;
    int64_t timeout_ms = connection->route.listener->timeouts.connect_ms;
    struct upstream *upstream = NULL;
    connection->facts.tries++;
    atomic_fetch_add_explicit(&target->requests, 1, memory_order_relaxed);
    int rc = client_connect(&connection->member->pool, loop_deadline(timeout_ms), &upstream, NULL);
    if (rc == 0)
        rc = greet(connection, session, upstream, timeout_ms);
    if (rc == 0) {
        *ret_upstream = upstream;
        return 0;
    }
    client_drop(upstream);
    leave_target(connection);
    if (rc != -ECANCELED && rc != -ENOMEM && rc != -EMFILE && rc != -ENFILE) {
        atomic_store(&target->suspect_until_ms, loop_now_ms() + SUSPECT_MS);
        atomic_fetch_add_explicit(&target->failures, 1, memory_order_relaxed);
    }
    return rc;
}

static const char *why_none(int rc)
{
    switch (rc) {
    case -EAGAIN:
        return "no target can take connections";
    case -ECANCELED:
        return "the client left";
    case -ETIMEDOUT:
        return "the target did not accept in time";
    case -ENOMEM:
    case -EMFILE:
    case -ENFILE:
        return "no memory or descriptor for a connection";
    default:
        return "the target refused the connection";
    }
}

/* Tries targets in turn until one accepts. 0, or what the last one said; -EAGAIN: there was none.
 */
static int find_target(struct tcp_connection *connection, const struct session *session,
                       struct upstream **ret_upstream)
{
    struct member *tried[TRIES_MAX];
    unsigned count = 0;
    int rc = -EAGAIN;
    while (rc != 0 && rc != -ECANCELED && count < TRIES_MAX) {
        struct member *member = take(connection, tried, count);
        if (member == NULL) {
            rc = fiber_is_cancelled(fiber_current()) ? -ECANCELED : rc;
            break;
        }
        if (count > 0)
            counter_add(&worker_current()->counters.upstream_retries, 1);
        tried[count++] = connection->member = member;
        rc = try_member(connection, session, ret_upstream);
    }
    for (unsigned i = 0; i + 1 < count; i++)
        member_unref(tried[i]); /* the last is the connection's */
    return rc;
}

static int begin_relay(struct tcp_connection *connection, struct session *session,
                       struct upstream *upstream)
{
    connection->facts.connect_us = loop_now_us() - connection->started_us;
    const struct relay_terms terms = {.idle_ms = connection->route.listener->timeouts.idle_ms,
                                      .resets_idle = true,
                                      .on_end = relay_ended,
                                      .arg = connection};
    int rc = relay_start(&session->io, &session->inflow, &upstream->io, &upstream->inflow, &terms);
    if (rc < 0)
        leave_target(connection);
    client_drop(upstream);
    return rc;
}

void tcp_serve(struct session *session, const struct tcp_route *route)
{
    struct upstream *upstream = NULL;
    struct tcp_connection *connection = create(session, route);
    if (connection == NULL) {
        counter_add(&worker_current()->counters.sessions_refused, 1);
        route->ended(NULL, route->held);
        return;
    }
    int rc = route->balancer == NULL ? -EAGAIN : find_target(connection, session, &upstream);
    if (rc == 0)
        rc = begin_relay(connection, session, upstream);
    if (rc == 0)
        return;
    io_reset(&session->io); /* as if it had been refused */
    connection->facts.reason = route->balancer == NULL ? route->why : why_none(rc);
    counter_add(&worker_current()->counters.tcp_failures, 1);
    end(connection);
}
