/*
 * Several machines in one simulated world, each with a loop of its own, all on this thread: the
 * place where whole programs meet. A scenario is the main of the first machine, 10.0.0.1; it starts
 * the others, does what clients do, and judges. When it returns, the other machines are told to
 * stop (by cancelling their mains), then whatever still waits is cancelled.
 *
 *     static void scenario(void *arg)
 *     {
 *         struct sim_machine *server;
 *         (void)sim_machine_start("10.0.0.2", serve, arg, &server);
 *         …                            connect, talk, assert; the seed decides what goes wrong
 *         sim_set_faults(sim_world_sim(), NULL);
 *         …                            now everything must work again
 *         sim_machine_stop(server);
 *     }
 */
#pragma once

#include "os/fiber.h"
#include "os/sim.h"

struct sim_machine;

struct sim_report {
    uint64_t trace; /* the same for the same seed, faults and program */
    struct sim_stats stats;
    bool was_stuck; /* fibers had to be cancelled because their mains left them waiting */
};

/*
 * Runs the scenario to its end and tears the world down. Returns 0; -EDEADLK when nothing would
 * ever have happened again, -ELOOP when time stood still, -EBUSY when fibers did not end although
 * cancelled (their loops are then leaked), -ENOMEM.
 */
int sim_world_run(uint64_t seed, const struct sim_faults *faults, bool is_verbose,
                  fiber_main *scenario, void *arg, struct sim_report *ret_report);

/* This thread's world while a scenario runs. */
struct sim *sim_world_sim(void);

/* The machine whose fiber calls. */
struct sim_machine *sim_machine_current(void);

struct kernel *sim_machine_kernel(struct sim_machine *machine);

/*
 * Starts a machine: `main` runs in a fiber of its loop from the next turn on. It should end, with
 * what it opened closed, when a wait of it returns -ECANCELED. Several with one address are the
 * worker threads of one machine. Returns 0, -EINVAL or -ENOMEM.
 */
int sim_machine_start(const char *ip, fiber_main *main, void *arg,
                      struct sim_machine **ret_machine);

/* Cancels its main. */
void sim_machine_cancel(struct sim_machine *machine);

/* The same, and waits until all its fibers have ended, or this one is cancelled. */
void sim_machine_stop(struct sim_machine *machine);

/* Its main has returned, and all its other fibers too. */
bool sim_machine_has_ended(const struct sim_machine *machine);
