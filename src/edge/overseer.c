/* An acceptor, and a fiber that reads the messages of the connection at hand. */
#include "edge/overseer.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "conf/bundle.h"
#include "edge/access_log.h"
#include "edge/apply.h"
#include "edge/drain.h"
#include "edge/edge.h"
#include "edge/state.h"
#include "os/descriptor.h"
#include "os/file.h"
#include "os/offload.h"
#include "os/passing.h"

#include <errno.h>
#include <stdio.h>

#define SEND_MS        10000
#define TEXT_BYTES_MAX 16777216
#define ANSWER_BYTES   1024

/* A fiber that asked for a reload or a refresh. */
struct asker {
    struct list link;
    struct fiber *fiber;
    char *room;
    size_t room_len;
    uint64_t number; /* of a refresh */
    bool is_told;
    int result;
};

struct overseer {
    struct edge *edge;
    struct acceptor acceptor;
    int listening_fd;
    struct io io;        /* to the supervisor; closed: none */
    struct fiber *fiber; /* that reads from it */
    struct list askers;
    struct list refreshers; /* struct asker */
    uint64_t refreshes;     /* that were asked for */
    struct list keepers;    /* struct asker, of maintenance; in the order of their answers */
    unsigned keepers_gone;  /* answers that nobody waits for any more */
    bool owes_maintenance;  /* it changed while there was no supervisor */
    int next_fd;            /* a connection that waits for the fiber to end; -1: none */
};

static void say(struct overseer *overseer, const char *kind, const char *text)
{
    char message[ANSWER_BYTES];
    int len = snprintf(message, sizeof message, "%s\n%s", kind, text);
    if (len >= (int)sizeof message)
        len = (int)sizeof message - 1;
    (void)passing_send(&overseer->io, slice_of(message, (size_t)len), NULL, 0,
                       loop_deadline(SEND_MS));
}

/* Sockets for the addresses that stand in the lines of `rest`. Returns how many, or an error. */
static int take_sockets(struct passing *message, struct slice rest,
                        struct edge_socket **ret_sockets)
{
    unsigned count = 0;
    struct edge_socket *sockets = memory_alloc_array(message->fds_count + 1, sizeof *sockets);
    struct slice address;
    if (sockets == NULL)
        return -ENOMEM;
    while (count + 1 < message->fds_count && slice_cut(&rest, '\n', &address) && address.len > 0) {
        sockets[count].address = address;
        sockets[count].fd = passing_take(message, count + 1);
        count++;
    }
    *ret_sockets = sockets;
    return (int)count;
}

struct reading {
    int fd;
    struct buffer *text;
    struct bundle *bundle; /* NULL: the text is all that is wanted */
    int result;
};

/* On an offload thread: megabytes take milliseconds. */
static void read_whole(void *arg)
{
    struct reading *reading = arg;
    reading->result = file_read_open(reading->fd, reading->text);
    if (reading->result == 0 && reading->bundle != NULL)
        reading->result = bundle_take(reading->bundle, buffer_slice(reading->text));
}

/* What the descriptor at that index holds. */
static int read_passed(struct passing *message, unsigned index, struct buffer *text,
                       struct bundle *bundle)
{
    struct reading reading = {.fd = passing_take(message, index), .text = text, .bundle = bundle};
    if (reading.fd < 0)
        return -EBADMSG;
    int rc = offload(read_whole, &reading);
    descriptor_close(reading.fd);
    return rc < 0 ? rc : reading.result;
}

static int read_bundle(struct passing *message, unsigned index, struct bundle *bundle)
{
    struct buffer bytes;
    buffer_init(&bytes, BUNDLE_BYTES_MAX);
    int rc = read_passed(message, index, &bytes, bundle);
    if (bytes.at != NULL)
        explicit_bzero(bytes.at, bytes.len);
    buffer_finish(&bytes);
    return rc;
}

