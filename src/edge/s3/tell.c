/*
 * Notifications are parsed for each commit in a bucket that has some: they are few, and a parsed
 * form would have to follow the bucket's settings. Events are filled in on the store's thread, when
 * the sequence of their change is known.
 */
#include "edge/s3/tell.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "edge/events/outbox.h"
#include "edge/objects.h"
#include "edge/s3/answer.h"
#include "edge/s3/settings.h"

#include <errno.h>

#define ARENA_BYTES_MAX ((size_t)8 << 20)

struct telling {
    const struct s3_teller *teller;
    const struct store_change *of; /* NULL: a test */
    enum s3_event event;
    struct slice configuration_id;
    struct outbox_hook *hook;
    unsigned number; /* among those of the same change */
    char key[OUTBOX_KEY_BYTES_MAX];
    char *room; /* in the arena, with its size */
    size_t room_len;
};

/* Which version it is about; empty where the bucket has none. */
static struct slice version_id(const struct telling *telling, char room[static S3_VERSION_ID_LEN])
{
    const struct store_change *of = telling->of;
    struct version version = {.sequence = of->sequence};
    bool is_named = of->kind != RECORD_PUT;
    if (s3_versioning_of(telling->teller->bucket) == S3_VERSIONING_NEVER)
        return (struct slice){0};
    if (is_named)
        version = (struct version){.is_null = of->version.which == VERSION_NULL,
                                   .sequence = of->version.sequence};
    else
        version.is_null = of->put.version.is_null;
    return s3_version_id(&version, room);
}

static struct slice key_of(const struct store_change *change)
{
    return change->kind == RECORD_PUT ? change->put.version.key : change->version.key;
}

static void begin_message(const struct telling *telling, struct s3_event_message *message)
{
    const struct s3_teller *teller = telling->teller;
    *message = (struct s3_event_message){
        .event = telling->event,
        .time_ms = teller->now_ms,
        .region = teller->region,
        .principal = teller->principal,
        .source_ip = teller->source_ip,
        .request_id = teller->request_id,
        .configuration_id = telling->configuration_id,
        .bucket = teller->bucket->name,
    };
}

static void fill_message(const struct telling *telling, struct s3_event_message *message)
{
    const struct store_change *of = telling->of;
    begin_message(telling, message);
    message->key = key_of(of);
    message->sequencer = of->sequence;
    if (of->kind == RECORD_PUT && !of->put.version.is_marker) {
        message->has_content = true;
        message->size = of->put.version.size;
        message->etag = of->put.version.etag;
    } else if (of->kind == RECORD_AMEND && telling->teller->amended_etag != NULL) {
        message->has_content = true;
        message->size = of->version.version.size;
        message->etag = *telling->teller->amended_etag;
    }
}

/* On the store's thread, as `follow`. */
static int fill(struct store_change *change)
{
    struct telling *telling = change->arg;
    struct s3_event_message message;
    struct writer writer;
    char id[S3_VERSION_ID_LEN];
    if (telling->of != NULL && telling->of->result < 0)
        return -ECANCELED;
    writer_init(&writer, telling->room, telling->room_len);
    uint64_t sequence = telling->of == NULL ? change->sequence : telling->of->sequence;
    if (telling->of != NULL) {
        fill_message(telling, &message);
        message.version_id = version_id(telling, id);
        s3_event_write(&writer, &message);
    } else {
        begin_message(telling, &message);
        s3_event_write_test(&writer, &message);
    }
    if (writer.overflown)
        return -EMSGSIZE;
    outbox_fill(telling->teller->outbox, change,
                outbox_key(telling->hook, sequence, telling->number, telling->key),
                writer_slice(&writer));
    return 0;
}

static enum s3_event event_of(enum s3_event event, const struct store_change *change)
{
    if (change->kind != RECORD_PUT)
        return event;
    if (event == S3_EVENT_REMOVED_DELETE)
        return S3_EVENT_REMOVED_MARKER;
    return event == S3_EVENT_EXPIRATION_DELETE ? S3_EVENT_EXPIRATION_MARKER : event;
}

/* What is committed: the changes, each with its events behind it. */
struct commit {
    const struct s3_teller *teller;
    struct arena arena;
    struct s3_notifications notifications;
    struct store_change *all; /* in the arena, as the next */
    struct telling *tellings; /* of the change of the same number; their `hook` NULL: no event */
    unsigned count;
};

static int add_event(struct commit *commit, enum s3_event event, const struct store_change *of,
                     const struct s3_notification *notification, unsigned number)
{
    const struct s3_teller *teller = commit->teller;
    struct telling *telling = &commit->tellings[commit->count];
    struct s3_event_message message;
    struct outbox_hook *hook = outbox_find(teller->outbox, notification->webhook);
    if (hook == NULL || atomic_load(&teller->outbox->bucket) == 0)
        return 0;
    if (atomic_load(&hook->waiting) >= OUTBOX_WAITING_MAX) {
        atomic_fetch_add(&hook->dropped, 1);
        return 0;
    }
    *telling = (struct telling){.teller = teller,
                                .of = of,
                                .event = event,
                                .configuration_id = notification->id,
                                .hook = hook,
                                .number = number};
    begin_message(telling, &message);
    message.key = of == NULL ? (struct slice){0} : key_of(of);
    telling->room_len = s3_event_bytes(&message) + 6 * (VERSION_ETAG_BYTES_MAX + S3_VERSION_ID_LEN);
    telling->room = arena_alloc(&commit->arena, telling->room_len);
    if (telling->room == NULL)
        return -ENOMEM;
    commit->all[commit->count++] =
        (struct store_change){.kind = RECORD_PUT, .follow = fill, .arg = telling};
    return 0;
}

