/*
 * Reading the file and making the plane are a second's work for ten thousand sites: both run on an
 * offload thread. The rest are short steps on each worker.
 */
#include "edge/apply.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "edge/confine.h"
#include "edge/events/sender.h"
#include "edge/objects.h"
#include "edge/state.h"
#include "edge/workers.h"
#include "os/descriptor.h"
#include "os/offload.h"

#include <errno.h>

#define BACKGROUND_TRIES    100
#define BACKGROUND_RETRY_MS 100

struct change {
    struct edge *edge;
    struct slice text;
    struct plane_parts parts;
    struct snapshot *snapshot; /* counted */
    struct plane *plane;       /* counted; NULL until it is made */
    struct error *error;
    int result;
};

static int tell_errors(struct change *change, const struct conf_errors *errors, int rc)
{
    if (errors->count == 0)
        return error_set_errno(change->error, rc, "cannot read the configuration");
    return error_set(change->error, rc, "line %u: %.*s", errors->at[0].place.line,
                     SLICE_ARG(errors->at[0].text));
}

/* What is settled when the process starts. */
static int check_same_process(const struct change *change)
{
    const struct snapshot *now = change->edge->plane->snapshot, *next = change->snapshot;
    const char *what = NULL;
    if (now->workers != next->workers)
        what = "workers has changed";
    else if (now->access_log.format != next->access_log.format ||
             !slice_equal(now->access_log.path, next->access_log.path))
        what = "access_log has changed";
    else if (edge_confinement_covers(now, next, &what))
        what = NULL;
    return what == NULL ? 0 : error_set(change->error, EDGE_NEEDS_RENEWAL, "%s", what);
}

static void drop_sockets(const struct change *change)
{
    for (unsigned i = 0; i < change->parts.sockets_count; i++)
        descriptor_close(change->parts.sockets[i].fd);
}

static int read_text(struct change *change)
{
    SCOPED(conf_errors_finish) struct conf_errors errors;
    conf_errors_init(&errors);
    int rc = snapshot_parse_accepted(change->edge->plane->snapshot->file, change->text,
                                     &change->snapshot, &errors);
    return rc < 0 ? tell_errors(change, &errors, rc) : check_same_process(change);
}

/* On an offload thread. */
static void prepare_plane(void *arg)
{
    struct change *change = arg;
    change->result = read_text(change);
    if (change->result < 0) {
        drop_sockets(change);
        return;
    }
    change->parts.snapshot = change->snapshot;
    change->result = plane_create(&change->parts, &change->plane, change->error);
}

static struct worker_listener *find_listener(const struct edge_worker *worker,
                                             const struct listener *listener)
{
    LIST_FOR_EACH (&worker->listeners, link) {
        struct worker_listener *mine = CONTAINER_OF(link, struct worker_listener, link);
        if (mine->listener == listener && mine->is_accepting && !mine->is_retired)
            return mine;
    }
    return NULL;
}

/* The new listeners already accept, for the new view. */
static int prepare_worker(struct edge_worker *worker, void *arg)
{
    struct plane *plane = arg;
    int rc = view_create(plane, worker->view, &worker->next_view);
    for (unsigned i = 0; rc == 0 && i < plane->listeners_count; i++) {
        struct worker_listener *mine = find_listener(worker, plane->listeners[i]);
        rc = mine == NULL ? worker_listener_start(worker, worker->next_view, i)
                          : worker_listener_prepare(mine, worker->next_view, i);
    }
    return rc;
}

/* Listeners that serve neither view are those of a change that was given up, or of the past. */
static void retire_listeners(struct edge_worker *worker, const struct view *kept)
{
    LIST_FOR_EACH (&worker->listeners, link) {
        struct worker_listener *listener = CONTAINER_OF(link, struct worker_listener, link);
        if (listener->is_accepting && !listener->is_retired && listener->view != kept)
            worker_listener_retire(listener);
    }
}

