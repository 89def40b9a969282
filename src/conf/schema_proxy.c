/* The part of the table that is about forward proxies. */
#include "conf/link_proxy.h"
#include "conf/schema_policy.h"
#include "conf/schema_rows.h"
#include "conf/schema_tls.h"

static const struct schema_row destination_row = {.name = "to", .kind = SCHEMA_DESTINATION};
static const struct schema_row user_row = {.name = "user", .kind = SCHEMA_LINE};
static const struct schema_row network_row = {.name = "networks", .kind = SCHEMA_NETWORK};
static const struct schema_row method_row = {.name = "method", .kind = SCHEMA_METHOD};
static const struct schema_row path_row = {.name = "path", .kind = SCHEMA_PATH_PATTERN};

static const struct schema_row match_rows[] = {
    {.name = "to",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct conf_proxy_match, to),
     .element = &destination_row,
     .element_size = sizeof(struct conf_destination),
     .min = 1,
     .max = 100000,
     .doc =
         "one of these destinations: a name, `*.example.org` for all names below it, an address, "
         "a network, `private`, `loopback`, or `*`; each perhaps with a port (`:443`) or ports "
         "(`:8000-8999`). A network also matches a name that leads into it"},
    {.name = "user",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct conf_proxy_match, users),
     .element = &user_row,
     .element_size = sizeof(struct slice),
     .min = 1,
     .max = 10000,
     .doc = "one of these users: of the password file, or by the common name of their certificate"},
    {.name = "source",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct conf_proxy_match, sources),
     .element = &network_row,
     .element_size = sizeof(struct network),
     .min = 1,
     .max = 10000,
     .doc = "the client's address is one of these or in one of these networks"},
    {.name = "method",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct conf_proxy_match, methods),
     .element = &method_row,
     .element_size = sizeof(struct slice),
     .min = 1,
     .max = 20,
     .doc = "one of these methods; `CONNECT` is a tunnel, by SOCKS too; `GET` is `HEAD` too"},
    {.name = "path",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct conf_proxy_match, paths),
     .element = &path_row,
     .element_size = sizeof(struct conf_pattern),
     .min = 1,
     .max = 100,
     .doc = "one of these paths, of requests in plain HTTP: what passes in a tunnel nobody sees"},
};

static const struct schema_struct match_type = {
    .noun = "a match of a forward proxy",
    .doc = "Which requests and tunnels a rule is for. All parts that are given must hold.",
    ROWS(match_rows),
};

static const struct schema_row rule_rows[] = {
    {.name = "match",
     .kind = SCHEMA_STRUCT,
     .type = &match_type,
     AT(struct draft_proxy_rule, match),
     .doc = "which requests and tunnels; without it all"},
    {.name = "allow",
     .kind = SCHEMA_WORD,
     .words = bool_words,
     AT(struct draft_proxy_rule, allow),
     .doc = "`true`: they may pass"},
    {.name = "deny",
     .kind = SCHEMA_WORD,
     .words = bool_words,
     AT(struct draft_proxy_rule, deny),
     .doc = "`true`: they may not"},
};

static const struct schema_struct rule_type = {
    .noun = "a rule of a forward proxy",
    .doc = "The first rule that matches decides; where none does, the answer is no.",
    ROWS(rule_rows),
    .has_place = true,
    .check = check_proxy_rule,
};

static const struct schema_row rule_row = {
    .name = "rules", .kind = SCHEMA_STRUCT, .type = &rule_type};

static const struct schema_row guard_rows[] = {
    {.name = "enabled",
     .kind = SCHEMA_WORD,
     .words = bool_words,
     AT(struct draft_guard, denies_private),
     .standard = "true",
     .doc = "whether it is so; a map alone says so too"},
    {.name = "except",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct draft_guard, except),
     .element = &network_row,
     .element_size = sizeof(struct network),
     .min = 1,
     .max = 1000,
     .doc = "addresses and networks that may be dialled all the same, where a rule allows it"},
};

static const struct schema_struct guard_type = {
    .noun = "deny_private",
    .doc = "Nothing is dialled that is not of the public Internet: loopback, link-local, private, "
           "shared and reserved networks, metadata services, this machine's own addresses, in "
           "whatever spelling. It is decided on the address that is dialled, after a name was "
           "looked up.",
    ROWS(guard_rows),
    .shorthand = "enabled",
};

static const struct schema_word no_limit_words[] = {
    {"off", 0, false, "no limit"},
    {NULL},
};

static const struct schema_row limits_rows[] = {
    {.name = "connections",
     .kind = SCHEMA_INTEGER,
     .words = no_limit_words,
     .min = 1,
     .max = 1000000,
     AT(struct conf_proxy_limits, connections),
     .standard = "off",
     .doc = "requests and tunnels that may be under way at one time; more are answered 429"},
    {.name = "bandwidth",
     .kind = SCHEMA_SIZE,
     .words = no_limit_words,
     .min = 1024,
     AT(struct conf_proxy_limits, bandwidth),
     .standard = "off",
     .doc = "bytes per second, both ways together"},
};

static const struct schema_struct limits_type = {
    .noun = "limits",
    .doc = "What each user may have, over all workers; each address, where nobody is asked who he "
           "is.",
    ROWS(limits_rows),
};

static const struct schema_word others_words[] = {
    {"proxy", 0, false, "to the proxy, which says why it does not go there"},
    {"direct", 1, false, "past it"},
    {NULL},
};