static int add_events(struct commit *commit, enum s3_event event, const struct store_change *of)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < commit->notifications.count; i++) {
        const struct s3_notification *notification = &commit->notifications.items[i];
        if (of == NULL || s3_notification_matches(notification, event, key_of(of)))
            rc = add_event(commit, event, of, notification, i);
    }
    return rc;
}

static size_t count_asked(const struct commit *commit, enum s3_event event,
                          const struct store_change *change)
{
    size_t asked = 0;
    for (unsigned i = 0; i < commit->notifications.count; i++)
        asked +=
            s3_notification_matches(&commit->notifications.items[i], event, key_of(change)) ? 1 : 0;
    return asked;
}

static int make_room(struct commit *commit, size_t max)
{
    commit->all = memory_alloc_array(max, sizeof *commit->all);
    commit->tellings = memory_alloc_array(max, sizeof *commit->tellings);
    return commit->all == NULL || commit->tellings == NULL ? -ENOMEM : 0;
}

static void commit_init(struct commit *commit, const struct s3_teller *teller)
{
    *commit = (struct commit){.teller = teller};
    arena_init(&commit->arena, NULL, 0, ARENA_BYTES_MAX);
}

static void commit_finish(struct commit *commit)
{
    memory_free(commit->all);
    memory_free(commit->tellings);
    arena_finish(&commit->arena);
}

/* The webhook's numbers; what could not be kept is told, as nobody else will. */
static void count_events(const struct commit *commit)
{
    struct outbox *outbox = commit->teller->outbox;
    bool was_added = false;
    for (unsigned i = 0; i < commit->count; i++) {
        struct outbox_hook *hook = commit->tellings[i].hook;
        int result = commit->all[i].result;
        if (hook == NULL || result == -ECANCELED)
            continue;
        if (result == 0) {
            atomic_fetch_add(&hook->waiting, 1);
            was_added = true;
            continue;
        }
        if (atomic_fetch_add(&hook->dropped, 1) == 0)
            log_error("the webhook \"%.*s\" misses an event of the bucket \"%.*s\": it cannot be "
                      "kept: %s",
                      SLICE_ARG(hook->name), SLICE_ARG(commit->teller->bucket->name),
                      strerror(-result));
    }
    if (was_added && outbox->wake != NULL)
        outbox->wake(outbox->wake_arg);
}

static int commit_with_events(struct commit *commit, enum s3_event event,
                              struct store_change *changes, unsigned count)
{
    size_t max = count;
    for (unsigned i = 0; i < count; i++)
        max += count_asked(commit, event_of(event, &changes[i]), &changes[i]);
    int rc = make_room(commit, max);
    for (unsigned i = 0; rc == 0 && i < count; i++) {
        struct store_change *change = &commit->all[commit->count++];
        *change = changes[i];
        rc = add_events(commit, event_of(event, change), change);
    }
    if (rc < 0) {
        for (unsigned i = 0; i < count; i++)
            changes[i].result = rc;
        return rc;
    }
    (void)store_commit(commit->teller->store, commit->all, commit->count);
    for (unsigned i = 0, at = 0; i < commit->count; i++) {
        if (commit->tellings[i].hook != NULL)
            continue;
        changes[at] = commit->all[i];
        rc = rc < 0 ? rc : changes[at].result;
        at++;
    }
    count_events(commit);
    return rc;
}

int s3_teller_commit(const struct s3_teller *teller, enum s3_event event,
                     struct store_change *changes, unsigned count)
{
    struct slice kept = settings_get(teller->bucket->settings, SETTING_NOTIFICATION);
    struct commit commit;
    struct s3_fault fault = {0};
    if (kept.at == NULL || teller->outbox == NULL || count == 0)
        return store_commit(teller->store, changes, count);
    commit_init(&commit, teller);
    int rc = s3_notifications_parse(kept, &commit.arena, &fault, &commit.notifications);
    /* What cannot be read was never accepted; it keeps nobody from writing. */
    if (rc < 0)
        commit.notifications.count = 0;
    rc = commit_with_events(&commit, event, changes, count);
    commit_finish(&commit);
    return rc;
}

static struct s3_teller teller_of(struct s3_call *call)
{
    return (struct s3_teller){
        .store = call->store,
        .outbox = objects_outbox(call->objects),
        .bucket = call->bucket,
        .region = call->conf->region,
        .principal = call->by == NULL ? SLICE("anonymous") : call->by->name,
        .source_ip = call->exchange->client,
        .request_id = slice_of(call->request_id, sizeof call->request_id),
        .now_ms = call->now_ms,
    };
}

int s3_commit(struct s3_call *call, enum s3_event event, struct store_change *changes,
              unsigned count, const struct slice *amended_etag)
{
    struct s3_teller teller = teller_of(call);
    teller.amended_etag = amended_etag;
    return s3_teller_commit(&teller, event, changes, count);
}

void s3_tell_test(struct s3_call *call, const struct s3_notifications *notifications)
{
    struct s3_teller teller = teller_of(call);
    struct commit commit;
    commit_init(&commit, &teller);
    commit.notifications = *notifications;
    int rc = make_room(&commit, notifications->count);
    if (rc == 0)
        rc = add_events(&commit, S3_EVENT_CREATED_PUT, NULL);
    if (rc == 0 && commit.count > 0) {
        (void)store_commit(call->store, commit.all, commit.count);
        count_events(&commit);
    }
    commit_finish(&commit);
}
