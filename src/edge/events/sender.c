/*
 * A page of events is read, posted, and removed together: what was posted and not yet removed when
 * the edge dies is posted again. Nobody is in the store while a webhook is waited for, so that one
 * that hangs keeps no take-over waiting.
 */
#include "edge/events/sender.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "edge/events/outbox.h"
#include "edge/objects.h"
#include "edge/state.h"
#include "http/fetch.h"
#include "os/resolver.h"
#include "wire/s3/checksum.h"
#include "wire/s3/digest.h"

#include <errno.h>
#include <stdio.h>

#define BACK_OFF_MS     500
#define BACK_OFF_MS_MAX 60000
#define STORE_RETRY_MS  1000
#define FIELDS_BYTES    256

struct sender {
    struct list link;
    struct senders *senders;
    struct outbox_hook *hook; /* the outbox's, which outlives this */
    struct fiber *fiber;      /* NULL when it has ended */
    bool has_work;
    bool is_idle;    /* waits for work; a pause between two tries is not cut short by more of it */
    bool is_failing; /* and that was logged */
};

struct senders {
    struct edge *edge;
    struct outbox *outbox;
    struct job wake_job;
    atomic_bool is_woken; /* the job is on its way */
    bool is_started;
    bool is_stopping;
    struct list list;
    struct resolver *resolver; /* owned; made when a name is to be looked up */
};

static void sender_main(void *arg);

static struct sender *find(struct senders *senders, const struct outbox_hook *hook)
{
    LIST_FOR_EACH (&senders->list, link) {
        struct sender *sender = CONTAINER_OF(link, struct sender, link);
        if (sender->hook == hook)
            return sender;
    }
    return NULL;
}

static struct sender *add(struct senders *senders, struct outbox_hook *hook)
{
    struct sender *sender = NEW(struct sender);
    if (sender == NULL)
        return NULL;
    sender->senders = senders;
    sender->hook = hook;
    list_append(&senders->list, &sender->link);
    return sender;
}

static void wake_one(void *arg, struct outbox_hook *hook)
{
    struct senders *senders = arg;
    struct sender *sender = find(senders, hook);
    if (sender == NULL)
        sender = add(senders, hook);
    if (sender == NULL)
        return;
    sender->has_work = true;
    if (sender->is_idle)
        fiber_wake(sender->fiber);
    if (sender->fiber == NULL && fiber_start(sender_main, sender, &sender->fiber) < 0)
        log_error("the webhook \"%.*s\" is not told of anything: no fiber can be started",
                  SLICE_ARG(hook->name));
}

static void wake_all(struct senders *senders)
{
    if (senders->is_started && !senders->is_stopping)
        outbox_each(senders->outbox, wake_one, senders);
}

static void run_wake(struct job *job)
{
    struct senders *senders = CONTAINER_OF(job, struct senders, wake_job);
    atomic_store(&senders->is_woken, false);
    wake_all(senders);
}

static void wake(void *arg)
{
    struct senders *senders = arg;
    if (!atomic_exchange(&senders->is_woken, true))
        (void)edge_worker_post(&senders->edge->workers[0], &senders->wake_job);
}

int senders_create(struct edge *edge, struct outbox *outbox, struct senders **ret_senders)
{
    struct senders *senders = NEW(struct senders);
    if (senders == NULL)
        return -ENOMEM;
    senders->edge = edge;
    senders->outbox = outbox;
    senders->wake_job.run = run_wake;
    list_init(&senders->list);
    outbox->wake = wake;
    outbox->wake_arg = senders;
    *ret_senders = senders;
    return 0;
}

void senders_destroy(struct senders *senders)
{
    if (senders == NULL)
        return;
    while (!list_is_empty(&senders->list)) {
        struct sender *sender = CONTAINER_OF(senders->list.next, struct sender, link);
        list_remove(&sender->link);
        memory_free(sender);
    }
    memory_free(senders);
}

/* Posting. */

static const struct conf_webhook *conf_of(const struct snapshot *snapshot, struct slice name)
{
    for (unsigned i = 0; i < snapshot->webhooks_count; i++) {
        if (slice_equal(snapshot->webhooks[i].name, name))
            return &snapshot->webhooks[i];
    }
    return NULL;
}

/* Over the body alone. */
static int write_fields(struct writer *fields, const struct conf_webhook *conf, struct slice body)
{
    unsigned char mac[S3_HMAC_BYTES];
    char text[2 * S3_HMAC_BYTES];
    if (conf->secret.value.len == 0)
        return 0;
    int rc = s3_hmac(conf->secret.value, body, mac);
    if (rc < 0)
        return rc;
    write_literal(fields, "X-Weir-Signature: sha256=");
    write_slice(fields, s3_hex_write(mac, sizeof mac, text));
    write_literal(fields, "\r\n");
    return 0;
}

/* Told once when it begins and once when it is over. */
static void note_failure(struct sender *sender, const struct conf_webhook *conf, const char *why)
{
    atomic_fetch_add(&sender->hook->failures, 1);
    if (!sender->is_failing)
        log_warn("the webhook \"%.*s\" cannot be told at %.*s: %s; its events wait",
                 SLICE_ARG(sender->hook->name), SLICE_ARG(conf->url), why);
    sender->is_failing = true;
}

static void note_success(struct sender *sender)
{
    atomic_fetch_add(&sender->hook->delivered, 1);
    if (sender->is_failing)
        log_info("the webhook \"%.*s\" is told again", SLICE_ARG(sender->hook->name));
    sender->is_failing = false;
}

