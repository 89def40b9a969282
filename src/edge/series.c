/* The table of series, and what is counted in them. */
#include "edge/series.h"

#include "base/cleanup.h"
#include "base/map.h"
#include "base/writer.h"
#include "os/lock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Cells of different workers share no line. */
#define LINE_BYTES 64
#define KEY_BYTES  512

struct series_table {
    struct lock lock;
    struct map all;                      /* key → struct series, owned */
    struct series *others[SERIES_KINDS]; /* owned */
    unsigned counts[SERIES_KINDS];
    unsigned unheld[SERIES_KINDS]; /* of `all` those without a reference */
    unsigned workers;
    atomic_ullong merged;
};

static size_t cell_bytes(void)
{
    return (sizeof(struct series_cell) + LINE_BYTES - 1) & ~(size_t)(LINE_BYTES - 1);
}

static struct series_cell *cell_of(const struct series *series, unsigned worker)
{
    return (struct series_cell *)(void *)((char *)series->cells + worker * cell_bytes());
}

/* One block: the series, its cells at a line's start, the key. */
static struct series *make(struct series_table *table, enum series_kind kind, struct slice key)
{
    size_t cells = (table->workers + 1) * cell_bytes();
    char *block = memory_alloc(sizeof(struct series) + LINE_BYTES + cells + key.len + 1);
    if (block == NULL)
        return NULL;
    struct series *series = (struct series *)(void *)block;
    uintptr_t start = (uintptr_t)(series + 1);
    size_t skip = (LINE_BYTES - start % LINE_BYTES) % LINE_BYTES;
    char *at = (char *)(series + 1) + skip;
    series->table = table;
    series->kind = kind;
    series->cells = (struct series_cell *)(void *)at;
    memcpy(at + cells, key.at, key.len);
    series->key = slice_of(at + cells, key.len);
    return series;
}

/* kind, name, NUL, then the number or the target. */
static struct slice write_key(char *room, enum series_kind kind, struct slice name, unsigned number,
                              struct slice target)
{
    struct writer writer;
    writer_init(&writer, room, KEY_BYTES);
    write_char(&writer, kind == SERIES_RULE ? 'r' : 't');
    write_slice(&writer, slice_first(name, KEY_BYTES / 4));
    write_char(&writer, '\0');
    if (kind == SERIES_RULE)
        write_u64(&writer, number);
    else
        write_slice(&writer, slice_first(target, KEY_BYTES / 2));
    return writer_slice(&writer);
}

/* The parts of its own key. */
static void name_series(struct series *series, unsigned number)
{
    struct slice rest = slice_from(series->key, 1);
    (void)slice_cut(&rest, '\0', &series->name);
    series->number = number;
    if (series->kind == SERIES_TARGET)
        series->target = rest;
}

static int make_other(struct series_table *table, enum series_kind kind)
{
    char room[KEY_BYTES];
    struct slice key = write_key(room, kind, SLICE("(other)"), 0, SLICE("(other)"));
    struct series *other = make(table, kind, key);
    if (other == NULL)
        return -ENOMEM;
    name_series(other, 0);
    table->others[kind] = other;
    return 0;
}

int series_table_create(unsigned workers, struct hash_key key, struct series_table **ret_table)
{
    struct series_table *table = NEW(struct series_table);
    if (table == NULL)
        return -ENOMEM;
    map_init(&table->all, key);
    table->workers = workers;
    int rc = lock_init(&table->lock);
    for (unsigned kind = 0; rc == 0 && kind < SERIES_KINDS; kind++)
        rc = make_other(table, (enum series_kind)kind);
    if (rc < 0) {
        series_table_destroy(table);
        return rc;
    }
    *ret_table = table;
    return 0;
}

void series_table_destroy(struct series_table *table)
{
    if (table == NULL)
        return;
    size_t cursor = 0;
    const struct map_entry *entry;
    while ((entry = map_next(&table->all, &cursor)) != NULL)
        memory_free(entry->value);
    for (unsigned kind = 0; kind < SERIES_KINDS; kind++)
        memory_free(table->others[kind]);
    map_finish(&table->all);
    lock_finish(&table->lock);
    memory_free(table);
}