static void apply(struct overseer *overseer, struct passing *message, struct slice rest)
{
    SCOPED(buffer_finish) struct buffer text;
    SCOPED(bundle_finish) struct bundle bundle;
    SCOPED_FREE struct edge_socket *sockets = NULL;
    struct error error = {0};
    buffer_init(&text, TEXT_BYTES_MAX);
    bundle_init(&bundle);
    int rc = read_passed(message, 0, &text, NULL);
    int count = rc < 0 ? rc : take_sockets(message, rest, &sockets);
    if (count >= 0) /* the last one; a supervisor of an earlier version sends none */
        rc = read_bundle(message, (unsigned)count + 1, &bundle);
    if (count < 0 || (rc < 0 && rc != -EBADMSG)) {
        rc = error_set_errno(&error, count < 0 ? count : rc, "cannot take the new configuration");
        for (int i = 0; i < count; i++)
            descriptor_close(sockets[i].fd);
    } else {
        rc = edge_apply(overseer->edge, buffer_slice(&text), &bundle, sockets, (unsigned)count,
                        &error);
    }
    if (rc == 0)
        say(overseer, "applied", "");
    else
        say(overseer, rc == EDGE_NEEDS_RENEWAL ? "renew" : "failed", error.text);
}

static void renew_credentials(struct overseer *overseer, struct passing *message)
{
    SCOPED(bundle_finish) struct bundle bundle;
    struct error error = {0};
    bundle_init(&bundle);
    int rc = read_bundle(message, 0, &bundle);
    if (rc < 0)
        rc = error_set_errno(&error, rc, "cannot take the certificates");
    else
        rc = edge_renew_credentials(overseer->edge, &bundle, &error);
    say(overseer, rc == 0 ? "applied" : "failed", error.text);
}

static void tell_asker(struct asker *asker, int result, struct slice text)
{
    size_t len = text.len < asker->room_len ? text.len : asker->room_len - 1;
    memcpy(asker->room, text.at, len);
    asker->room[len] = '\0';
    asker->result = result;
    asker->is_told = true;
    list_remove(&asker->link);
    fiber_wake(asker->fiber);
}

static void tell_askers(struct overseer *overseer, int result, struct slice text)
{
    LIST_FOR_EACH (&overseer->askers, link)
        tell_asker(CONTAINER_OF(link, struct asker, link), result, text);
}

/* Those who asked later, when the files were read already, wait for the next one. */
static void tell_refreshers(struct overseer *overseer, struct slice rest)
{
    struct slice number, verdict;
    uint64_t upto = 0;
    if (!slice_cut(&rest, '\n', &number) || slice_parse_u64(number, &upto) < 0 ||
        !slice_cut(&rest, '\n', &verdict))
        return;
    LIST_FOR_EACH (&overseer->refreshers, link) {
        struct asker *asker = CONTAINER_OF(link, struct asker, link);
        if (asker->number <= upto)
            tell_asker(asker, slice_equal(verdict, SLICE("ok")) ? 0 : -EINVAL, rest);
    }
}

static void tell_keeper(struct overseer *overseer, struct slice why)
{
    if (overseer->keepers_gone > 0)
        overseer->keepers_gone--;
    else if (!list_is_empty(&overseer->keepers))
        tell_asker(CONTAINER_OF(overseer->keepers.next, struct asker, link),
                   why.len == 0 ? 0 : -EIO, why);
}

static void take_maintenance(struct overseer *overseer, struct passing *message)
{
    SCOPED(buffer_finish) struct buffer text;
    buffer_init(&text, MAINTENANCE_BYTES_MAX);
    int rc = read_passed(message, 0, &text, NULL);
    if (rc == 0)
        rc = maintenance_load(&overseer->edge->maintenance, buffer_slice(&text));
    if (rc < 0)
        log_error("which sites are closed for maintenance is not known in full: %s", strerror(-rc));
}

/* By a descriptor, for it may be larger than a message. */
static int send_maintenance(struct overseer *overseer, int64_t deadline_ms)
{
    SCOPED_FREE char *text = NULL;
    size_t len = 0;
    int rc = maintenance_save(&overseer->edge->maintenance, &text, &len);
    int fd = rc < 0 ? rc : file_in_memory("maintenance", slice_of(text, len));
    if (fd < 0)
        return fd;
    rc = passing_send(&overseer->io, SLICE("maintenance\n"), &fd, 1, deadline_ms);
    descriptor_close(fd);
    return rc;
}

/* To a supervisor that came back: the sockets, and what the one before did not hear. */
static void catch_up(struct overseer *overseer)
{
    if (!overseer->owes_maintenance || send_maintenance(overseer, loop_deadline(SEND_MS)) < 0)
        return;
    overseer->owes_maintenance = false;
    overseer->keepers_gone++;
}

