/*
 * Building writes down where each rule goes, rule by rule; sealing sorts that by list, which keeps
 * the order within each. Called by router.c.
 */
#include "edge/route/index.h"

#include "base/cleanup.h"
#include "http/exchange.h"

#include <errno.h>

#define COUNT_MAX (1U << 29) /* of nodes, and of placements */
#define HOST_MARK (1U << 31) /* of a parent that is a list */
#define NODES_MIN 64

/* A rule in a list. Entries are `entry`, by list. */
struct index_placement {
    uint32_t list;
    uint32_t entry;
};

/* The rule's place in its site, and whether to be on the list proves that its path matches. */
static uint32_t entry_of(uint32_t rule, bool is_proof)
{
    return rule << 1 | (is_proof ? 1 : 0);
}

static uint32_t list_of(uint32_t node, unsigned which)
{
    return node * INDEX_LISTS + which;
}

static struct index_list *list_at(const struct route_index *index, uint32_t list)
{
    return &index->nodes[list / INDEX_LISTS].lists[list % INDEX_LISTS];
}

void index_init(struct route_index *index, struct hash_key key)
{
    *index = (struct route_index){.key = key};
}

void index_finish(struct route_index *index)
{
    memory_free(index->nodes);
    memory_free(index->slots);
    memory_free(index->entries);
    memory_free(index->placements);
    *index = (struct route_index){.key = index->key};
}

/* Finding a node. */

static uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/*
 * Lighter than SipHash, as a request hashes each of its segments. What is stored comes from the
 * configuration alone: whoever finds texts that collide is told "no" a few comparisons later.
 */
static uint32_t hash_of(const struct route_index *index, uint32_t parent, struct slice text)
{
    uint64_t hash = index->key.a ^ (parent * UINT64_C(0x9e3779b97f4a7c15)), word = 0;
    size_t left = text.len;
    for (; left >= sizeof word; left -= sizeof word, text.at += sizeof word) {
        memcpy(&word, text.at, sizeof word);
        hash = mix(hash ^ word, UINT64_C(0xd6e8feb86659fd93));
    }
    word = hash_tail(text.at, left) | (uint64_t)text.len << 56;
    return (uint32_t)mix(hash ^ word, index->key.b ^ UINT64_C(0xa0761d6478bd642f));
}

/* The slot that holds the node, or the free one where it would go. */
static struct index_slot *find_slot(const struct route_index *index, uint32_t parent,
                                    struct slice text, uint32_t hash)
{
    uint32_t mask = index->slots_count - 1;
    for (uint32_t i = hash & mask;; i = (i + 1) & mask) {
        struct index_slot *slot = &index->slots[i];
        const struct index_node *node = &index->nodes[slot->node];
        if (slot->node == 0 || (slot->hash == hash && node->parent == parent &&
                                slice_equal(slice_of(node->text, node->len), text)))
            return slot;
    }
}

/* 0: there is none. */
static uint32_t find_child(const struct route_index *index, uint32_t parent, struct slice text)
{
    return find_slot(index, parent, text, hash_of(index, parent, text))->node;
}

/* Building. */

static int grow_slots(struct route_index *index)
{
    uint32_t count = index->nodes_max * 2;
    struct index_slot *old = index->slots;
    struct index_slot *slots = memory_alloc_array(count, sizeof *slots);
    if (slots == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < index->slots_count; i++) {
        uint32_t at = old[i].hash & (count - 1);
        while (old[i].node != 0 && slots[at].node != 0)
            at = (at + 1) & (count - 1);
        if (old[i].node != 0)
            slots[at] = old[i];
    }
    memory_free(old);
    index->slots = slots;
    index->slots_count = count;
    return 0;
}

static int grow_nodes(struct route_index *index)
{
    uint32_t max = index->nodes_max == 0 ? NODES_MIN : index->nodes_max * 2;
    if (max > COUNT_MAX)
        return -ENOMEM;
    struct index_node *nodes = memory_resize(index->nodes, max * sizeof *nodes);
    if (nodes == NULL)
        return -ENOMEM;
    index->nodes = nodes;
    index->nodes_max = max;
    if (index->nodes_count == 0)
        nodes[index->nodes_count++] = (struct index_node){0};
    return grow_slots(index);
}

static int add_node(struct route_index *index, uint32_t parent, struct slice text,
                    uint32_t *ret_node)
{
    int rc = index->nodes_count < index->nodes_max ? 0 : grow_nodes(index);
    if (rc < 0)
        return rc;
    *ret_node = index->nodes_count++;
    index->nodes[*ret_node] =
        (struct index_node){.text = text.at, .len = (uint32_t)text.len, .parent = parent};
    return 0;
}

