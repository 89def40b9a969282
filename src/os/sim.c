/*
 * The clock, the chance and the machines of a simulated world. What will happen lies in a heap by
 * moment; the network (sim_network.c) schedules its deliveries there.
 */
#include "os/sim.h"

#include "base/memory.h"
#include "os/sim_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#define TIME_BEGINS_US  INT64_C(1000000)
#define WALL_BEGINS_US  INT64_C(1767225600000000) /* 2026-01-01 */
#define TURNS_MAX       1000000
#define RETRANSMIT_US   200000
#define RETRANSMITS_MAX 6
#define PIPE_BYTES      65536
#define DESCRIPTORS_MAX 65536
#define MILLION         1000000
#define FIRST_FREE_PORT 32768

#define PARTITION_EVERY_MS_MIN 2000

static const struct sim_faults no_faults;

/* The heap: children of n are 2n and 2n + 1. */

static bool is_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->sequence < b->sequence;
}

static void put_at(struct sim *sim, struct sim_event *event, size_t place)
{
    sim->heap[place] = event;
    event->place = place;
}

static void sift_up(struct sim *sim, struct sim_event *event, size_t place)
{
    while (place > 1 && is_before(event, sim->heap[place / 2])) {
        put_at(sim, sim->heap[place / 2], place);
        place /= 2;
    }
    put_at(sim, event, place);
}

static void sift_down(struct sim *sim, struct sim_event *event, size_t place)
{
    for (;;) {
        size_t child = place * 2;
        if (child > sim->heap_count)
            break;
        if (child < sim->heap_count && is_before(sim->heap[child + 1], sim->heap[child]))
            child++;
        if (!is_before(sim->heap[child], event))
            break;
        put_at(sim, sim->heap[child], place);
        place = child;
    }
    put_at(sim, event, place);
}

int sim_events_reserve(struct sim *sim, size_t count)
{
    size_t needed = sim->heap_reserved + count + 1;
    if (needed > sim->heap_capacity) {
        size_t capacity = needed * 2 < 64 ? 64 : needed * 2;
        struct sim_event **heap = memory_resize(sim->heap, capacity * sizeof *heap);
        if (heap == NULL)
            return -ENOMEM;
        sim->heap = heap;
        sim->heap_capacity = capacity;
    }
    sim->heap_reserved += count;
    return 0;
}

void sim_events_release(struct sim *sim, size_t count)
{
    assert(sim->heap_reserved >= count && sim->heap_reserved - count >= sim->heap_count);
    sim->heap_reserved -= count;
}

void sim_unschedule(struct sim *sim, struct sim_event *event)
{
    size_t place = event->place;
    if (place == 0)
        return;
    event->place = 0;
    struct sim_event *last = sim->heap[sim->heap_count--];
    if (last == event)
        return;
    if (place > 1 && is_before(last, sim->heap[place / 2]))
        sift_up(sim, last, place);
    else
        sift_down(sim, last, place);
}

void sim_schedule(struct sim *sim, struct sim_event *event, int64_t at_us)
{
    sim_unschedule(sim, event);
    event->at_us = at_us;
    event->sequence = sim->sequence++;
    sift_up(sim, event, ++sim->heap_count);
}

int64_t sim_next_event_us(const struct sim *sim)
{
    return sim->heap_count == 0 ? INT64_MAX : sim->heap[1]->at_us;
}

void sim_fire_due(struct sim *sim)
{
    while (sim->heap_count > 0 && sim->heap[1]->at_us <= sim->now_us) {
        struct sim_event *event = sim->heap[1];
        sim_unschedule(sim, event);
        event->fire(sim, event);
    }
}

void sim_move_time(struct sim *sim, int64_t to_us)
{
    if (to_us <= sim->now_us)
        return;
    sim->now_us = to_us;
    sim->turns = 0;
}

bool sim_chance(struct sim *sim, uint32_t ppm)
{
    return ppm > 0 && prng_below(&sim->chance, MILLION) < ppm;
}

int64_t sim_draw_delay_us(struct sim *sim)
{
    const struct sim_faults *faults = &sim->faults;
    int64_t delay_us = faults->delay_min_us;
    if (faults->delay_max_us > faults->delay_min_us)
        delay_us +=
            (int64_t)prng_below(&sim->chance, faults->delay_max_us - faults->delay_min_us + 1);
    for (int i = 0; i < RETRANSMITS_MAX && sim_chance(sim, faults->loss_ppm); i++) {
        delay_us += (int64_t)RETRANSMIT_US << i;
        sim->stats.lost++;
    }
    return delay_us;
}

void sim_note(struct sim *sim, const struct sim_host *host, const char *what, int64_t number,
              int64_t value)
{
    char ip[ADDRESS_TEXT_BYTES] = "-";
    if (host != NULL)
        (void)address_format_host(&host->ip, ip);
    struct hash_key key = {sim->trace, (uint64_t)sim->now_us};
    uint64_t words[] = {(uint64_t)number, (uint64_t)value};
    sim->trace = hash_bytes(key, slice_of(words, sizeof words)) ^
                 hash_bytes(key, slice_of_cstr(what)) ^ hash_bytes(key, slice_of_cstr(ip));
    sim->stats.happenings++;
    if (sim->is_verbose)
        (void)fprintf(stderr, "%9lld.%06lld %-12s %-10s %lld %lld\n",
                      (long long)(sim->now_us / MILLION), (long long)(sim->now_us % MILLION), ip,
                      what, (long long)number, (long long)value);
}