/* True when it was taken. */
static bool post(struct sender *sender, const struct conf_webhook *conf, struct slice body)
{
    char room[FIELDS_BYTES], why[64];
    struct writer fields;
    struct fetch_answer answer;
    struct error error = {0};
    writer_init(&fields, room, sizeof room);
    if (sender->senders->resolver == NULL)
        (void)resolver_create(NULL, &sender->senders->resolver);
    if (sender->senders->resolver == NULL || write_fields(&fields, conf, body) < 0) {
        note_failure(sender, conf, "out of memory");
        return false;
    }
    const struct fetch_request request = {
        .method = "POST",
        .url = conf->url,
        .content_type = SLICE("application/json"),
        .body = body,
        .fields = writer_slice(&fields),
        .resolver = sender->senders->resolver,
        .authorities_pem = conf->authorities,
        .wants_head_alone = true,
    };
    int rc = fetch(&request, loop_deadline(conf->timeout_ms), &answer, &error);
    unsigned status = rc < 0 ? 0 : answer.head.status;
    fetch_finish(&answer);
    if (rc == -ECANCELED)
        return false;
    if (status >= 200 && status < 300) {
        note_success(sender);
        return true;
    }
    (void)snprintf(why, sizeof why, "it answers %u", status);
    note_failure(sender, conf, rc < 0 ? error.text : why);
    return false;
}

/* One try, by the file of now. 1 taken, 0 not, -ENOENT: the file has it no more. */
static int try_post(struct sender *sender, struct slice body)
{
    struct plane *plane = plane_ref(sender->senders->edge->plane);
    const struct conf_webhook *conf = conf_of(plane->snapshot, sender->hook->name);
    int rc = conf == NULL ? -ENOENT : post(sender, conf, body);
    plane_unref(plane);
    return rc;
}

/* 0 once it was taken, -ENOENT, or -ECANCELED. */
static int post_patiently(struct sender *sender, struct slice body)
{
    int64_t back_off_ms = BACK_OFF_MS;
    int rc;
    while ((rc = try_post(sender, body)) == 0) {
        if (fiber_sleep(back_off_ms) < 0 || fiber_is_cancelled(sender->fiber))
            return -ECANCELED;
        back_off_ms = back_off_ms * 2 < BACK_OFF_MS_MAX ? back_off_ms * 2 : BACK_OFF_MS_MAX;
    }
    return rc < 0 ? rc : 0;
}

static int read_page(struct sender *sender, struct outbox_page *page)
{
    struct objects *objects = sender->senders->edge->objects;
    struct store *store;
    int rc = objects_enter(objects, &store);
    if (rc < 0)
        return rc;
    rc = outbox_read(sender->senders->outbox, store, sender->hook, page);
    objects_leave(objects);
    return rc;
}

static int remove_told(struct sender *sender, const struct outbox_page *page, unsigned count)
{
    struct objects *objects = sender->senders->edge->objects;
    struct store *store;
    int rc = count == 0 ? 0 : objects_enter(objects, &store);
    if (rc < 0 || count == 0)
        return rc;
    rc = outbox_remove(sender->senders->outbox, store, sender->hook, page, count);
    objects_leave(objects);
    return rc;
}

/* How many were told, 0 when nothing waits, or the error. */
static int send_page(struct sender *sender)
{
    SCOPED_FREE struct outbox_page *page = NEW(struct outbox_page);
    if (page == NULL)
        return -ENOMEM;
    int rc = read_page(sender, page);
    unsigned told = 0;
    while (rc == 0 && told < page->count) {
        const struct outbox_event *event = &page->events[told];
        if (event->message_len > 0)
            rc = post_patiently(sender, slice_of(event->message, event->message_len));
        told += rc == 0 ? 1 : 0;
    }
    int removed = remove_told(sender, page, told);
    outbox_page_finish(page);
    if (rc == 0)
        rc = removed;
    return rc < 0 ? rc : (int)told;
}

/* 0 or -ECANCELED. */
static int await_work(struct sender *sender)
{
    int rc = 0;
    sender->is_idle = true;
    while (!sender->has_work && rc != -ECANCELED)
        rc = fiber_wait(FIBER_FOREVER);
    sender->is_idle = false;
    return rc == -ECANCELED ? rc : 0;
}

/* It is stopped, the store is another edge's, or the file has the webhook no more. */
static bool is_final(int rc)
{
    return rc == -ECANCELED || rc == -ESHUTDOWN || rc == -ENOENT;
}

static void sender_main(void *arg)
{
    struct sender *sender = arg;
    int rc = 0;
    while (!is_final(rc) && !fiber_is_cancelled(sender->fiber)) {
        sender->has_work = false;
        rc = send_page(sender);
        if (rc == 0)
            rc = await_work(sender);
        else if (rc < 0 && !is_final(rc))
            (void)fiber_sleep(STORE_RETRY_MS);
    }
    sender->fiber = NULL;
}

int senders_start(struct senders *senders)
{
    senders->is_started = senders->edge->objects != NULL;
    wake_all(senders);
    return 0;
}

void senders_apply(struct senders *senders)
{
    if (senders != NULL)
        wake_all(senders);
}

bool senders_have_stopped(const struct senders *senders)
{
    if (senders == NULL)
        return true;
    LIST_FOR_EACH (&senders->list, link) {
        if (CONTAINER_OF(link, struct sender, link)->fiber != NULL)
            return false;
    }
    return true;
}

void senders_stop(struct senders *senders)
{
    if (senders == NULL)
        return;
    senders->is_stopping = true;
    LIST_FOR_EACH (&senders->list, link) {
        struct sender *sender = CONTAINER_OF(link, struct sender, link);
        if (sender->fiber != NULL)
            fiber_cancel(sender->fiber);
    }
}

void senders_finish(struct senders *senders)
{
    if (senders == NULL)
        return;
    resolver_destroy(senders->resolver);
    senders->resolver = NULL;
}
