/*
 * Each certificate's fiber sleeps until there is something to do, and the wall clock is asked at
 * least once a minute, for it may be set. What must not be lost is in the vault: this process may
 * be killed at any point.
 */
#include "control/identity/keeper.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "control/identity/keeper_internal.h"
#include "control/identity/schedule.h"
#include "control/identity/staple.h"
#include "os/file.h"
#include "os/kernel.h"
#include "os/loop.h"
#include "os/random.h"
#include "os/signals.h"
#include "wire/http/date.h"
#include "wire/tls/certificate.h"

#include <errno.h>
#include <stdio.h>

#define LOOK_MS         60000
#define TELL_MS         10
#define TELL_FIRST_MS   500
#define BLOCK_BYTES_MAX ((size_t)16 << 20)
#define DATE_FROM       5 /* "06 Nov 1994" of "Sun, 06 Nov 1994 08:49:37 GMT" */
#define DATE_LEN        11

/* Of what goes wrong here, or on the way to here. */
static const struct schedule_retry retry_soon = {.first_s = 2, .most_s = 300, .factor = 2};
/* Of what an authority refuses: each try counts against us there. */
static const struct schedule_retry retry_refused = {.first_s = 5, .most_s = 21600, .factor = 3};

static int64_t now_s(void)
{
    return loop_wall_us() / 1000000;
}

static void write_report(struct keeper *keeper)
{
    SCOPED_FREE const struct report_entry **entries =
        memory_alloc_array((size_t)keeper->kept_count + 1, sizeof *entries);
    int rc = entries == NULL ? -ENOMEM : 0;
    for (unsigned i = 0; rc == 0 && i < keeper->kept_count; i++)
        entries[i] = &keeper->kept[i].report;
    if (rc == 0)
        rc = report_write(&keeper->vault, entries, keeper->kept_count);
    if (rc < 0)
        log_warn("the state of the certificates cannot be written to %s: %s", keeper->vault.folder,
                 strerror(-rc));
}

static void say(struct keeper *keeper, char byte)
{
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    if (io_is_open(&keeper->lifeline))
        (void)io_write(&keeper->lifeline, &part, 1);
}

static void flush(struct keeper *keeper)
{
    if (keeper->must_report)
        write_report(keeper);
    if (keeper->have_changed)
        say(keeper, KEEPER_CHANGED);
    keeper->must_report = keeper->have_changed = false;
}

/* At a first start there may be thousands: they are told of together. */
static void teller_main(void *arg)
{
    struct keeper *keeper = arg;
    for (;;) {
        if (!keeper->must_report && !keeper->have_changed)
            (void)fiber_wait(FIBER_FOREVER);
        (void)fiber_sleep(keeper->has_told_made ? TELL_MS : TELL_FIRST_MS);
        flush(keeper);
    }
}

void keeper_report(struct keeper *keeper)
{
    keeper->must_report = true;
    fiber_wake(keeper->teller);
}

void keeper_tell_changed(struct keeper *keeper)
{
    keeper->have_changed = true;
    fiber_wake(keeper->teller);
}

/* The supervisor waits with its first edge for the internal ones alone. */
static void tell_made(struct keeper *keeper)
{
    for (unsigned i = 0; i < keeper->kept_count; i++) {
        const struct kept *kept = &keeper->kept[i];
        if (kept->managed->source == CONF_TLS_INTERNAL && !kept->has_begun)
            return;
    }
    if (keeper->has_told_made)
        return;
    flush(keeper);
    say(keeper, KEEPER_MADE);
    keeper->has_told_made = true;
}

/* One certificate. */

static bool is_acme(const struct kept *kept)
{
    return kept->managed->source == CONF_TLS_ACME;
}

/* The same after each start: a keeper that is started again and again must not throw the dice until
 * it is due. */
