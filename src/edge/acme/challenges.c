/*
 * A short list under a lock. An identity that is no longer set is kept for a minute: a handshake on
 * another thread may have found it and not counted it yet.
 */
#include "edge/acme/challenges.h"

#include "base/memory.h"
#include "http/exchange.h"
#include "wire/tls/context.h"

#include <errno.h>

#define RETIRED_MS 60000

struct challenge {
    struct challenge *next;        /* owned */
    struct tls_identity *identity; /* counted; NULL: the text counts */
    int64_t ends_ms;
    size_t name_len, text_len;
    char bytes[]; /* the name, then the text */
};

void challenges_init(struct challenges *challenges)
{
    *challenges = (struct challenges){.first = NULL};
    atomic_init(&challenges->count, 0);
    (void)lock_init(&challenges->lock);
}

static void destroy_all(struct challenge *first)
{
    while (first != NULL) {
        struct challenge *next = first->next;
        tls_identity_unref(first->identity);
        memory_free(first);
        first = next;
    }
}

void challenges_finish(struct challenges *challenges)
{
    destroy_all(challenges->first);
    destroy_all(challenges->retired);
    lock_finish(&challenges->lock);
}

bool challenges_is_token(struct slice token)
{
    for (size_t i = 0; i < token.len; i++) {
        char c = ascii_lower(token.at[i]);
        if (!ascii_is_digit(c) && !(c >= 'a' && c <= 'z') && c != '-' && c != '_')
            return false;
    }
    return token.len > 0 && token.len <= CHALLENGE_NAME_BYTES_MAX;
}

static bool is(const struct challenge *challenge, struct slice name, bool has_identity)
{
    return (challenge->identity != NULL) == has_identity &&
           slice_equal(slice_of(challenge->bytes, challenge->name_len), name);
}

/* Takes out what has that name, and what is too old; what was retired for long goes. */
static void tidy(struct challenges *challenges, struct slice name, bool has_identity,
                 int64_t now_ms)
{
    for (struct challenge **at = &challenges->retired; *at != NULL;) {
        if ((*at)->ends_ms <= now_ms) {
            destroy_all(*at); /* those behind it are older */
            *at = NULL;
            break;
        }
        at = &(*at)->next;
    }
    for (struct challenge **at = &challenges->first; *at != NULL;) {
        struct challenge *one = *at;
        if (one->ends_ms > now_ms && !is(one, name, has_identity)) {
            at = &one->next;
            continue;
        }
        *at = one->next;
        atomic_fetch_sub(&challenges->count, 1);
        one->next = challenges->retired;
        one->ends_ms = now_ms + RETIRED_MS;
        challenges->retired = one;
    }
}

static int add(struct challenges *challenges, struct challenge *one, struct slice name,
               int64_t now_ms)
{
    lock_take(&challenges->lock);
    tidy(challenges, name, one->identity != NULL, now_ms);
    bool has_room = atomic_load(&challenges->count) < CHALLENGES_MAX;
    if (has_room) {
        one->next = challenges->first;
        challenges->first = one;
        atomic_fetch_add(&challenges->count, 1);
    }
    lock_release(&challenges->lock);
    return has_room ? 0 : -ENOSPC;
}

static struct challenge *make(struct slice name, struct slice text, int64_t now_ms)
{
    struct challenge *one = memory_alloc(sizeof *one + name.len + text.len);
    if (one == NULL)
        return NULL;
    one->ends_ms = now_ms + CHALLENGE_LIFETIME_MS;
    one->name_len = name.len;
    one->text_len = text.len;
    memcpy(one->bytes, name.at, name.len);
    if (text.len > 0)
        memcpy(one->bytes + name.len, text.at, text.len);
    return one;
}

int challenges_set_text(struct challenges *challenges, struct slice token, struct slice text,
                        int64_t now_ms)
{
    struct challenge *one = make(token, text, now_ms);
    int rc = one == NULL ? -ENOMEM : add(challenges, one, token, now_ms);
    if (rc < 0)
        memory_free(one);
    return rc;
}

int challenges_set_identity(struct challenges *challenges, struct slice name,
                            struct tls_identity *identity, int64_t now_ms)
{
    struct challenge *one = make(name, (struct slice){0}, now_ms);
    if (one == NULL)
        return -ENOMEM;
    one->identity = identity;
    int rc = add(challenges, one, name, now_ms);
    if (rc < 0)
        memory_free(one);
    return rc;
}

void challenges_clear_text(struct challenges *challenges, struct slice token, int64_t now_ms)
{
    lock_take(&challenges->lock);
    tidy(challenges, token, false, now_ms);
    lock_release(&challenges->lock);
}

void challenges_clear_identity(struct challenges *challenges, struct slice name, int64_t now_ms)
{
    lock_take(&challenges->lock);
    tidy(challenges, name, true, now_ms);
    lock_release(&challenges->lock);
}

static const struct challenge *find(const struct challenges *challenges, struct slice name,
                                    bool has_identity)
{
    for (const struct challenge *one = challenges->first; one != NULL; one = one->next) {
        if (is(one, name, has_identity))
            return one;
    }
    return NULL;
}

bool challenges_answer(struct challenges *challenges, struct exchange *exchange)
{
    enum http_method method = exchange->request.method;
    if (!slice_starts_with(exchange->path, CHALLENGE_PATH) ||
        (method != METHOD_GET && method != METHOD_HEAD))
        return false;
    struct slice token = slice_from(exchange->path, CHALLENGE_PATH.len), text = {NULL, 0};
    lock_take(&challenges->lock);
    const struct challenge *found = find(challenges, token, false);
    if (found != NULL)
        text =
            arena_copy(&exchange->arena, slice_of(found->bytes + found->name_len, found->text_len));
    lock_release(&challenges->lock);
    if (found == NULL)
        return false;
    if (text.at == NULL)
        exchange_respond_error(exchange, 503, "out of memory for this request");
    else
        exchange_respond(exchange, 200, SLICE("application/octet-stream"), text,
                         "a certificate authority asked whether the name is ours");
    return true;
}

const struct tls_identity *challenges_find_identity(struct challenges *challenges,
                                                    struct slice name)
{
    lock_take(&challenges->lock);
    const struct challenge *found = find(challenges, name, true);
    const struct tls_identity *identity = found == NULL ? NULL : found->identity;
    lock_release(&challenges->lock);
    return identity;
}
