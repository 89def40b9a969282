/*
 * Runs a scenario over many seeds, each with faults drawn from it. A failing one is told with the
 * command that repeats it.
 *
 *     sim_transfer [--seeds N] [--first K] [--verbose]
 *
 * Every tenth seed is run twice: its trace must be the same.
 */
#pragma once

#include "base/hash.h"
#include "os/sim_world.h"

/* What a scenario is given as its argument. */
struct sim_run {
    uint64_t seed;
    struct sim_faults faults;
    struct prng prng; /* for what the scenario itself draws */
};

/* The main of a program of tests/sim. Returns its exit status. */
int sim_runner(int argc, char **argv, const char *name, fiber_main *scenario);

/* As assert; ends the program, and the runner's handler tells the seed. */
#define CHECK(condition) ((condition) ? (void)0 : sim_check_failed(#condition, __FILE__, __LINE__))

_Noreturn void sim_check_failed(const char *condition, const char *file, int line);
