/*
 * A loop over the order's status, as the authority tells it: pending, ready, processing, valid,
 * invalid (RFC 8555 §7.1.6). What has been done before is seen by that status alone.
 */
#include "control/identity/order.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "os/loop.h"
#include "wire/tls/request.h"

#include <errno.h>

#define TOTAL_MS       600000 /* what one try may take */
#define POLL_FIRST_MS  250
#define POLL_MOST_MS   10000
#define PROOFS_MAX     100
#define TEXT_BYTES_MAX ((size_t)1 << 20)
#define STEPS_MAX      1000

struct order {
    const struct order_options *options;
    const struct vault *vault;
    struct slice id;
    const struct slice *names;
    unsigned names_count;
    struct acme acme;
    struct arena arena; /* of what follows */
    struct slice url;   /* the order's */
    struct buffer key;  /* PEM */
    struct proof proofs[PROOFS_MAX];

    unsigned proofs_count;
    bool is_set; /* the proofs are, and the authority was told so */
    int64_t deadline_ms;
    int64_t poll_ms;
};

static int tell_memory(struct error *error)
{
    return error_set(error, -ENOMEM, "out of memory");
}

/* What is kept of it. */

static void forget(struct order *order)
{
    (void)vault_remove(order->vault, order->id, ".order");
    (void)vault_remove(order->vault, order->id, ".key");
}

static int keep(struct order *order, struct error *error)
{
    char room[4096];
    struct writer writer;
    struct json_writer json;
    writer_init(&writer, room, sizeof room);
    json_writer_init(&json, &writer);
    json_open_object(&json, NULL);
    json_put_text(&json, "directory", order->options->acme->directory);
    json_put_text(&json, "order", order->url);
    json_close_object(&json);
    int rc = writer.overflown
                 ? -EMSGSIZE
                 : vault_write(order->vault, order->id, ".order", writer_slice(&writer));
    return rc < 0
               ? error_set_errno(error, rc, "the order cannot be kept in %s", order->vault->folder)
               : 0;
}

/* Its certificate is there: the crash came between that and forgetting it. */
static bool is_done(const struct order *order)
{
    SCOPED(buffer_finish) struct buffer pem;
    buffer_init(&pem, 2 * TEXT_BYTES_MAX);
    bool is_there = vault_read(order->vault, order->id, ".pem", &pem) == 0 &&
                    slice_starts_with(buffer_slice(&pem), buffer_slice(&order->key));
    if (pem.at != NULL)
        explicit_bzero(pem.at, pem.len);
    return is_there;
}

/* One of an earlier run, at this authority and with its key. */
static bool recall(struct order *order)
{
    const struct json *document = NULL;
    SCOPED(buffer_finish) struct buffer text;
    buffer_init(&text, TEXT_BYTES_MAX);
    if (vault_read(order->vault, order->id, ".order", &text) < 0 ||
        vault_read(order->vault, order->id, ".key", &order->key) < 0 || is_done(order) ||
        json_parse(buffer_slice(&text), &order->arena, &document) < 0 ||
        !slice_equal(json_get_text(document, SLICE("directory")), order->options->acme->directory))
        return false;
    order->url = arena_copy(&order->arena, json_get_text(document, SLICE("order")));
    return order->url.len > 0;
}

/* A new order. */

static int make_key(struct order *order, struct error *error)
{
    order->key.len = 0;
    int rc = tls_request_key(order->options->key_kind, &order->key);
    if (rc == 0)
        rc = vault_write(order->vault, order->id, ".key", buffer_slice(&order->key));
    return rc < 0 ? error_set_errno(error, rc, "no key for %.*s in %s", SLICE_ARG(order->id),
                                    order->vault->folder)
                  : 0;
}

static bool is_address(struct slice name)
{
    bool is_v4 = true;
    for (size_t i = 0; i < name.len; i++) {
        if (name.at[i] == ':')
            return true;
        is_v4 = is_v4 && (ascii_is_digit(name.at[i]) || name.at[i] == '.');
    }
    return is_v4;
}

static int write_identifiers(const struct order *order, struct buffer *payload)
{
    int rc = buffer_append(payload, SLICE("{\"identifiers\":["));
    for (unsigned i = 0; rc == 0 && i < order->names_count; i++)
        rc = buffer_format(payload, "%s{\"type\":\"%s\",\"value\":\"%.*s\"}", i > 0 ? "," : "",
                           is_address(order->names[i]) ? "ip" : "dns", SLICE_ARG(order->names[i]));
    return rc == 0 ? buffer_append(payload, SLICE("]}")) : rc;
}

