/*
 * Each answer brings the nonce for the next request; one that the authority does not know any more
 * is replaced by the one that comes with the refusal (§6.5).
 */
#include "control/identity/acme.h"

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/json.h"
#include "http/fetch.h"
#include "os/loop.h"
#include "os/resolver.h"
#include "os/special_use.h"

#include <errno.h>
#include <stdio.h>

#define ARENA_BYTES_MAX  ((size_t)4 << 20)
#define BODY_BYTES_MAX   ((size_t)1 << 20)
#define NONCE_BYTES_MAX  1024
#define REQUEST_MS       60000
#define NONCE_TRIES      10
#define WORDS_BYTES_MAX  300
#define RETRY_AFTER_MOST 86400

static const struct slice error_prefix = SLICE("urn:ietf:params:acme:error:");

/* The host alone, for messages. */
static struct slice host_of(struct slice url)
{
    struct fetch_url parts;
    return fetch_parse_url(url, &parts) == 0 ? parts.host : SLICE("the authority");
}

/* Seconds; dates are left alone (the schedule of retries will do). */
static int64_t retry_after_of(const struct fields *fields)
{
    uint64_t seconds = 0;
    if (slice_parse_u64(fields_value(fields, FIELD_RETRY_AFTER), &seconds) < 0)
        return 0;
    return seconds > RETRY_AFTER_MOST ? RETRY_AFTER_MOST : (int64_t)seconds;
}

static int keep_nonce(struct acme *acme, const struct fields *fields)
{
    const struct field *field = fields_find_name(fields, SLICE("Replay-Nonce"));
    acme->nonce.len = 0;
    return field == NULL ? 0 : buffer_append(&acme->nonce, field->value);
}

static int ask(struct acme *acme, const char *method, struct slice url, struct slice body,
               struct fetch_answer *answer, struct error *error)
{
    const struct fetch_request request = {
        .method = method,
        .url = url,
        .content_type = body.len > 0 ? SLICE("application/jose+json") : (struct slice){0},
        .body = body,
        .resolver = acme->settings->resolver,
        .authorities_pem = acme->settings->authorities_pem,
        .denies_private = !acme->is_private,
    };
    int rc = fetch(&request, loop_deadline(REQUEST_MS), answer, error);
    if (rc < 0)
        return rc;
    acme->retry_after_s = retry_after_of(&answer->head.fields);
    return keep_nonce(acme, &answer->head.fields);
}

static void parse_body(struct acme_answer *answer)
{
    const struct json *document = NULL;
    if (json_parse(buffer_slice(&answer->body), &answer->arena, &document) == 0)
        answer->document = document;
}

/* The body is handed over, and what is borrowed of the head copied. */
static int take_answer(struct fetch_answer *from, struct acme_answer *ret_answer)
{
    *ret_answer = (struct acme_answer){.status = from->head.status, .body = from->body};
    buffer_init(&from->body, 0);
    arena_init(&ret_answer->arena, NULL, 0, ARENA_BYTES_MAX);
    ret_answer->location =
        arena_copy(&ret_answer->arena, fields_value(&from->head.fields, FIELD_LOCATION));
    parse_body(ret_answer);
    return 0;
}

void acme_answer_finish(struct acme_answer *answer)
{
    arena_finish(&answer->arena);
    buffer_finish(&answer->body);
}

static int read_plain(struct acme *acme, struct slice url, struct acme_answer *ret_answer,
                      struct error *error)
{
    SCOPED_FREE struct fetch_answer *answer = NEW(struct fetch_answer);
    if (answer == NULL)
        return error_set(error, -ENOMEM, "out of memory");
    int rc = ask(acme, "GET", url, (struct slice){0}, answer, error);
    if (rc == 0)
        rc = take_answer(answer, ret_answer);
    fetch_finish(answer);
    return rc;
}

static int fetch_nonce(struct acme *acme, struct error *error)
{
    struct acme_answer answer;
    int rc = read_plain(acme, acme->new_nonce, &answer, error);
    if (rc < 0)
        return rc;
    acme_answer_finish(&answer);
    return acme->nonce.len > 0 ? 0
                               : error_set(error, -EPROTO, "%.*s: it gives no nonce",
                                           SLICE_ARG(host_of(acme->new_nonce)));
}

/* Printable, on one line, and not too long. */
static void clean(struct slice words, char room[static WORDS_BYTES_MAX])
{
    size_t len = words.len < WORDS_BYTES_MAX - 1 ? words.len : WORDS_BYTES_MAX - 1;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)words.at[i];
        room[i] = c < 0x20 || c == 0x7f ? ' ' : words.at[i];
    }
    room[len] = '\0';
}

static bool is_kind(const struct acme_answer *answer, const char *kind)
{
    struct slice type = json_get_text(answer->document, SLICE("type"));
    return slice_starts_with(type, error_prefix) &&
           slice_equal(slice_from(type, error_prefix.len), slice_of_cstr(kind));
}