static void hand_out_sockets(struct overseer *overseer)
{
    const struct plane *plane = overseer->edge->plane;
    int fds[PASSING_FDS_MAX] = {overseer->edge->admin_fd};
    unsigned count = 1;
    SCOPED(buffer_finish) struct buffer text;
    buffer_init(&text, PASSING_BYTES_MAX);
    int rc = buffer_format(&text, "sockets\n");
    for (unsigned i = 0; rc == 0 && i < plane->listeners_count && count < PASSING_FDS_MAX; i++) {
        fds[count++] = plane->listeners[i]->fd;
        rc = buffer_format(&text, "%.*s\n", SLICE_ARG(plane->listeners[i]->address));
    }
    if (rc == 0)
        (void)passing_send(&overseer->io, buffer_slice(&text), fds, count, loop_deadline(SEND_MS));
    else
        say(overseer, "failed", "out of memory");
}

static void hear(struct overseer *overseer, struct passing *message)
{
    struct slice rest = slice_of(message->bytes, message->len), kind, verdict;
    (void)slice_cut(&rest, '\n', &kind);
    if (slice_equal(kind, SLICE("apply"))) {
        apply(overseer, message, rest);
    } else if (slice_equal(kind, SLICE("credentials"))) {
        renew_credentials(overseer, message);
    } else if (slice_equal(kind, SLICE("log"))) {
        access_log_take(overseer->edge->access_log, passing_take(message, 0));
    } else if (slice_equal(kind, SLICE("adopt"))) {
        hand_out_sockets(overseer);
        catch_up(overseer);
    } else if (slice_equal(kind, SLICE("maintenance"))) {
        take_maintenance(overseer, message);
    } else if (slice_equal(kind, SLICE("kept"))) {
        tell_keeper(overseer, rest);
    } else if (slice_equal(kind, SLICE("retire"))) {
        edge_retire(overseer->edge);
        say(overseer, "retired", "");
    } else if (slice_equal(kind, SLICE("refreshed"))) {
        tell_refreshers(overseer, rest);
    } else if (slice_equal(kind, SLICE("told")) && slice_cut(&rest, '\n', &verdict)) {
        tell_askers(overseer, slice_equal(verdict, SLICE("ok")) ? 0 : -EINVAL, rest);
    } else {
        log_warn("the supervisor said \"%.*s\", which is not known here",
                 SLICE_ARG(slice_first(kind, kind.len < 40 ? kind.len : 40)));
    }
}

static void listen_to(void *arg);

static void take_connection(struct overseer *overseer, int fd)
{
    io_init(&overseer->io, NULL);
    if (io_open(&overseer->io, fd) < 0) {
        io_discard(fd);
        return;
    }
    if (fiber_start(listen_to, overseer, &overseer->fiber) < 0)
        io_close(&overseer->io);
}

static void listen_to(void *arg)
{
    struct overseer *overseer = arg;
    struct passing *message = memory_alloc_raw(sizeof *message);
    while (message != NULL && passing_receive(&overseer->io, FIBER_FOREVER, message) > 0) {
        hear(overseer, message);
        passing_finish(message);
    }
    memory_free(message);
    io_close(&overseer->io);
    tell_askers(overseer, -ENOTCONN, SLICE("the supervisor has gone"));
    LIST_FOR_EACH (&overseer->refreshers, link)
        tell_asker(CONTAINER_OF(link, struct asker, link), -ENOTCONN, SLICE(""));
    LIST_FOR_EACH (&overseer->keepers, link)
        tell_asker(CONTAINER_OF(link, struct asker, link), -ENOTCONN, SLICE(""));
    overseer->keepers_gone = 0;
    overseer->fiber = NULL;
    int next = overseer->next_fd;
    overseer->next_fd = -1;
    if (next >= 0)
        take_connection(overseer, next);
}

static void accept_supervisor(struct acceptor *acceptor, int fd, const struct address *peer)
{
    (void)peer;
    struct overseer *overseer = CONTAINER_OF(acceptor, struct overseer, acceptor);
    if (overseer->fiber == NULL) {
        take_connection(overseer, fd);
        return;
    }
    if (overseer->next_fd >= 0)
        io_discard(overseer->next_fd);
    overseer->next_fd = fd; /* until the one before has gone: no stranger displaces it */
}

