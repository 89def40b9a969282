/* What sim.c (clock, chance, hosts), sim_network.c (connections) and sim_world.c share. */
#pragma once

#include "base/hash.h"
#include "base/list.h"
#include "os/sim.h"

/* Real descriptors are far below: a mix-up fails with -EBADF. */
#define SIM_FD_BASE        (1 << 20)
#define SIM_FDS_MAX        (1 << 18)
#define SIM_PARTITIONS_MAX 32

/* Something at a moment; among equals in the order of scheduling. Embedded in its owner. */
struct sim_event {
    int64_t at_us;
    uint64_t sequence;
    size_t place; /* in the heap, from 1; 0: not scheduled */
    void (*fire)(struct sim *sim, struct sim_event *event);
};

struct sim_host {
    struct kernel kernel;
    struct list link;
    struct sim *sim;
    struct address ip; /* port 0 */
    struct list ready; /* struct sim_socket by `ready_link`: have an event to report */
    struct list watches;
    size_t descriptors;
    size_t descriptors_max;
    int64_t wait_until_us; /* what the last `wait` was asked for */
    bool is_interrupted;
    bool was_busy; /* the last `wait` had something to do */
};

struct sim_partition {
    const struct sim_host *a, *b; /* NULL: free */
    int64_t until_us;
};

struct sim_socket;

struct sim {
    struct sim_faults faults;
    struct prng chance;  /* the network's */
    struct prng secrets; /* what the program draws */
    int64_t now_us;
    int64_t wall_offset_us;
    struct sim_event **heap; /* owned; [1 … heap_count] */
    size_t heap_count;
    size_t heap_capacity;
    size_t heap_reserved; /* events that exist, scheduled or not */
    uint64_t sequence;
    struct list hosts;
    struct list connections;
    struct list listeners;
    struct sim_socket **sockets; /* owned; by descriptor */
    size_t sockets_capacity;
    struct sim_partition partitions[SIM_PARTITIONS_MAX];
    struct sim_event next_partition;
    uint16_t next_port;
    unsigned turns; /* since time last moved */
    uint64_t trace;
    struct sim_stats stats;
    bool is_verbose;
    bool is_driven; /* by sim_world: `wait` never moves time */
};

extern const struct kernel_ops sim_ops;

/* Room in the heap for events that come to exist, so that scheduling cannot fail. */
int sim_events_reserve(struct sim *sim, size_t count);
void sim_events_release(struct sim *sim, size_t count);

/* Schedules or moves. */
void sim_schedule(struct sim *sim, struct sim_event *event, int64_t at_us);
void sim_unschedule(struct sim *sim, struct sim_event *event);

/* Fires what is due now. */
void sim_fire_due(struct sim *sim);

/* INT64_MAX: none. */
int64_t sim_next_event_us(const struct sim *sim);

void sim_move_time(struct sim *sim, int64_t to_us);

/* The chance of `ppm` millionths came true. */
bool sim_chance(struct sim *sim, uint32_t ppm);

/* One way through the network, losses counted in. */
int64_t sim_draw_delay_us(struct sim *sim);

bool sim_is_partitioned(const struct sim *sim, const struct sim_host *a, const struct sim_host *b);

bool sim_is_same_machine(const struct sim_host *a, const struct sim_host *b);

/* Adds to the trace. */
void sim_note(struct sim *sim, const struct sim_host *host, const char *what, int64_t number,
              int64_t value);

/* The calls of struct kernel_ops that are not about descriptors. */
int64_t sim_now_us(struct kernel *kernel);
int64_t sim_wall_us(struct kernel *kernel);
void sim_random(struct kernel *kernel, void *ret_bytes, size_t len);
int sim_wait(struct kernel *kernel, struct kernel_event *events, int max, int64_t deadline_us);
void sim_interrupt(struct kernel *kernel);

/* Stores the events this host has to report; returns how many. In sim_network.c. */
int sim_collect(struct sim_host *host, struct kernel_event *events, int max);

/* Frees connections and listeners. In sim_network.c. */
void sim_network_finish(struct sim *sim);

static inline struct sim_host *sim_host_of(struct kernel *kernel)
{
    return (struct sim_host *)kernel;
}
