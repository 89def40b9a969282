/*
 * Whatever a rule can be placed under (a name, a network, a user, a source) is a term with a
 * number. A place is a pair of terms, whereto and who, with its entries in the order of the file.
 */
#include "edge/proxy/rules.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/map.h"
#include "edge/route/match.h"

#include <errno.h>
#include <stdlib.h>

#define ARENA_BYTES_MAX SIZE_MAX
#define ARENA_BYTES     1024

/* A rule with more pairs of destination and user is placed by its destinations alone. */
#define PAIRS_OF_RULE_MAX 4096

/* No name, user or network makes a longer key. */
#define KEY_BYTES_MAX 260

#define NO_DESTINATION UINT32_MAX
#define ADDRESS_BITS   128

/* What is there without a key. */
enum {
    TERM_NONE,     /* no rule has it */
    TERM_ANY,      /* whereto: any destination; who: anybody */
    TERM_NETWORKS, /* whereto: some network, for names whose addresses are not known */
    TERM_LOOPBACK, /* whereto or who, as the next */
    TERM_PRIVATE,
    TERM_FIRST,
};

/* The first byte of a key. */
enum { KEY_NAME = 'n', KEY_BELOW = 'b', KEY_NETWORK = 'a', KEY_SOURCE = 's', KEY_USER = 'u' };

struct entry {
    uint32_t rule;        /* in the proxy's */
    uint32_t destination; /* of the rule: whose port must be right; NO_DESTINATION: none */
};

struct place {
    uint64_t pair; /* 0: free */
    uint32_t first;
    uint32_t count;
};

/* The prefix lengths that occur, so that an address is looked up once for each. */
struct lengths {
    uint8_t at[ADDRESS_BITS + 1];
    unsigned count;
};

struct proxy_rules {
    const struct conf_forward_proxy *conf; /* borrowed */
    struct arena arena;                    /* keys of terms */
    struct map terms;                      /* key → its number */
    uint32_t terms_count;
    struct lengths networks, sources;
    struct place *places; /* owned; a power of two, at most half full */
    size_t places_count;
    struct entry *entries; /* owned */
    bool looks_at_paths;
    char arena_room[ARENA_BYTES];
};

/* While it is built. */
struct placement {
    uint64_t pair;
    struct entry entry;
};

struct building {
    struct proxy_rules *rules;
    struct placement *placements; /* owned */
    size_t count, max;
    int error;
};

/* Keys. */

struct key {
    char bytes[KEY_BYTES_MAX];
    size_t len;
};

static void key_of_text(struct key *key, char kind, struct slice text)
{
    size_t len = text.len < KEY_BYTES_MAX - 1 ? text.len : KEY_BYTES_MAX - 1;
    key->bytes[0] = kind;
    memcpy(key->bytes + 1, text.at, len);
    key->len = len + 1;
}

static void key_of_network(struct key *key, char kind, const unsigned char bytes[static 16],
                           uint8_t bits)
{
    unsigned char *prefix = (unsigned char *)key->bytes + 2;
    key->bytes[0] = kind;
    key->bytes[1] = (char)bits;
    memset(prefix, 0, 16);
    memcpy(prefix, bytes, bits / 8);
    if (bits % 8 != 0)
        prefix[bits / 8] = bytes[bits / 8] & (unsigned char)(0xff00U >> bits % 8);
    key->len = 18;
}

static uint32_t find_term(const struct proxy_rules *rules, const struct key *key)
{
    return (uint32_t)(uintptr_t)map_get(&rules->terms, slice_of(key->bytes, key->len));
}

static uint64_t pair_of(uint32_t whereto, uint32_t who)
{
    return (uint64_t)whereto << 32 | who;
}

/* Building. */

static uint32_t make_term(struct building *building, const struct key *key)
{
    struct proxy_rules *rules = building->rules;
    uint32_t term = find_term(rules, key);
    if (term != TERM_NONE)
        return term;
    struct slice kept = arena_copy(&rules->arena, slice_of(key->bytes, key->len));
    if (kept.at == NULL ||
        map_set(&rules->terms, kept, (void *)(uintptr_t)rules->terms_count) < 0) {
        building->error = -ENOMEM;
        return TERM_ANY;
    }
    return rules->terms_count++;
}

static void note_length(struct lengths *lengths, uint8_t bits)
{
    for (unsigned i = 0; i < lengths->count; i++) {
        if (lengths->at[i] == bits)
            return;
    }
    lengths->at[lengths->count++] = bits;
}