static void add_cell(struct series_cell *sum, const struct series_cell *cell)
{
    enum { NUMBERS = sizeof(struct series_cell) / sizeof(uint64_t) };
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)cell;
    for (unsigned i = 0; i < NUMBERS; i++)
        to[i] += counter_read(&from[i]);
}

_Static_assert(sizeof(struct series_cell) % sizeof(uint64_t) == 0 &&
                   _Alignof(struct series_cell) == _Alignof(uint64_t),
               "a cell is numbers alone");

void series_add(const struct series *series, struct series_cell *sum)
{
    for (unsigned i = 0; i <= series->table->workers; i++)
        add_cell(sum, cell_of(series, i));
}

void series_sum(const struct series *series, struct series_cell *ret_sum)
{
    *ret_sum = (struct series_cell){0};
    series_add(series, ret_sum);
}

/* Under the lock, as the next one. */
static void hold(struct series *series)
{
    struct series_table *table = series->table;
    if (series->references++ == 0 && series != table->others[series->kind])
        table->unheld[series->kind]--;
}

static void let_go(struct series *series)
{
    struct series_table *table = series->table;
    if (--series->references == 0 && series != table->others[series->kind])
        table->unheld[series->kind]++;
}

/* Under the lock: what nobody holds goes, and what it had counted is not lost. */
static bool make_room(struct series_table *table, enum series_kind kind)
{
    size_t cursor = 0;
    const struct map_entry *entry;
    struct series *unused = NULL;
    if (table->unheld[kind] == 0)
        return false;
    while (unused == NULL && (entry = map_next(&table->all, &cursor)) != NULL) {
        struct series *series = entry->value;
        if (series->references == 0 && series->kind == kind)
            unused = series;
    }
    assert(unused != NULL);
    series_add(unused, cell_of(table->others[kind], table->workers));
    (void)map_remove(&table->all, unused->key);
    memory_free(unused);
    table->counts[kind]--;
    table->unheld[kind]--;
    return true;
}

/* Under the lock. */
static struct series *add(struct series_table *table, enum series_kind kind, struct slice key,
                          unsigned number)
{
    if (table->counts[kind] >= SERIES_MAX && !make_room(table, kind))
        return NULL;
    struct series *series = make(table, kind, key);
    if (series == NULL)
        return NULL;
    name_series(series, number);
    if (map_set(&table->all, series->key, series) < 0) {
        memory_free(series);
        return NULL;
    }
    table->counts[kind]++;
    table->unheld[kind]++;
    return series;
}

struct series *series_take(struct series_table *table, enum series_kind kind, struct slice name,
                           unsigned number, struct slice target)
{
    char room[KEY_BYTES];
    struct slice key = write_key(room, kind, name, number, target);
    lock_take(&table->lock);
    struct series *series = map_get(&table->all, key);
    if (series == NULL)
        series = add(table, kind, key, number);
    if (series == NULL) {
        atomic_fetch_add(&table->merged, 1);
        series = table->others[kind];
    }
    hold(series);
    lock_release(&table->lock);
    return series;
}

void series_release(struct series *series)
{
    if (series == NULL)
        return;
    struct series_table *table = series->table;
    lock_take(&table->lock);
    let_go(series);
    lock_release(&table->lock);
}

struct series *series_fill_slot(series_slot *slot, struct series_table *table,
                                enum series_kind kind, struct slice name, unsigned number,
                                struct slice target)
{
    if (table == NULL)
        return NULL;
    struct series *mine = series_take(table, kind, name, number, target), *theirs = NULL;
    if (atomic_compare_exchange_strong(slot, &theirs, mine))
        return mine;
    series_release(mine);
    return theirs;
}

