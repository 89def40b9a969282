/*
 * What a certificate authority finds here while it makes sure that a name is ours (RFC 8555 §8.3,
 * RFC 8737): texts under /.well-known/acme-challenge/, and certificates for who asks with
 * acme-tls/1. Set by the admin API, gone by it, or after an hour. While there is none it costs one
 * load. Any thread.
 */
#pragma once

#include "base/arena.h"
#include "os/lock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define CHALLENGES_MAX           1000
#define CHALLENGE_NAME_BYTES_MAX 256
#define CHALLENGE_TEXT_BYTES_MAX 1024
#define CHALLENGE_LIFETIME_MS    3600000

#define CHALLENGE_PATH SLICE("/.well-known/acme-challenge/")

struct challenge;
struct exchange;
struct tls_identity;

struct challenges {
    atomic_uint count; /* without what is retired */
    struct lock lock;
    struct challenge *first;   /* owned, the newest first */
    struct challenge *retired; /* owned: some thread may just be beginning a handshake with it */
};

void challenges_init(struct challenges *challenges);
void challenges_finish(struct challenges *challenges);

/* Base64url, as tokens are (RFC 8555 §8.3). */
bool challenges_is_token(struct slice token);

/* Sets or replaces. The text is what is answered under that token. 0, -ENOMEM or -ENOSPC. */
int challenges_set_text(struct challenges *challenges, struct slice token, struct slice text,
                        int64_t now_ms);

/* The same for a name in lower case. The identity is counted: owned from then on, on success. */
int challenges_set_identity(struct challenges *challenges, struct slice name,
                            struct tls_identity *identity, int64_t now_ms);

/* What is not there is no error. */
void challenges_clear_text(struct challenges *challenges, struct slice token, int64_t now_ms);
void challenges_clear_identity(struct challenges *challenges, struct slice name, int64_t now_ms);

static inline bool challenges_are_there(struct challenges *challenges)
{
    return atomic_load_explicit(&challenges->count, memory_order_relaxed) > 0;
}

/*
 * True when the request asked for a token that is set: it has been answered. Before routing, so
 * that neither a redirect nor a password stands in the way; tokens of others go the site's way.
 */
bool challenges_answer(struct challenges *challenges, struct exchange *exchange);

/* For tls_choose: NULL when none is set for that name. It outlives the call by a minute. */
const struct tls_identity *challenges_find_identity(struct challenges *challenges,
                                                    struct slice name);