static uint32_t term_of_network(struct building *building, char kind, const struct network *network)
{
    struct proxy_rules *rules = building->rules;
    struct key key;
    if (network->kind != NETWORK_RANGE)
        return network->kind == NETWORK_LOOPBACK ? TERM_LOOPBACK : TERM_PRIVATE;
    note_length(kind == KEY_SOURCE ? &rules->sources : &rules->networks, network->bits);
    key_of_network(&key, kind, network->address, network->bits);
    return make_term(building, &key);
}

static uint32_t term_of_destination(struct building *building,
                                    const struct conf_destination *destination)
{
    struct key key;
    switch (destination->kind) {
    case CONF_DESTINATION_ANY:
        return TERM_ANY;
    case CONF_DESTINATION_NETWORK:
        return term_of_network(building, KEY_NETWORK, &destination->network);
    case CONF_DESTINATION_NAME:
        key_of_text(&key, KEY_NAME, destination->name);
        break;
    case CONF_DESTINATION_BELOW:
        key_of_text(&key, KEY_BELOW, destination->name);
        break;
    }
    return make_term(building, &key);
}

static void add(struct building *building, uint64_t pair, struct entry entry)
{
    if (building->count == building->max) {
        size_t max = building->max == 0 ? 64 : building->max * 2;
        struct placement *more =
            memory_resize(building->placements, max * sizeof *building->placements);
        if (more == NULL) {
            building->error = -ENOMEM;
            return;
        }
        building->placements = more;
        building->max = max;
    }
    building->placements[building->count++] = (struct placement){pair, entry};
}

static bool is_placed_by_who(const struct conf_proxy_match *match, uint32_t who_count)
{
    size_t wheretos = match->to_count > 0 ? match->to_count : 1;
    return who_count > 0 && wheretos * who_count <= PAIRS_OF_RULE_MAX;
}

/* Under one destination, with each of those it is for. */
static void place(struct building *building, uint32_t whereto, struct entry entry)
{
    const struct conf_proxy_match *match = &building->rules->conf->rules[entry.rule].match;
    struct key key;
    if (is_placed_by_who(match, match->users_count)) {
        for (unsigned i = 0; i < match->users_count; i++) {
            key_of_text(&key, KEY_USER, match->users[i]);
            add(building, pair_of(whereto, make_term(building, &key)), entry);
        }
    } else if (match->users_count == 0 && is_placed_by_who(match, match->sources_count)) {
        for (unsigned i = 0; i < match->sources_count; i++)
            add(building,
                pair_of(whereto, term_of_network(building, KEY_SOURCE, &match->sources[i])), entry);
    } else {
        add(building, pair_of(whereto, TERM_ANY), entry);
    }
}

static void place_rule(struct building *building, uint32_t number)
{
    const struct conf_proxy_match *match = &building->rules->conf->rules[number].match;
    building->rules->looks_at_paths |= match->paths_count > 0;
    if (match->to_count == 0)
        place(building, TERM_ANY, (struct entry){number, NO_DESTINATION});
    for (unsigned i = 0; i < match->to_count; i++) {
        const struct entry entry = {number, i};
        place(building, term_of_destination(building, &match->to[i]), entry);
        if (match->to[i].kind == CONF_DESTINATION_NETWORK)
            place(building, TERM_NETWORKS, entry);
    }
}

static int compare(const void *left, const void *right)
{
    const struct placement *a = left, *b = right;
    if (a->pair != b->pair)
        return a->pair < b->pair ? -1 : 1;
    if (a->entry.rule != b->entry.rule)
        return a->entry.rule < b->entry.rule ? -1 : 1;
    return a->entry.destination < b->entry.destination   ? -1
           : a->entry.destination > b->entry.destination ? 1
                                                         : 0;
}

/* Numbers of terms are ours and not of an attacker: this needs no key. */
static size_t slot_of(const struct proxy_rules *rules, uint64_t pair)
{
    uint64_t mixed = (pair ^ pair >> 29) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(mixed >> 20) & (rules->places_count - 1);
}

static struct place *find_slot(const struct proxy_rules *rules, uint64_t pair)
{
    size_t slot = slot_of(rules, pair);
    while (rules->places[slot].pair != 0 && rules->places[slot].pair != pair)
        slot = (slot + 1) & (rules->places_count - 1);
    return &rules->places[slot];
}

static size_t count_pairs(const struct building *building)
{
    size_t count = 0;
    for (size_t i = 0; i < building->count; i++)
        count += i == 0 || building->placements[i].pair != building->placements[i - 1].pair;
    return count;
}