static int64_t renewal_of(const struct kept *kept, const struct tls_certificate *certificate)
{
    struct prng prng;
    uint64_t seed;
    memcpy(&seed, tls_certificate_digest(certificate), sizeof seed);
    prng_init(&prng, seed);
    (void)kept;
    return schedule_renewal_s(tls_certificate_not_before_s(certificate),
                              tls_certificate_not_after_s(certificate), &prng);
}

bool kept_look(struct kept *kept, struct buffer *ret_pem)
{
    struct tls_certificate *certificate = NULL;
    struct error error = {0};
    struct report_entry *report = &kept->report;
    report->not_before_s = report->not_after_s = report->renew_from_s = 0;
    int rc = vault_read(&kept->keeper->vault, kept->managed->id, ".pem", ret_pem);
    if (rc == 0)
        rc = tls_certificate_parse(buffer_slice(ret_pem), buffer_slice(ret_pem), &certificate,
                                   &error);
    if (rc < 0)
        return false;
    report->not_before_s = tls_certificate_not_before_s(certificate);
    report->not_after_s = tls_certificate_not_after_s(certificate);
    report->renew_from_s = renewal_of(kept, certificate);
    tls_certificate_unref(certificate);
    return true;
}

/* Is what there is good until it is renewed? */
static bool is_good(struct kept *kept)
{
    SCOPED(buffer_finish) struct buffer pem;
    buffer_init(&pem, VAULT_FILE_BYTES_MAX);
    bool is_there = kept_look(kept, &pem) && now_s() < kept->report.renew_from_s &&
                    now_s() >= kept->report.not_before_s && !kept->is_revoked;
    if (is_there && !is_acme(kept))
        is_there = kept_is_by_authority(kept, buffer_slice(&pem));
    if (pem.at != NULL)
        explicit_bzero(pem.at, pem.len);
    return is_there;
}

static void write_date(int64_t time_s, char ret_text[static DATE_LEN + 1])
{
    char text[HTTP_DATE_BYTES];
    http_date_write(text, time_s);
    memcpy(ret_text, text + DATE_FROM, DATE_LEN);
    ret_text[DATE_LEN] = '\0';
}

static void succeed(struct kept *kept)
{
    char ends[DATE_LEN + 1];
    SCOPED(buffer_finish) struct buffer pem;
    buffer_init(&pem, VAULT_FILE_BYTES_MAX);
    (void)kept_look(kept, &pem);
    if (pem.at != NULL)
        explicit_bzero(pem.at, pem.len);
    kept->report.phase = REPORT_GOOD;
    kept->report.failures = 0;
    kept->report.next_try_s = 0;
    kept->report.is_asked_to_wait = kept->report.is_refused = false;
    kept->is_revoked = false;
    kept->report.error[0] = kept->told[0] = '\0';
    write_date(kept->report.not_after_s, ends);
    if (is_acme(kept))
        log_info("%.*s: a new certificate, until %s", SLICE_ARG(kept->managed->names[0]), ends);
    keeper_report(kept->keeper);
    keeper_tell_changed(kept->keeper);
    staples_wake(kept->keeper);
}

static void fail(struct kept *kept, int rc, int64_t retry_after_s, const struct error *error)
{
    struct prng prng;
    struct report_entry *report = &kept->report;
    random_seed(&prng);
    report->is_refused = rc == -EPROTO || rc == -EAGAIN || retry_after_s > 0;
    report->failures++;
    int64_t wait_s = schedule_retry_s(report->is_refused ? &retry_refused : &retry_soon,
                                      report->failures, &prng);
    report->is_asked_to_wait = retry_after_s > wait_s;
    report->next_try_s = now_s() + (retry_after_s > wait_s ? retry_after_s : wait_s);
    report->phase = REPORT_FAILING;
    (void)snprintf(report->error, sizeof report->error, "%s", error->text);
    /* The same words again and again would hide others. */
    if (strcmp(kept->told, report->error) != 0)
        log_warn("%.*s: no %scertificate: %s; it is tried again by itself",
                 SLICE_ARG(kept->managed->names[0]), report->not_after_s > 0 ? "new " : "",
                 error->text);
    (void)snprintf(kept->told, sizeof kept->told, "%s", report->error);
    keeper_report(kept->keeper);
}