static const struct schema_row pac_rows[] = {
    {.name = "path",
     .kind = SCHEMA_URL_PATH,
     .is_required = true,
     AT(struct conf_pac, path),
     .doc = "where the file is, at the proxy's own address, for whoever can connect"},
    {.name = "others",
     .kind = SCHEMA_WORD,
     .words = others_words,
     AT(struct conf_pac, goes_direct),
     .standard = "proxy",
     .doc = "where browsers go for what no rule allows by its name or address"},
};

static const struct schema_struct pac_type = {
    .noun = "a PAC file",
    .doc = "A script that browsers load, made from the rules: what goes through the proxy.",
    ROWS(pac_rows),
    .shorthand = "path",
};

static const struct schema_row parent_rows[] = {
    {.name = "address",
     .kind = SCHEMA_TARGET_ADDRESS,
     .is_required = true,
     AT(struct draft_parent, address),
     .doc = "where it listens, as in `proxy.example.org:3128`"},
    {.name = "user", .kind = SCHEMA_LINE, AT(struct draft_parent, user), .doc = "a name for it"},
    {.name = "password_file",
     .kind = SCHEMA_FILE,
     AT(struct draft_parent, password_file),
     .doc = "a file whose first line is the password for it"},
};

static const struct schema_struct parent_type = {
    .noun = "a parent proxy",
    .doc = "Another proxy, by HTTP, which gets all that the rules allow. It looks names up itself.",
    ROWS(parent_rows),
    .has_place = true,
    .shorthand = "address",
    .check = check_parent,
};

static const struct schema_row timeouts_rows[] = {
    {.name = "connect",
     .kind = SCHEMA_DURATION,
     .min = 1,
     .max = 10 * MS_PER_MIN,
     AT(struct conf_proxy_timeouts, connect_ms),
     .standard = "10s",
     .doc = "to look a name up and connect to one of its addresses"},
    {.name = "response",
     .kind = SCHEMA_DURATION,
     .min = 1,
     .max = MS_PER_D,
     AT(struct conf_proxy_timeouts, response_ms),
     .standard = "60s",
     .doc = "from a plain request's end to the head of its response"},
    {.name = "idle",
     .kind = SCHEMA_DURATION,
     .min = 1,
     .max = 7 * MS_PER_D,
     AT(struct conf_proxy_timeouts, idle_ms),
     .standard = "10m",
     .doc = "a tunnel without a byte either way, a body without progress"},
};

static const struct schema_struct timeouts_type = {
    .noun = "a forward proxy's timeouts",
    .doc = "How long a forward proxy waits.",
    ROWS(timeouts_rows),
};

static const struct schema_row proxy_rows[] = {
    {.name = "address",
     .kind = SCHEMA_LISTENER_ADDRESS,
     .is_required = true,
     AT(struct draft_proxy, listener.address),
     .doc = "where to listen, for HTTP and SOCKS 5 alike"},
    {.name = "tls",
     .kind = SCHEMA_STRUCT,
     .type = &tls_type,
     AT(struct draft_proxy, listener.tls),
     .is_choice = true,
     .doc = "clients speak TLS to the proxy; `client_auth` tells users by their certificates"},
    {.name = "proxy_protocol",
     .kind = SCHEMA_STRUCT,
     .type = &proxy_protocol_type,
     AT(struct draft_proxy, listener.proxy_protocol),
     .doc = "the client's address from a balancer in front: `true`, or who may tell it"},
    {.name = "users",
     .kind = SCHEMA_STRUCT,
     .type = &proxy_users_type,
     AT(struct draft_proxy, users),
     .is_choice = true,
     .doc = "a password file: everybody is asked for a name and a password. Without it nobody is"},
    {.name = "rules",
     .kind = SCHEMA_LIST,
     LIST_AT(struct draft_proxy, rules),
     .element = &rule_row,
     .element_size = sizeof(struct draft_proxy_rule),
     .is_draft = true,
     .max = 100000,
     .doc = "the first that matches decides; what none matches is denied"},
    {.name = "deny_private",
     .kind = SCHEMA_STRUCT,
     .type = &guard_type,
     AT(struct draft_proxy, guard),
     .doc = "nothing is dialled that is not of the public Internet, whatever the rules say; or a "
            "map of exceptions"},
    {.name = "limits",
     .kind = SCHEMA_STRUCT,
     .type = &limits_type,
     AT(struct draft_proxy, limits),
     .doc = "of each user"},
    {.name = "pac",
     .kind = SCHEMA_STRUCT,
     .type = &pac_type,
     AT(struct draft_proxy, pac),
     .is_choice = true,
     .doc = "the path of a PAC file for browsers"},
    {.name = "parent",
     .kind = SCHEMA_STRUCT,
     .type = &parent_type,
     AT(struct draft_proxy, parent),
     .is_choice = true,
     .doc = "another proxy that gets all that the rules allow"},
    {.name = "timeouts",
     .kind = SCHEMA_STRUCT,
     .type = &timeouts_type,
     AT(struct draft_proxy, timeouts),
     .doc = "how long to wait"},
};

static const struct schema_struct proxy_type = {
    .noun = "a forward proxy",
    .doc =
        "A way out: clients ask it for whole URLs or for tunnels (CONNECT, SOCKS 5), and it goes "
        "where its rules allow ([forward-proxy.md](forward-proxy.md)).",
    ROWS(proxy_rows),
    .has_place = true,
};

const struct schema_row proxy_row = {
    .name = "forward_proxies", .kind = SCHEMA_STRUCT, .type = &proxy_type};