static int seal(struct building *building)
{
    struct proxy_rules *rules = building->rules;
    if (building->count > 0)
        qsort(building->placements, building->count, sizeof *building->placements, compare);
    size_t pairs = count_pairs(building);
    for (rules->places_count = 16; rules->places_count < pairs * 2;)
        rules->places_count *= 2;
    rules->places = memory_alloc_array(rules->places_count, sizeof *rules->places);
    rules->entries = memory_alloc_array(building->count + 1, sizeof *rules->entries);
    if (rules->places == NULL || rules->entries == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < building->count; i++) {
        struct place *at = find_slot(rules, building->placements[i].pair);
        if (at->pair == 0)
            *at = (struct place){building->placements[i].pair, (uint32_t)i, 0};
        at->count++;
        rules->entries[i] = building->placements[i].entry;
    }
    return 0;
}

struct proxy_rules *proxy_rules_create(const struct conf_forward_proxy *conf, struct hash_key key)
{
    struct proxy_rules *rules = NEW(struct proxy_rules);
    if (rules == NULL)
        return NULL;
    struct building building = {.rules = rules};
    rules->conf = conf;
    rules->terms_count = TERM_FIRST;
    arena_init(&rules->arena, rules->arena_room, sizeof rules->arena_room, ARENA_BYTES_MAX);
    map_init(&rules->terms, key);
    for (unsigned i = 0; i < conf->rules_count; i++)
        place_rule(&building, i);
    if (building.error == 0)
        building.error = seal(&building);
    memory_free(building.placements);
    if (building.error == 0)
        return rules;
    proxy_rules_destroy(rules);
    return NULL;
}

void proxy_rules_destroy(struct proxy_rules *rules)
{
    if (rules == NULL)
        return;
    map_finish(&rules->terms);
    arena_finish(&rules->arena);
    memory_free(rules->places);
    memory_free(rules->entries);
    memory_free(rules);
}

bool proxy_rules_look_at_paths(const struct proxy_rules *rules)
{
    return rules->looks_at_paths;
}

/* Deciding. */

struct asking {
    const struct proxy_rules *rules;
    const struct proxy_query *query;
    uint32_t who[ADDRESS_BITS + 8];
    unsigned who_count;
};

static bool is_method(struct slice wanted, const struct proxy_query *query)
{
    return slice_equal(wanted, query->method_text) ||
           (query->method == METHOD_HEAD && slice_equal(wanted, SLICE("GET")));
}

static bool has_user(const struct conf_proxy_match *match, struct slice user)
{
    for (unsigned i = 0; i < match->users_count; i++) {
        if (slice_equal(match->users[i], user))
            return true;
    }
    return match->users_count == 0;
}

static bool has_method(const struct conf_proxy_match *match, const struct proxy_query *query)
{
    for (unsigned i = 0; i < match->methods_count; i++) {
        if (is_method(match->methods[i], query))
            return true;
    }
    return match->methods_count == 0;
}

static bool has_path(const struct conf_proxy_match *match, struct slice path)
{
    for (unsigned i = 0; path.at != NULL && i < match->paths_count; i++) {
        if (pattern_matches(&match->paths[i], path))
            return true;
    }
    return match->paths_count == 0;
}

/* All that the place does not tell. `who` is that of the place. */
static bool holds(const struct asking *asking, struct entry entry, uint32_t who)
{
    const struct conf_proxy_match *match = &asking->rules->conf->rules[entry.rule].match;
    const struct proxy_query *query = asking->query;
    if (entry.destination != NO_DESTINATION) {
        const struct conf_destination *to = &match->to[entry.destination];
        if (to->port_min > 0 && (query->port < to->port_min || query->port > to->port_max))
            return false;
    }
    if (who == TERM_ANY && !has_user(match, query->user))
        return false;
    if (match->sources_count > 0 &&
        !networks_contain(match->sources, match->sources_count, query->source))
        return false;
    return has_method(match, query) && has_path(match, query->path);
}

/* The lowest rule of this destination that is below `best` and holds; or `best`. */
static uint32_t look(const struct asking *asking, uint32_t whereto, uint32_t best)
{
    const struct proxy_rules *rules = asking->rules;
    for (unsigned i = 0; i < asking->who_count; i++) {
        const struct place *at = find_slot(rules, pair_of(whereto, asking->who[i]));
        const struct entry *entries = &rules->entries[at->first];
        for (uint32_t k = 0; k < at->count && entries[k].rule < best; k++) {
            if (holds(asking, entries[k], asking->who[i]))
                best = entries[k].rule;
        }
    }
    return best;
}