bool sim_is_same_machine(const struct sim_host *a, const struct sim_host *b)
{
    return address_equal(&a->ip, &b->ip);
}

bool sim_is_partitioned(const struct sim *sim, const struct sim_host *a, const struct sim_host *b)
{
    for (int i = 0; i < SIM_PARTITIONS_MAX; i++) {
        const struct sim_partition *partition = &sim->partitions[i];
        if (partition->a == NULL || partition->until_us <= sim->now_us)
            continue;
        if ((sim_is_same_machine(partition->a, a) && sim_is_same_machine(partition->b, b)) ||
            (sim_is_same_machine(partition->a, b) && sim_is_same_machine(partition->b, a)))
            return true;
    }
    return false;
}

static int add_partition(struct sim *sim, const struct sim_host *a, const struct sim_host *b,
                         int64_t until_us)
{
    for (int i = 0; i < SIM_PARTITIONS_MAX; i++) {
        struct sim_partition *partition = &sim->partitions[i];
        if (partition->a != NULL && partition->until_us > sim->now_us)
            continue;
        *partition = (struct sim_partition){a, b, until_us};
        sim->stats.partitions++;
        sim_note(sim, a, "partition", i, until_us);
        return 0;
    }
    return -ENOBUFS;
}

int sim_partition(struct kernel *a, struct kernel *b, int64_t duration_ms)
{
    struct sim *sim = sim_host_of(a)->sim;
    int64_t until_us;
    if (__builtin_mul_overflow(duration_ms, 1000, &until_us) ||
        __builtin_add_overflow(until_us, sim->now_us, &until_us))
        until_us = INT64_MAX;
    return add_partition(sim, sim_host_of(a), sim_host_of(b), until_us);
}

void sim_heal(struct sim *sim)
{
    for (int i = 0; i < SIM_PARTITIONS_MAX; i++)
        sim->partitions[i] = (struct sim_partition){0};
    sim_note(sim, NULL, "heal", 0, 0);
}

static struct sim_host *draw_host(struct sim *sim)
{
    size_t count = 0;
    LIST_FOR_EACH (&sim->hosts, link)
        count++;
    size_t nth = prng_below(&sim->chance, count);
    LIST_FOR_EACH (&sim->hosts, link) {
        if (nth-- == 0)
            return CONTAINER_OF(link, struct sim_host, link);
    }
    return NULL;
}

static void schedule_partition(struct sim *sim)
{
    if (sim->faults.partition_every_ms == 0)
        return;
    int64_t mean_us = (int64_t)sim->faults.partition_every_ms * 1000;
    sim_schedule(sim, &sim->next_partition,
                 sim->now_us + 1 + (int64_t)prng_below(&sim->chance, 2 * (uint64_t)mean_us));
}

static void begin_partition(struct sim *sim, struct sim_event *event)
{
    (void)event;
    struct sim_host *a = draw_host(sim), *b = draw_host(sim);
    uint64_t most_us = (uint64_t)sim->faults.partition_max_ms * 1000;
    if (a != NULL && b != NULL && !sim_is_same_machine(a, b))
        (void)add_partition(sim, a, b,
                            sim->now_us + 1 + (int64_t)prng_below(&sim->chance, most_us));
    schedule_partition(sim);
}

void sim_set_faults(struct sim *sim, const struct sim_faults *faults)
{
    sim->faults = faults == NULL ? no_faults : *faults;
    if (sim->faults.pipe_bytes == 0)
        sim->faults.pipe_bytes = PIPE_BYTES;
    sim_unschedule(sim, &sim->next_partition);
    schedule_partition(sim);
}

/* Mostly nothing, else up to `most`, small values as likely as large ones. */
static uint32_t draw_chance(struct prng *prng, uint32_t most)
{
    uint64_t kind = prng_below(prng, 4);
    if (kind < 2)
        return 0;
    return (uint32_t)prng_below(prng, kind == 2 ? most / 20 + 1 : most + 1);
}

void sim_faults_draw(struct prng *prng, struct sim_faults *ret_faults)
{
    *ret_faults = (struct sim_faults){
        .delay_min_us = (uint32_t)prng_below(prng, 500),
        .loss_ppm = draw_chance(prng, 100000),
        .reset_ppm = draw_chance(prng, 20000),
        .short_ppm = draw_chance(prng, 900000),
        .again_ppm = draw_chance(prng, 700000),
        .refuse_ppm = draw_chance(prng, 200000),
        .black_hole_ppm = draw_chance(prng, 100000),
        .shortage_ppm = draw_chance(prng, 200000),
        .partition_every_ms = draw_chance(prng, 60000),
        .partition_max_ms = 1 + (uint32_t)prng_below(prng, 20000),
        .pipe_bytes = (size_t)1 << (4 + prng_below(prng, 15)),
    };
    if (ret_faults->partition_every_ms > 0)
        ret_faults->partition_every_ms += PARTITION_EVERY_MS_MIN;
    ret_faults->delay_max_us = ret_faults->delay_min_us + draw_chance(prng, 50000);
}