/* A problem document (RFC 7807) says more than the status. */
static int tell_refusal(struct slice url, const struct acme_answer *answer, struct error *error)
{
    char words[WORDS_BYTES_MAX];
    struct slice detail = json_get_text(answer->document, SLICE("detail"));
    struct slice type = json_get_text(answer->document, SLICE("type"));
    bool may_pass = answer->status >= 500 || answer->status == 429 ||
                    is_kind(answer, "rateLimited") || is_kind(answer, "badNonce");
    if (slice_starts_with(type, error_prefix))
        type = slice_from(type, error_prefix.len);
    clean(detail.len > 0 ? detail : type, words);
    return error_set(error, may_pass ? -EAGAIN : -EPROTO, "%.*s answers %u%s%s",
                     SLICE_ARG(host_of(url)), answer->status, words[0] == '\0' ? "" : ": ", words);
}

static int post_once(struct acme *acme, struct slice url, struct slice payload,
                     struct acme_answer *ret_answer, struct error *error)
{
    SCOPED(buffer_finish) struct buffer body;
    SCOPED_FREE struct fetch_answer *answer = NEW(struct fetch_answer);
    buffer_init(&body, BODY_BYTES_MAX);
    *ret_answer = (struct acme_answer){.status = 0};
    int rc = acme->nonce.len > 0 ? 0 : fetch_nonce(acme, error);
    if (rc < 0)
        return rc;
    const struct jose_message message = {.url = url,
                                         .nonce = buffer_slice(&acme->nonce),
                                         .account = acme->account,
                                         .payload = payload};
    rc = answer == NULL ? -ENOMEM : jose_sign(acme->key, &message, &body);
    if (rc < 0)
        return error_set_errno(error, rc, "%.*s: its request cannot be signed",
                               SLICE_ARG(host_of(url)));
    rc = ask(acme, "POST", url, buffer_slice(&body), answer, error);
    if (rc == 0)
        rc = take_answer(answer, ret_answer);
    fetch_finish(answer);
    return rc;
}

int acme_post(struct acme *acme, struct slice url, struct slice payload,
              struct acme_answer *ret_answer, struct error *ret_error)
{
    for (unsigned i = 0;; i++) {
        int rc = post_once(acme, url, payload, ret_answer, ret_error);
        if (rc < 0)
            return rc;
        if (ret_answer->status < 300)
            return 0;
        bool is_stale = is_kind(ret_answer, "badNonce") && i < NONCE_TRIES;
        if (!is_stale)
            rc = tell_refusal(url, ret_answer, ret_error);
        acme_answer_finish(ret_answer);
        if (!is_stale)
            return rc;
    }
}

/* Opening. */

static int read_directory(struct acme *acme, struct error *error)
{
    struct slice url = acme->settings->directory;
    struct acme_answer answer;
    int rc = read_plain(acme, url, &answer, error);
    if (rc < 0)
        return rc;
    const struct json *document = answer.document;
    acme->new_nonce = arena_copy(&acme->arena, json_get_text(document, SLICE("newNonce")));
    acme->new_account = arena_copy(&acme->arena, json_get_text(document, SLICE("newAccount")));
    acme->new_order = arena_copy(&acme->arena, json_get_text(document, SLICE("newOrder")));
    bool is_whole = acme->new_nonce.len > 0 && acme->new_account.len > 0 && acme->new_order.len > 0;
    if (answer.status != 200)
        rc = tell_refusal(url, &answer, error);
    else if (!is_whole)
        rc = error_set(error, -EPROTO, "%.*s is no ACME directory", SLICE_ARG(url));
    acme_answer_finish(&answer);
    return rc;
}

static void name_account(struct slice directory, char room[static 32])
{
    static const struct hash_key key = {0x61636d65, 0x61636374};
    (void)snprintf(room, 32, "account-%08x", (unsigned)(hash_bytes(key, directory) >> 32));
}

/* Under the vault's lock: two keys would be two accounts. */
static int take_key(struct acme *acme, const struct vault *vault, struct error *error)
{
    char name[32];
    SCOPED(buffer_finish) struct buffer pem;
    buffer_init(&pem, VAULT_FILE_BYTES_MAX);
    name_account(acme->settings->directory, name);
    int rc = vault_read(vault, slice_of_cstr(name), ".pem", &pem);
    if (rc == 0 && (rc = jose_key_parse(buffer_slice(&pem), &acme->key)) == -EINVAL)
        return error_set(error, rc,
                         "the account's key in %s/%s.pem is damaged; remove it and a new account "
                         "is made",
                         vault->folder, name);
    if (rc == -ENOENT) {
        rc = jose_key_create(&acme->key);
        if (rc == 0)
            rc = jose_key_write(acme->key, &pem);
        if (rc == 0)
            rc = vault_write(vault, slice_of_cstr(name), ".pem", buffer_slice(&pem));
    }
    if (pem.at != NULL)
        explicit_bzero(pem.at, pem.len);
    return rc < 0 ? error_set_errno(error, rc, "the account's key %s/%s.pem", vault->folder, name)
                  : 0;
}

