/*
 * Two rings of bytes in which records of different lengths follow each other. A record never wraps:
 * what does not fit at the end begins anew at the start, and the rest of the end is passed over.
 * Adding one costs the copies of its texts and no allocation.
 */
#include "edge/explain/decisions.h"

#include "base/cleanup.h"
#include "edge/access_line.h"
#include "edge/latency.h"
#include "http/session.h"
#include "os/loop.h"

#include <errno.h>

/* Some 5,000 and 1,200 usual records. */
#define RECENT_BYTES ((size_t)1 << 20)
#define KEPT_BYTES   ((size_t)1 << 18)
#define USUAL_BYTES  256

/* So often the worker finds out anew what is slow: over the 99th percentile of that many. */
#define SLOW_SAMPLE 1024

#define NAME_BYTES_MAX  64
#define HOST_BYTES_MAX  128
#define PATH_BYTES_MAX  255
#define WORDS_BYTES_MAX 127

struct ring {
    char *bytes; /* owned */
    size_t size;
    size_t start; /* of the oldest record */
    size_t end;   /* behind the newest */
    size_t turn;  /* records lie up to here when `end` is before `start`; else unused */
    size_t count;
};

struct decisions {
    struct ring recent;
    struct ring kept;
    uint32_t counts[LATENCY_ENDS + 1]; /* of the present sample */
    uint32_t counted;
    int64_t slow_us; /* more than this is slow */
};

static const struct decision *record_at(const struct ring *ring, size_t at)
{
    return (const struct decision *)(const void *)(ring->bytes + at);
}

static void drop_oldest(struct ring *ring)
{
    ring->start += record_at(ring, ring->start)->bytes;
    ring->count--;
    if (ring->end < ring->start && ring->start >= ring->turn)
        ring->start = 0;
    if (ring->count == 0)
        ring->start = ring->end = 0;
}

static bool is_wrapped(const struct ring *ring)
{
    return ring->count > 0 && ring->end <= ring->start;
}

/* Room for the longest record. */
static char *make_room(struct ring *ring)
{
    if (!is_wrapped(ring) && ring->size - ring->end < DECISION_BYTES_MAX) {
        ring->turn = ring->end;
        ring->end = 0;
    }
    while (is_wrapped(ring) && ring->start - ring->end < DECISION_BYTES_MAX)
        drop_oldest(ring);
    return ring->bytes + ring->end;
}

/*
 * Where the next record goes, and the oldest one whose length has to be known then, were last
 * touched thousands of requests ago: both are asked for now, a request ahead.
 */
static void prefetch_next(const struct ring *ring)
{
    __builtin_prefetch(record_at(ring, ring->start));
    for (size_t i = 0; i < USUAL_BYTES; i += 64)
        __builtin_prefetch(ring->bytes + ring->end + i, 1);
}

static void commit(struct ring *ring, size_t bytes)
{
    ring->end += bytes;
    ring->count++;
    prefetch_next(ring);
}

static int init_ring(struct ring *ring, size_t size)
{
    *ring = (struct ring){.size = size, .bytes = memory_alloc_raw(size)};
    if (ring->bytes == NULL)
        return -ENOMEM;
    /* Its pages are taken at once: who watches the memory need not wonder why it grows for an hour.
     */
    memset(ring->bytes, 0, size);
    return 0;
}

int decisions_create(struct decisions **ret_decisions)
{
    struct decisions *decisions = NEW(struct decisions);
    if (decisions == NULL)
        return -ENOMEM;
    int rc = init_ring(&decisions->recent, RECENT_BYTES);
    if (rc == 0)
        rc = init_ring(&decisions->kept, KEPT_BYTES);
    if (rc < 0) {
        decisions_destroy(decisions);
        return rc;
    }
    decisions->slow_us = INT64_MAX;
    *ret_decisions = decisions;
    return 0;
}

void decisions_destroy(struct decisions *decisions)
{
    if (decisions == NULL)
        return;
    memory_free(decisions->recent.bytes);
    memory_free(decisions->kept.bytes);
    memory_free(decisions);
}

static uint8_t put(char **at, struct slice text, size_t max)
{
    size_t len = text.len < max ? text.len : max;
    if (len > 0)
        memcpy(*at, text.at, len);
    *at += len;
    return (uint8_t)len;
}

static void put_texts(struct decision *record, char **at, const struct exchange *exchange)
{
    const struct exchange_notes *notes = &exchange->notes;
    uint8_t *lens = record->lens;
    lens[DECISION_LISTENER] = put(at, exchange->server->name, NAME_BYTES_MAX);
    lens[DECISION_SITE] = put(at, notes->site, NAME_BYTES_MAX);
    lens[DECISION_PROXY] = put(at, notes->proxy, NAME_BYTES_MAX);
    lens[DECISION_METHOD] = put(at, exchange->request.method_name, HTTP_METHOD_BYTES_MAX);
    lens[DECISION_HOST] = put(at, exchange->request.authority, HOST_BYTES_MAX);
    lens[DECISION_PATH] = put(at, exchange->path, PATH_BYTES_MAX);
    lens[DECISION_CLIENT] = put(at, exchange->client, NAME_BYTES_MAX);
    lens[DECISION_GROUP] = put(at, notes->group, NAME_BYTES_MAX);
    lens[DECISION_REASON] = put(at, slice_of_cstr(notes->reason), WORDS_BYTES_MAX);
    record->is_path_cut = exchange->path.len > PATH_BYTES_MAX;
}

