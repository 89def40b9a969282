/*
 * One fiber, which looks at all certificates each time: there are few that name a responder, and
 * none of today's largest authority does.
 */
#include "control/identity/staple.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/writer.h"
#include "control/identity/schedule.h"
#include "http/fetch.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/loop.h"
#include "os/random.h"
#include "wire/tls/certificate.h"
#include "wire/tls/ocsp.h"

#include <errno.h>
#include <stdio.h>

#define LOOK_MS      60000
#define FETCH_MS     30000
#define DIGEST_BYTES 16 /* of the certificate's, in the file's name */
#define NAME_BYTES   (sizeof PREFIX + 2 * (size_t)DIGEST_BYTES)
#define PREFIX       "ocsp-"
#define NO_NEXT_S    86400 /* for an answer that names no time for the next */
#define LEAST_S      1
#define CLOCK_S      300 /* by so much clocks may differ */

static const struct schedule_retry retry = {.first_s = 10, .most_s = 3600, .factor = 2};

/* A certificate with a responder. */
struct stapled {
    struct list link;
    char name[NAME_BYTES];
    struct kept *kept; /* of a managed one; else NULL */
    struct buffer pem; /* owned; with the key where that stands in the same file */
    struct slice url;  /* in `certificate` */
    struct tls_certificate *certificate; /* counted */
    int64_t next_s;                      /* when it is to be fetched */
    int64_t ends_s;                      /* of the answer that there is; 0: none */
    unsigned failures;
    bool is_seen; /* in this look */
};

static int64_t now_s(void)
{
    return loop_wall_us() / 1000000;
}

static struct stapled *stapled_at(struct list *link)
{
    return CONTAINER_OF(link, struct stapled, link);
}

static void destroy(struct stapled *stapled)
{
    if (stapled == NULL)
        return;
    if (stapled->pem.at != NULL)
        explicit_bzero(stapled->pem.at, stapled->pem.len);
    buffer_finish(&stapled->pem);
    tls_certificate_unref(stapled->certificate);
    memory_free(stapled);
}

static void write_name(const struct tls_certificate *certificate, char name[static NAME_BYTES])
{
    struct writer writer;
    writer_init(&writer, name, NAME_BYTES);
    write_literal(&writer, PREFIX);
    for (unsigned i = 0; i < DIGEST_BYTES; i++)
        write_hex(&writer, tls_certificate_digest(certificate)[i], 2);
    write_char(&writer, '\0');
}

/* Takes over an answer's times; false when it cannot be stapled. */
static bool take_times(struct stapled *stapled, const struct tls_ocsp_answer *answer)
{
    int64_t begins_s = answer->this_update_s, ends_s = answer->next_update_s;
    if (ends_s == 0)
        ends_s = begins_s + NO_NEXT_S;
    if (begins_s > now_s() + CLOCK_S || ends_s <= now_s())
        return false;
    int64_t half_s = begins_s + (ends_s - begins_s) / 2;
    stapled->ends_s = ends_s;
    stapled->next_s = half_s <= now_s() ? now_s() + LEAST_S : half_s;
    return true;
}

/* What an earlier process fetched. */
static void recall(struct keeper *keeper, struct stapled *stapled)
{
    struct tls_ocsp_answer answer;
    SCOPED(buffer_finish) struct buffer der;
    buffer_init(&der, VAULT_FILE_BYTES_MAX);
    if (vault_read(&keeper->vault, slice_of_cstr(stapled->name), ".der", &der) == 0 &&
        tls_ocsp_judge(buffer_slice(&stapled->pem), buffer_slice(&der), &answer, NULL) == 0)
        (void)take_times(stapled, &answer);
}

/* `pem` is handed over; so is the reference to the certificate. */
static int add(struct keeper *keeper, struct kept *kept, struct buffer *pem,
               struct tls_certificate *certificate)
{
    struct stapled *stapled = NEW(struct stapled);
    if (stapled == NULL) {
        tls_certificate_unref(certificate);
        return -ENOMEM;
    }
    stapled->kept = kept;
    stapled->pem = *pem;
    buffer_init(pem, VAULT_FILE_BYTES_MAX);
    stapled->certificate = certificate;
    stapled->url = tls_certificate_ocsp_url(certificate);
    stapled->is_seen = true;
    write_name(certificate, stapled->name);
    list_append(&keeper->stapled, &stapled->link);
    recall(keeper, stapled);
    return 0;
}

static struct stapled *find(struct keeper *keeper, const struct tls_certificate *certificate)
{
    char name[NAME_BYTES];
    write_name(certificate, name);
    LIST_FOR_EACH (&keeper->stapled, link) {
        if (strcmp(stapled_at(link)->name, name) == 0)
            return stapled_at(link);
    }
    return NULL;
}

