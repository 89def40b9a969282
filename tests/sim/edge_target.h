/*
 * Targets that misbehave as they are told, and the ledger of requests that clients and targets of
 * one simulated world share: who asked for what, and what became of it at the targets.
 */
#pragma once

#include "base/hash.h"
#include "base/list.h"
#include "os/sim_world.h"

#include <stdint.h>

#define TARGET_PORT     8000
#define TARGETS_MAX     5
#define REQUESTS_MAX    2000
#define PATH_OF_REQUEST "/%" PRIu32 "/%" PRIu32 "/%" PRIu32 "/%" PRIu32

/* Its path tells all of it. */
struct request {
    uint32_t id; /* its place in the ledger */
    uint32_t response_len, request_len;
    uint32_t pause_ms; /* of the target in the middle of the response's body */
    bool is_post;
    unsigned reached; /* heads that arrived at targets */
    bool was_cut;     /* a target broke off behind a response's head */
};

struct ledger {
    struct request requests[REQUESTS_MAX];
    uint32_t count;
};

/* Percent of requests. */
struct manners {
    unsigned reset_first; /* reset before the head of the response, or in it */
    unsigned cut_body;
    unsigned leave;   /* close after a response, without having said so */
    unsigned early;   /* answer before the request's body */
    unsigned stall;   /* never answer */
    unsigned refuse;  /* answer 503 */
    unsigned wait_ms; /* at most, before the response */
};

struct target_host {
    char ip[24];
    unsigned weight;
    struct ledger *ledger; /* borrowed, as is the next */
    struct prng *prng;
    struct manners manners;
    bool is_sick;                   /* fails its health checks, but serves */
    bool takes_no_new;              /* wanted: does not listen, and closes what is idle */
    uint64_t served;                /* requests whose head arrived */
    uint64_t refused;               /* of them answered 503 */
    unsigned serving, serving_most; /* at one time */
    struct sim_machine *machine;
    struct list visits; /* open connections */
};

void target_host_start(struct target_host *host);

/* All its connections are reset and nobody listens. Waits. */
void target_host_crash(struct target_host *host);