int overseer_start(struct edge *edge, int listening_fd)
{
    struct overseer *overseer = NEW(struct overseer);
    if (overseer == NULL) {
        descriptor_close(listening_fd);
        return -ENOMEM;
    }
    overseer->edge = edge;
    overseer->listening_fd = listening_fd;
    overseer->next_fd = -1;
    list_init(&overseer->askers);
    list_init(&overseer->refreshers);
    list_init(&overseer->keepers);
    io_init(&overseer->io, NULL);
    int rc = acceptor_start(&overseer->acceptor, listening_fd, accept_supervisor);
    if (rc < 0) {
        descriptor_close(listening_fd);
        memory_free(overseer);
        return rc;
    }
    edge->overseer = overseer;
    return 0;
}

void overseer_stop(struct overseer *overseer)
{
    if (overseer == NULL)
        return;
    acceptor_stop(&overseer->acceptor);
    if (overseer->next_fd >= 0)
        io_discard(overseer->next_fd);
    overseer->next_fd = -1;
    if (overseer->fiber != NULL)
        fiber_cancel(overseer->fiber);
}

bool overseer_has_stopped(const struct overseer *overseer)
{
    return overseer == NULL || overseer->fiber == NULL;
}

void overseer_finish(struct overseer *overseer)
{
    if (overseer == NULL)
        return;
    descriptor_close(overseer->listening_fd);
    memory_free(overseer);
}

void overseer_ask_log(struct edge *edge)
{
    struct overseer *overseer = edge->overseer;
    if (overseer == NULL || !io_is_open(&overseer->io))
        log_warn("SIGUSR1: there is no supervisor to open the access log anew; lines still go to "
                 "the old file");
    else
        say(overseer, "rotated", "");
}

static int ask(struct overseer *overseer, struct list *askers, struct asker *asker,
               struct slice message, int64_t deadline_ms)
{
    asker->fiber = fiber_current();
    list_append(askers, &asker->link);
    int rc = passing_send(&overseer->io, message, NULL, 0, deadline_ms);
    while (rc == 0 && !asker->is_told)
        rc = fiber_wait(deadline_ms);
    list_remove(&asker->link);
    return asker->is_told ? asker->result : rc;
}

int overseer_ask_reload(struct edge *edge, int64_t deadline_ms, char *room, size_t room_len)
{
    struct overseer *overseer = edge->overseer;
    struct asker asker = {.room = room, .room_len = room_len};
    if (overseer == NULL || !io_is_open(&overseer->io))
        return -ENOTCONN;
    return ask(overseer, &overseer->askers, &asker, SLICE("reload\n"), deadline_ms);
}

int overseer_ask_refresh(struct edge *edge, int64_t deadline_ms, char *room, size_t room_len)
{
    struct overseer *overseer = edge->overseer;
    struct asker asker = {.room = room, .room_len = room_len};
    char message[40];
    if (overseer == NULL || !io_is_open(&overseer->io))
        return -ENOTCONN;
    asker.number = ++overseer->refreshes;
    int len =
        snprintf(message, sizeof message, "refresh\n%llu\n", (unsigned long long)asker.number);
    return ask(overseer, &overseer->refreshers, &asker, slice_of(message, (size_t)len),
               deadline_ms);
}

int overseer_keep_maintenance(struct edge *edge, int64_t deadline_ms, char *room, size_t room_len)
{
    struct overseer *overseer = edge->overseer;
    struct asker asker = {.fiber = fiber_current(), .room = room, .room_len = room_len};
    if (overseer == NULL)
        return -ENOTCONN;
    overseer->owes_maintenance = true;
    if (!io_is_open(&overseer->io))
        return -ENOTCONN;
    list_append(&overseer->keepers, &asker.link);
    int rc = send_maintenance(overseer, deadline_ms);
    while (rc == 0 && !asker.is_told)
        rc = fiber_wait(deadline_ms);
    list_remove(&asker.link);
    overseer->keepers_gone += rc < 0 && !asker.is_told && io_is_open(&overseer->io);
    overseer->owes_maintenance &= !asker.is_told || asker.result < 0;
    return asker.is_told ? asker.result : rc;
}
