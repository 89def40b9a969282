/* Called on the fiber of a request or of a SOCKS client. */
#include "edge/proxy/passage.h"

#include "base/cleanup.h"
#include "edge/edge_worker.h"
#include "edge/proxy/parent.h"
#include "edge/proxy/rules.h"
#include "os/dial.h"

#include <errno.h>

const struct passage_end *passage_end_of(enum passage_result result)
{
    static const struct passage_end ends[PASSAGE_RESULTS_COUNT] = {
        [PASSAGE_OPEN] = {200, 0, NULL, NULL},
        [PASSAGE_DENIED] = {403, 2, "http_request_denied", "the proxy's rules do not allow it"},
        [PASSAGE_PRIVATE] = {403, 2, "destination_ip_prohibited",
                             "the destination is a private address"},
        [PASSAGE_LOOP] = {508, 2, "proxy_loop_detected", "the destination is a proxy of this Weir"},
        [PASSAGE_LIMITED] = {429, 2, "connection_limit_reached",
                             "the user has as many connections as the proxy allows"},
        [PASSAGE_NO_NAME] = {502, 4, "dns_error", "the destination's name has no address"},
        [PASSAGE_NO_ANSWER] = {502, 4, "dns_error", "the name servers fail"},
        [PASSAGE_SLOW_NAME] = {504, 4, "dns_timeout", "the name servers do not answer"},
        [PASSAGE_REFUSED] = {502, 5, "connection_refused", "the destination refuses connections"},
        [PASSAGE_UNREACHABLE] = {502, 3, "destination_ip_unroutable",
                                 "there is no way to the destination"},
        [PASSAGE_TIMEOUT] = {504, 6, "connection_timeout",
                             "the destination did not accept in time"},
        [PASSAGE_BROKEN] = {502, 1, "http_protocol_error",
                            "the destination did not answer with HTTP"},
        [PASSAGE_SLOW] = {504, 1, "http_response_timeout",
                          "the destination did not answer in time"},
        [PASSAGE_NO_RESOURCES] = {503, 1, "proxy_internal_error",
                                  "no memory or descriptor for a connection"},
        [PASSAGE_CLIENT_LEFT] = {499, 1, "connection_terminated", "the client left"},
        [PASSAGE_BAD_HOST] = {400, 1, "http_request_error",
                              "the destination is neither a name nor an address"},
        [PASSAGE_PARENT] = {502, 1, "http_request_denied",
                            "the parent proxy refuses, or cannot be reached"},
    };
    return &ends[result];
}

static void make_address(const struct host *host, uint16_t port, struct address *ret_address)
{
    if (host->kind == HOST_IPV4) {
        ret_address->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
        memcpy(&ret_address->v4.sin_addr, host->address + 12, 4);
        ret_address->len = sizeof ret_address->v4;
    } else {
        ret_address->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
        memcpy(&ret_address->v6.sin6_addr, host->address, 16);
        ret_address->len = sizeof ret_address->v6;
    }
}

enum passage_result passage_set_host(struct passage *passage, struct slice host, uint16_t port)
{
    passage->host = host;
    passage->port = port;
    if (host.len == 0 || port == 0 || host_parse(host, &passage->parsed) < 0)
        return PASSAGE_BAD_HOST;
    if (passage->parsed.kind == HOST_NAME)
        passage->host = passage->parsed.name;
    else
        make_address(&passage->parsed, port, &passage->address);
    return PASSAGE_OPEN;
}

enum proxy_verdict passage_ask_rules(const struct passage *passage, const struct address *address,
                                     const struct conf_proxy_rule **ret_rule)
{
    const struct proxy_query query = {
        .name = passage->parsed.kind == HOST_NAME ? passage->host : (struct slice){0},
        .address = address,
        .port = passage->port,
        .user = passage->user,
        .source = &passage->source,
        .method = passage->method,
        .method_text = passage->method_name,
        .path = passage->path,
    };
    return proxy_rules_decide(passage->proxy->rules, &query, ret_rule);
}

/* An address that a rule allows: may it be dialled? */
static enum passage_result guard(struct passage *passage, const struct address *address)
{
    if (UNLIKELY(proxies_listen_at(passage->snapshot, address)))
        return PASSAGE_LOOP;
    const char *why = network_guard_judge(&passage->proxy->guard, address);
    if (LIKELY(why == NULL))
        return PASSAGE_OPEN;
    passage->private_why = why;
    return PASSAGE_PRIVATE;
}

enum passage_result passage_judge(struct passage *passage, const struct address *address,
                                  const struct conf_proxy_rule **ret_rule)
{
    if (passage_ask_rules(passage, address, ret_rule) != PROXY_ALLOWED)
        return PASSAGE_DENIED;
    return guard(passage, address);
}

/* Keeps those that may be dialled. What is told of a name that has none is about its first. */
static enum passage_result judge_all(struct passage *passage, const struct conf_proxy_rule *allowed,
                                     struct passage_addresses *addresses)
{
    enum passage_result first = PASSAGE_NO_NAME;
    unsigned count = addresses->count, kept = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct conf_proxy_rule *rule = allowed;
        enum passage_result result = allowed != NULL
                                         ? guard(passage, &addresses->at[i])
                                         : passage_judge(passage, &addresses->at[i], &rule);
        if (result == PASSAGE_OPEN) {
            addresses->at[kept] = addresses->at[i];
            addresses->rules[kept++] = rule;
        } else if (first == PASSAGE_NO_NAME) {
            first = result;
            passage->address = addresses->at[i];
            passage->rule = rule;
        }
    }
    addresses->count = kept;
    if (passage->proxy->conf->parent.enabled && kept < count)
        return first; /* which of them it dials nobody here can see */
    return kept > 0 ? PASSAGE_OPEN : first;
}