static int make_order(struct order *order, struct acme_answer *ret_answer, struct error *error)
{
    SCOPED(buffer_finish) struct buffer payload;
    buffer_init(&payload, TEXT_BYTES_MAX);
    int rc = make_key(order, error);
    if (rc < 0)
        return rc;
    if (write_identifiers(order, &payload) < 0)
        return tell_memory(error);
    rc = acme_post(&order->acme, order->acme.new_order, buffer_slice(&payload), ret_answer, error);
    if (rc < 0)
        return rc;
    order->url = arena_copy(&order->arena, ret_answer->location);
    rc = order->url.len > 0 ? keep(order, error)
                            : error_set(error, -EPROTO, "the authority names no order");
    if (rc < 0)
        acme_answer_finish(ret_answer);
    return rc;
}

/* An order that the authority does not know any more, or that failed, makes room for a new one. */
static int take_order(struct order *order, struct acme_answer *ret_answer, struct error *error)
{
    struct error ignored = {0};
    if (!recall(order))
        return make_order(order, ret_answer, error);
    int rc = acme_post(&order->acme, order->url, (struct slice){0}, ret_answer, &ignored);
    if (rc < 0 && rc != -EPROTO)
        return error_set(error, rc, "%s", ignored.text);
    bool is_over = rc == 0 && slice_equal(json_get_text(ret_answer->document, SLICE("status")),
                                          SLICE("invalid"));
    if (is_over)
        acme_answer_finish(ret_answer);
    if (rc < 0 || is_over)
        return make_order(order, ret_answer, error);
    log_info("%.*s: the order of before goes on", SLICE_ARG(order->id));
    return 0;
}

/* Proofs. */

/* What an authority says was wrong: of a challenge, an authorization or an order. */
static struct slice words_of(const struct json *document)
{
    return json_get_text(json_get(document, SLICE("error")), SLICE("detail"));
}

static const struct json *find_challenge(const struct json *authorization, struct slice type)
{
    JSON_FOR_EACH(json_get(authorization, SLICE("challenges")), each)
    {
        if (slice_equal(json_get_text(each, SLICE("type")), type))
            return each;
    }
    return NULL;
}

static int refuse_invalid(const struct json *authorization, struct error *error)
{
    struct slice name = json_get_text(json_get(authorization, SLICE("identifier")), SLICE("value"));
    struct slice why = {NULL, 0};
    JSON_FOR_EACH(json_get(authorization, SLICE("challenges")), each)
    {
        if (words_of(each).len > 0)
            why = words_of(each);
    }
    return error_set(error, -EPROTO, "the authority does not find that %.*s is ours%s%.*s",
                     SLICE_ARG(slice_first(name, 253)), why.len > 0 ? ": " : "",
                     SLICE_ARG(slice_first(why, 200)));
}

/* Tells the authority that it may look. One that it has begun to look at is left alone. */
static int respond(struct order *order, const struct json *challenge, struct error *error)
{
    struct acme_answer answer;
    if (!slice_equal(json_get_text(challenge, SLICE("status")), SLICE("pending")))
        return 0;
    int rc = acme_post(&order->acme, json_get_text(challenge, SLICE("url")), SLICE("{}"), &answer,
                       error);
    if (rc == 0)
        acme_answer_finish(&answer);
    return rc;
}

static int add_proof(struct order *order, const struct json *authorization,
                     const struct json *challenge, struct error *error)
{
    struct slice name = json_get_text(json_get(authorization, SLICE("identifier")), SLICE("value"));
    struct slice token = json_get_text(challenge, SLICE("token"));
    SCOPED(buffer_finish) struct buffer text;
    buffer_init(&text, TEXT_BYTES_MAX);
    if (jose_authorise(order->acme.key, token, &text) < 0)
        return tell_memory(error);
    struct proof proof = {.name = arena_copy(&order->arena, name),
                          .token = arena_copy(&order->arena, token),
                          .authorization = arena_copy(&order->arena, buffer_slice(&text))};
    if (proof.name.at == NULL || proof.token.at == NULL || proof.authorization.at == NULL ||
        order->proofs_count == PROOFS_MAX)
        return tell_memory(error);
    int rc = proof_set(&order->options->place, &proof, error);
    if (rc == 0)
        order->proofs[order->proofs_count++] = proof;
    return rc;
}

static bool is_text_of_token(struct slice token)
{
    for (size_t i = 0; i < token.len; i++) {
        char c = ascii_lower(token.at[i]);
        if (!ascii_is_digit(c) && !(c >= 'a' && c <= 'z') && c != '-' && c != '_')
            return false;
    }
    return token.len > 0;
}