/* Without a key in it the text is taken for its certificates alone. */
static void look_at(struct keeper *keeper, struct kept *kept, struct slice key, struct buffer *pem)
{
    struct tls_certificate *certificate = NULL;
    if (tls_certificate_parse(buffer_slice(pem), key, &certificate, NULL) < 0)
        return;
    struct stapled *known = find(keeper, certificate);
    if (known != NULL)
        known->is_seen = true;
    if (known == NULL && tls_certificate_ocsp_url(certificate).len > 0)
        (void)add(keeper, kept, pem, certificate);
    else
        tls_certificate_unref(certificate);
}

static void finish_secret(struct buffer *buffer)
{
    if (buffer->at != NULL)
        explicit_bzero(buffer->at, buffer->len);
    buffer_finish(buffer);
}

static void look_at_managed(struct keeper *keeper)
{
    for (unsigned i = 0; i < keeper->kept_count; i++) {
        struct kept *kept = &keeper->kept[i];
        SCOPED(finish_secret) struct buffer pem;
        buffer_init(&pem, VAULT_FILE_BYTES_MAX);
        if (kept->managed->source == CONF_TLS_ACME &&
            vault_read(&keeper->vault, kept->managed->id, ".pem", &pem) == 0)
            look_at(keeper, kept, buffer_slice(&pem), &pem);
    }
}

static int read_path(struct slice name, struct buffer *ret_content)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%.*s", SLICE_ARG(name));
    return len <= 0 || (size_t)len >= sizeof path ? -ENAMETOOLONG
                                                  : file_read_all(path, ret_content);
}

static void look_at_files(struct keeper *keeper, const struct conf_certificate *at, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        SCOPED(finish_secret) struct buffer pem;
        SCOPED(finish_secret) struct buffer key;
        buffer_init(&pem, VAULT_FILE_BYTES_MAX);
        buffer_init(&key, VAULT_FILE_BYTES_MAX);
        if (read_path(at[i].certificate, &pem) == 0 && read_path(at[i].key, &key) == 0)
            look_at(keeper, NULL, buffer_slice(&key), &pem);
    }
}

static void look_at_all(struct keeper *keeper)
{
    const struct snapshot *snapshot = keeper->options->snapshot;
    LIST_FOR_EACH (&keeper->stapled, link)
        stapled_at(link)->is_seen = false;
    look_at_managed(keeper);
    for (unsigned i = 0; i < snapshot->listeners_count; i++)
        look_at_files(keeper, snapshot->listeners[i].tls.certificates,
                      snapshot->listeners[i].tls.certificates_count);
    for (unsigned i = 0; i < snapshot->sites_count; i++) {
        for (unsigned k = 0; k < snapshot->sites[i].identities_count; k++)
            look_at_files(keeper, snapshot->sites[i].identities[k].certificates,
                          snapshot->sites[i].identities[k].certificates_count);
    }
    LIST_FOR_EACH (&keeper->stapled, gone) {
        struct stapled *stapled = stapled_at(gone);
        if (stapled->is_seen)
            continue;
        list_remove(&stapled->link);
        destroy(stapled);
    }
}

/* Files of certificates that are no more. */
static int clear_one(void *arg, const char *name)
{
    struct keeper *keeper = arg;
    struct slice text = slice_of_cstr(name), suffix = SLICE(".der");
    if (!slice_starts_with(text, SLICE(PREFIX)) || !slice_ends_with(text, suffix))
        return 0;
    struct slice bare = slice_first(text, text.len - suffix.len);
    LIST_FOR_EACH (&keeper->stapled, link) {
        if (slice_equal(slice_of_cstr(stapled_at(link)->name), bare))
            return 0;
    }
    (void)vault_remove(&keeper->vault, bare, ".der");
    return 0;
}

/* One whose authority has taken it back serves nobody: another one is got at once. */
static void tell_revoked(struct stapled *stapled)
{
    struct kept *kept = stapled->kept;
    if (kept == NULL) {
        log_error("the certificate for %.*s has been revoked by its authority: clients refuse it",
                  SLICE_ARG(tls_certificate_name(stapled->certificate, 0)));
        return;
    }
    log_error("%.*s: the authority has revoked the certificate; another one is got",
              SLICE_ARG(kept->managed->names[0]));
    kept->is_revoked = true;
    fiber_wake(kept->fiber);
}