static int end_listeners(struct edge_worker *worker, void *arg)
{
    (void)arg;
    LIST_FOR_EACH (&worker->listeners, link) {
        struct worker_listener *listener = CONTAINER_OF(link, struct worker_listener, link);
        if (listener->is_retired && listener->is_accepting)
            worker_listener_end(listener);
    }
    return 0;
}

static bool has_retired(const struct edge_worker *worker)
{
    LIST_FOR_EACH (&worker->listeners, link) {
        const struct worker_listener *mine = CONTAINER_OF(link, struct worker_listener, link);
        if (mine->is_retired && mine->is_accepting)
            return true;
    }
    return false;
}

/* All workers have the same listeners. */
static void end_retired(struct edge *edge)
{
    if (!has_retired(&edge->workers[0]))
        return;
    (void)fiber_sleep(WORKER_LISTENER_FAREWELL_MS);
    (void)workers_each(edge, end_listeners, NULL);
}

static int give_up(struct edge_worker *worker, void *arg)
{
    (void)arg;
    retire_listeners(worker, worker->view);
    view_unref(worker->next_view);
    worker->next_view = NULL;
    return 0;
}

static int switch_over(struct edge_worker *worker, void *arg)
{
    (void)arg;
    struct view *old = worker->view;
    worker->view = worker->next_view;
    worker->next_view = NULL;
    view_configure(worker->view);
    for (unsigned i = 0; i < worker->view->plane->listeners_count; i++) {
        struct worker_listener *mine = find_listener(worker, worker->view->plane->listeners[i]);
        worker_listener_adopt(mine, worker->view, i);
    }
    retire_listeners(worker, worker->view);
    view_unref(old);
    return 0;
}

static void stop_background(struct edge *edge)
{
    health_stop(&edge->health);
    names_stop(&edge->names);
    health_await_stopped(&edge->health);
    names_await_stopped(&edge->names);
    names_finish(&edge->names);
}

static int try_background(struct edge *edge)
{
    const struct plane *plane = edge->plane;
    int rc = health_start(&edge->health, plane->groups, plane->groups_count);
    int names_rc = names_start(&edge->names, plane->groups, plane->groups_count, NULL);
    return rc < 0 ? rc : names_rc;
}

/* Without memory it is tried again for a while: targets must not stay unwatched. */
static void start_background(struct edge *edge)
{
    for (int tries = 1; try_background(edge) < 0; tries++) {
        if (tries == BACKGROUND_TRIES || fiber_sleep(BACKGROUND_RETRY_MS) < 0) {
            log_error("out of memory: some targets are not checked, or not looked up, until the "
                      "next reload");
            return;
        }
        stop_background(edge);
    }
}

static void release_plane(void *arg)
{
    plane_unref(arg);
}

static int take_plane(struct edge *edge, struct plane *plane, struct error *ret_error)
{
    int rc = workers_each(edge, prepare_worker, plane);
    if (rc < 0) {
        (void)workers_each(edge, give_up, NULL);
        end_retired(edge);
        return error_set_errno(ret_error, rc, "cannot take over the configuration");
    }
    struct plane *old = edge->plane;
    stop_background(edge);
    plane_take_over(plane, loop_now_ms());
    (void)workers_each(edge, switch_over, NULL);
    edge->plane = plane_ref(plane);
    start_background(edge);
    senders_apply(edge->senders);
    if (offload(release_plane, old) < 0)
        plane_unref(old);
    end_retired(edge);
    return 0;
}

static void apply_objects(void *arg)
{
    const struct change *change = arg;
    objects_apply(change->edge->objects, change->snapshot);
}

