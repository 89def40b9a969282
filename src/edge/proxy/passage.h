/*
 * A request's way out through a forward proxy, whichever protocol asks for it: who asks, where to,
 * what the rules say of each address that a name leads to, and a connection to one of those that
 * may be dialled. Nothing is decided on a name's first answer and then dialled on its second: what
 * is judged is the address that connect(2) gets.
 */
#pragma once

#include "edge/proxy/proxies.h"
#include "edge/proxy/rules.h"
#include "edge/proxy/usage.h"
#include "edge/view.h"
#include "os/io.h"
#include "os/resolver.h"
#include "wire/http/host.h"
#include "wire/http/message.h"

/* How it ended; `passage_end_of` tells each one's answer. */
enum passage_result {
    PASSAGE_OPEN,
    PASSAGE_DENIED,      /* by a rule, or since none allows it */
    PASSAGE_PRIVATE,     /* deny_private */
    PASSAGE_LOOP,        /* back to a forward proxy of this Weir */
    PASSAGE_LIMITED,     /* as many connections of this user as he may have */
    PASSAGE_NO_NAME,     /* there is none such, or it has no address */
    PASSAGE_NO_ANSWER,   /* the name servers fail */
    PASSAGE_SLOW_NAME,   /* they do not answer */
    PASSAGE_REFUSED,     /* the destination refuses connections */
    PASSAGE_UNREACHABLE, /* there is no way to it */
    PASSAGE_TIMEOUT,     /* it did not accept in time */
    PASSAGE_BROKEN,      /* it closed before it answered, or what it said is no HTTP */
    PASSAGE_SLOW,        /* it did not answer in time */
    PASSAGE_NO_RESOURCES,
    PASSAGE_CLIENT_LEFT,
    PASSAGE_BAD_HOST, /* the host is neither a name nor an address */
    PASSAGE_PARENT,   /* the parent proxy refused */
    PASSAGE_RESULTS_COUNT,
};

struct passage_end {
    unsigned status;          /* of HTTP */
    uint8_t socks;            /* reply (RFC 1928 §6) */
    const char *proxy_status; /* the error of Proxy-Status (RFC 9209 §2.3) */
    const char *why;          /* for the log and the answer; one line */
};

const struct passage_end *passage_end_of(enum passage_result result);

struct passage {
    const struct snapshot *snapshot; /* borrowed, as all that follows, until the passage's end */
    const struct proxy *proxy;
    struct slice user; /* empty: nobody was asked */
    struct address source;
    struct slice host; /* lower case, without brackets or a trailing dot, as it was asked for */
    struct host parsed;
    uint16_t port;
    enum http_method method;
    struct slice method_name;
    struct slice path; /* in normal form; a NULL start: a tunnel */

    const struct conf_proxy_rule *rule; /* that decided; NULL: none matched */
    struct address address;             /* dialled, or refused; len 0: it did not come to that */
    const char *private_why;            /* of PASSAGE_PRIVATE: the range; static */
    int64_t dialled_us;                 /* loop_now_us, as the next; 0: it did not come to that */
    int64_t connected_us;
    bool was_kept; /* on a connection that was open already */
};

/* The addresses that may be dialled, in the order to try them, each with the rule that allows it.
 */
struct passage_addresses {
    struct address at[RESOLVER_ADDRESSES_MAX];
    const struct conf_proxy_rule *rules[RESOLVER_ADDRESSES_MAX];
    unsigned count;
};

/*
 * Reads the host: `host` is in lower case, with or without brackets, and borrowed. PASSAGE_OPEN, or
 * PASSAGE_BAD_HOST.
 */
enum passage_result passage_set_host(struct passage *passage, struct slice host, uint16_t port);

/* Looks up and judges; waits. PASSAGE_OPEN with one address at least, or why there is none. */
enum passage_result passage_find(struct passage *passage, int64_t deadline_ms,
                                 struct passage_addresses *ret_addresses);

/* Connects to one of them; waits. `io` is open on PASSAGE_OPEN; rule and address are its. */
enum passage_result passage_dial(struct passage *passage, const struct passage_addresses *addresses,
                                 int64_t deadline_ms, struct io *io);

/* The rules alone; `address` is NULL while it is not known. As proxy_rules_decide. */
enum proxy_verdict passage_ask_rules(const struct passage *passage, const struct address *address,
                                     const struct conf_proxy_rule **ret_rule);

/* May this address be dialled? PASSAGE_OPEN, or why not; with the rule that decides. */
enum passage_result passage_judge(struct passage *passage, const struct address *address,
                                  const struct conf_proxy_rule **ret_rule);

/* What an error of resolver_lookup means. */
enum passage_result passage_result_of_lookup(int rc);

/* "host:port", IPv6 in brackets. */
void passage_write_authority(struct writer *writer, const struct passage *passage);

/* Counts it, for the metrics. */
void passage_count(enum passage_result result);

/* When it must be connected. */
static inline int64_t passage_deadline(const struct passage *passage)
{
    return loop_deadline(passage->proxy->conf->timeouts.connect_ms);
}
