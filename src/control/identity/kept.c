/* How one certificate is made: by the authority of one's own, or by an order. */
#include "base/cleanup.h"
#include "base/log.h"
#include "control/identity/authorities.h"
#include "control/identity/keeper_internal.h"
#include "control/identity/order.h"
#include "control/identity/reach.h"
#include "http/ask.h"
#include "os/loop.h"
#include "os/self.h"

#include <errno.h>

#define INTERNAL_LIFETIME_S ((int64_t)90 * 86400)
#define ORDERS_MAX          4 /* at a time */
#define TURN_MS             250
#define HTTP_PORT           80
#define HTTPS_PORT          443
#define EDGE_MS             30000
#define EDGE_STEP_MS        50

static struct signer *signer_of(const struct kept *kept)
{
    const struct conf_managed *managed = kept->managed;
    return &kept->keeper->signers[authorities_reach(managed->names, managed->names_count)];
}

/* The one that was found last, while its file is the same; else it is let go. */
static struct tls_authority *known_authority(const struct kept *kept)
{
    struct signer *signer = signer_of(kept);
    enum tls_authority_reach reach = (enum tls_authority_reach)(signer - kept->keeper->signers);
    struct vault_stamp now = vault_stamp_of(&kept->keeper->vault, authorities_name(reach), ".pem");
    bool is_same = now.inode == signer->stamp.inode && now.changed_ns == signer->stamp.changed_ns;
    if (signer->authority != NULL && !is_same) {
        tls_authority_destroy(signer->authority);
        signer->authority = NULL;
    }
    signer->stamp = now;
    return signer->authority;
}

static void tell_new(const struct kept *kept, enum tls_authority_reach reach)
{
    if (reach == TLS_AUTHORITY_LOCAL)
        log_info("made an authority of this machine's own; `weir trust` lets browsers here "
                 "believe it");
    else
        log_info("made an authority for names that others may own (%.*s); `weir trust` lets "
                 "browsers here believe it",
                 SLICE_ARG(kept->managed->names[0]));
}

/* *ret_authority is borrowed from the keeper, until the next wait. */
static int take_authority(const struct kept *kept, struct tls_authority **ret_authority,
                          struct error *error)
{
    struct signer *signer = signer_of(kept);
    enum tls_authority_reach reach = (enum tls_authority_reach)(signer - kept->keeper->signers);
    struct tls_authority *taken = NULL;
    bool is_new = false;
    int rc = 0;
    if (known_authority(kept) == NULL)
        rc = authorities_take(&kept->keeper->vault, reach, &taken, &is_new, error);
    if (rc < 0)
        return rc;
    if (taken != NULL) { /* another fiber may have been as fast */
        tls_authority_destroy(signer->authority);
        signer->authority = taken;
        signer->stamp = vault_stamp_of(&kept->keeper->vault, authorities_name(reach), ".pem");
    }
    if (is_new)
        tell_new(kept, reach);
    *ret_authority = signer->authority;
    return 0;
}

int kept_make_internal(struct kept *kept, struct error *ret_error)
{
    const struct conf_managed *managed = kept->managed;
    struct tls_authority *authority = NULL;
    SCOPED(buffer_finish) struct buffer pem;
    buffer_init(&pem, AUTHORITY_PEM_BYTES_MAX);
    int rc = take_authority(kept, &authority, ret_error);
    if (rc < 0)
        return rc;
    rc = tls_authority_issue(authority, managed->names, managed->names_count, self_wall_s(),
                             INTERNAL_LIFETIME_S, &pem);
    if (rc < 0)
        return error_set_errno(ret_error, rc, "it cannot be made for these names");
    rc = vault_write(&kept->keeper->vault, managed->id, ".pem", buffer_slice(&pem));
    if (pem.at != NULL)
        explicit_bzero(pem.at, pem.len);
    return rc < 0 ? error_set_errno(ret_error, rc, "it cannot be written to %s",
                                    kept->keeper->vault.folder)
                  : 0;
}