static unsigned class_of(unsigned status)
{
    unsigned hundreds = status / 100;
    return hundreds < 6 ? hundreds : 0;
}

void series_begin_request(struct series *series, unsigned worker)
{
    if (LIKELY(series != NULL))
        counter_add(&cell_of(series, worker)->in_flight, 1);
}

void series_count_request(struct series *series, unsigned worker, const struct exchange *exchange,
                          unsigned bucket, int64_t duration_us)
{
    if (UNLIKELY(series == NULL))
        return;
    struct series_cell *cell = cell_of(series, worker);
    latency_count(&cell->latency, bucket, duration_us);
    counter_add(&cell->classes[class_of(exchange->status)], 1);
    counter_add(&cell->bytes_sent, exchange->response_bytes);
    if (exchange->request_bytes > 0)
        counter_add(&cell->bytes_received, exchange->request_bytes);
    if (exchange->notes.tries > 1)
        counter_add(&cell->retries, exchange->notes.tries - 1);
}

void series_end_request(struct series *series, unsigned worker, const struct exchange *exchange,
                        unsigned bucket, int64_t duration_us)
{
    if (UNLIKELY(series == NULL))
        return;
    series_count_request(series, worker, exchange, bucket, duration_us);
    counter_subtract(&cell_of(series, worker)->in_flight, 1);
}

void series_count_try(struct series *series, unsigned worker, const struct exchange_try *tried)
{
    if (UNLIKELY(series == NULL))
        return;
    struct series_cell *cell = cell_of(series, worker);
    counter_add(&cell->outcomes[tried->outcome], 1);
    if (tried->connected_us > 0)
        counter_add(&cell->connections[tried->was_kept], 1);
    if (tried->answered_us == 0)
        return;
    latency_add(&cell->latency, (int64_t)tried->answered_us - tried->begun_us);
    counter_add(&cell->classes[class_of(tried->status)], 1);
}

static int compare(const void *a, const void *b)
{
    const struct series *left = *(struct series *const *)a, *right = *(struct series *const *)b;
    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    int order = slice_compare(left->name, right->name);
    if (order != 0)
        return order;
    if (left->number != right->number)
        return left->number < right->number ? -1 : 1;
    return slice_compare(left->target, right->target);
}

/* "(other)" is told only when it has counted. */
static bool is_used(const struct series *series)
{
    struct series_cell sum;
    series_sum(series, &sum);
    for (unsigned i = 0; i <= LATENCY_ENDS; i++) {
        if (sum.latency.counts[i] > 0)
            return true;
    }
    for (unsigned i = 0; i < TRY_OUTCOMES; i++) {
        if (sum.outcomes[i] > 0)
            return true;
    }
    return false;
}

static void list_one(struct series_list *list, struct series *series)
{
    hold(series);
    list->at[list->count++] = series;
}

void series_list_make(struct series_table *table, struct series_list *ret_list)
{
    *ret_list = (struct series_list){0};
    if (table == NULL)
        return;
    lock_take(&table->lock);
    size_t cursor = 0;
    const struct map_entry *entry;
    ret_list->at = memory_alloc_array(table->all.used + SERIES_KINDS, sizeof(struct series *));
    while (ret_list->at != NULL && (entry = map_next(&table->all, &cursor)) != NULL)
        list_one(ret_list, entry->value);
    for (unsigned kind = 0; kind < SERIES_KINDS; kind++) {
        ret_list->kept[kind] = table->counts[kind];
        if (ret_list->at != NULL && is_used(table->others[kind]))
            list_one(ret_list, table->others[kind]);
    }
    ret_list->merged = atomic_load(&table->merged);
    lock_release(&table->lock);
    if (ret_list->count > 1)
        qsort(ret_list->at, ret_list->count, sizeof(struct series *), compare);
}

void series_list_finish(struct series_list *list)
{
    for (unsigned i = 0; i < list->count; i++)
        series_release(list->at[i]);
    memory_free(list->at);
    *list = (struct series_list){0};
}
