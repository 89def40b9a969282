/* The connections of a simulated world: what sim_network.c moves and sim_socket.c lends out. */
#pragma once

#include "os/sim_internal.h"

struct sim_connection;

enum sim_socket_kind { SIM_LISTENER, SIM_END };

/* What a descriptor stands for: the first member of a listener and of an end. */
struct sim_socket {
    enum sim_socket_kind kind;
    int fd; /* -1: not (yet, any more) a program's */
    struct sim_host *host;
    struct address local;
};

struct sim_listener {
    struct sim_socket socket;
    struct list link;
    struct list pending; /* struct sim_connection, waiting for accept */
    unsigned pending_count;
    unsigned backlog;
};

/* One kernel's interest in a listener. */
struct sim_watch {
    struct list link; /* in its host's `watches` */
    struct sim_listener *listener;
    uint64_t tag;
};

enum sim_segment_kind { SIM_DATA, SIM_FINISH, SIM_RESET };

struct sim_segment {
    struct list link;
    enum sim_segment_kind kind;
    int64_t arrives_us;
    char *bytes; /* behind the segment; NULL for FINISH and RESET */
    size_t len;
};

/* One side of a connection, and what travels from it to the other. */
struct sim_end {
    struct sim_socket socket;
    struct sim_connection *connection;
    struct sim_end *peer;
    struct address remote;

    struct sim_host *watcher; /* NULL: not watched */
    uint64_t tag;
    struct list ready_link; /* in watcher's `ready` */
    struct sim_event nudge; /* tells the watcher again */

    struct list flight; /* segments, in order */
    struct sim_event delivery;
    int64_t last_arrival_us;
    unsigned retransmits;
    size_t outstanding; /* bytes in flight, or not read by the peer */
    struct sim_segment finish, reset;

    struct list received; /* segments */
    size_t received_bytes;
    int error; /* negative, until it is taken */
    bool is_connected;
    bool is_closed; /* by its program */
    bool has_sent_finish, has_sent_reset;
    bool has_got_finish;
    bool is_dead;    /* reset, refused or timed out */
    bool wants_room; /* found the pipe full */
    bool resets_on_close;
};

enum sim_handshake { SIM_ASKING, SIM_ACCEPTED, SIM_REFUSED };

struct sim_connection {
    struct list link;         /* in the sim's `connections` */
    struct list pending_link; /* in a listener's `pending` */
    struct sim_end ends[2];   /* who connects, who accepts */
    struct sim_event handshake;
    enum sim_handshake stage;
    unsigned tries;
    bool is_black_hole;
    bool must_refuse;
    size_t pipe_bytes;
};

/* A connection from this machine, not begun; NULL: out of memory. */
struct sim_connection *sim_connection_create(struct sim_host *from, const struct address *to);
void sim_connection_begin(struct sim_connection *connection);

/* At once, to a Unix socket. 0, -ECONNREFUSED, -EAGAIN. */
int sim_connection_begin_local(struct sim_connection *connection);

/* Frees it once neither side has it open. */
void sim_connection_release(struct sim_connection *connection);

/* The program is done with this side. */
void sim_end_close(struct sim_end *end);

/* Sends after what was sent before: the segment is owned, or one of the end's own. */
void sim_end_send(struct sim_end *end, struct sim_segment *segment, enum sim_segment_kind kind);
void sim_end_send_finish(struct sim_end *end);
void sim_end_send_reset(struct sim_end *end);

/* The reader took bytes: the other side may go on. */
void sim_end_took(struct sim_end *end, size_t bytes);

/* Bytes that may be sent now. */
size_t sim_end_room(const struct sim_end *end);

/* KERNEL_READABLE and so on, as they are now. */
unsigned sim_end_readiness(const struct sim_end *end);

/* Has the watcher told, now or soon. */
void sim_end_raise(struct sim_end *end);
void sim_end_nudge(struct sim_end *end);

struct sim_listener *sim_find_listener(const struct sim_host *from, const struct address *to);

static inline struct sim *sim_of(const struct sim_end *end)
{
    return end->socket.host->sim;
}