static void put_tries(struct decision *record, char **at, const struct exchange *exchange)
{
    struct decision_try *told = (struct decision_try *)(void *)(record + 1);
    for (unsigned i = 0; i < record->tries_told; i++) {
        const struct exchange_try *tried = &exchange->notes.tried[i];
        told[i] = (struct decision_try){
            .span = tried->span,
            .begun_us = tried->begun_us,
            .connected_us = tried->connected_us,
            .answered_us = tried->answered_us,
            .ended_us = tried->ended_us,
            .status = tried->status,
            .outcome = tried->outcome,
            .was_kept = tried->was_kept,
        };
        told[i].target_len = put(at, tried->target, HOST_BYTES_MAX);
        told[i].why_len = put(at, slice_of_cstr(tried->why), WORDS_BYTES_MAX);
    }
}

_Static_assert(sizeof(struct decision) +
                       EXCHANGE_TRIES_MAX *
                           (sizeof(struct decision_try) + HOST_BYTES_MAX + WORDS_BYTES_MAX) +
                       5 * NAME_BYTES_MAX + HTTP_METHOD_BYTES_MAX + HOST_BYTES_MAX +
                       PATH_BYTES_MAX + WORDS_BYTES_MAX + 8 <=
                   DECISION_BYTES_MAX,
               "the longest record fits");

static size_t write_record(char *memory, const struct exchange *exchange, int64_t duration_us)
{
    const struct exchange_notes *notes = &exchange->notes;
    struct decision *record = (struct decision *)(void *)memory;
    *record = (struct decision){
        .status = (uint16_t)exchange->status,
        .state = (uint8_t)exchange->state,
        .tries_told =
            (uint8_t)(notes->tries < EXCHANGE_TRIES_MAX ? notes->tries : EXCHANGE_TRIES_MAX),
        .id = exchange->id,
        .trace_high = notes->trace.high,
        .trace_low = notes->trace.low,
        .trace_parent = notes->trace.parent,
        .is_secure = exchange->is_secure,
        .wall_us = loop_wall_us(),
        .duration_us = duration_us < 0 ? 0 : (uint64_t)duration_us,
        .request_bytes = exchange->request_bytes,
        .response_bytes = exchange->response_bytes,
        .protocol = http_version_name(&exchange->request).at,
        .action = notes->action,
        .rule = notes->rule,
        .rule_line = notes->rule_line,
        .tries = (uint16_t)notes->tries,
        .is_retry_denied = notes->is_retry_denied,
    };
    char *at = memory + sizeof *record + record->tries_told * sizeof(struct decision_try);
    put_texts(record, &at, exchange);
    put_tries(record, &at, exchange);
    record->bytes = (uint32_t)((size_t)(at - memory + 7) & ~(size_t)7);
    return record->bytes;
}

/* The upper end of the bucket that holds the 99th percentile. */
static int64_t find_slow(const uint32_t counts[static LATENCY_ENDS + 1], uint32_t counted)
{
    uint32_t above = 0;
    for (unsigned bucket = LATENCY_ENDS; bucket > 0; bucket--) {
        above += counts[bucket];
        if (above > counted / 100)
            return bucket == LATENCY_ENDS ? INT64_MAX : latency_ends_us[bucket];
    }
    return latency_ends_us[0];
}

static bool is_slow(struct decisions *decisions, int64_t duration_us)
{
    decisions->counts[latency_bucket(duration_us)]++;
    if (++decisions->counted == SLOW_SAMPLE) {
        decisions->slow_us = find_slow(decisions->counts, decisions->counted);
        memset(decisions->counts, 0, sizeof decisions->counts);
        decisions->counted = 0;
    }
    return duration_us > decisions->slow_us;
}

static bool is_failed(const struct exchange *exchange)
{
    return exchange->status >= 500 || exchange->state == RESPONSE_BROKEN;
}

const struct decision *decisions_add(struct decisions *decisions, const struct exchange *exchange,
                                     int64_t duration_us)
{
    char *record = make_room(&decisions->recent);
    size_t bytes = write_record(record, exchange, duration_us);
    commit(&decisions->recent, bytes);
    if (UNLIKELY(is_slow(decisions, duration_us) || is_failed(exchange))) {
        memcpy(make_room(&decisions->kept), record, bytes);
        commit(&decisions->kept, bytes);
    }
    return (const struct decision *)(const void *)record;
}

