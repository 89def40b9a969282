/* Accepting for a view, and what the next view's snapshot says about it. */
#include "edge/worker_listener.h"

#include "base/cleanup.h"
#include "edge/handle.h"
#include "edge/state.h"

#include <errno.h>

static void accept_connection(struct acceptor *acceptor, int fd, const struct address *peer)
{
    session_accept(&CONTAINER_OF(acceptor, struct worker_listener, acceptor)->server, fd, peer);
}

/* On the worker's own thread, in the middle of a handshake. */
static const struct tls_identity *choose(void *arg, struct slice server_name, bool wants_acme)
{
    const struct worker_listener *self = arg;
    if (wants_acme)
        return challenges_find_identity(&edge_worker_current()->edge->challenges, server_name);
    const struct shown *shown = identities_find(self->view->identities, self->index, server_name);
    return shown == NULL ? NULL : shown->tls;
}

static const struct conf_listener *conf_of(const struct view *view, unsigned index)
{
    return &view->plane->snapshot->listeners[index];
}

int worker_listener_prepare(struct worker_listener *self, const struct view *view, unsigned index)
{
    const struct tls_listener_settings settings = {
        .choose = choose, .arg = self, .tickets = edge_worker_current()->edge->tickets};
    if (conf_of(view, index)->tls.source == CONF_TLS_OFF || self->tls != NULL)
        return 0;
    return tls_listener_create(&settings, &self->tls);
}

/* What the snapshot says; the rest of the server goes on. */
static void configure(struct worker_listener *self)
{
    const struct conf_listener *conf = conf_of(self->view, self->index);
    struct server *server = &self->server;
    server->tls = conf->tls.source == CONF_TLS_OFF ? NULL : self->tls;
    server->port = conf->address.port;
    server->head_timeout_ms = conf->timeouts.head_ms;
    server->idle_timeout_ms = conf->timeouts.idle_ms;
    server->body_max = UINT64_MAX;
    server->name = conf->name;
    server->serve = conf->protocol == CONF_PROTOCOL_TCP ? edge_serve : NULL;
    server->serve_socks = conf->protocol == CONF_PROTOCOL_PROXY ? edge_serve_socks : NULL;
    server->expects_proxy_header = conf->proxy_protocol.is_required != 0;
    server->senders = conf->proxy_protocol.from;
    server->senders_count = conf->proxy_protocol.from_count;
    server->trusted = conf->trusted_proxies;
    server->trusted_count = conf->trusted_proxies_count;
}

int worker_listener_start(struct edge_worker *worker, struct view *view, unsigned index)
{
    struct listener *listener = view->plane->listeners[index];
    struct worker_listener *self = NEW(struct worker_listener);
    if (self == NULL)
        return -ENOMEM;
    self->server = (struct server){.handle = edge_handle, .log = edge_record};
    self->view = view_ref(view);
    self->index = index;
    self->listener = listener_ref(listener);
    list_init(&self->link);
    int rc = worker_listener_prepare(self, view, index);
    configure(self);
    if (rc == 0)
        rc = acceptor_start(&self->acceptor, listener->fd, accept_connection);
    if (rc < 0) {
        worker_listener_destroy(self);
        return rc;
    }
    atomic_fetch_add(&listener->accepting, 1);
    self->is_accepting = true;
    list_append(&worker->listeners, &self->link);
    return 0;
}

void worker_listener_adopt(struct worker_listener *self, struct view *view, unsigned index)
{
    struct view *old = self->view;
    self->view = view_ref(view);
    self->index = index;
    configure(self);
    view_unref(old);
}

static void stop(struct worker_listener *self, bool for_good)
{
    struct listener *listener = self->listener;
    if (!self->is_accepting)
        return;
    acceptor_stop(&self->acceptor);
    self->is_accepting = false;
    if (atomic_fetch_sub(&listener->accepting, 1) > 1)
        return;
    if (for_good)
        acceptor_end(&self->acceptor);
    io_discard(listener->fd); /* nobody would take a connection from its queue */
    listener->fd = -1;
}

void worker_listener_stop(struct worker_listener *self)
{
    stop(self, false);
}

void worker_listener_destroy(struct worker_listener *self)
{
    worker_listener_stop(self);
    list_remove(&self->link);
    tls_listener_unref(self->tls);
    listener_unref(self->listener);
    view_unref(self->view);
    memory_free(self);
}

static void destroy_empty(struct server *server)
{
    worker_listener_destroy((struct worker_listener *)server);
}

void worker_listener_retire(struct worker_listener *self)
{
    self->is_retired = true;
    acceptor_put_off(&self->acceptor);
    server_retire(&self->server);
}

void worker_listener_end(struct worker_listener *self)
{
    stop(self, true);
    self->server.on_empty = destroy_empty;
    server_retire(&self->server);
}