static void make_now(struct kept *kept)
{
    struct error error = {0};
    int64_t retry_after_s = 0;
    int rc;
    if (is_acme(kept))
        rc = kept_order(kept, &retry_after_s, &error);
    else
        rc = kept_make_internal(kept, &error);
    if (rc == 0)
        succeed(kept);
    else if (rc != -ECANCELED)
        fail(kept, rc, retry_after_s, &error);
}

static void sleep_until(int64_t time_s)
{
    int64_t wait_s = time_s - now_s();
    int64_t wait_ms = wait_s < 1 ? 1000 : wait_s > LOOK_MS / 1000 ? LOOK_MS : wait_s * 1000;
    (void)fiber_wait(loop_deadline(wait_ms));
}

/* It was cleared away, and cannot be made by a process that may write there alone: the next one
 * makes it. */
static void leave(const struct keeper *keeper)
{
    log_warn("%s was removed: everything in it is made or got anew", keeper->vault.folder);
    loop_stop(loop_current());
}

static void kept_main(void *arg)
{
    struct kept *kept = arg;
    struct report_entry *report = &kept->report;
    for (;;) {
        if (vault_is_lost(&kept->keeper->vault)) {
            leave(kept->keeper);
            return;
        }
        bool is_there = is_good(kept);
        bool must_wait = report->next_try_s > now_s();
        if (is_there) {
            bool was_good = report->phase == REPORT_GOOD;
            report->phase = REPORT_GOOD;
            report->next_try_s = 0;
            if (!was_good)
                keeper_report(kept->keeper);
        } else if (!must_wait) {
            make_now(kept);
        }
        kept->has_begun = true;
        tell_made(kept->keeper);
        sleep_until(is_there ? report->renew_from_s : report->next_try_s);
    }
}

/* The process. */

/* Somebody may have mended what failed. What an authority wants is kept to. */
static void try_again(struct keeper *keeper)
{
    for (unsigned i = 0; i < keeper->kept_count; i++) {
        struct report_entry *report = &keeper->kept[i].report;
        if (report->phase != REPORT_FAILING || report->is_asked_to_wait)
            continue;
        report->next_try_s = 0;
        fiber_wake(keeper->kept[i].fiber);
    }
}

static void listen_to_supervisor(void *arg)
{
    struct keeper *keeper = arg;
    char bytes[16];
    while (io_read_wait(&keeper->lifeline, bytes, sizeof bytes, FIBER_FOREVER) > 0)
        try_again(keeper);
    loop_stop(loop_current());
}

static void listen_to_signals(void *arg)
{
    struct signals signals;
    (void)arg;
    if (signals_open(&signals, (const int[]){SIGTERM, SIGINT, 0}) == 0)
        (void)signals_next(&signals, FIBER_FOREVER);
    loop_stop(loop_current());
}

/* A file that `acme` names; nothing where it names none. */
static int read_named(const char *what, struct slice name, struct buffer *ret_content)
{
    char path[PATH_MAX];
    buffer_init(ret_content, VAULT_FILE_BYTES_MAX);
    if (name.len == 0)
        return 0;
    (void)snprintf(path, sizeof path, "%.*s", SLICE_ARG(name));
    int rc = file_read_regular(path, ret_content);
    if (rc < 0)
        log_error("acme: %s: cannot read %s: %s", what, path, strerror(-rc));
    return rc;
}

/* Without the end of the line. */
static struct slice first_line(const struct buffer *content)
{
    struct slice rest = buffer_slice(content), line = {0};
    (void)slice_cut(&rest, '\n', &line);
    return slice_trim(line);
}

