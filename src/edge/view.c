/* Balancers carried from view to view. */
#include "edge/view.h"

#include "base/cleanup.h"
#include "base/map.h"

#include <errno.h>

static struct shared_balancer *make_balancer(struct plane *plane, const struct group_setup *setup)
{
    struct shared_balancer *shared = NEW(struct shared_balancer);
    if (shared == NULL)
        return NULL;
    shared->references = 1;
    shared->plane = plane_ref(plane);
    balancer_init(&shared->balancer, setup);
    return shared;
}

static void release_balancer(struct shared_balancer *shared)
{
    if (shared == NULL || --shared->references > 0)
        return;
    balancer_finish(&shared->balancer);
    plane_unref(shared->plane);
    memory_free(shared);
}

/* By the name of its group: thousands of groups are carried over in linear time. */
static int index_balancers(struct map *ret_map, const struct view *view)
{
    int rc = 0;
    map_init(ret_map, (struct hash_key){1, 2});
    for (unsigned i = 0; view != NULL && rc == 0 && i < view->plane->groups_count; i++)
        rc = map_set(ret_map, view->balancers[i]->balancer.group->name, view->balancers[i]);
    return rc;
}

static struct shared_balancer *take_balancer(const struct map *known, struct plane *plane,
                                             const struct group_setup *setup)
{
    struct shared_balancer *shared = map_get(known, setup->group->name);
    if (shared == NULL || shared->balancer.group != setup->group)
        return make_balancer(plane, setup);
    shared->references++;
    return shared;
}

int view_create(struct plane *plane, const struct view *previous, struct view **ret_view)
{
    struct view *view = NEW(struct view);
    if (view == NULL)
        return -ENOMEM;
    view->references = 1;
    view->plane = plane_ref(plane);
    view->identities = identities_ref(plane->identities);
    view->s3_keys = s3_keys_ref(plane->s3_keys);
    view->balancers = memory_alloc_array(plane->groups_count + 1, sizeof(struct shared_balancer *));
    SCOPED(map_finish) struct map known;
    int rc = index_balancers(&known, previous);
    if (view->balancers == NULL)
        rc = -ENOMEM;
    for (unsigned i = 0; rc == 0 && i < plane->groups_count; i++) {
        view->balancers[i] = take_balancer(&known, plane, &plane->groups[i]);
        rc = view->balancers[i] == NULL ? -ENOMEM : 0;
    }
    if (rc < 0)
        view_unref(view);
    else
        *ret_view = view;
    return rc;
}

/* Requests of an older view go on with the balancer, also when this view is gone before they are.
 */
void view_configure(struct view *view)
{
    for (unsigned i = 0; i < view->plane->groups_count; i++) {
        struct shared_balancer *shared = view->balancers[i];
        struct plane *before = shared->plane;
        shared->plane = plane_ref(view->plane);
        balancer_configure(&shared->balancer, view->plane->groups[i].conf);
        balancer_set_tls(&shared->balancer, view->plane->groups[i].tls);
        plane_unref(before);
    }
}

void view_set_identities(struct view *view, struct identities *identities)
{
    struct identities *before = view->identities;
    view->identities = identities_ref(identities);
    for (unsigned i = 0; i < view->plane->groups_count; i++)
        balancer_set_tls(&view->balancers[i]->balancer, identities->clients[i].client);
    identities_unref(before);
}

void view_set_s3_keys(struct view *view, struct s3_keys *keys)
{
    struct s3_keys *before = view->s3_keys;
    view->s3_keys = s3_keys_ref(keys);
    s3_keys_unref(before);
}

void view_unref(struct view *view)
{
    if (view == NULL || --view->references > 0)
        return;
    for (unsigned i = 0; view->balancers != NULL && i < view->plane->groups_count; i++)
        release_balancer(view->balancers[i]);
    memory_free(view->balancers);
    identities_unref(view->identities);
    s3_keys_unref(view->s3_keys);
    plane_unref(view->plane);
    memory_free(view);
}
