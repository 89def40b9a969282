/* Options, the loop over seeds, and what is told of a failure. */
#include "runner.h"

#include "base/slice.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SEEDS          50
#define TWICE_EVERY    10
#define REPEAT_CMD_LEN 160

static char repeat_command[REPEAT_CMD_LEN]; /* written out by a signal handler */

struct options {
    uint64_t seeds;
    uint64_t first;
    bool is_verbose;
};

_Noreturn void sim_check_failed(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
    abort();
}

static void tell_command(int signal_number)
{
    (void)!write(STDERR_FILENO, repeat_command, strlen(repeat_command));
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

static int parse(int argc, char **argv, struct options *ret_options)
{
    *ret_options = (struct options){.seeds = SEEDS};
    for (int i = 1; i < argc; i++) {
        struct slice option = slice_of_cstr(argv[i]);
        struct slice value = slice_of_cstr(i + 1 < argc ? argv[i + 1] : "");
        if (slice_equal(option, SLICE("--verbose")))
            ret_options->is_verbose = true;
        else if (slice_equal(option, SLICE("--seeds")) &&
                 slice_parse_u64(value, &ret_options->seeds) == 0)
            i++;
        else if (slice_equal(option, SLICE("--first")) &&
                 slice_parse_u64(value, &ret_options->first) == 0)
            i++;
        else
            return -1;
    }
    return 0;
}

static int run_seed(uint64_t seed, bool is_verbose, fiber_main *scenario,
                    struct sim_report *ret_report)
{
    struct sim_run run = {.seed = seed};
    prng_init(&run.prng, seed);
    sim_faults_draw(&run.prng, &run.faults);
    return sim_world_run(seed, &run.faults, is_verbose, scenario, &run, ret_report);
}

/* NULL when all is well. */
static const char *judge(int rc, const struct sim_report *report)
{
    if (rc == -ELOOP)
        return "time stood still: something spins";
    if (rc == -EDEADLK)
        return "nothing would ever have happened again";
    if (rc < 0)
        return strerror(-rc);
    if (report->was_stuck)
        return "fibers were left waiting";
    return report->stats.descriptors > 0 ? "descriptors were left open" : NULL;
}

static const char *run_and_judge(uint64_t seed, bool is_verbose, fiber_main *scenario,
                                 struct sim_report *ret_report)
{
    const char *fault = judge(run_seed(seed, is_verbose, scenario, ret_report), ret_report);
    if (fault != NULL || seed % TWICE_EVERY != 0)
        return fault;
    struct sim_report again;
    (void)run_seed(seed, false, scenario, &again);
    return again.trace == ret_report->trace ? NULL : "the same seed gave another run";
}

int sim_runner(int argc, char **argv, const char *name, fiber_main *scenario)
{
    struct options options;
    if (parse(argc, argv, &options) < 0) {
        (void)fprintf(stderr, "usage: %s [--seeds N] [--first K] [--verbose]\n", name);
        return 2;
    }
    (void)signal(SIGABRT, tell_command);
    (void)signal(SIGSEGV, tell_command);
    struct sim_stats total = {0};
    for (uint64_t seed = options.first; seed < options.first + options.seeds; seed++) {
        (void)snprintf(repeat_command, sizeof repeat_command,
                       "again: %s --first %" PRIu64 " --seeds 1 --verbose\n", argv[0], seed);
        struct sim_report report;
        const char *fault = run_and_judge(seed, options.is_verbose, scenario, &report);
        if (fault != NULL) {
            (void)fprintf(stderr, "%s, seed %" PRIu64 ": %s\n%s", name, seed, fault,
                          repeat_command);
            return 1;
        }
        total.elapsed_us += report.stats.elapsed_us;
        total.connects += report.stats.connects;
        total.resets += report.stats.resets;
        total.partitions += report.stats.partitions;
    }
    (void)printf("%s: %" PRIu64 " seeds, %.1f h of virtual time, %" PRIu64 " connects, %" PRIu64
                 " resets, %" PRIu64 " partitions\n",
                 name, options.seeds, (double)total.elapsed_us / 3.6e9, total.connects,
                 total.resets, total.partitions);
    return 0;
}