static int prepare(struct keeper *keeper)
{
    const struct snapshot *snapshot = keeper->options->snapshot;
    int len = snprintf(keeper->admin_socket, sizeof keeper->admin_socket, "%s/edge.sock",
                       keeper->options->state);
    if (len < 0 || (size_t)len >= sizeof keeper->admin_socket)
        return -ENAMETOOLONG;
    (void)snprintf(keeper->hook, sizeof keeper->hook, "%.*s", SLICE_ARG(snapshot->acme.hook));
    keeper->kept = memory_alloc_array((size_t)snapshot->managed_count + 1, sizeof *keeper->kept);
    if (keeper->kept == NULL)
        return -ENOMEM;
    int rc = vault_open(&keeper->vault, keeper->options->state);
    if (rc == 0)
        rc = read_named("ca", snapshot->acme.ca, &keeper->acme_authorities);
    if (rc == 0)
        rc = read_named("eab_key", snapshot->acme.eab_key, &keeper->acme_secret);
    keeper->acme = (struct acme_settings){
        .directory = snapshot->acme.directory,
        .authorities_pem = buffer_slice(&keeper->acme_authorities),
        .email = snapshot->email,
        .binding_id = snapshot->acme.eab_id,
        .binding_secret = first_line(&keeper->acme_secret),
    };
    return rc;
}

static int begin(struct keeper *keeper)
{
    const struct snapshot *snapshot = keeper->options->snapshot;
    worker_init(&keeper->worker, 0, 0, BLOCK_BYTES_MAX);
    int rc = resolver_create(NULL, &keeper->resolver);
    keeper->acme.resolver = keeper->resolver;
    if (rc == 0 && keeper->options->lifeline_fd >= 0)
        rc = io_open(&keeper->lifeline, keeper->options->lifeline_fd);
    if (rc == 0 && io_is_open(&keeper->lifeline))
        rc = fiber_start(listen_to_supervisor, keeper, NULL);
    if (rc == 0)
        rc = fiber_start(teller_main, keeper, &keeper->teller);
    for (unsigned i = 0; rc == 0 && i < snapshot->managed_count; i++) {
        struct kept *kept = &keeper->kept[keeper->kept_count++];
        const struct conf_managed *managed = snapshot->managed[i];
        *kept = (struct kept){.keeper = keeper, .managed = managed};
        kept->report.id = managed->id;
        kept->report.source = is_acme(kept) ? "acme" : "internal";
        kept->report.names = managed->names;
        kept->report.names_count = managed->names_count;
        report_recall(&keeper->vault, &kept->report);
    }
    for (unsigned i = 0; rc == 0 && i < keeper->kept_count; i++)
        rc = fiber_start(kept_main, &keeper->kept[i], &keeper->kept[i].fiber);
    if (rc == 0)
        rc = staples_start(keeper);
    tell_made(keeper); /* where there are none to be made here */
    return rc;
}

static void keeper_main(void *arg)
{
    int rc = fiber_start(listen_to_signals, NULL, NULL);
    if (rc == 0)
        rc = begin(arg);
    if (rc == 0)
        return;
    log_error("certificates cannot be kept: %s", strerror(-rc));
    loop_stop(loop_current());
}

/* The process ends with this call; what still waits on the loop is left to the system. */
int keeper_run(const struct keeper_options *options)
{
    static struct keeper keeper;
    struct kernel *kernel = NULL;
    struct loop *loop = NULL;
    keeper = (struct keeper){.options = options};
    io_init(&keeper.lifeline, NULL);
    int rc = prepare(&keeper);
    if (rc == 0)
        rc = kernel_real_create(&kernel);
    if (rc == 0)
        rc = loop_create(kernel, &loop);
    if (rc == 0)
        rc = fiber_start(keeper_main, &keeper, NULL);
    if (rc == 0)
        rc = loop_run(loop);
    if (rc < 0)
        log_error("certificates cannot be kept: %s", strerror(-rc));
    return rc < 0 ? 1 : 0;
}
