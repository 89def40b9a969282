/* Called by the rows of schema_proxy.c, and by link.c for the proxies as a whole. */
#include "conf/link_proxy.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "conf/policy_checks.h"
#include "conf/value.h"
#include "os/special_use.h"

#define HEAD_MS            10000
#define IDLE_MS            60000
#define PASSWORD_BYTES_MAX 4096

static struct conf_place place_of(const struct tree_node *node, const char *key)
{
    const struct tree_node *value = tree_get(node, key);
    return value == NULL ? tree_place(node) : value->place;
}

void check_proxy_rule(struct reading *reading, const struct tree_node *node, void *object)
{
    const struct draft_proxy_rule *rule = object;
    const struct tree_node *allow = tree_get(node, "allow"), *deny = tree_get(node, "deny");
    const struct conf_proxy_match *match = &rule->match;
    if ((allow == NULL) == (deny == NULL))
        reading_error(reading, tree_place(node),
                      allow == NULL ? "a rule says \"allow: true\" or \"deny: true\""
                                    : "a rule says \"allow\" or \"deny\", not both");
    else if (rule->allow == 0 && rule->deny == 0)
        reading_error(reading, allow != NULL ? allow->place : deny->place,
                      allow != NULL ? "\"allow\" is only ever true: write \"deny: true\""
                                    : "\"deny\" is only ever true: write \"allow: true\"");
    if (match->paths_count > 0 && match->methods_count == 1 &&
        slice_equal(match->methods[0], SLICE("CONNECT")))
        reading_error(reading, place_of(tree_get(node, "match"), "path"),
                      "a tunnel has no path that could be seen: this rule would match nothing");
}

void check_parent(struct reading *reading, const struct tree_node *node, void *object)
{
    const struct draft_parent *parent = object;
    if (parent->address.kind == CONF_ADDRESS_UNIX)
        reading_error(reading, place_of(node, "address"),
                      "a parent proxy is reached by a name or an address and a port");
    if ((parent->user.len > 0) != (parent->password_file.len > 0))
        reading_error(reading, tree_place(node),
                      "\"user\" and \"password_file\" are given together, or neither");
    if (slice_find(parent->user, ':') >= 0)
        reading_error(reading, place_of(node, "user"), "a user's name holds no colon");
}

/* The password is the file's first line. */
static void read_password(struct reading *reading, const struct draft_parent *from,
                          struct conf_parent *parent)
{
    SCOPED(buffer_finish) struct buffer text;
    struct slice rest, line = {0};
    buffer_init(&text, PASSWORD_BYTES_MAX);
    if (from->password_file.len == 0 ||
        !check_read_file(reading, from->place, from->password_file, &text))
        return;
    rest = buffer_slice(&text);
    (void)slice_cut(&rest, '\n', &line);
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    if (line.len == 0)
        reading_error(reading, from->place, "%.*s holds no password",
                      SLICE_ARG(from->password_file));
    parent->password = reading_keep(reading, line);
}

static void link_parent(struct reading *reading, const struct draft_parent *from,
                        struct conf_parent *parent)
{
    if (from->address.text.len == 0)
        return;
    parent->enabled = true;
    parent->place = from->place;
    parent->host = from->address.host;
    parent->port = from->address.port;
    parent->user = from->user;
    parent->password_file = from->password_file;
    read_password(reading, from, parent);
}

/* Users that a rule names. */
struct known_users {
    const struct draft_proxy *from;
    bool has_certificates; /* anybody may turn up then */
    struct map names;      /* of the password file */
};

static void refuse_user(struct reading *reading, const struct known_users *known,
                        const struct draft_proxy_rule *rule, struct slice user)
{
    const struct conf_basic_auth *users = &known->from->users;
    struct slice closest = {0};
    unsigned distance = VALUE_DISTANCE_FAR;
    for (unsigned i = 0; i < users->users_count; i++) {
        if (value_is_closer(user, users->users[i].name, &distance))
            closest = users->users[i].name;
    }
    if (closest.len > 0)
        reading_error(reading, rule->place,
                      "there is no user \"%.*s\" in %.*s; did you mean \"%.*s\"?", SLICE_ARG(user),
                      SLICE_ARG(users->file), SLICE_ARG(closest));
    else
        reading_error(reading, rule->place, "there is no user \"%.*s\" in %.*s", SLICE_ARG(user),
                      SLICE_ARG(users->file));
}

static void check_users(struct reading *reading, const struct known_users *known,
                        const struct draft_proxy_rule *rule)
{
    const struct conf_proxy_match *match = &rule->match;
    if (match->users_count > 0 && !known->from->users.enabled && !known->has_certificates) {
        reading_error(reading, rule->place,
                      "the rule is for users, and nobody is asked who he is: give the proxy "
                      "\"users\", or \"tls\" with \"client_auth\"");
        return;
    }
    /* With a file that could not be read all names are unknown. */
    if (known->from->users.users_count == 0)
        return;
    for (unsigned i = 0; i < match->users_count; i++) {
        if (map_get(&known->names, match->users[i]) == NULL)
            refuse_user(reading, known, rule, match->users[i]);
    }
}