static int apply(struct edge *edge, struct change *change)
{
    int rc = offload(prepare_plane, change);
    if (rc < 0) {
        drop_sockets(change);
        return error_set_errno(change->error, rc, "cannot read the configuration");
    }
    rc = change->result;
    if (rc == 0 && edge->objects != NULL)
        (void)offload(apply_objects, change);
    if (rc == 0)
        rc = take_plane(edge, change->plane, change->error);
    plane_unref(change->plane);
    snapshot_unref(change->snapshot);
    return rc;
}

void edge_await_applied(struct edge *edge)
{
    edge->awaiting_applied = fiber_current();
    while (edge->applying != NULL)
        (void)fiber_wait(FIBER_FOREVER);
    edge->awaiting_applied = NULL;
}

/* Certificates and keys alone. */

struct renewal {
    struct plane *plane;         /* borrowed: nothing else changes it meanwhile */
    const struct bundle *bundle; /* borrowed */
    struct identities *identities;
    struct s3_keys *s3_keys; /* NULL: none */
    int result;
};

/* On an offload thread. */
static void prepare_credentials(void *arg)
{
    struct renewal *renewal = arg;
    renewal->result = identities_create(renewal->plane->snapshot, renewal->bundle,
                                        renewal->plane->identities, &renewal->identities);
    if (renewal->result < 0)
        return;
    renewal->result = plane_read_s3_keys(renewal->bundle, &renewal->s3_keys);
    if (renewal->result < 0)
        identities_unref(renewal->identities);
}

static int switch_credentials(struct edge_worker *worker, void *arg)
{
    const struct renewal *renewal = arg;
    view_set_identities(worker->view, renewal->identities);
    view_set_s3_keys(worker->view, renewal->s3_keys);
    return 0;
}

static void release_identities(void *arg)
{
    identities_unref(arg);
}

static int renew(struct edge *edge, const struct bundle *bundle)
{
    struct renewal renewal = {.plane = edge->plane, .bundle = bundle};
    int rc = offload(prepare_credentials, &renewal);
    if (rc == 0)
        rc = renewal.result;
    if (rc < 0)
        return rc;
    struct identities *before = edge->plane->identities;
    struct s3_keys *keys_before = edge->plane->s3_keys;
    plane_set_identities(edge->plane, renewal.identities);
    edge->plane->s3_keys = renewal.s3_keys;
    (void)workers_each(edge, switch_credentials, &renewal);
    s3_keys_unref(keys_before);
    if (offload(release_identities, before) < 0)
        identities_unref(before);
    return 0;
}

static int begin_change(struct edge *edge, struct error *ret_error)
{
    if (atomic_load(&edge->is_draining) || edge->applying != NULL)
        return error_set(ret_error, -EBUSY,
                         edge->applying != NULL ? "another reload is under way"
                                                : "the data plane is stopping");
    edge->applying = fiber_current();
    return 0;
}

static void end_change(struct edge *edge)
{
    edge->applying = NULL;
    if (edge->awaiting_applied != NULL)
        fiber_wake(edge->awaiting_applied);
}

int edge_renew_credentials(struct edge *edge, const struct bundle *bundle, struct error *ret_error)
{
    int rc = begin_change(edge, ret_error);
    if (rc < 0)
        return rc;
    rc = renew(edge, bundle);
    end_change(edge);
    return rc < 0 ? error_set_errno(ret_error, rc, "cannot take the certificates") : 0;
}

int edge_apply(struct edge *edge, struct slice text, const struct bundle *bundle,
               const struct edge_socket *sockets, unsigned sockets_count, struct error *ret_error)
{
    struct change change = {
        .edge = edge,
        .text = text,
        .error = ret_error,
        .parts = {.previous = edge->plane,
                  .bundle = bundle,
                  .sockets = sockets,
                  .sockets_count = sockets_count,
                  .workers_count = edge->workers_count,
                  .hash_key = edge->hash_key},
    };
    int rc = begin_change(edge, ret_error);
    if (rc < 0) {
        drop_sockets(&change);
        return rc;
    }
    rc = apply(edge, &change);
    end_change(edge);
    return rc;
}