enum passage_result passage_result_of_lookup(int rc)
{
    switch (rc) {
    case -ENOENT:
    case -EINVAL:
        return PASSAGE_NO_NAME;
    case -ETIMEDOUT:
        return PASSAGE_SLOW_NAME;
    case -ECANCELED:
        return PASSAGE_CLIENT_LEFT;
    case -ENOMEM:
    case -ENOBUFS:
        return PASSAGE_NO_RESOURCES;
    default:
        return PASSAGE_NO_ANSWER;
    }
}

static enum passage_result look_up(struct passage *passage, int64_t deadline_ms,
                                   struct passage_addresses *addresses)
{
    struct resolver *resolver = edge_worker_resolver(edge_worker_current());
    if (resolver == NULL)
        return PASSAGE_NO_RESOURCES;
    int rc = resolver_lookup(resolver, passage->host, passage->port, addresses->at,
                             RESOLVER_ADDRESSES_MAX, deadline_ms);
    if (rc <= 0)
        return passage_result_of_lookup(rc);
    addresses->count = (unsigned)rc;
    return PASSAGE_OPEN;
}

/* A name that the rules deny whatever it leads to is not looked up: who asks learns nothing. */
static enum passage_result find_name(struct passage *passage, int64_t deadline_ms,
                                     struct passage_addresses *addresses)
{
    const struct conf_proxy_rule *rule = NULL;
    enum proxy_verdict verdict = passage_ask_rules(passage, NULL, &rule);
    bool has_parent = passage->proxy->conf->parent.enabled;
    if (verdict == PROXY_DENIED) {
        passage->rule = rule;
        return PASSAGE_DENIED;
    }
    passage->rule = rule;
    if (has_parent && verdict == PROXY_ALLOWED && !passage->proxy->guard.denies_private)
        return PASSAGE_OPEN;
    enum passage_result result = look_up(passage, deadline_ms, addresses);
    /* A name that only the parent knows: no rule about networks needs to be held against it. */
    if (has_parent && verdict == PROXY_ALLOWED && result == PASSAGE_NO_NAME)
        return PASSAGE_OPEN;
    return result == PASSAGE_OPEN
               ? judge_all(passage, verdict == PROXY_ALLOWED ? rule : NULL, addresses)
               : result;
}

static enum passage_result find_destination(struct passage *passage, int64_t deadline_ms,
                                            struct passage_addresses *addresses)
{
    addresses->count = 0;
    if (passage->parsed.kind == HOST_NAME)
        return find_name(passage, deadline_ms, addresses);
    addresses->at[0] = passage->address;
    addresses->count = 1;
    return judge_all(passage, NULL, addresses);
}

enum passage_result passage_find(struct passage *passage, int64_t deadline_ms,
                                 struct passage_addresses *ret_addresses)
{
    enum passage_result result = find_destination(passage, deadline_ms, ret_addresses);
    if (LIKELY(!passage->proxy->conf->parent.enabled) || result != PASSAGE_OPEN)
        return result;
    if (ret_addresses->count > 0)
        passage->rule = ret_addresses->rules[0];
    return parent_find(passage, deadline_ms, ret_addresses);
}

static enum passage_result result_of_dial(int rc)
{
    switch (rc) {
    case 0:
        return PASSAGE_OPEN;
    case -ECONNREFUSED:
        return PASSAGE_REFUSED;
    case -ETIMEDOUT:
        return PASSAGE_TIMEOUT;
    case -ECANCELED:
        return PASSAGE_CLIENT_LEFT;
    case -ENOMEM:
    case -EMFILE:
    case -ENFILE:
    case -ENOBUFS:
    case -EADDRNOTAVAIL:
        return PASSAGE_NO_RESOURCES;
    default:
        return PASSAGE_UNREACHABLE;
    }
}

enum passage_result passage_dial(struct passage *passage, const struct passage_addresses *addresses,
                                 int64_t deadline_ms, struct io *io)
{
    unsigned which = 0;
    passage->dialled_us = loop_now_us();
    int rc = dial_addresses(addresses->at, addresses->count, deadline_ms, io, &which);
    passage->address = addresses->at[which];
    passage->rule = addresses->rules[which];
    if (rc == 0)
        passage->connected_us = loop_now_us();
    enum passage_result result = result_of_dial(rc);
    bool is_lost =
        result == PASSAGE_REFUSED || result == PASSAGE_UNREACHABLE || result == PASSAGE_TIMEOUT;
    return is_lost && passage->proxy->conf->parent.enabled ? PASSAGE_PARENT : result;
}

void passage_count(enum passage_result result)
{
    struct worker_counters *counters = &worker_current()->counters;
    switch (result) {
    case PASSAGE_OPEN:
    case PASSAGE_CLIENT_LEFT:
        break;
    case PASSAGE_DENIED:
        counter_add(&counters->proxy_denied, 1);
        break;
    case PASSAGE_PRIVATE:
    case PASSAGE_LOOP:
        counter_add(&counters->proxy_private, 1);
        break;
    case PASSAGE_LIMITED:
        counter_add(&counters->proxy_limited, 1);
        break;
    default:
        counter_add(&counters->proxy_failed, 1);
    }
}

void passage_write_authority(struct writer *writer, const struct passage *passage)
{
    bool is_v6 = slice_find(passage->host, ':') >= 0 && passage->host.at[0] != '[';
    if (is_v6)
        write_char(writer, '[');
    write_slice(writer, passage->host);
    if (is_v6)
        write_char(writer, ']');
    write_char(writer, ':');
    write_u64(writer, passage->port);
}