int64_t sim_now_us(struct kernel *kernel)
{
    return sim_host_of(kernel)->sim->now_us;
}

int64_t sim_wall_us(struct kernel *kernel)
{
    const struct sim *sim = sim_host_of(kernel)->sim;
    return sim->now_us + sim->wall_offset_us;
}

void sim_random(struct kernel *kernel, void *ret_bytes, size_t len)
{
    struct sim *sim = sim_host_of(kernel)->sim;
    for (char *at = ret_bytes; len > 0;) {
        uint64_t word = prng_next(&sim->secrets);
        size_t part = len < sizeof word ? len : sizeof word;
        memcpy(at, &word, part);
        at += part;
        len -= part;
    }
}

void sim_interrupt(struct kernel *kernel)
{
    sim_host_of(kernel)->is_interrupted = true;
}

/* Moves time to what comes next. */
static int skip_to_next(struct sim *sim, int64_t deadline_us)
{
    int64_t next_us = sim_next_event_us(sim);
    if (deadline_us < next_us)
        next_us = deadline_us;
    if (next_us == INT64_MAX)
        return -EDEADLK;
    sim_move_time(sim, next_us);
    sim_fire_due(sim);
    return 0;
}

int sim_wait(struct kernel *kernel, struct kernel_event *events, int max, int64_t deadline_us)
{
    struct sim_host *host = sim_host_of(kernel);
    struct sim *sim = host->sim;
    if (++sim->turns > TURNS_MAX)
        return -ELOOP;
    sim_fire_due(sim);
    int count;
    for (;;) {
        count = sim_collect(host, events, max);
        host->was_busy = count > 0 || host->is_interrupted || deadline_us <= sim->now_us;
        if (host->was_busy || sim->is_driven)
            break;
        int rc = skip_to_next(sim, deadline_us);
        if (rc < 0)
            return rc;
    }
    host->is_interrupted = false;
    host->wait_until_us = deadline_us;
    return count;
}

int sim_create(uint64_t seed, const struct sim_faults *faults, struct sim **ret_sim)
{
    struct sim *sim = NEW(struct sim);
    if (sim == NULL)
        return -ENOMEM;
    prng_init(&sim->chance, seed);
    prng_init(&sim->secrets, ~seed);
    list_init(&sim->hosts);
    list_init(&sim->connections);
    list_init(&sim->listeners);
    sim->now_us = TIME_BEGINS_US;
    sim->wall_offset_us = WALL_BEGINS_US - TIME_BEGINS_US;
    sim->next_port = FIRST_FREE_PORT;
    sim->next_partition.fire = begin_partition;
    int rc = sim_events_reserve(sim, 1);
    if (rc < 0) {
        sim_destroy(sim);
        return rc;
    }
    sim_set_faults(sim, faults);
    *ret_sim = sim;
    return 0;
}

void sim_destroy(struct sim *sim)
{
    if (sim == NULL)
        return;
    sim_network_finish(sim);
    LIST_FOR_EACH (&sim->hosts, link)
        memory_free(CONTAINER_OF(link, struct sim_host, link));
    memory_free(sim->sockets);
    memory_free(sim->heap);
    memory_free(sim);
}

int sim_host_create(struct sim *sim, const char *ip, struct kernel **ret_kernel)
{
    struct sim_host *host = NEW(struct sim_host);
    if (host == NULL)
        return -ENOMEM;
    int rc = address_from_ip(slice_of_cstr(ip), 0, &host->ip);
    if (rc < 0) {
        memory_free(host);
        return rc;
    }
    host->kernel = (struct kernel){.ops = &sim_ops, .is_simulated = true};
    host->sim = sim;
    host->descriptors_max = DESCRIPTORS_MAX;
    list_init(&host->ready);
    list_init(&host->watches);
    list_append(&sim->hosts, &host->link);
    *ret_kernel = &host->kernel;
    return 0;
}

void sim_host_limit(struct kernel *kernel, size_t descriptors_max)
{
    sim_host_of(kernel)->descriptors_max = descriptors_max;
}

void sim_jump_wall_clock(struct sim *sim, int64_t by_us)
{
    sim->wall_offset_us += by_us;
    sim_note(sim, NULL, "wall", by_us, 0);
}

uint64_t sim_trace(const struct sim *sim)
{
    return sim->trace;
}

void sim_set_verbose(struct sim *sim, bool is_verbose)
{
    sim->is_verbose = is_verbose;
}

void sim_stats_read(const struct sim *sim, struct sim_stats *ret_stats)
{
    *ret_stats = sim->stats;
    ret_stats->elapsed_us = sim->now_us - TIME_BEGINS_US;
}
