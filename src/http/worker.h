/*
 * What one thread of the data plane keeps for all its sessions: buffers, a generator, the date. It
 * hangs on the thread's loop and is found by worker_current.
 */
#pragma once

#include "base/hash.h"
#include "base/list.h"
#include "wire/h2/pool.h"
#include "wire/http/date.h"
#include "wire/http/message.h"

#include <stdint.h>

/*
 * A request's head with little else; what moves bodies; and what moves large ones, for the fewer
 * system calls and the fewer times that the other side is woken. Of the last there are at most
 * BLOCKS_HUGE_MAX: whoever gets none takes a large one.
 */
enum block_size { BLOCK_SMALL, BLOCK_LARGE, BLOCK_HUGE };

#define BLOCK_SMALL_BYTES 4096
#define BLOCK_LARGE_BYTES 65536
#define BLOCK_HUGE_BYTES  262144
#define BLOCK_SIZES       3
#define BLOCKS_HUGE_MAX   64

size_t block_bytes(enum block_size size);

/* Three quarters of this worker's budget are taken: who lets blocks lie should lose them. */
bool blocks_are_scarce(void);

struct block; /* an idle one */

/* Why handshakes of TLS with clients fail. */
enum handshake_failure {
    HANDSHAKE_PLAIN,   /* plain HTTP to a port of HTTPS */
    HANDSHAKE_REFUSED, /* the client's certificate, or its want of one */
    HANDSHAKE_FOREIGN, /* nothing in common: name, version, cipher; or no TLS at all */
    HANDSHAKE_SLOW,
    HANDSHAKE_BROKEN, /* the client left, or there was no memory */
    HANDSHAKE_FAILURES
};

struct worker_counters {
    uint64_t connections_accepted;
    uint64_t connections_open;
    uint64_t requests;
    uint64_t requests_refused; /* not valid HTTP, or over a limit */
    uint64_t responses[6];     /* by hundreds; [0] for those that were never sent */
    uint64_t grpc_calls[17];   /* by the status of gRPC */
    uint64_t bytes_received;   /* bodies of requests */
    uint64_t bytes_sent;       /* bodies of responses */
    uint64_t head_timeouts;
    uint64_t h2_connections;
    uint64_t h2_violations;      /* of the protocol, that ended a connection */
    uint64_t h2_floods;          /* of frames, or of fields, that did */
    uint64_t h2_streams_reset;   /* by clients, before all of a response was sent, or by errors */
    uint64_t h2_streams_refused; /* for lack of room */
    uint64_t proxy_headers_refused;
    uint64_t handshakes; /* of TLS with clients, that were completed */
    uint64_t handshakes_resumed;
    uint64_t handshakes_failed[HANDSHAKE_FAILURES];
    uint64_t tcp_connections;    /* passed on as they are, that have ended */
    uint64_t tcp_failures;       /* of them those for which there was no target */
    uint64_t tcp_bytes_received; /* from clients */
    uint64_t tcp_bytes_sent;
    uint64_t proxy_requests;       /* of forward proxies: plain ones and those for tunnels */
    uint64_t proxy_tunnels;        /* that were opened */
    uint64_t proxy_tunnels_open;   /* now */
    uint64_t proxy_denied;         /* by rules */
    uint64_t proxy_private;        /* by deny_private, or as they would have led back */
    uint64_t proxy_limited;        /* by limits of connections */
    uint64_t proxy_failed;         /* no way to the destination */
    uint64_t proxy_bytes_received; /* from clients, by tunnels that have ended */
    uint64_t proxy_bytes_sent;
    uint64_t upstream_connects;
    uint64_t upstream_reuses;
    uint64_t upstream_retries;
    uint64_t mirrors_sent;
    uint64_t mirrors_skipped;
    uint64_t blocks_refused;
    uint64_t sessions_refused; /* no memory, no fiber, or over the limit */
    /* Policies and filters of the layer above; see edge/metrics.c. */
    uint64_t rate_refused;
    uint64_t concurrency_refused;
    uint64_t passwords_refused;
    uint64_t passwords_busy;
    uint64_t auth_refused;
    uint64_t auth_failed;
    uint64_t maintenance_refused;
    uint64_t responses_compressed;
    uint64_t encoders_refused;
    uint64_t listings_refused;
};

/*
 * Counters are written by one thread and read by any: plain loads and stores that cannot tear, no
 * locked instruction.
 */
static inline uint64_t counter_read(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static inline void counter_add(uint64_t *counter, uint64_t more)
{
    __atomic_store_n(counter, counter_read(counter) + more, __ATOMIC_RELAXED);
}

static inline void counter_subtract(uint64_t *counter, uint64_t less)
{
    __atomic_store_n(counter, counter_read(counter) - less, __ATOMIC_RELAXED);
}

struct worker {
    unsigned number; /* from 0 */
    struct prng prng;
    struct block *idle[BLOCK_SIZES]; /* last in, first out: their cache lines are warm */
    size_t idle_count[BLOCK_SIZES];
    size_t huge_count;  /* taken and idle */
    size_t block_bytes; /* of all sizes, taken and idle */
    size_t block_bytes_max;
    int64_t date_s;
    char date[HTTP_DATE_BYTES];
    struct h2_pool h2_pool;
    struct list sessions;
    struct list relays;
    struct field fields[HTTP_FIELDS_MAX]; /* room for a parser; not kept over a wait */
    struct worker_counters counters;      /* written by this thread alone, read by any */
    void *edge;                           /* the layer above hangs its own here; borrowed */
};

/* Binds a worker to this thread's loop. */
void worker_init(struct worker *worker, unsigned number, uint64_t seed, size_t block_bytes_max);
void worker_finish(struct worker *worker);

struct worker *worker_current(void);

/* BLOCK_*_BYTES of memory, or NULL when the budget is used up. */
char *block_take(enum block_size size);

/* One of the largest size that is to be had, large or huge, with *ret_size; NULL as before. */
char *block_take_bulk(uint8_t *ret_size);

/* NULL is fine. */
void block_give(char *block, enum block_size size);

/* The Date field's value for now; valid until the next call. */
struct slice worker_date(void);