static int write_contact(const struct acme *acme, struct buffer *payload)
{
    char room[WORDS_BYTES_MAX * 6];
    struct writer writer;
    if (acme->settings->email.len == 0)
        return 0;
    writer_init(&writer, room, sizeof room);
    write_json_part(&writer, acme->settings->email);
    if (writer.overflown)
        return -EINVAL;
    return buffer_format(payload, ",\"contact\":[\"mailto:%.*s\"]",
                         SLICE_ARG(writer_slice(&writer)));
}

static int write_binding(const struct acme *acme, struct buffer *payload)
{
    const struct acme_settings *settings = acme->settings;
    if (settings->binding_id.len == 0)
        return 0;
    int rc = buffer_append(payload, SLICE(",\"externalAccountBinding\":"));
    return rc < 0 ? rc
                  : jose_bind(acme->key, acme->new_account, settings->binding_id,
                              settings->binding_secret, payload);
}

static bool has_contact(const struct json *account, struct slice email)
{
    JSON_FOR_EACH(json_get(account, SLICE("contact")), each)
    {
        if (slice_starts_with(each->text, SLICE("mailto:")) &&
            slice_equal(slice_from(each->text, 7), email))
            return true;
    }
    return email.len == 0;
}

/* Another address than the account was made with. */
static int update_contact(struct acme *acme, struct error *error)
{
    struct acme_answer answer;
    SCOPED(buffer_finish) struct buffer payload;
    buffer_init(&payload, BODY_BYTES_MAX);
    int rc = buffer_append(&payload, SLICE("{\"termsOfServiceAgreed\":true"));
    if (rc == 0)
        rc = write_contact(acme, &payload);
    if (rc == 0)
        rc = buffer_append_char(&payload, '}');
    if (rc == 0)
        rc = acme_post(acme, acme->account, buffer_slice(&payload), &answer, error);
    if (rc == 0)
        acme_answer_finish(&answer);
    return rc;
}

/* An authority that knows the key answers with the account that there is (§7.3). */
static int take_account(struct acme *acme, struct error *error)
{
    struct acme_answer answer;
    SCOPED(buffer_finish) struct buffer payload;
    buffer_init(&payload, BODY_BYTES_MAX);
    int rc = buffer_append(&payload, SLICE("{\"termsOfServiceAgreed\":true"));
    if (rc == 0)
        rc = write_contact(acme, &payload);
    if (rc == 0)
        rc = write_binding(acme, &payload);
    if (rc == 0)
        rc = buffer_append_char(&payload, '}');
    if (rc < 0)
        return error_set(error, rc, "%s",
                         rc == -EBADMSG  ? "what is in the file of `eab_key` is not base64url"
                         : rc == -EINVAL ? "`email` is too long"
                                         : "out of memory");
    rc = acme_post(acme, acme->new_account, buffer_slice(&payload), &answer, error);
    if (rc < 0)
        return rc;
    struct slice account = arena_copy(&acme->arena, answer.location);
    bool is_known = answer.status == 200 && !has_contact(answer.document, acme->settings->email);
    acme_answer_finish(&answer);
    if (account.len == 0)
        return error_set(error, -EPROTO, "%.*s: it names no account",
                         SLICE_ARG(host_of(acme->new_account)));
    acme->account = account;
    return is_known ? update_contact(acme, error) : 0;
}

bool acme_is_private(struct slice directory, struct resolver *resolver)
{
    struct fetch_url url;
    struct address addresses[RESOLVER_ADDRESSES_MAX];
    if (fetch_parse_url(directory, &url) < 0)
        return false;
    int count = resolver_lookup(resolver, url.host, url.port, addresses, RESOLVER_ADDRESSES_MAX,
                                loop_deadline(REQUEST_MS));
    for (int i = 0; i < count; i++) {
        if (special_use(&addresses[i]) != NULL || address_is_own(&addresses[i]))
            return true;
    }
    return false;
}

int acme_open(struct acme *acme, const struct acme_settings *settings, const struct vault *vault,
              struct error *ret_error)
{
    *acme = (struct acme){.settings = settings};
    arena_init(&acme->arena, NULL, 0, ARENA_BYTES_MAX);
    buffer_init(&acme->nonce, NONCE_BYTES_MAX);
    int lock = vault_lock(vault);
    if (lock < 0)
        return error_set_errno(ret_error, lock, "cannot lock %s", vault->folder);
    int rc = take_key(acme, vault, ret_error);
    vault_unlock(lock);
    acme->is_private = acme_is_private(settings->directory, settings->resolver);
    if (rc == 0)
        rc = read_directory(acme, ret_error);
    return rc == 0 ? take_account(acme, ret_error) : rc;
}

void acme_finish(struct acme *acme)
{
    jose_key_destroy(acme->key);
    arena_finish(&acme->arena);
    buffer_finish(&acme->nonce);
}
