/* A fiber for each process awaits its end; that of the current one also starts the next. */
#include "main/edges.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "main/control_child.h"
#include "main/edge_child.h"
#include "main/edge_note.h"
#include "main/reload.h"
#include "os/loop.h"

#include <errno.h>
#include <string.h>

static struct edge_child *child_at(struct list *link)
{
    return CONTAINER_OF(link, struct edge_child, link);
}

static void add_to_note(struct edge_note *note, const struct edge_child *child)
{
    if (note->count < NOTE_EDGES_MAX)
        note->edges[note->count++] =
            (struct noted_edge){child->process.pid, child->start_ticks, child->digest};
}

void edges_write_note(struct supervisor *self)
{
    static struct edge_note note;
    note.count = 0;
    if (self->current == NULL)
        return; /* the last word stays: that process is gone, and another will be noted */
    add_to_note(&note, self->current);
    LIST_FOR_EACH (&self->edges, link) {
        if (child_at(link) != self->current && child_at(link)->serves)
            add_to_note(&note, child_at(link));
    }
    int rc = edge_note_write(self->note_path, &note);
    if (rc < 0)
        log_warn("cannot write %s: %s; if this weir is killed, the next one cannot adopt its edge, "
                 "nor can `weir down` stop it",
                 self->note_path, strerror(-rc));
}

static void watch_main(void *arg);

static int watch(struct edge_child *child)
{
    list_remove(&child->link);
    list_append(&child->self->edges, &child->link);
    int rc = fiber_start(watch_main, child, NULL);
    if (rc < 0)
        list_remove(&child->link);
    return rc;
}

/* The process that begins to accept is the current one from now on. */
static int take_current(struct supervisor *self, struct edge_child *child)
{
    int rc = watch(child);
    if (rc < 0) {
        (void)process_signal(&child->process, SIGKILL);
        edge_child_close(child);
        edge_child_unref(child);
        return rc;
    }
    self->current = child;
    edges_write_note(self);
    edge_child_acknowledge(child);
    edge_child_tell_maintenance(child);
    return 0;
}

static int start_current(struct supervisor *self)
{
    struct edge_child *child;
    struct error error = {0};
    int rc = edge_child_start(self, &self->configuration, &self->sockets, &child, &error);
    if (rc == 0)
        rc = take_current(self, child);
    if (rc == 0 && child->credentials_digest != self->configuration.credentials.digest)
        reload_send_credentials(self);
    return rc;
}

/* Until there is one again. */
static void start_anew(struct supervisor *self, const struct edge_child *before)
{
    struct process_end end = before->end;
    int64_t began_ms = before->began_ms;
    int rc = -EAGAIN;
    self->edges_starting++;
    while (rc < 0 && !self->is_stopping) {
        (void)fiber_sleep(supervisor_note_crash("the edge", &end, began_ms, &self->edge_crashes));
        while (self->is_renewing) /* that one will take the place, if it comes up */
            (void)fiber_sleep(RESTART_FIRST_MS);
        if (self->is_stopping || self->current != NULL)
            break;
        began_ms = loop_now_ms();
        end = (struct process_end){0};
        rc = start_current(self);
    }
    self->edges_starting--;
    if (rc == 0)
        control_tell(self);
}

static void watch_main(void *arg)
{
    struct edge_child *child = arg;
    struct supervisor *self = child->self;
    (void)process_wait(&child->process, FIBER_FOREVER, &child->end);
    edge_child_close(child);
    bool was_current = self->current == child;
    if (was_current)
        self->current = NULL;
    else
        edges_write_note(self);
    if (was_current && !self->is_stopping)
        start_anew(self, child);
    edge_child_unref(child);
    fiber_wake(self->main);
}

static void hold_older(struct supervisor *self, const struct noted_edge *noted)
{
    struct process process;
    struct edge_child *child;
    if (edge_note_hold(noted, &process) < 0 ||
        edge_child_hold(self, &process, noted->start_ticks, noted->digest, &child) < 0)
        return;
    if (watch(child) < 0)
        edge_child_unref(child);
}

int edges_adopt(struct supervisor *self)
{
    struct process process;
    struct edge_child *child;
    SCOPED_FREE struct edge_note *note = NEW(struct edge_note);
    if (note == NULL || edge_note_read(self->note_path, note) < 0)
        return 0;
    for (unsigned i = 1; i < note->count; i++)
        hold_older(self, &note->edges[i]);
    const struct noted_edge *noted = &note->edges[0];
    if (edge_note_hold(noted, &process) < 0)
        return 0;
    int rc = edge_child_adopt(self, &process, noted->start_ticks, noted->digest, &child);
    self->has_unadopted = rc < 0;
    if (rc == 0)
        rc = take_current(self, child);
    if (rc < 0)
        return rc;
    self->has_served = true;
    log_info("adopted the edge that runs since before (pid %d)", noted->pid);
    return 1;
}

int edges_start(struct supervisor *self)
{
    return self->current != NULL ? 0 : start_current(self);
}

int edges_renew(struct supervisor *self, const struct configuration *configuration,
                const struct sockets *sockets, struct error *error)
{
    struct edge_child *before = self->current, *child;
    if (before == NULL)
        return error_set(error, -EAGAIN, "the edge has just crashed; try again");
    edge_child_ref(before);
    self->edges_starting++;
    self->is_renewing = true;
    int rc = edge_child_start(self, configuration, sockets, &child, error);
    if (rc == 0)
        rc = take_current(self, child);
    self->is_renewing = false;
    self->edges_starting--;
    if (rc < 0 && error->text[0] == '\0') {
        (void)error_set_errno(error, rc, "the new edge did not come up, its messages say why");
    } else if (rc < 0) {
        error->code = rc;
    } else {
        log_info("edge %d takes over from %d", child->process.pid, before->process.pid);
        control_tell(self);
        edge_child_retire(before);
    }
    edge_child_unref(before);
    return rc;
}

void edges_reopen_log(struct supervisor *self)
{
    LIST_FOR_EACH (&self->edges, link)
        edge_child_reopen_log(child_at(link));
}

void edges_signal(struct supervisor *self, int number)
{
    LIST_FOR_EACH (&self->edges, link) {
        if (child_at(link)->process.pidfd >= 0)
            (void)process_signal(&child_at(link)->process, number);
    }
}

void edges_terminate(struct supervisor *self)
{
    LIST_FOR_EACH (&self->edges, link) {
        if (child_at(link)->process.pidfd >= 0)
            (void)process_terminate(&child_at(link)->process);
    }
}

void edges_wake(struct supervisor *self)
{
    LIST_FOR_EACH (&self->edges, link) {
        if (child_at(link)->process.pidfd >= 0)
            process_wake(child_at(link)->process.pid);
    }
}

bool edges_are_over(const struct supervisor *self)
{
    return list_is_empty(&self->edges) && self->edges_starting == 0;
}
