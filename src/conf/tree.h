/*
 * A YAML file as a tree in which every node knows its place. Scalars are kept as they are written;
 * what they mean is for the schema to say, so that `on` is a word and 1.10 is not a number. Not
 * taken: more than one document, tags, keys that are not plain text, NUL bytes. Of a key that is
 * given twice the first is taken and the second noted as an error. An alias (`*name`) is a copy of
 * what its anchor (`&name`) names, places included.
 */
#pragma once

#include "conf/snapshot.h"

#define TREE_TEXT_BYTES_MAX 16777216
#define TREE_DEPTH_MAX      32
#define TREE_NODES_MAX      2000000

enum tree_kind { TREE_SCALAR, TREE_LIST, TREE_MAP };

struct tree_node {
    enum tree_kind kind;
    bool is_plain;           /* a scalar without quotes */
    bool is_null;            /* nothing, `~` or `null` */
    unsigned count;          /* of a list's or map's children */
    struct conf_place place; /* where the value begins */
    struct conf_place key_place;
    struct slice key;        /* of a map's child; a NULL start for others */
    struct slice text;       /* of a scalar */
    struct tree_node *next;  /* the next child of the same parent */
    struct tree_node *first; /* of the children, in the order of the file */
};

/*
 * Parses `text` into `arena`, in which all nodes and slices live. Returns 0 (look at *errors too);
 * -EINVAL with an entry in *errors (a YAML file that is broken shows only its first fault); or
 * -ENOMEM.
 */
int tree_parse(struct slice text, struct arena *arena, struct conf_errors *errors,
               struct tree_node **ret_root);

/* The child under that key, or NULL. */
struct tree_node *tree_find(struct tree_node *map, const char *key);
const struct tree_node *tree_get(const struct tree_node *map, const char *key);

/* Where to point when a value is wrong: at its key when there is no value to point at. */
static inline struct conf_place tree_place(const struct tree_node *node)
{
    return node->is_null && node->key.at != NULL ? node->key_place : node->place;
}