/* The last try, which had the connection or has failed. */
static char *put_last_try(struct decision *record, const struct access_connection *connection,
                          char *at)
{
    struct decision_try *told = (struct decision_try *)(void *)(record + 1);
    bool is_taken = connection->connect_us > 0;
    *told = (struct decision_try){
        .connected_us = is_taken ? (uint32_t)connection->connect_us : 0,
        .ended_us =
            (uint32_t)(connection->duration_us < UINT32_MAX ? connection->duration_us : UINT32_MAX),
        .outcome = is_taken ? TRY_ANSWERED : TRY_CONNECT_FAILED,
    };
    told->target_len = put(&at, connection->target, HOST_BYTES_MAX);
    return at;
}

static size_t write_connection(char *memory, const struct access_connection *connection)
{
    struct decision *record = (struct decision *)(void *)memory;
    *record = (struct decision){
        .is_connection = true,
        .state = connection->reason == NULL ? RESPONSE_COMPLETE : RESPONSE_BROKEN,
        .tries_told = connection->target.len > 0,
        .id = connection->id,
        .wall_us = loop_wall_us(),
        .duration_us = (uint64_t)connection->duration_us,
        .request_bytes = connection->bytes_received,
        .response_bytes = connection->bytes_sent,
        .tries = (uint16_t)connection->tries,
        .rule = connection->rule,
        .rule_line = connection->rule_line,
        .protocol = connection->protocol,
    };
    char *at = memory + sizeof *record + record->tries_told * sizeof(struct decision_try);
    record->lens[DECISION_LISTENER] = put(&at, connection->listener, NAME_BYTES_MAX);
    record->lens[DECISION_PROXY] = put(&at, connection->proxy, NAME_BYTES_MAX);
    record->lens[DECISION_HOST] = put(&at, connection->host, HOST_BYTES_MAX);
    record->lens[DECISION_CLIENT] = put(&at, connection->client, NAME_BYTES_MAX);
    record->lens[DECISION_GROUP] = put(&at, connection->group, NAME_BYTES_MAX);
    record->lens[DECISION_REASON] = put(&at, slice_of_cstr(connection->reason), WORDS_BYTES_MAX);
    if (record->tries_told > 0)
        at = put_last_try(record, connection, at);
    record->bytes = (uint32_t)((size_t)(at - memory + 7) & ~(size_t)7);
    return record->bytes;
}

void decisions_add_connection(struct decisions *decisions,
                              const struct access_connection *connection)
{
    char *record = make_room(&decisions->recent);
    size_t bytes = write_connection(record, connection);
    commit(&decisions->recent, bytes);
    if (connection->reason != NULL) {
        memcpy(make_room(&decisions->kept), record, bytes);
        commit(&decisions->kept, bytes);
    }
}

/* Steps through a ring: *at is where the next record lies, *left how many there are. */
static const struct decision *next_record(const struct ring *ring, size_t *at, size_t *left)
{
    if (*left == 0)
        return NULL;
    if (is_wrapped(ring) && *at == ring->turn)
        *at = 0;
    const struct decision *record = record_at(ring, *at);
    *at += record->bytes;
    (*left)--;
    return record;
}

static const struct decision *find_in(const struct ring *ring, uint64_t id)
{
    size_t at = ring->start, left = ring->count;
    const struct decision *record;
    while ((record = next_record(ring, &at, &left)) != NULL && record->id != id)
        continue;
    return record;
}

const struct decision *decisions_find(const struct decisions *decisions, uint64_t id)
{
    const struct decision *found = find_in(&decisions->recent, id);
    return found != NULL ? found : find_in(&decisions->kept, id);
}

void decisions_each_kept(const struct decisions *decisions,
                         void (*fn)(void *arg, const struct decision *decision), void *arg)
{
    const struct ring *ring = &decisions->kept;
    size_t at = ring->start, left = ring->count;
    const struct decision *record;
    while ((record = next_record(ring, &at, &left)) != NULL)
        fn(arg, record);
}

const struct decision_try *decision_tries(const struct decision *decision)
{
    return (const struct decision_try *)(const void *)(decision + 1);
}

static const char *texts_of(const struct decision *decision)
{
    return (const char *)(decision_tries(decision) + decision->tries_told);
}

struct slice decision_text(const struct decision *decision, enum decision_text which)
{
    const char *at = texts_of(decision);
    for (unsigned i = 0; i < which; i++)
        at += decision->lens[i];
    return slice_of(at, decision->lens[which]);
}

struct slice decision_try_target(const struct decision *decision, unsigned number)
{
    const struct decision_try *tries = decision_tries(decision);
    const char *at = decision_text(decision, DECISION_REASON).at + decision->lens[DECISION_REASON];
    for (unsigned i = 0; i < number; i++)
        at += tries[i].target_len + tries[i].why_len;
    return slice_of(at, tries[number].target_len);
}

struct slice decision_try_why(const struct decision *decision, unsigned number)
{
    struct slice target = decision_try_target(decision, number);
    return slice_of(target.at + target.len, decision_tries(decision)[number].why_len);
}