static uint32_t look_by_key(const struct asking *asking, const struct key *key, uint32_t best)
{
    uint32_t term = find_term(asking->rules, key);
    return term == TERM_NONE ? best : look(asking, term, best);
}

static void to_bytes(const struct address *address, unsigned char ret_bytes[static 16])
{
    memset(ret_bytes, 0, 16);
    if (address->any.sa_family == AF_INET6) {
        memcpy(ret_bytes, &address->v6.sin6_addr, 16);
    } else {
        ret_bytes[10] = ret_bytes[11] = 0xff;
        memcpy(ret_bytes + 12, &address->v4.sin_addr, 4);
    }
}

static bool is_ip(const struct address *address)
{
    return address->len > 0 &&
           (address->any.sa_family == AF_INET || address->any.sa_family == AF_INET6);
}

static bool is_special(const struct address *address, enum network_kind kind)
{
    const struct network network = {.kind = (uint8_t)kind};
    return network_contains(&network, address);
}

/* IPv4 is no part of IPv6: "::/0" is not for it. */
static bool may_hold(const unsigned char bytes[static 16], uint8_t bits)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    return bits >= 96 || memcmp(bytes, mapped, sizeof mapped) != 0;
}

static uint32_t look_by_address(const struct asking *asking, uint32_t best)
{
    const struct proxy_rules *rules = asking->rules;
    const struct address *address = asking->query->address;
    unsigned char bytes[16];
    struct key key;
    if (!is_ip(address))
        return best;
    to_bytes(address, bytes);
    for (unsigned i = 0; i < rules->networks.count; i++) {
        uint8_t bits = rules->networks.at[i];
        if (!may_hold(bytes, bits))
            continue;
        key_of_network(&key, KEY_NETWORK, bytes, bits);
        best = look_by_key(asking, &key, best);
    }
    if (is_special(address, NETWORK_LOOPBACK))
        best = look(asking, TERM_LOOPBACK, best);
    if (is_special(address, NETWORK_PRIVATE))
        best = look(asking, TERM_PRIVATE, best);
    return best;
}

static uint32_t look_by_name(const struct asking *asking, uint32_t best)
{
    struct slice rest = asking->query->name;
    struct key key;
    key_of_text(&key, KEY_NAME, rest);
    best = look_by_key(asking, &key, best);
    for (ptrdiff_t dot = slice_find(rest, '.'); dot >= 0; dot = slice_find(rest, '.')) {
        rest = slice_from(rest, (size_t)dot + 1);
        key_of_text(&key, KEY_BELOW, rest);
        best = look_by_key(asking, &key, best);
    }
    return best;
}

static void add_who(struct asking *asking, uint32_t term)
{
    if (term != TERM_NONE)
        asking->who[asking->who_count++] = term;
}

static void find_who(struct asking *asking)
{
    const struct proxy_rules *rules = asking->rules;
    const struct address *source = asking->query->source;
    unsigned char bytes[16];
    struct key key;
    add_who(asking, TERM_ANY);
    if (asking->query->user.len > 0) {
        key_of_text(&key, KEY_USER, asking->query->user);
        add_who(asking, find_term(rules, &key));
    }
    if (is_special(source, NETWORK_LOOPBACK))
        add_who(asking, TERM_LOOPBACK);
    if (is_special(source, NETWORK_PRIVATE))
        add_who(asking, TERM_PRIVATE);
    if (!is_ip(source) || rules->sources.count == 0)
        return;
    to_bytes(source, bytes);
    for (unsigned i = 0; i < rules->sources.count; i++) {
        if (!may_hold(bytes, rules->sources.at[i]))
            continue;
        key_of_network(&key, KEY_SOURCE, bytes, rules->sources.at[i]);
        add_who(asking, find_term(rules, &key));
    }
}

enum proxy_verdict proxy_rules_decide(const struct proxy_rules *rules,
                                      const struct proxy_query *query,
                                      const struct conf_proxy_rule **ret_rule)
{
    struct asking asking = {.rules = rules, .query = query};
    uint32_t none = rules->conf->rules_count;
    find_who(&asking);
    uint32_t best = look(&asking, TERM_ANY, none);
    if (query->name.len > 0)
        best = look_by_name(&asking, best);
    *ret_rule = NULL;
    if (query->address != NULL)
        best = look_by_address(&asking, best);
    else if (query->name.len > 0 && look(&asking, TERM_NETWORKS, best) < best)
        return PROXY_NEEDS_ADDRESS;
    if (best == none)
        return PROXY_DENIED;
    *ret_rule = &rules->conf->rules[best];
    return (*ret_rule)->allows ? PROXY_ALLOWED : PROXY_DENIED;
}
