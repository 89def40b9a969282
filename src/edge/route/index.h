/*
 * Which rules a request can meet at all: found by the segments of its path, and by its host where a
 * rule names hosts, without looking at the others. Built once for all sites and then only read.
 *
 * A site is a trie of path segments. A node stands for a path such as "/a/b", and has two lists of
 * rules in the file's order: `here` for that path alone, `below` for it and what lies below it,
 * which is what "/a/b" and a star, or a pattern such as "/a/b/x*.png", can match. What has no path,
 * or one that begins with a star, stands in the root's `here`. Rules with hosts hang on a list by
 * host. Of all lists that a request meets, the lowest rule whose match holds is the first in the
 * file. Nodes, all in one array, are found by hashing their parent and their text.
 *
 * Rules that differ in method, header fields, query or source alone are tried one after another.
 * Memory is linear: at most some 100 bytes for each segment of a pattern and each host of a rule.
 */
#pragma once

#include "base/hash.h"
#include "edge/route/match.h"

struct index_list {
    uint32_t first;              /* in the entries */
    uint32_t count : 30;         /* of them */
    uint32_t has_hosts : 1;      /* further lists hang on it, by host */
    uint32_t has_wild_hosts : 1; /* some of them for "*.x" */
};

enum { INDEX_HERE, INDEX_BELOW, INDEX_LISTS };

struct index_node {
    const char *text; /* borrowed from the snapshot: a segment, or a host */
    uint32_t len;
    uint32_t parent; /* a node; of a host the list that it hangs on, and a mark */
    struct index_list lists[INDEX_LISTS];
};

struct index_slot {
    uint32_t node; /* 0: free */
    uint32_t hash; /* of it in part */
};

struct index_placement; /* while it is built */

struct route_index {
    struct hash_key key;
    struct index_node *nodes; /* owned; 0 is nobody's */
    uint32_t nodes_count;
    uint32_t nodes_max;
    struct index_slot *slots; /* owned; more than twice the nodes, a power of two */
    uint32_t slots_count;
    size_t host_max;   /* the longest that a rule names: longer ones are not looked up */
    uint32_t *entries; /* owned; of all lists */
    struct index_placement *placements; /* owned; NULL once it is sealed */
    uint32_t placements_count;
    uint32_t placements_max;
};

void index_init(struct route_index *index, struct hash_key key);
void index_finish(struct route_index *index);

/* Takes in a site's rules. *ret_root is for index_find. 0 or -ENOMEM. */
int index_add_site(struct route_index *index, const struct conf_site *site, uint32_t *ret_root);

/* After the last site. 0 or -ENOMEM. */
int index_seal(struct route_index *index);

/* The first of the site's rules that matches: its place in the array; rules_count when none does.
 */
uint32_t index_find(const struct route_index *index, uint32_t root, const struct conf_site *site,
                    struct match_subject *subject);
