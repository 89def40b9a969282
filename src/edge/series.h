/*
 * Counters of each rule and each target, by identity and not by configuration: site and number of a
 * rule, group and id of a target. Who counts takes a series by these names and gives it back; a
 * later configuration that takes it again goes on counting where the earlier one ended.
 *
 * A series has a cell for each worker, which that worker alone writes with plain stores; they are
 * added up when somebody asks. At most SERIES_MAX of a kind are kept. When there are more, those
 * that nobody holds any longer make room, and what still finds none counts in one series called
 * "(other)".
 */
#pragma once

#include "base/hash.h"
#include "edge/latency.h"
#include "http/exchange.h"

#include <stdatomic.h>

#define SERIES_MAX 1000

enum series_kind { SERIES_RULE, SERIES_TARGET };
#define SERIES_KINDS 2

/* What one worker has counted. */
struct series_cell {
    struct latency latency;          /* RULE: whole requests; TARGET: to the head of the response */
    uint64_t classes[6];             /* responses by hundreds; [0]: none */
    uint64_t bytes_received;         /* RULE: of requests' bodies */
    uint64_t bytes_sent;             /* RULE: of responses' bodies */
    uint64_t in_flight;              /* RULE */
    uint64_t retries;                /* RULE: tries after the first */
    uint64_t outcomes[TRY_OUTCOMES]; /* TARGET */
    uint64_t connections[2];         /* TARGET: tries on new ones, on kept ones */
};

struct series_table;

struct series {
    struct series_table *table; /* borrowed */
    enum series_kind kind;
    unsigned references;       /* under the table's lock */
    struct slice key;          /* of the table's map; its bytes lie behind the cells */
    struct slice name;         /* site or group, part of the key */
    struct slice target;       /* TARGET: its id, part of the key */
    unsigned number;           /* RULE: 0 for requests that no rule matched */
    struct series_cell *cells; /* one for each worker, and one for those that made room */
};

/* 0 or -ENOMEM. */
int series_table_create(unsigned workers, struct hash_key key, struct series_table **ret_table);

/* After the workers' end and with all series given back. NULL is fine. */
void series_table_destroy(struct series_table *table);

/*
 * The series of that name, with a reference for the caller: an old one, a new one, or "(other)"
 * when there is no room or memory for it. From any thread.
 */
struct series *series_take(struct series_table *table, enum series_kind kind, struct slice name,
                           unsigned number, struct slice target);
void series_release(struct series *series); /* NULL is fine */

/* Who counts has a slot; the series is taken when it counts for the first time. Starts NULL. */
typedef _Atomic(struct series *) series_slot;

struct series *series_fill_slot(series_slot *slot, struct series_table *table,
                                enum series_kind kind, struct slice name, unsigned number,
                                struct slice target);

/* NULL when `table` is NULL. */
static inline struct series *series_of(series_slot *slot, struct series_table *table,
                                       enum series_kind kind, struct slice name, unsigned number,
                                       struct slice target)
{
    struct series *series = atomic_load_explicit(slot, memory_order_acquire);
    return series != NULL ? series : series_fill_slot(slot, table, kind, name, number, target);
}

/* On the worker of that number. NULL is fine. */
void series_begin_request(struct series *series, unsigned worker);
void series_end_request(struct series *series, unsigned worker, const struct exchange *exchange,
                        unsigned bucket, int64_t duration_us);
void series_count_request(struct series *series, unsigned worker, const struct exchange *exchange,
                          unsigned bucket, int64_t duration_us);
void series_count_try(struct series *series, unsigned worker, const struct exchange_try *tried);

/* What all workers have counted. */
void series_sum(const struct series *series, struct series_cell *ret_sum);

/* Adds it to *sum. */
void series_add(const struct series *series, struct series_cell *sum);

/* All series there are, each with a reference, ordered by kind, name, number and target. */
struct series_list {
    struct series **at; /* owned */
    unsigned count;
    unsigned kept[SERIES_KINDS]; /* how many of each kind, without "(other)" */
    uint64_t merged;             /* takes that ended in "(other)" so far */
};

/* Empty when there is no memory for it. */
void series_list_make(struct series_table *table, struct series_list *ret_list);
void series_list_finish(struct series_list *list);
