/* Called by `weir s3 key add`. A guess that is right for most files, and only ever printed. */
#include "cli/s3_endpoint.h"

#include <stdio.h>

#define HTTPS_PORT 443
#define HTTP_PORT  80

static const struct conf_rule *find_rule(const struct snapshot *snapshot,
                                         const struct conf_site **ret_site)
{
    for (unsigned i = 0; i < snapshot->sites_count; i++) {
        *ret_site = &snapshot->sites[i];
        for (unsigned k = 0; k < (*ret_site)->rules_count; k++) {
            if ((*ret_site)->rules[k].action == CONF_ACTION_S3)
                return &(*ret_site)->rules[k];
        }
    }
    return NULL;
}

static bool has_tls(const struct conf_site *site, const struct conf_listener *listener)
{
    return listener->tls.source != CONF_TLS_OFF && site->identities_count > 0;
}

/* One with TLS before all others. */
static const struct conf_listener *choose_listener(const struct conf_site *site)
{
    const struct conf_listener *chosen = NULL;
    for (unsigned i = 0; i < site->listeners_count; i++) {
        const struct conf_listener *listener = site->listeners[i];
        if (listener->address.kind == CONF_ADDRESS_UNIX)
            continue;
        if (chosen == NULL || (!has_tls(site, chosen) && has_tls(site, listener)))
            chosen = listener;
    }
    return chosen;
}

/* An address that can be connected to; one of "all" is this machine's own. */
static struct slice listener_host(const struct conf_listener *listener, char *room, size_t room_len)
{
    struct slice host = listener->address.host;
    if (host.len == 0 || slice_equal(host, SLICE("0.0.0.0")) || slice_equal(host, SLICE("::")))
        return SLICE("localhost");
    bool is_v6 = slice_find(host, ':') >= 0;
    int len =
        snprintf(room, room_len, "%s%.*s%s", is_v6 ? "[" : "", SLICE_ARG(host), is_v6 ? "]" : "");
    return slice_of(room, len < 0 || (size_t)len >= room_len ? 0 : (size_t)len);
}

static struct slice choose_host(const struct conf_site *site, const struct conf_rule *rule,
                                const struct conf_listener *listener, char *room, size_t room_len)
{
    if (rule->s3.domains_count > 0)
        return rule->s3.domains[0];
    for (unsigned i = 0; i < site->domains_count; i++) {
        if (!slice_starts_with(site->domains[i], SLICE("*")))
            return site->domains[i];
    }
    return listener_host(listener, room, room_len);
}

bool s3_endpoint(const struct snapshot *snapshot, char ret_url[static S3_ENDPOINT_BYTES],
                 struct slice *ret_region)
{
    const struct conf_site *site = NULL;
    const struct conf_rule *rule = find_rule(snapshot, &site);
    const struct conf_listener *listener = rule == NULL ? NULL : choose_listener(site);
    char room[80], port[16] = "";
    if (listener == NULL)
        return false;
    bool is_https = has_tls(site, listener);
    unsigned number = listener->address.port;
    struct slice host = choose_host(site, rule, listener, room, sizeof room);
    if (number != (is_https ? HTTPS_PORT : HTTP_PORT))
        (void)snprintf(port, sizeof port, ":%u", number);
    int len = snprintf(ret_url, S3_ENDPOINT_BYTES, "%s://%.*s%s", is_https ? "https" : "http",
                       SLICE_ARG(host), port);
    *ret_region = rule->s3.region;
    return len > 0 && len < S3_ENDPOINT_BYTES;
}
