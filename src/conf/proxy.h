/*
 * Forward proxies as the file tells them. Parts of a snapshot (snapshot.h), with its rules about
 * memory and slices. Each has a listener of its own among the snapshot's, with CONF_PROTOCOL_PROXY.
 */
#pragma once

#include "conf/policy.h"
#include "conf/tls.h"
#include "os/network.h"

struct conf_listener;
struct conf_pattern;

enum conf_destination_kind {
    CONF_DESTINATION_ANY,
    CONF_DESTINATION_NAME,
    CONF_DESTINATION_BELOW,   /* "*.x": all names below x, but not x */
    CONF_DESTINATION_NETWORK, /* an address as it was written, or any that a name leads to */
};

/* "*", "example.org", "*.example.org", "10.0.0.0/8", "[fd00::1]", each perhaps with ":443" or
 * ":8000-8999". */
struct conf_destination {
    enum conf_destination_kind kind;
    struct slice text;      /* as it was written */
    struct slice name;      /* NAME: lower case, without a trailing dot; BELOW: what follows "*." */
    struct network network; /* NETWORK */
    uint16_t port_min;      /* 0: all ports */
    uint16_t port_max;
};

/* All parts that are given must hold, one of each. */
struct conf_proxy_match {
    struct conf_destination *to;
    struct slice *users; /* of the password file, or the common name of a client certificate */
    struct network *sources;
    struct slice *methods;      /* "GET" also matches HEAD; a tunnel's is CONNECT, by SOCKS too */
    struct conf_pattern *paths; /* of plain HTTP: a tunnel has none and matches no such rule */
    unsigned to_count;
    unsigned users_count;
    unsigned sources_count;
    unsigned methods_count;
    unsigned paths_count;
};

/* The first that matches decides; where none does, the answer is no. */
struct conf_proxy_rule {
    struct conf_place place;
    unsigned number; /* from 1, within its proxy */
    bool allows;
    struct conf_proxy_match match;
};

/* Of each user; where nobody is asked who he is, of each address. */
struct conf_proxy_limits {
    unsigned connections; /* requests and tunnels at a time; 0: none */
    uint64_t bandwidth;   /* bytes per second, both ways together; 0: no limit */
};

/* Another proxy, which gets everything that the rules allow. */
struct conf_parent {
    bool enabled;
    struct conf_place place;
    struct slice host; /* a name or an address, no brackets */
    uint16_t port;
    struct slice user;          /* empty: it is asked without one */
    struct slice password_file; /* absolute; empty beside an empty user */
    struct slice password;      /* what stands in that, without the line's end */
};

/* The PAC file. */
struct conf_pac {
    struct slice path;    /* empty: there is none */
    unsigned goes_direct; /* what no rule allows; else it goes to the proxy, which says why not */
};

struct conf_proxy_timeouts {
    int64_t connect_ms;  /* to look a name up and connect */
    int64_t response_ms; /* to the head of a response */
    int64_t idle_ms;     /* a tunnel without a byte either way; without progress in a body */
};

struct conf_forward_proxy {
    struct conf_place place;
    struct slice name;
    unsigned listener; /* its number in the snapshot's listeners */
    struct conf_proxy_rule *rules;
    unsigned rules_count;
    struct conf_basic_auth users; /* not enabled: nobody is asked for a password */
    unsigned denies_private;
    struct network *private_except; /* that may be dialled all the same, where a rule allows it */
    unsigned private_except_count;
    struct conf_proxy_limits limits;
    struct conf_pac pac;
    struct conf_parent parent;
    struct conf_proxy_timeouts timeouts;
};
