/* Clients of many kinds, and the judgement of what they get. */
#pragma once

#include "edge_target.h"

/* What may go wrong for a client that does nothing wrong. */
enum weather {
    WEATHER_CALM,      /* nothing */
    WEATHER_RETRYABLE, /* POSTs may fail, GETs may not */
    WEATHER_TARGETS,   /* answers of Weir's own, and bodies that a target cut */
    WEATHER_NETWORK,   /* connections may break anywhere */
};

struct clients {
    struct ledger *ledger; /* borrowed, as is the next */
    struct prng *prng;
    enum weather weather;
    uint32_t len_max;
    int left; /* still at work */
    unsigned answered, failed;
};

/* Fibers on this machine, each with some connections; waits until all have ended. */
void clients_run(struct clients *clients, int count);

/* A new entry of the ledger. */
struct request *clients_request(struct clients *clients, bool is_post, uint32_t pause_ms);

/* One request on a connection of its own. Returns the status, 0 when there was no answer. */
unsigned clients_ask(struct clients *clients, uint16_t port, struct request *request);

/* Writes its head (with a body's framing) and, of a POST, its body. */
struct peer;
int client_send(struct clients *clients, struct peer *peer, const struct request *request);

/* Is this an answer that it may get? */
void client_judge(const struct clients *clients, const struct request *request, unsigned status);

/* Reads and judges its answer. The status; 0: none; negative: cut inside. */
int client_receive(struct clients *clients, struct peer *peer, const struct request *request,
                   bool *ret_closes);
