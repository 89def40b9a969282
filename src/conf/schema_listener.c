/* The part of the table that is about listeners. */
#include "base/cleanup.h"
#include "conf/checks.h"
#include "conf/schema_rows.h"
#include "conf/schema_tls.h"

const struct schema_word only_off_words[] = {
    {"off", 0, false, "without it"},
    {NULL},
};

const struct schema_word bool_words[] = {
    {"true", 1, false, NULL},
    {"false", 0, false, NULL},
    {NULL},
};

static const struct schema_word listener_protocols[] = {
    {"http", CONF_PROTOCOL_HTTP, false, "requests, for sites"},
    {"tcp", CONF_PROTOCOL_TCP, false, "connections, passed on as they are to `forward`"},
    {NULL},
};

static const struct schema_row network_row = {.name = "networks", .kind = SCHEMA_NETWORK};

static const struct schema_row proxy_protocol_rows[] = {
    {.name = "required",
     .kind = SCHEMA_WORD,
     .words = bool_words,
     AT(struct conf_proxy_protocol, is_required),
     .doc = "whether connections begin with it; a map alone says so too"},
    {.name = "from",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct conf_proxy_protocol, from),
     .element = &network_row,
     .element_size = sizeof(struct network),
     .min = 1,
     .max = 1000,
     .doc = "who may connect and send it: addresses, networks, `private`, `loopback`; others are "
            "closed at once; without it whoever can connect"},
};

const struct schema_struct proxy_protocol_type = {
    .noun = "the PROXY protocol",
    .doc = "A header by which a balancer in front tells who the client is. Where it is required, a "
           "connection without it is closed.",
    ROWS(proxy_protocol_rows),
    .shorthand = "required",
    .check = check_proxy_protocol,
};

static const struct schema_row listener_timeouts_rows[] = {
    {.name = "head",
     .kind = SCHEMA_DURATION,
     .min = 1,
     .max = MS_PER_H,
     AT(struct conf_client_timeouts, head_ms),
     .standard = "10s",
     .doc =
         "from the first byte of a request's head to its last, and to the end of a PROXY header"},
    {.name = "idle",
     .kind = SCHEMA_DURATION,
     .min = 1,
     .max = 7 * MS_PER_D,
     AT(struct conf_client_timeouts, idle_ms),
     .doc = "between two requests, and without progress in a body: `60s` without it; with "
            "`protocol: tcp` without a byte either way: `10m` without it"},
    {.name = "connect",
     .kind = SCHEMA_DURATION,
     .min = 1,
     .max = 10 * MS_PER_MIN,
     AT(struct conf_client_timeouts, connect_ms),
     .standard = "5s",
     .doc = "with `protocol: tcp`: to connect to a target; then another one is tried"},
};

static const struct schema_struct listener_timeouts_type = {
    .noun = "a listener's timeouts",
    .doc =
        "How long a listener waits for clients. What a rule waits for its target has timeouts of "
        "its own.",
    ROWS(listener_timeouts_rows),
};

static const struct schema_row sni_row = {
    .name = "sni", .kind = SCHEMA_NAMED, AT(struct conf_sni_route, forward)};

static const struct schema_row listener_rows[] = {
    {.name = "address",
     .kind = SCHEMA_LISTENER_ADDRESS,
     .is_required = true,
     AT(struct conf_listener, address),
     .doc = "where to listen, on both IPv4 and IPv6 when only a "
            "port is given"},
    {.name = "tls",
     .kind = SCHEMA_STRUCT,
     .type = &tls_type,
     AT(struct conf_listener, tls),
     .is_choice = true,
     .doc = "HTTPS: where certificates come from, for sites that do not say; with `protocol: tcp` "
            "connections are decrypted. Without it plain"},
    {.name = "proxy_protocol",
     .kind = SCHEMA_STRUCT,
     .type = &proxy_protocol_type,
     AT(struct conf_listener, proxy_protocol),
     .doc = "the client's address from a balancer in front: `true`, or who may tell it"},
    {.name = "protocol",
     .kind = SCHEMA_WORD,
     .words = listener_protocols,
     AT(struct conf_listener, protocol),
     .standard = "http",
     .doc = "what clients speak"},
    {.name = "forward",
     .kind = SCHEMA_NAMED,
     AT(struct conf_listener, forward),
     .doc = "with `protocol: tcp`: the target group or service that gets the connections"},
    {.name = "sni",
     .kind = SCHEMA_MAP,
     LIST_AT(struct conf_listener, sni),
     .name_kind = SCHEMA_HOST_PATTERN,
     .name_offset = offsetof(struct conf_sni_route, name),
     .element = &sni_row,
     .element_size = sizeof(struct conf_sni_route),
     .min = 1,
     .max = 10000,
     .doc = "with `protocol: tcp`: who gets TLS connections, by the name that the client asks for, "
            "as in `{ a.example.org: a, \"*.b.example.org\": b }`; nothing is decrypted. Others "
            "go to `forward`, or are closed where there is none"},
    {.name = "timeouts",
     .kind = SCHEMA_STRUCT,
     .type = &listener_timeouts_type,
     AT(struct conf_listener, timeouts),
     .doc = "how long to wait for clients"},
    {.name = "trusted_proxies",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct conf_listener, trusted_proxies),
     .element = &network_row,
     .element_size = sizeof(struct network),
     .min = 1,
     .max = 1000,
     .doc = "whose X-Forwarded-For, -Proto, -Host and Forwarded are believed: addresses, networks, "
            "`private`, `loopback`"},
};

static const struct schema_struct listener_type = {
    .noun = "a listener",
    .doc = "Where requests come in; or with `protocol: tcp` connections of anything else, for "
           "target groups.",
    ROWS(listener_rows),
    .has_place = true,
    .shorthand = "address",
    .check = check_listener,
};

const struct schema_row listener_row = {
    .name = "listener", .kind = SCHEMA_STRUCT, .type = &listener_type};
