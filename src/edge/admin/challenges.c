/* PUT and DELETE of /v1/challenges/http/{name} and /v1/challenges/tls-alpn/{name}. */
#include "edge/acme/challenges.h"
#include "base/cleanup.h"
#include "edge/admin/reply.h"
#include "edge/admin/routes.h"
#include "edge/state.h"
#include "http/exchange.h"
#include "os/loop.h"
#include "wire/tls/context.h"

#include <errno.h>

#define PEM_BYTES_MAX 65536

static struct challenges *challenges_of_edge(void)
{
    return &edge_worker_current()->edge->challenges;
}

static void answer(struct exchange *exchange, int rc)
{
    if (rc == 0)
        exchange_respond(exchange, 204, (struct slice){0}, (struct slice){0}, NULL);
    else if (rc == -ENOSPC)
        reply_error(exchange, 507, (struct slice){0}, "there are %d challenges already",
                    CHALLENGES_MAX);
    else
        reply_error(exchange, 503, (struct slice){0}, "out of memory for this request");
}

static bool is_text(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] <= ' ' || text.at[i] > '~')
            return false;
    }
    return text.len > 0 && text.len <= CHALLENGE_TEXT_BYTES_MAX;
}

void challenge_http_put(struct exchange *exchange, struct slice name)
{
    SCOPED(buffer_finish) struct buffer body;
    buffer_init(&body, PEM_BYTES_MAX);
    if (!reply_read_body(exchange, &body))
        return;
    if (!challenges_is_token(name))
        reply_error(exchange, 400, (struct slice){0},
                    "a token is up to %d letters, digits, \"-\" and \"_\"",
                    CHALLENGE_NAME_BYTES_MAX);
    else if (!is_text(buffer_slice(&body)))
        reply_error(exchange, 400, (struct slice){0},
                    "the body is up to %d bytes of printable text without blanks",
                    CHALLENGE_TEXT_BYTES_MAX);
    else
        answer(exchange,
               challenges_set_text(challenges_of_edge(), name, buffer_slice(&body), loop_now_ms()));
}

void challenge_http_delete(struct exchange *exchange, struct slice name)
{
    challenges_clear_text(challenges_of_edge(), name, loop_now_ms());
    answer(exchange, 0);
}

static int make_identity(struct slice pem, struct tls_identity **ret_identity, struct error *error)
{
    struct tls_certificate *certificate = NULL;
    int rc = tls_certificate_parse(pem, pem, &certificate, error);
    if (rc < 0)
        return rc;
    const struct tls_identity_settings settings = {
        .certificates = &certificate, .certificates_count = 1, .alpn = TLS_ALPN_ACME};
    rc = tls_identity_create(&settings, ret_identity, error);
    tls_certificate_unref(certificate);
    return rc;
}

void challenge_tls_put(struct exchange *exchange, struct slice name)
{
    SCOPED(buffer_finish) struct buffer body;
    struct tls_identity *identity = NULL;
    struct error error = {0};
    buffer_init(&body, PEM_BYTES_MAX);
    if (!reply_read_body(exchange, &body))
        return;
    if (name.len > CHALLENGE_NAME_BYTES_MAX) {
        reply_error(exchange, 400, (struct slice){0}, "the name is too long");
        return;
    }
    int rc = make_identity(buffer_slice(&body), &identity, &error);
    if (rc < 0 && rc != -ENOMEM) {
        reply_error(exchange, 400, (struct slice){0}, "%s", error.text);
        return;
    }
    if (rc == 0)
        rc = challenges_set_identity(challenges_of_edge(), name, identity, loop_now_ms());
    if (rc < 0)
        tls_identity_unref(identity);
    answer(exchange, rc);
}

void challenge_tls_delete(struct exchange *exchange, struct slice name)
{
    challenges_clear_identity(challenges_of_edge(), name, loop_now_ms());
    answer(exchange, 0);
}
