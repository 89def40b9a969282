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

static int take_authority(const struct kept *kept, struct tls_authority **ret_authority,
                          struct error *error)
{
    const struct conf_managed *managed = kept->managed;
    enum tls_authority_reach reach = authorities_reach(managed->names, managed->names_count);
    bool is_new = false;
    int rc = authorities_take(&kept->keeper->vault, reach, ret_authority, &is_new, error);
    if (rc == 0 && is_new && reach == TLS_AUTHORITY_LOCAL)
        log_info("made an authority of this machine's own; `weir trust` lets browsers here "
                 "believe it");
    else if (rc == 0 && is_new)
        log_info("made an authority for names that others may own (%.*s); `weir trust` lets "
                 "browsers here believe it",
                 SLICE_ARG(managed->names[0]));
    return rc;
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
    tls_authority_destroy(authority);
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
    const struct conf_managed *managed = kept->managed;
    struct tls_authority *authority = NULL;
    struct error ignored = {0};
    enum tls_authority_reach reach = authorities_reach(managed->names, managed->names_count);
    if (authorities_find(&kept->keeper->vault, reach, &authority, &ignored) < 0)
        return false;
    bool is_by = tls_authority_has_issued(authority, pem);
    tls_authority_destroy(authority);
    return is_by;
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
