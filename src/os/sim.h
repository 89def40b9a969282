/*
 * A simulated kernel: a virtual clock and a virtual network on one thread, all chance drawn from
 * one seed. The same seed and the same program give the same run, event by event; sim_trace tells.
 *
 * Time moves only when nothing is ready, and then jumps to the next event or deadline: a day passes
 * as fast as what happens in it. When nothing will ever happen again, `wait` fails with -EDEADLK;
 * when a million turns bring time no further, with -ELOOP.
 *
 * Connections behave like Linux's TCP sockets as epoll shows them: delivery in order, a lost
 * segment comes late, unread data at close becomes a reset, an error is told once. Unix sockets are
 * streams like the others. Files are the real ones.
 */
#pragma once

#include "os/kernel.h"

#include <stddef.h>
#include <stdint.h>

struct sim;

/* Chances are in millionths (ppm) for each call or segment; all zero is a perfect network. */
struct sim_faults {
    uint32_t delay_min_us; /* one way */
    uint32_t delay_max_us;
    uint32_t loss_ppm;           /* a segment is sent again 200 ms later, then 400 ms, … */
    uint32_t reset_ppm;          /* a send cuts the connection for both sides */
    uint32_t short_ppm;          /* a read or write moves few bytes, mostly one */
    uint32_t again_ppm;          /* -EAGAIN although it is ready */
    uint32_t refuse_ppm;         /* a connect is refused */
    uint32_t black_hole_ppm;     /* a connect is never answered; it fails after 127 s */
    uint32_t shortage_ppm;       /* an accept finds no descriptor: -EMFILE */
    uint32_t partition_every_ms; /* on average; two hosts lose each other; 0: never */
    uint32_t partition_max_ms;   /* how long at most */
    size_t pipe_bytes;           /* what one direction holds, sent and not yet read; 0: 64 KiB */
};

struct prng;

/* Draws a world: from calm to vile, each fault often absent. */
void sim_faults_draw(struct prng *prng, struct sim_faults *ret_faults);

/* `faults` may be NULL: none. Returns 0 or -ENOMEM. */
int sim_create(uint64_t seed, const struct sim_faults *faults, struct sim **ret_sim);

/* Loops over its kernels must be gone. NULL is harmless. */
void sim_destroy(struct sim *sim);

/*
 * A machine in this world with an IPv4 or IPv6 address, and loopback of its own. Several kernels
 * with one address are the workers of one machine: they share its listeners. Owned by the sim.
 * Returns 0, -EINVAL for what is no address, -ENOMEM.
 */
int sim_host_create(struct sim *sim, const char *ip, struct kernel **ret_kernel);

/* Descriptors this kernel may have open; beyond them -EMFILE. */
void sim_host_limit(struct kernel *kernel, size_t descriptors_max);

/* From now on. */
void sim_set_faults(struct sim *sim, const struct sim_faults *faults);

/* Nothing passes between the two machines; INT64_MAX: until sim_heal. Returns 0 or -ENOBUFS. */
int sim_partition(struct kernel *a, struct kernel *b, int64_t duration_ms);

/* Ends all partitions. */
void sim_heal(struct sim *sim);

/* The wall clock jumps, the monotonic one does not. */
void sim_jump_wall_clock(struct sim *sim, int64_t by_us);

/* Everything that happened so far, as one number. */
uint64_t sim_trace(const struct sim *sim);

/* Writes each happening to standard error. */
void sim_set_verbose(struct sim *sim, bool is_verbose);

struct sim_stats {
    int64_t elapsed_us;
    uint64_t happenings; /* entries of the trace */
    uint64_t connects;
    uint64_t refused;
    uint64_t resets;
    uint64_t lost;
    uint64_t partitions;
    size_t descriptors; /* open now */
    size_t descriptors_high;
};

void sim_stats_read(const struct sim *sim, struct sim_stats *ret_stats);
