/*
 * One fiber, so that there is one reload at a time; those asked for meanwhile become one more. A
 * second one looks every few seconds whether files of certificates have changed.
 */
#include "main/reload.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "conf/credentials.h"
#include "main/control_child.h"
#include "main/edge_child.h"
#include "main/edges.h"
#include "main/keeper_child.h"
#include "main/upgrade.h"
#include "os/loop.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WATCH_MS       5000
#define TOLD_BYTES_MAX (1 << 20)

/* What was read, and the sockets for it. */
struct next {
    struct configuration configuration;
    struct sockets sockets;
    bool is_renewal;
};

/* What is wrong in the file may be many lines, which go to *told. */
static int read_next(struct supervisor *self, struct next *next, struct buffer *told,
                     struct error *error)
{
    int rc = configuration_read(&self->place, told, &next->configuration);
    if (rc < 0)
        return error_set(error, rc, "%s is not taken", self->place.file);
    rc = configuration_check_state(&next->configuration, self->place.state, error);
    if (rc < 0) {
        configuration_release(&next->configuration);
        return rc;
    }
    rc = sockets_open(next->configuration.snapshot, &self->sockets, self->place.file,
                      &next->sockets, error);
    if (rc < 0)
        configuration_release(&next->configuration);
    return rc;
}

static int hand_over(struct supervisor *self, struct next *next, struct error *error)
{
    struct edge_child *current = self->current;
    int rc =
        current == NULL ? error_set(error, -EAGAIN, "the edge has just crashed; try again") : 0;
    if (rc == 0 && !next->is_renewal) {
        edge_child_ref(current);
        rc = edge_child_apply(current, &next->configuration, &next->sockets, &self->sockets, error);
        edge_child_unref(current);
        next->is_renewal = rc == -EXDEV;
        if (next->is_renewal) {
            log_info("the change needs a new edge process: %s", error->text);
            *error = (struct error){0};
        }
    }
    if (next->is_renewal)
        rc = edges_renew(self, &next->configuration, &next->sockets, error);
    return rc;
}

/* What was old goes, what is new stays. */
static void settle(struct supervisor *self, struct next *next)
{
    bool has_changed = self->configuration.digest != next->configuration.digest;
    sockets_close(&self->sockets, &next->sockets);
    self->sockets = next->sockets;
    struct configuration before = self->configuration;
    self->configuration = next->configuration;
    edges_write_note(self);
    supervisor_keep_accepted(self);
    keeper_follow(self, before.snapshot);
    configuration_release(&before);
    if (has_changed)
        control_renew(self);
}

static int reload(struct supervisor *self, struct buffer *told, struct error *error)
{
    SCOPED_FREE struct next *next = NEW(struct next);
    if (next == NULL)
        return error_set(error, -ENOMEM, "out of memory");
    next->is_renewal = self->renewal_is_wanted;
    self->renewal_is_wanted = false;
    int rc = read_next(self, next, told, error);
    if (rc < 0)
        return rc;
    rc = hand_over(self, next, error);
    if (rc == 0) {
        settle(self, next);
    } else {
        sockets_close(&next->sockets, &self->sockets);
        configuration_release(&next->configuration);
    }
    return rc;
}

static void tell(struct supervisor *self, struct edge_child *asked, int rc,
                 const struct buffer *told, const struct error *error, int64_t began_ms)
{
    char text[600];
    if (rc == 0)
        (void)snprintf(text, sizeof text, "%s was read again and serves since now, after %.2f s",
                       self->place.file, (double)(loop_now_ms() - began_ms) / 1000);
    else
        (void)snprintf(text, sizeof text, "%s", error->text);
    /* After a success there may be warnings, and what came of it goes first. */
    SCOPED(buffer_finish) struct buffer whole;
    buffer_init(&whole, TOLD_BYTES_MAX + sizeof text);
    bool has_both = rc == 0 && told->len > 0 &&
                    buffer_format(&whole, "%s\n%.*s", text, (int)told->len, told->at) == 0;
    struct slice all = has_both                  ? buffer_slice(&whole)
                       : rc < 0 && told->len > 0 ? buffer_slice(told)
                                                 : slice_of_cstr(text);
    struct slice rest = all, first = all;
    (void)slice_cut(&rest, '\n', &first);
    if (rc == 0)
        log_info("%s", text);
    else
        log_error("not reloaded, what runs goes on: %.*s", SLICE_ARG(first));
    if (asked != NULL)
        edge_child_tell(asked, rc == 0, all);
}

static void reload_once(struct supervisor *self)
{
    struct error error = {0};
    SCOPED(buffer_finish) struct buffer told;
    int64_t began_ms = loop_now_ms();
    struct edge_child *asked = self->current; /* it may be taken over from meanwhile */
    buffer_init(&told, TOLD_BYTES_MAX);
    if (asked != NULL)
        edge_child_ref(asked);
    int rc = reload(self, &told, &error);
    tell(self, asked, rc, &told, &error, began_ms);
    edge_child_unref(asked);
}

/* Certificates and keys. */

static int hand_over_credentials(struct supervisor *self, const struct credentials *credentials,
                                 struct error *error)
{
    struct edge_child *current = self->current;
    if (current == NULL) /* the next one starts with them */
        return 0;
    edge_child_ref(current);
    int rc = edge_child_renew_credentials(current, credentials, error);
    edge_child_unref(current);
    if (rc < 0)
        log_error("certificates and keys stay as they were: %s", error->text);
    return rc;
}