static bool matches_all(const struct conf_proxy_match *match)
{
    bool is_anywhere = match->to_count == 0;
    for (unsigned i = 0; i < match->to_count; i++)
        is_anywhere |= match->to[i].kind == CONF_DESTINATION_ANY && match->to[i].port_min == 0;
    return is_anywhere && match->users_count == 0 && match->sources_count == 0 &&
           match->methods_count == 0 && match->paths_count == 0;
}

static void link_rules(struct reading *reading, const struct known_users *known,
                       struct conf_forward_proxy *proxy)
{
    const struct draft_proxy *from = known->from;
    const struct draft_proxy_rule *all = NULL;
    proxy->rules = reading_alloc(reading, reading->arena, from->rules_count, sizeof *proxy->rules);
    for (unsigned i = 0; i < from->rules_count && proxy->rules != NULL; i++) {
        const struct draft_proxy_rule *rule = &from->rules[i];
        check_users(reading, known, rule);
        if (all != NULL)
            reading_warning(reading, rule->place,
                            "no request comes to this rule: the one in line %u matches all",
                            all->place.line);
        else if (matches_all(&rule->match))
            all = rule;
        proxy->rules[proxy->rules_count++] = (struct conf_proxy_rule){.place = rule->place,
                                                                      .number = i + 1,
                                                                      .allows = rule->allow != 0,
                                                                      .match = rule->match};
    }
}

static void index_users(struct reading *reading, struct known_users *known)
{
    const struct conf_basic_auth *users = &known->from->users;
    map_init(&known->names, (struct hash_key){1, 2});
    for (unsigned i = 0; i < users->users_count; i++) {
        if (map_set(&known->names, users->users[i].name, &users->users[i]) < 0)
            reading->out_of_memory = true;
    }
}

static void link_proxy(struct tls_linking *tls, const struct draft_proxy *from,
                       struct conf_listener *listener, struct conf_forward_proxy *proxy)
{
    struct reading *reading = tls->reading;
    struct known_users known = {.from = from};
    known.has_certificates = from->listener.tls.source != CONF_TLS_OFF &&
                             from->listener.tls.client_auth.mode != CONF_CLIENT_NONE;
    *proxy = (struct conf_forward_proxy){
        .place = from->place,
        .name = from->name,
        .users = from->users,
        .denies_private = from->guard.denies_private,
        .private_except = from->guard.except,
        .private_except_count = from->guard.except_count,
        .limits = from->limits,
        .pac = from->pac,
        .timeouts = from->timeouts,
    };
    index_users(reading, &known);
    link_rules(reading, &known, proxy);
    map_finish(&known.names);
    link_parent(reading, &from->parent, &proxy->parent);
    listener->proxy = proxy;
    link_tls_listener(tls, listener);
}

void link_proxies(struct tls_linking *tls, const struct draft *draft,
                  struct conf_listener *listeners)
{
    struct reading *reading = tls->reading;
    struct snapshot *snapshot = tls->snapshot;
    snapshot->proxies =
        reading_alloc(reading, reading->arena, draft->proxies_count, sizeof *snapshot->proxies);
    for (unsigned i = 0; i < draft->proxies_count && snapshot->proxies != NULL; i++) {
        struct conf_listener *listener = &listeners[i];
        *listener = draft->proxies[i].listener;
        listener->place = draft->proxies[i].place;
        listener->name = draft->proxies[i].name;
        listener->protocol = CONF_PROTOCOL_PROXY;
        listener->timeouts = (struct conf_client_timeouts){
            .head_ms = HEAD_MS,
            .idle_ms = IDLE_MS,
            .connect_ms = draft->proxies[i].timeouts.connect_ms,
        };
        link_proxy(tls, &draft->proxies[i], listener, &snapshot->proxies[i]);
        snapshot->proxies[i].listener = (unsigned)(listener - snapshot->listeners);
        snapshot->proxies_count++;
    }
}

void link_refuse_private(struct reading *reading, const struct conf_group *group,
                         const struct conf_target *target)
{
    struct address address;
    const char *use = NULL;
    if (!group->denies_private || target->address.kind == CONF_ADDRESS_NAME)
        return;
    if (target->address.kind == CONF_ADDRESS_UNIX)
        use = "a Unix socket";
    else if (address_from_ip(target->address.host, target->address.port, &address) == 0)
        use = special_use(&address);
    if (use != NULL)
        reading_error(reading, target->place,
                      "the target \"%.*s\" is not on the public Internet: %s; and the group says "
                      "\"deny_private\"",
                      SLICE_ARG(target->address.text), use);
}