bool kept_is_by_authority(const struct kept *kept, struct slice pem)
{
    struct signer *signer = signer_of(kept);
    enum tls_authority_reach reach = (enum tls_authority_reach)(signer - kept->keeper->signers);
    struct error ignored = {0};
    if (known_authority(kept) == NULL)
        (void)authorities_find(&kept->keeper->vault, reach, &signer->authority, &ignored);
    return signer->authority != NULL && tls_authority_has_issued(signer->authority, pem);
}

static const enum proof_kind proof_kinds[] = {
    [CONF_ACME_HTTP] = PROOF_HTTP,
    [CONF_ACME_TLS_ALPN] = PROOF_TLS_ALPN,
    [CONF_ACME_DNS] = PROOF_DNS,
};

/* For trials with an authority that looks at other ports; the real ones look at 80 and 443. */
static uint16_t port_of(enum conf_acme_challenge challenge)
{
    uint64_t port = 0;
    bool is_http = challenge == CONF_ACME_HTTP;
    const char *text = self_variable(is_http ? "WEIR_ACME_HTTP_PORT" : "WEIR_ACME_TLS_PORT");
    if (text != NULL && slice_parse_u64(slice_of_cstr(text), &port) == 0 && port > 0 &&
        port <= UINT16_MAX)
        return (uint16_t)port;
    return is_http ? HTTP_PORT : HTTPS_PORT;
}

/* Each name: an order fails as a whole. */
static int check_reach(struct kept *kept, enum conf_acme_challenge challenge, struct error *error)
{
    const struct reach_options options = {.kind = proof_kinds[challenge],
                                          .resolver = kept->keeper->resolver,
                                          .admin_socket = kept->keeper->admin_socket,
                                          .port = port_of(challenge)};
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < kept->managed->names_count; i++)
        rc = reach_check(&options, kept->managed->names[i], error);
    return rc;
}

static int order_now(struct kept *kept, int64_t *ret_retry_after_s, struct error *error)
{
    struct keeper *keeper = kept->keeper;
    const struct conf_acme *conf = &keeper->options->snapshot->acme;
    const struct order_options options = {
        .acme = &keeper->acme,
        .place = {.kind = proof_kinds[conf->challenge],
                  .admin_socket = keeper->admin_socket,
                  .hook = keeper->hook},
        .key_kind = conf->key == CONF_ACME_RSA ? TLS_KEY_RSA : TLS_KEY_ECDSA,
    };
    bool looks = conf->looks_first && conf->challenge != CONF_ACME_DNS;
    int rc = looks ? check_reach(kept, conf->challenge, error) : 0;
    if (rc < 0)
        return rc;
    return order_certificate(&options, &keeper->vault, kept->managed->id, kept->managed->names,
                             kept->managed->names_count, ret_retry_after_s, error);
}

/* The first edge may still be starting, or another one after a crash: no reason to complain. */
static void await_edge(const struct keeper *keeper)
{
    int64_t deadline_ms = loop_deadline(EDGE_MS);
    int status = 0;
    while (status != 204 && loop_now_ms() < deadline_ms) {
        SCOPED(buffer_finish) struct buffer answer;
        buffer_init(&answer, VAULT_FILE_BYTES_MAX);
        status = ask(keeper->admin_socket, "DELETE", "/v1/challenges/http/none", (struct slice){0},
                     deadline_ms, &answer);
        if (status != 204 && fiber_sleep(EDGE_STEP_MS) < 0)
            return;
    }
}

int kept_order(struct kept *kept, int64_t *ret_retry_after_s, struct error *ret_error)
{
    struct keeper *keeper = kept->keeper;
    while (keeper->orders >= ORDERS_MAX) {
        int rc = fiber_sleep(TURN_MS);
        if (rc < 0)
            return rc;
    }
    await_edge(keeper);
    keeper->orders++;
    kept->report.phase = REPORT_ORDERING;
    keeper_report(keeper);
    int rc = order_now(kept, ret_retry_after_s, ret_error);
    keeper->orders--;
    return rc;
}