/* 1: it is proved already. */
static int prove_one(struct order *order, struct slice url, struct error *error)
{
    struct acme_answer answer;
    int rc = acme_post(&order->acme, url, (struct slice){0}, &answer, error);
    if (rc < 0)
        return rc;
    struct slice status = json_get_text(answer.document, SLICE("status"));
    struct slice type = proof_type(order->options->place.kind);
    const struct json *challenge = find_challenge(answer.document, type);
    if (slice_equal(status, SLICE("valid")))
        rc = 1;
    else if (!slice_equal(status, SLICE("pending")))
        rc = refuse_invalid(answer.document, error);
    else if (challenge == NULL || !is_text_of_token(json_get_text(challenge, SLICE("token"))))
        rc =
            error_set(error, -EPROTO,
                      "the authority offers no %.*s for this name; wildcards need `challenge: dns`",
                      SLICE_ARG(type));
    else
        rc = add_proof(order, answer.document, challenge, error);
    if (rc == 0)
        rc = respond(order, challenge, error);
    acme_answer_finish(&answer);
    return rc;
}

/* Of each name; those of a wildcard and of its domain stand beside each other in DNS. */
static int prove_all(struct order *order, const struct json *document, struct error *error)
{
    int rc = 0;
    JSON_FOR_EACH(json_get(document, SLICE("authorizations")), each)
    {
        rc = prove_one(order, each->text, error);
        if (rc < 0)
            return rc;
    }
    order->is_set = true;
    return 0;
}

/* An edge that was started anew has forgotten what it was told. */
static void set_again(const struct order *order)
{
    struct error ignored = {0};
    for (unsigned i = 0; order->options->place.kind != PROOF_DNS && i < order->proofs_count; i++)
        (void)proof_set(&order->options->place, &order->proofs[i], &ignored);
}

/* An order is pending for as long as one of its authorizations is; which one failed is told there.
 */