static void send_credentials(struct supervisor *self)
{
    struct error error = {0};
    (void)hand_over_credentials(self, &self->configuration.credentials, &error);
}

/* One that was not reached the last time has others than those at hand. */
static bool are_new(const struct supervisor *self, const struct credentials *next)
{
    return next->digest != self->configuration.credentials.digest ||
           (self->current != NULL && self->current->credentials_digest != next->digest);
}

/* What is wrong is logged, and added to *told. 0 or an error. */
static int renew_credentials(struct supervisor *self, struct buffer *told)
{
    struct error error = {0};
    struct credentials next, *have = &self->configuration.credentials;
    uint64_t stamp = credentials_stamp(self->configuration.snapshot, self->place.state);
    int rc = credentials_read(&self->place, self->configuration.snapshot, told, &next);
    if (rc < 0)
        log_error("certificates and keys stay as they were, for some files are wrong");
    bool has_changed = rc == 0 && are_new(self, &next);
    if (has_changed)
        rc = hand_over_credentials(self, &next, &error);
    if (error.code < 0)
        (void)buffer_format(told, "%s\n", error.text);
    have->stamp = stamp; /* what is wrong is told once */
    if (rc == 0 && has_changed) {
        (void)close(have->fd);
        *have = next;
        log_info("new certificates or keys serve since now");
    } else if (rc == 0 || has_changed) {
        (void)close(next.fd);
    }
    return rc;
}

/* Whoever asks from now on may mean a later state of the files. */
static void begin_refresh(struct supervisor *self)
{
    LIST_FOR_EACH (&self->edges, link) {
        struct edge_child *child = CONTAINER_OF(link, struct edge_child, link);
        child->refresh_under_way = child->refresh_asked;
        child->refresh_asked = 0;
    }
}

static struct edge_child *find_asker(struct supervisor *self)
{
    LIST_FOR_EACH (&self->edges, link) {
        struct edge_child *child = CONTAINER_OF(link, struct edge_child, link);
        if (child->refresh_under_way > 0)
            return child;
    }
    return NULL;
}

/* The list may change while one is told. */
static void end_refresh(struct supervisor *self, int rc, const struct buffer *told)
{
    struct edge_child *child;
    struct slice text = rc == 0 ? SLICE("the files of certificates and keys were read again")
                        : told->len > 0 ? buffer_slice(told)
                                        : slice_of_cstr(strerror(-rc));
    while ((child = find_asker(self)) != NULL) {
        uint64_t number = child->refresh_under_way;
        child->refresh_under_way = 0;
        edge_child_ref(child);
        edge_child_tell_refreshed(child, number, rc == 0, text);
        edge_child_unref(child);
    }
}

static void refresh(struct supervisor *self)
{
    SCOPED(buffer_finish) struct buffer told;
    buffer_init(&told, TOLD_BYTES_MAX);
    begin_refresh(self);
    int rc = renew_credentials(self, &told);
    end_refresh(self, rc, &told);
}

static void watch_main(void *arg)
{
    struct supervisor *self = arg;
    while (fiber_sleep(WATCH_MS) == 0) {
        const struct configuration *now = &self->configuration;
        if (!self->is_stopping &&
            credentials_stamp(now->snapshot, self->place.state) != now->credentials.stamp)
            reload_ask_credentials(self);
    }
}

static bool has_nothing_to_do(const struct supervisor *self)
{
    return self->is_stopping || !(self->reload_is_wanted || self->upgrade_is_wanted ||
                                  self->credentials_are_wanted || self->credentials_are_unsent);
}

static void reload_main(void *arg)
{
    struct supervisor *self = arg;
    for (;;) {
        if (has_nothing_to_do(self)) {
            (void)fiber_wait(FIBER_FOREVER);
        } else if (self->upgrade_is_wanted) {
            self->upgrade_is_wanted = false;
            upgrade(self);
        } else if (self->reload_is_wanted) {
            self->reload_is_wanted = false;
            reload_once(self);
        } else if (self->credentials_are_unsent) {
            self->credentials_are_unsent = false;
            send_credentials(self);
        } else {
            self->credentials_are_wanted = false;
            refresh(self);
        }
    }
}

int reload_start(struct supervisor *self)
{
    int rc = fiber_start(reload_main, self, &self->reloading);
    return rc < 0 ? rc : fiber_start(watch_main, self, NULL);
}

void reload_ask_credentials(struct supervisor *self)
{
    self->credentials_are_wanted = true;
    if (self->reloading != NULL)
        fiber_wake(self->reloading);
}

void reload_send_credentials(struct supervisor *self)
{
    self->credentials_are_unsent = true;
    if (self->reloading != NULL)
        fiber_wake(self->reloading);
}

void reload_ask(struct supervisor *self)
{
    self->reload_is_wanted = true;
    if (self->reloading != NULL)
        fiber_wake(self->reloading);
}

void reload_ask_upgrade(struct supervisor *self)
{
    self->upgrade_is_wanted = true;
    if (self->reloading != NULL)
        fiber_wake(self->reloading);
}

void reload_ask_renewal(struct supervisor *self)
{
    self->renewal_is_wanted = true;
    reload_ask(self);
}