static int take_child(struct route_index *index, uint32_t parent, struct slice text,
                      uint32_t *ret_node)
{
    uint32_t hash = hash_of(index, parent, text), node = find_child(index, parent, text);
    if (node == 0) {
        int rc = add_node(index, parent, text, &node);
        if (rc < 0)
            return rc;
        *find_slot(index, parent, text, hash) = (struct index_slot){node, hash};
    }
    *ret_node = node;
    return 0;
}

/* Rules come in their order, so a rule that is on the list already is its last. Until the index is
 * sealed `first` tells which that is. */
static int place(struct route_index *index, uint32_t list, uint32_t rule, bool is_proof)
{
    struct index_list *at = list_at(index, list);
    if (at->count > 0 && at->first == rule)
        return 0;
    if (index->placements_count == index->placements_max) {
        uint32_t max = index->placements_max == 0 ? NODES_MIN : index->placements_max * 2;
        struct index_placement *placements =
            max > COUNT_MAX ? NULL : memory_resize(index->placements, max * sizeof *placements);
        if (placements == NULL)
            return -ENOMEM;
        index->placements = placements;
        index->placements_max = max;
    }
    at->first = rule;
    at->count++;
    index->placements[index->placements_count++] =
        (struct index_placement){list, entry_of(rule, is_proof)};
    return 0;
}