static int look_for_failure(struct order *order, const struct json *document, struct error *error)
{
    JSON_FOR_EACH(json_get(document, SLICE("authorizations")), each)
    {
        struct acme_answer answer;
        int rc = acme_post(&order->acme, each->text, (struct slice){0}, &answer, error);
        if (rc < 0)
            return rc;
        struct slice status = json_get_text(answer.document, SLICE("status"));
        if (!slice_equal(status, SLICE("valid")) && !slice_equal(status, SLICE("pending")))
            rc = refuse_invalid(answer.document, error);
        acme_answer_finish(&answer);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int step_pending(struct order *order, const struct json *document, struct error *error)
{
    if (!order->is_set)
        return prove_all(order, document, error);
    set_again(order);
    return look_for_failure(order, document, error);
}

/* The end. */

static int finalize(struct order *order, const struct json *document, struct error *error)
{
    struct acme_answer answer;
    SCOPED(buffer_finish) struct buffer der;
    SCOPED(buffer_finish) struct buffer payload;
    buffer_init(&der, TEXT_BYTES_MAX);
    buffer_init(&payload, TEXT_BYTES_MAX);
    int rc = tls_request_write(buffer_slice(&order->key), order->names, order->names_count, &der);
    if (rc == 0)
        rc = buffer_append(&payload, SLICE("{\"csr\":\""));
    if (rc == 0)
        rc = jose_encode(buffer_slice(&der), &payload);
    if (rc == 0)
        rc = buffer_append(&payload, SLICE("\"}"));
    if (rc < 0)
        return error_set_errno(error, rc, "no request can be made for these names");
    rc = acme_post(&order->acme, json_get_text(document, SLICE("finalize")), buffer_slice(&payload),
                   &answer, error);
    if (rc == 0)
        acme_answer_finish(&answer);
    return rc;
}

/* What came must be of use before it takes the place of what serves. */
static int check(const struct order *order, struct slice chain, struct error *error)
{
    struct tls_certificate *certificate = NULL;
    struct error why = {0};
    int rc = tls_certificate_parse(chain, buffer_slice(&order->key), &certificate, &why);
    if (rc < 0)
        return error_set(error, -EPROTO, "the authority's certificate cannot be used: %s",
                         why.text);
    for (unsigned i = 0; rc == 0 && i < order->names_count; i++) {
        struct slice name = order->names[i];
        bool is_covered = tls_certificate_covers(certificate, name);
        for (unsigned k = 0; !is_covered && k < tls_certificate_names_count(certificate); k++)
            is_covered = slice_equal(tls_certificate_name(certificate, k), name);
        if (!is_covered)
            rc = error_set(error, -EPROTO, "the authority's certificate is not for %.*s",
                           SLICE_ARG(name));
    }
    tls_certificate_unref(certificate);
    return rc;
}

static int install(struct order *order, struct slice chain, struct error *error)
{
    SCOPED(buffer_finish) struct buffer pem;
    buffer_init(&pem, 2 * TEXT_BYTES_MAX);
    int rc = buffer_append(&pem, buffer_slice(&order->key));
    if (rc == 0)
        rc = buffer_append(&pem, chain);
    if (rc == 0)
        rc = vault_write(order->vault, order->id, ".pem", buffer_slice(&pem));
    if (pem.at != NULL)
        explicit_bzero(pem.at, pem.len);
    return rc < 0 ? error_set_errno(error, rc, "the certificate cannot be written to %s",
                                    order->vault->folder)
                  : 0;
}

static int download(struct order *order, const struct json *document, struct error *error)
{
    struct acme_answer answer;
    int rc = acme_post(&order->acme, json_get_text(document, SLICE("certificate")),
                       (struct slice){0}, &answer, error);
    if (rc < 0)
        return rc;
    rc = check(order, buffer_slice(&answer.body), error);
    if (rc == 0)
        rc = install(order, buffer_slice(&answer.body), error);
    acme_answer_finish(&answer);
    return rc;
}

/* 1: it is there. 0: the status may have moved on. */
static int step(struct order *order, const struct json *document, struct error *error)
{
    struct slice status = json_get_text(document, SLICE("status"));
    struct slice why = words_of(document);
    if (slice_equal(status, SLICE("pending")))
        return step_pending(order, document, error);
    if (slice_equal(status, SLICE("ready"))) {
        order->poll_ms = POLL_FIRST_MS;
        return finalize(order, document, error);
    }
    if (slice_equal(status, SLICE("processing")))
        return 0;
    /* Not every authority says with the order which of its proofs failed. */
    if (slice_equal(status, SLICE("invalid")) && look_for_failure(order, document, error) < 0)
        return -EPROTO;
    if (!slice_equal(status, SLICE("valid")))
        return error_set(error, -EPROTO, "the order failed%s%.*s", why.len > 0 ? ": " : "",
                         SLICE_ARG(slice_first(why, 300)));
    int rc = download(order, document, error);
    return rc < 0 ? rc : 1;
}

static int await_change(struct order *order, struct error *error)
{
    int64_t wait_ms = order->acme.retry_after_s * 1000;
    if (wait_ms <= 0)
        wait_ms = order->poll_ms;
    order->poll_ms = order->poll_ms * 2 > POLL_MOST_MS ? POLL_MOST_MS : order->poll_ms * 2;
    if (wait_ms > POLL_MOST_MS * 3)
        wait_ms = POLL_MOST_MS * 3;
    if (loop_now_ms() + wait_ms > order->deadline_ms)
        return error_set(error, -EAGAIN, "the authority has not decided within %d minutes",
                         TOTAL_MS / 60000);
    return fiber_sleep(wait_ms);
}

static int work(struct order *order, struct error *error)
{
    struct acme_answer answer;
    int rc = take_order(order, &answer, error);
    for (unsigned i = 0; rc == 0; i++) {
        rc = i < STEPS_MAX ? step(order, answer.document, error)
                           : error_set(error, -EPROTO, "the order does not come to an end");
        acme_answer_finish(&answer);
        if (rc == 0)
            rc = await_change(order, error);
        if (rc == 0)
            rc = acme_post(&order->acme, order->url, (struct slice){0}, &answer, error);
    }
    return rc;
}

/* What an authority has refused for good is not asked for again with the same order. */
static void finish(struct order *order, int rc)
{
    for (unsigned i = 0; i < order->proofs_count; i++)
        proof_clear(&order->options->place, &order->proofs[i]);
    if (rc == 1 || rc == -EPROTO)
        forget(order);
    acme_finish(&order->acme);
    arena_finish(&order->arena);
    if (order->key.at != NULL)
        explicit_bzero(order->key.at, order->key.len);
    buffer_finish(&order->key);
}

int order_certificate(const struct order_options *options, const struct vault *vault,
                      struct slice id, const struct slice *names, unsigned names_count,
                      int64_t *ret_retry_after_s, struct error *ret_error)
{
    SCOPED_FREE struct order *order = NEW(struct order);
    if (order == NULL)
        return tell_memory(ret_error);
    *order = (struct order){.options = options,
                            .vault = vault,
                            .id = id,
                            .names = names,
                            .names_count = names_count,
                            .deadline_ms = loop_deadline(TOTAL_MS),
                            .poll_ms = POLL_FIRST_MS};
    arena_init(&order->arena, NULL, 0, 4 * TEXT_BYTES_MAX);
    buffer_init(&order->key, TEXT_BYTES_MAX);
    int rc = acme_open(&order->acme, options->acme, vault, ret_error);
    if (rc == 0)
        rc = work(order, ret_error);
    *ret_retry_after_s = order->acme.retry_after_s;
    finish(order, rc);
    return rc < 0 ? rc : 0;
}
