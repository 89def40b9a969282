/*
 * How connections begin, carry and end. Each direction is a queue of segments that arrive in order
 * at moments drawn when they are sent; what TCP would do about losses and partitions shows as
 * lateness, and in the end as a time-out. sim_socket.c turns all this into system calls.
 */
#include "os/sim_network.h"

#include "base/memory.h"

#include <errno.h>

#define SECOND_US              INT64_C(1000000)
#define SYN_TRIES              7 /* 1, 2, 4, … 64 s: 127 s in all, as Linux */
#define RETRANSMIT_US          INT64_C(200000)
#define RETRANSMIT_DOUBLINGS   9
#define RETRANSMITS_MAX        15
#define NUDGE_US_MAX           200
#define EVENTS_EACH_CONNECTION 5
#define SAME_MACHINE_US        1
#define PORT_FIRST             32768

/* Addresses */

static bool is_local_path(const struct address *address)
{
    return address->any.sa_family == AF_UNIX;
}

static bool is_loopback(const struct address *address)
{
    if (address->any.sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
    return (ntohl(address->v4.sin_addr.s_addr) >> 24) == 127;
}

static bool is_wildcard(const struct address *address)
{
    if (address->any.sa_family == AF_INET6)
        return IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
    return address->v4.sin_addr.s_addr == 0;
}

static bool is_same_ip(const struct address *a, const struct address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    if (a->any.sa_family == AF_INET6)
        return IN6_ARE_ADDR_EQUAL(&a->v6.sin6_addr, &b->v6.sin6_addr);
    return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
}

static bool is_reached_by(const struct sim_listener *listener, const struct sim_host *from,
                          const struct address *to)
{
    const struct sim_socket *socket = &listener->socket;
    bool is_home = sim_is_same_machine(socket->host, from);
    if (is_local_path(to))
        return is_home && address_equal(&socket->local, to);
    if (is_local_path(&socket->local) || address_port(&socket->local) != address_port(to))
        return false;
    bool is_here = is_loopback(to) ? is_home : is_same_ip(&socket->host->ip, to);
    return is_here && (is_wildcard(&socket->local) || is_same_ip(&socket->local, to));
}

struct sim_listener *sim_find_listener(const struct sim_host *from, const struct address *to)
{
    LIST_FOR_EACH (&from->sim->listeners, link) {
        struct sim_listener *listener = CONTAINER_OF(link, struct sim_listener, link);
        if (is_reached_by(listener, from, to))
            return listener;
    }
    return NULL;
}

static bool has_machine(const struct sim_host *from, const struct address *to)
{
    if (is_loopback(to))
        return true;
    LIST_FOR_EACH (&from->sim->hosts, link) {
        if (is_same_ip(&CONTAINER_OF(link, struct sim_host, link)->ip, to))
            return true;
    }
    return false;
}

/* Telling the watcher */

size_t sim_end_room(const struct sim_end *end)
{
    size_t capacity = end->connection->pipe_bytes;
    return end->outstanding < capacity ? capacity - end->outstanding : 0;
}

unsigned sim_end_readiness(const struct sim_end *end)
{
    unsigned what = 0;
    if (!end->is_connected && !end->is_dead)
        return 0;
    if (end->received_bytes > 0 || end->has_got_finish || end->is_dead)
        what |= KERNEL_READABLE;
    if (end->is_dead || end->has_sent_finish || sim_end_room(end) > 0)
        what |= KERNEL_WRITABLE;
    if (end->has_got_finish || end->is_dead)
        what |= KERNEL_PEER_DONE;
    if (end->is_dead || (end->has_got_finish && end->has_sent_finish))
        what |= KERNEL_FAILED;
    return what;
}

void sim_end_raise(struct sim_end *end)
{
    if (end->watcher == NULL || !list_is_empty(&end->ready_link))
        return;
    /* Any order is right: let the seed choose. */
    if (prng_below(&sim_of(end)->chance, 2) == 0)
        list_append(&end->watcher->ready, &end->ready_link);
    else
        list_prepend(&end->watcher->ready, &end->ready_link);
}

static void fire_nudge(struct sim *sim, struct sim_event *event)
{
    (void)sim;
    sim_end_raise(CONTAINER_OF(event, struct sim_end, nudge));
}

void sim_end_nudge(struct sim_end *end)
{
    struct sim *sim = sim_of(end);
    if (end->nudge.place == 0)
        sim_schedule(sim, &end->nudge,
                     sim->now_us + 1 + (int64_t)prng_below(&sim->chance, NUDGE_US_MAX));
}

/* As Linux: the writer is woken when a third of the pipe is free. */
static void free_room(struct sim_end *end, size_t bytes)
{
    end->outstanding -= bytes;
    if (!end->wants_room || sim_end_room(end) < end->connection->pipe_bytes / 3)
        return;
    end->wants_room = false;
    sim_end_nudge(end);
}

void sim_end_took(struct sim_end *end, size_t bytes)
{
    end->received_bytes -= bytes;
    free_room(end->peer, bytes);
}

/* Sending and arriving */

static void free_segment(struct sim_segment *segment)
{
    list_remove(&segment->link);
    if (segment->kind == SIM_DATA)
        memory_free(segment);
}

static void drop_segments(struct list *segments)
{
    while (!list_is_empty(segments))
        free_segment(CONTAINER_OF(segments->next, struct sim_segment, link));
}

static void schedule_delivery(struct sim_end *end)
{
    if (list_is_empty(&end->flight))
        return;
    struct sim_segment *first = CONTAINER_OF(end->flight.next, struct sim_segment, link);
    sim_schedule(sim_of(end), &end->delivery, first->arrives_us);
}

static int64_t draw_delay_us(const struct sim_end *end)
{
    if (sim_is_same_machine(end->socket.host, end->peer->socket.host) &&
        sim_of(end)->faults.delay_max_us == 0)
        return SAME_MACHINE_US;
    return sim_draw_delay_us(sim_of(end));
}

void sim_end_send(struct sim_end *end, struct sim_segment *segment, enum sim_segment_kind kind)
{
    int64_t arrives_us = sim_of(end)->now_us + draw_delay_us(end);
    if (arrives_us < end->last_arrival_us)
        arrives_us = end->last_arrival_us;
    end->last_arrival_us = arrives_us;
    end->outstanding += segment->len;
    segment->kind = kind;
    segment->arrives_us = arrives_us;
    list_append(&end->flight, &segment->link);
    if (end->delivery.place == 0)
        schedule_delivery(end);
}

void sim_end_send_finish(struct sim_end *end)
{
    if (end->has_sent_finish || end->is_dead)
        return;
    end->has_sent_finish = true;
    sim_end_send(end, &end->finish, SIM_FINISH);
}

void sim_end_send_reset(struct sim_end *end)
{
    if (end->has_sent_reset)
        return;
    end->has_sent_reset = true;
    sim_end_send(end, &end->reset, SIM_RESET);
}

/* The end of this side for good, told to its program as `code`. */
static void kill_end(struct sim_end *end, int code)
{
    if (end->is_dead)
        return;
    sim_note(sim_of(end), end->socket.host, "dead", end->socket.fd, code);
    end->is_dead = true;
    end->error = code;
    drop_segments(&end->flight);
    sim_unschedule(sim_of(end), &end->delivery);
    sim_end_raise(end);
}

/* Linux: a reset after the other side's end is a broken pipe, and reading still sees the end. */
static void take_reset(struct sim_end *end)
{
    sim_of(end)->stats.resets++;
    kill_end(end, end->has_got_finish ? -EPIPE : -ECONNRESET);
}

static void arrive(struct sim_end *from, struct sim_segment *segment)
{
    struct sim_end *to = from->peer;
    enum sim_segment_kind kind = segment->kind;
    list_remove(&segment->link);
    if (kind == SIM_DATA && !to->is_closed && !to->is_dead) {
        list_append(&to->received, &segment->link);
        to->received_bytes += segment->len;
        sim_end_raise(to);
        return;
    }
    if (kind == SIM_DATA) {
        from->outstanding -= segment->len;
        free_segment(segment);
        if (to->is_closed)
            sim_end_send_reset(to);
    } else if (kind == SIM_RESET) {
        take_reset(to);
    } else if (!to->is_dead) {
        to->has_got_finish = true;
        sim_end_raise(to);
    }
}

/* True when nothing passes now; then it is tried again later, or given up. */
static bool is_held_up(struct sim_end *from)
{
    struct sim *sim = sim_of(from);
    if (from->peer->is_connected &&
        !sim_is_partitioned(sim, from->socket.host, from->peer->socket.host)) {
        from->retransmits = 0;
        return false;
    }
    unsigned doublings =
        from->retransmits < RETRANSMIT_DOUBLINGS ? from->retransmits : RETRANSMIT_DOUBLINGS;
    if (from->retransmits++ == RETRANSMITS_MAX)
        kill_end(from, -ETIMEDOUT);
    else
        sim_schedule(sim, &from->delivery, sim->now_us + (RETRANSMIT_US << doublings));
    return true;
}

static void deliver(struct sim *sim, struct sim_event *event)
{
    struct sim_end *from = CONTAINER_OF(event, struct sim_end, delivery);
    if (is_held_up(from))
        return;
    while (!list_is_empty(&from->flight)) {
        struct sim_segment *first = CONTAINER_OF(from->flight.next, struct sim_segment, link);
        if (first->arrives_us > sim->now_us)
            break;
        arrive(from, first);
    }
    if (from->delivery.place == 0)
        schedule_delivery(from);
}

/* Beginning */

static void enter_backlog(struct sim_connection *connection, struct sim_listener *listener)
{
    struct sim_end *server = &connection->ends[1];
    server->socket.host = listener->socket.host;
    server->is_connected = true;
    list_append(&listener->pending, &connection->pending_link);
    listener->pending_count++;
}

static void ask_again(struct sim *sim, struct sim_connection *connection)
{
    if (connection->tries == SYN_TRIES)
        kill_end(&connection->ends[0], -ETIMEDOUT);
    else
        sim_schedule(sim, &connection->handshake, sim->now_us + (SECOND_US << connection->tries++));
}

static void arrive_at_listener(struct sim *sim, struct sim_connection *connection)
{
    struct sim_end *client = &connection->ends[0];
    const struct sim_host *from = client->socket.host;
    struct sim_listener *listener = sim_find_listener(from, &client->remote);
    bool is_full = listener != NULL && listener->pending_count >= listener->backlog;
    bool is_cut = listener != NULL && sim_is_partitioned(sim, from, listener->socket.host);
    if (connection->is_black_hole || is_full || is_cut || !has_machine(from, &client->remote)) {
        ask_again(sim, connection);
        return;
    }
    connection->stage = SIM_REFUSED;
    if (listener != NULL && !connection->must_refuse) {
        connection->stage = SIM_ACCEPTED;
        enter_backlog(connection, listener);
    }
    sim_schedule(sim, &connection->handshake, sim->now_us + draw_delay_us(client));
}

static void fire_handshake(struct sim *sim, struct sim_event *event)
{
    struct sim_connection *connection = CONTAINER_OF(event, struct sim_connection, handshake);
    struct sim_end *client = &connection->ends[0];
    if (connection->stage == SIM_ASKING) {
        arrive_at_listener(sim, connection);
    } else if (connection->stage == SIM_REFUSED) {
        sim->stats.refused++;
        kill_end(client, -ECONNREFUSED);
    } else if (sim_is_partitioned(sim, client->socket.host, client->peer->socket.host)) {
        ask_again(sim, connection);
    } else {
        client->is_connected = true;
        sim_end_raise(client);
    }
}

static void init_end(struct sim_end *end, struct sim_connection *connection, struct sim_host *host)
{
    end->socket = (struct sim_socket){.kind = SIM_END, .fd = -1, .host = host};
    end->connection = connection;
    end->delivery.fire = deliver;
    end->nudge.fire = fire_nudge;
    list_init(&end->ready_link);
    list_init(&end->flight);
    list_init(&end->received);
    list_init(&end->finish.link);
    list_init(&end->reset.link);
}

/* The address that the connecting side has: its machine's, or loopback's, and a port nobody uses.
 */
static struct address draw_local(struct sim_host *from, const struct address *to)
{
    if (is_local_path(to))
        return (struct address){.len = sizeof(sa_family_t), .any.sa_family = AF_UNIX};
    struct sim *sim = from->sim;
    struct address local = is_loopback(to) ? *to : from->ip;
    if (sim->next_port < PORT_FIRST)
        sim->next_port = PORT_FIRST;
    if (local.any.sa_family == AF_INET6)
        local.v6.sin6_port = htons(sim->next_port++);
    else
        local.v4.sin_port = htons(sim->next_port++);
    return local;
}

struct sim_connection *sim_connection_create(struct sim_host *from, const struct address *to)
{
    struct sim *sim = from->sim;
    if (sim_events_reserve(sim, EVENTS_EACH_CONNECTION) < 0)
        return NULL;
    struct sim_connection *connection = NEW(struct sim_connection);
    if (connection == NULL) {
        sim_events_release(sim, EVENTS_EACH_CONNECTION);
        return NULL;
    }
    struct sim_end *client = &connection->ends[0], *server = &connection->ends[1];
    init_end(client, connection, from);
    init_end(server, connection, from);
    client->peer = server;
    server->peer = client;
    client->socket.local = server->remote = draw_local(from, to);
    server->socket.local = client->remote = *to;
    connection->handshake.fire = fire_handshake;
    connection->pipe_bytes = sim->faults.pipe_bytes;
    list_init(&connection->pending_link);
    list_append(&sim->connections, &connection->link);
    sim->stats.connects++;
    return connection;
}

void sim_connection_begin(struct sim_connection *connection)
{
    struct sim_end *client = &connection->ends[0];
    struct sim *sim = sim_of(client);
    connection->is_black_hole = sim_chance(sim, sim->faults.black_hole_ppm);
    connection->must_refuse = sim_chance(sim, sim->faults.refuse_ppm);
    sim_schedule(sim, &connection->handshake, sim->now_us + draw_delay_us(client));
}

int sim_connection_begin_local(struct sim_connection *connection)
{
    struct sim_end *client = &connection->ends[0];
    struct sim_listener *listener = sim_find_listener(client->socket.host, &client->remote);
    if (listener == NULL)
        return -ECONNREFUSED;
    if (listener->pending_count >= listener->backlog)
        return -EAGAIN;
    connection->stage = SIM_ACCEPTED;
    client->is_connected = true;
    enter_backlog(connection, listener);
    return 0;
}

/* Ending */

static void free_connection(struct sim_connection *connection)
{
    struct sim *sim = sim_of(&connection->ends[0]);
    sim_unschedule(sim, &connection->handshake);
    for (int i = 0; i < 2; i++) {
        struct sim_end *end = &connection->ends[i];
        sim_unschedule(sim, &end->delivery);
        sim_unschedule(sim, &end->nudge);
        drop_segments(&end->flight);
        drop_segments(&end->received);
        list_remove(&end->ready_link);
    }
    list_remove(&connection->pending_link);
    list_remove(&connection->link);
    sim_events_release(sim, EVENTS_EACH_CONNECTION);
    memory_free(connection);
}

void sim_connection_release(struct sim_connection *connection)
{
    bool has_server = connection->stage == SIM_ACCEPTED;
    if (connection->ends[0].is_closed && (!has_server || connection->ends[1].is_closed))
        free_connection(connection);
}

void sim_end_close(struct sim_end *end)
{
    struct sim *sim = sim_of(end);
    struct sim_connection *connection = end->connection;
    bool is_unread = end->received_bytes > 0;
    end->is_closed = true;
    end->watcher = NULL;
    list_remove(&end->ready_link);
    drop_segments(&end->received);
    end->received_bytes = 0;
    if (end == &connection->ends[0] && !end->is_connected) {
        sim_unschedule(sim, &connection->handshake);
        end->is_connected = true; /* it answers what comes, with a reset */
    }
    if (!end->is_dead && connection->stage == SIM_ACCEPTED) {
        if (is_unread || end->resets_on_close)
            sim_end_send_reset(end);
        else
            sim_end_send_finish(end);
    }
    sim_connection_release(connection);
}

void sim_network_finish(struct sim *sim)
{
    LIST_FOR_EACH (&sim->connections, link)
        free_connection(CONTAINER_OF(link, struct sim_connection, link));
    LIST_FOR_EACH (&sim->listeners, link)
        memory_free(CONTAINER_OF(link, struct sim_listener, link));
    LIST_FOR_EACH (&sim->hosts, host_link) {
        struct sim_host *host = CONTAINER_OF(host_link, struct sim_host, link);
        LIST_FOR_EACH (&host->watches, link)
            memory_free(CONTAINER_OF(link, struct sim_watch, link));
    }
}