static int place_by_host(struct route_index *index, uint32_t list, uint32_t rule,
                         const struct conf_match *match, bool is_proof)
{
    for (unsigned i = 0; i < match->hosts_count; i++) {
        struct slice host = match->hosts[i];
        bool is_wild = slice_starts_with(host, SLICE("*."));
        if (host.len > index->host_max)
            index->host_max = host.len;
        list_at(index, list)->has_hosts = 1;
        list_at(index, list)->has_wild_hosts |= is_wild;
        uint32_t node;
        int rc = take_child(index, list | HOST_MARK, slice_from(host, is_wild ? 2 : 0), &node);
        if (rc == 0)
            rc = place(index, list_of(node, is_wild ? INDEX_BELOW : INDEX_HERE), rule, is_proof);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Several paths with several hosts would be their product: then the hosts are left to the match. */
static int add_to_list(struct route_index *index, uint32_t list, uint32_t rule,
                       const struct conf_match *match, bool is_proof)
{
    bool is_by_host =
        match->hosts_count > 0 && (match->hosts_count == 1 || match->paths_count <= 1);
    return is_by_host ? place_by_host(index, list, rule, match, is_proof)
                      : place(index, list, rule, is_proof);
}

/* What the trie knows of a pattern: all of an exact one, else the folder in which its first star
 * stands, without the '/' behind it. */
static struct slice known_part(const struct conf_pattern *pattern)
{
    struct slice text = pattern->text;
    if (pattern->kind == CONF_PATTERN_EXACT)
        return text;
    ptrdiff_t star = slice_find(text, '*');
    size_t len = star < 0 ? text.len : (size_t)star;
    while (len > 0 && text.at[len - 1] != '/')
        len--;
    return slice_first(text, len == 0 ? 0 : len - 1);
}

static int add_path(struct route_index *index, uint32_t root, uint32_t rule,
                    const struct conf_match *match, const struct conf_pattern *pattern)
{
    uint32_t node = root;
    struct slice rest = known_part(pattern), segment;
    if (rest.len > 0)
        rest = slice_from(rest, 1);
    else
        rest.at = NULL;
    while (slice_cut(&rest, '/', &segment)) {
        int rc = take_child(index, node, segment, &node);
        if (rc < 0)
            return rc;
    }
    unsigned which = pattern->kind == CONF_PATTERN_EXACT ? INDEX_HERE : INDEX_BELOW;
    bool is_proof = pattern->kind != CONF_PATTERN_WILDCARD;
    return add_to_list(index, list_of(node, which), rule, match, is_proof);
}

static bool is_rooted(const struct conf_pattern *pattern)
{
    return slice_starts_with(pattern->text, SLICE("/"));
}

/* Patterns that prove the path first: of two on the same list the first stays. */
static int add_rule(struct route_index *index, uint32_t root, uint32_t rule,
                    const struct conf_match *match)
{
    int rc = 0;
    bool is_rooted_all = match->paths_count > 0;
    for (unsigned i = 0; i < match->paths_count; i++)
        is_rooted_all &= is_rooted(&match->paths[i]);
    if (!is_rooted_all)
        return add_to_list(index, list_of(root, INDEX_HERE), rule, match, match->paths_count == 0);
    for (unsigned i = 0; rc == 0 && i < match->paths_count; i++) {
        if (match->paths[i].kind != CONF_PATTERN_WILDCARD)
            rc = add_path(index, root, rule, match, &match->paths[i]);
    }
    for (unsigned i = 0; rc == 0 && i < match->paths_count; i++) {
        if (match->paths[i].kind == CONF_PATTERN_WILDCARD)
            rc = add_path(index, root, rule, match, &match->paths[i]);
    }
    return rc;
}

int index_add_site(struct route_index *index, const struct conf_site *site, uint32_t *ret_root)
{
    uint32_t root;
    int rc = add_node(index, 0, (struct slice){0}, &root);
    for (unsigned i = 0; rc == 0 && i < site->rules_count; i++)
        rc = add_rule(index, root, i, &site->rules[i].match);
    if (rc == 0)
        *ret_root = root;
    return rc;
}

int index_seal(struct route_index *index)
{
    uint32_t first = 0;
    index->entries = memory_alloc_array(index->placements_count + 1, sizeof *index->entries);
    if (index->entries == NULL)
        return -ENOMEM;
    for (uint32_t list = 0; list < list_of(index->nodes_count, 0); list++) {
        struct index_list *at = list_at(index, list);
        at->first = first;
        first += at->count;
        at->count = 0;
    }
    for (uint32_t i = 0; i < index->placements_count; i++) {
        struct index_list *at = list_at(index, index->placements[i].list);
        index->entries[at->first + at->count++] = index->placements[i].entry;
    }
    memory_free(index->placements);
    index->placements = NULL;
    index->placements_count = index->placements_max = 0;
    return 0;
}

/* Finding a rule. */

struct search {
    const struct route_index *index;
    const struct conf_site *site;
    struct match_subject *subject;
    uint32_t best; /* the first rule so far */
};

static void try_entries(struct search *search, const struct index_list *list)
{
    const uint32_t *entry = &search->index->entries[list->first], *end = entry + list->count;
    for (; entry < end && *entry >> 1 < search->best; entry++) {
        const struct conf_match *match = &search->site->rules[*entry >> 1].match;
        if ((*entry & 1) != 0 ? match_holds_but_path(match, search->subject)
                              : match_holds(match, search->subject))
            search->best = *entry >> 1;
    }
}

static void try_host(struct search *search, uint32_t parent, struct slice name, unsigned which)
{
    if (name.len > search->index->host_max)
        return;
    uint32_t node = find_child(search->index, parent, name);
    if (node != 0)
        try_entries(search, &search->index->nodes[node].lists[which]);
}

/* The host itself, then, where there are stars, each name above it. */
static void try_hosts(struct search *search, uint32_t list, bool has_wild)
{
    struct slice name = search->subject->exchange->host;
    try_host(search, list | HOST_MARK, name, INDEX_HERE);
    for (ptrdiff_t dot; has_wild && (dot = slice_find(name, '.')) >= 0;) {
        name = slice_from(name, (size_t)dot + 1);
        try_host(search, list | HOST_MARK, name, INDEX_BELOW);
    }
}

static void try_list(struct search *search, uint32_t node, unsigned which)
{
    const struct index_list *list = &search->index->nodes[node].lists[which];
    try_entries(search, list);
    if (list->has_hosts)
        try_hosts(search, list_of(node, which), list->has_wild_hosts);
}

static void try_path(struct search *search, uint32_t root, struct slice path)
{
    uint32_t node = root;
    struct slice rest = slice_from(path, 1), segment;
    try_list(search, root, INDEX_BELOW);
    while (slice_cut(&rest, '/', &segment)) {
        node = find_child(search->index, node, segment);
        if (node == 0)
            return;
        try_list(search, node, INDEX_BELOW);
    }
    try_list(search, node, INDEX_HERE);
}

uint32_t index_find(const struct route_index *index, uint32_t root, const struct conf_site *site,
                    struct match_subject *subject)
{
    struct search search = {index, site, subject, site->rules_count};
    struct slice path = subject->exchange->path;
    if (slice_starts_with(path, SLICE("/")))
        try_path(&search, root, path);
    try_list(&search, root, INDEX_HERE);
    return search.best;
}
