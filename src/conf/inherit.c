/*
 * Inheritance between services, on the tree and before the schema, so that places stay those of
 * the lines that were written.
 */
#include "conf/inherit.h"

#include "base/cleanup.h"
#include "base/map.h"
#include "conf/phrase.h"
#include "conf/value.h"

#include <errno.h>

/* More would make the work quadratic. */
#define CHAIN_LEN_MAX 16

struct inheritance {
    struct tree_node *services; /* borrowed */
    struct map names;           /* name → service, borrowed */
    struct arena *arena;
    struct conf_errors *errors;
};

static const char *closest_name(const struct inheritance *all, struct slice written)
{
    const char *closest = NULL;
    unsigned distance = VALUE_DISTANCE_FAR;
    for (const struct tree_node *each = all->services->first; each != NULL; each = each->next) {
        if (value_is_closer(written, each->key, &distance))
            closest = each->key.at;
    }
    return closest;
}

static int refuse_unknown(const struct inheritance *all, const struct tree_node *from)
{
    bool is_read = all->errors->count < CONF_ERRORS_MAX;
    const char *closest = is_read ? closest_name(all, from->text) : NULL;
    return conf_errors_add(all->errors, from->place, "no service is called \"%.*s\"%s%s%s",
                           SLICE_ARG(from->text), closest != NULL ? "; did you mean \"" : "",
                           closest != NULL ? closest : "", closest != NULL ? "\"?" : "");
}

/* The service that `service` inherits from, or NULL; what is no name is the schema's to refuse. */
static const struct tree_node *parent_of(const struct inheritance *all,
                                         const struct tree_node *service)
{
    const struct tree_node *from = service->kind == TREE_MAP ? tree_get(service, "from") : NULL;
    return from == NULL || from->kind != TREE_SCALAR ? NULL : map_get(&all->names, from->text);
}

/* Puts copies of the parent's keys that the child does not have behind the child's. */
static int complete(const struct inheritance *all, struct tree_node *child,
                    const struct tree_node *parent)
{
    struct tree_node **link = &child->first;
    while (*link != NULL)
        link = &(*link)->next;
    for (const struct tree_node *each = parent->first; each != NULL; each = each->next) {
        if (tree_get(child, each->key.at) != NULL)
            continue;
        struct tree_node *copy = arena_alloc(all->arena, sizeof *copy);
        if (copy == NULL)
            return -ENOMEM;
        *copy = *each;
        copy->next = NULL;
        *link = copy;
        link = &copy->next;
        child->count++;
    }
    return 0;
}

/* From the nearest ancestor to the farthest: nearer ones win. */
static int inherit(const struct inheritance *all, struct tree_node *service)
{
    const struct tree_node *from = service->kind == TREE_MAP ? tree_get(service, "from") : NULL;
    if (from == NULL || from->kind != TREE_SCALAR || from->is_null)
        return 0;
    const struct tree_node *parent = parent_of(all, service);
    if (parent == NULL)
        return refuse_unknown(all, from);
    for (unsigned length = 0; parent != NULL && parent->kind == TREE_MAP; length++) {
        if (parent == service || length == CHAIN_LEN_MAX)
            return conf_errors_add(all->errors, from->place,
                                   "\"from\" leads back to this service, or over more than %d",
                                   CHAIN_LEN_MAX);
        int rc = complete(all, service, parent);
        if (rc < 0)
            return rc;
        parent = parent_of(all, parent);
    }
    return 0;
}

int inherit_services(struct tree_node *services, struct arena *arena, struct conf_errors *errors)
{
    struct inheritance all = {.services = services, .arena = arena, .errors = errors};
    int rc = 0;
    map_init(&all.names, (struct hash_key){1, 2});
    for (struct tree_node *each = services->first; each != NULL && rc == 0; each = each->next)
        rc = map_set(&all.names, each->key, each);
    for (struct tree_node *each = services->first; each != NULL && rc == 0; each = each->next)
        rc = inherit(&all, each);
    map_finish(&all.names);
    return rc;
}