static int ask(struct keeper *keeper, const struct stapled *stapled, struct buffer *ret_der,
               struct error *error)
{
    SCOPED(buffer_finish) struct buffer question;
    SCOPED_FREE struct fetch_answer *answer = NEW(struct fetch_answer);
    buffer_init(&question, VAULT_FILE_BYTES_MAX);
    int rc = answer == NULL ? -ENOMEM : tls_ocsp_ask(buffer_slice(&stapled->pem), &question);
    if (rc < 0)
        return error_set(error, rc, "%s",
                         rc == -ENOENT ? "its file does not hold the certificate that signed it"
                                       : "out of memory");
    const struct fetch_request request = {
        .method = "POST",
        .url = stapled->url,
        .content_type = SLICE("application/ocsp-request"),
        .body = buffer_slice(&question),
        .resolver = keeper->resolver,
        /* A file is the owner's, with all that it names; others only we have asked for. */
        .denies_private =
            stapled->kept != NULL && !acme_is_private(keeper->acme.directory, keeper->resolver),
    };
    rc = fetch(&request, loop_deadline(FETCH_MS), answer, error);
    if (rc == 0 && answer->head.status != 200)
        rc = error_set(error, -EPROTO, "%.*s answers %u", SLICE_ARG(stapled->url),
                       answer->head.status);
    if (rc == 0)
        rc = buffer_append(ret_der, buffer_slice(&answer->body));
    fetch_finish(answer);
    return rc;
}

static int fetch_one(struct keeper *keeper, struct stapled *stapled, struct error *error)
{
    struct tls_ocsp_answer answer;
    struct error why = {0};
    SCOPED(buffer_finish) struct buffer der;
    buffer_init(&der, VAULT_FILE_BYTES_MAX);
    int rc = ask(keeper, stapled, &der, error);
    if (rc < 0)
        return rc;
    rc = tls_ocsp_judge(buffer_slice(&stapled->pem), buffer_slice(&der), &answer, &why);
    if (rc < 0)
        return error_set(error, rc, "the answer of %.*s cannot be used: %s",
                         SLICE_ARG(stapled->url), why.text);
    if (answer.status == TLS_OCSP_UNKNOWN) /* often so of one that is a minute old */
        return error_set(error, -EAGAIN, "%.*s does not know it yet", SLICE_ARG(stapled->url));
    if (!take_times(stapled, &answer))
        return error_set(error, -EINVAL, "the answer of %.*s is not of this time",
                         SLICE_ARG(stapled->url));
    rc = vault_write(&keeper->vault, slice_of_cstr(stapled->name), ".der", buffer_slice(&der));
    if (rc < 0)
        return error_set_errno(error, rc, "it cannot be written to %s", keeper->vault.folder);
    if (answer.status == TLS_OCSP_REVOKED)
        tell_revoked(stapled);
    return 0;
}

/* An answer whose time is over is worse than none: some clients then refuse the certificate. */
static void drop_expired(struct keeper *keeper, struct stapled *stapled)
{
    if (stapled->ends_s == 0 || stapled->ends_s > now_s())
        return;
    stapled->ends_s = 0;
    (void)vault_remove(&keeper->vault, slice_of_cstr(stapled->name), ".der");
    keeper_tell_changed(keeper);
}

static void work_on(struct keeper *keeper, struct stapled *stapled)
{
    struct error error = {0};
    struct prng prng;
    drop_expired(keeper, stapled);
    if (stapled->next_s > now_s())
        return;
    if (fetch_one(keeper, stapled, &error) == 0) {
        stapled->failures = 0;
        keeper_tell_changed(keeper);
        return;
    }
    random_seed(&prng);
    stapled->next_s = now_s() + schedule_retry_s(&retry, ++stapled->failures, &prng);
    if (stapled->failures == 1)
        log_warn("no OCSP answer for %.*s: %s; it is asked again by itself",
                 SLICE_ARG(tls_certificate_name(stapled->certificate, 0)), error.text);
}

static void staples_main(void *arg)
{
    struct keeper *keeper = arg;
    for (;;) {
        int64_t next_s = now_s() + LOOK_MS / 1000;
        look_at_all(keeper);
        (void)folder_each(keeper->vault.folder, clear_one, keeper);
        LIST_FOR_EACH (&keeper->stapled, link) {
            struct stapled *stapled = stapled_at(link);
            work_on(keeper, stapled);
            next_s = stapled->next_s < next_s ? stapled->next_s : next_s;
            if (stapled->ends_s > 0 && stapled->ends_s < next_s)
                next_s = stapled->ends_s;
        }
        int64_t wait_s = next_s > now_s() ? next_s - now_s() : 1;
        (void)fiber_wait(loop_deadline(wait_s * 1000));
    }
}

int staples_start(struct keeper *keeper)
{
    list_init(&keeper->stapled);
    return fiber_start(staples_main, keeper, &keeper->stapling);
}

void staples_wake(struct keeper *keeper)
{
    if (keeper->stapling != NULL)
        fiber_wake(keeper->stapling);
}
