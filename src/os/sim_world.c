/*
 * Gives each machine's loop its turn, in an order that the seed draws, and moves time when none of
 * them had anything to do.
 */
#include "os/sim_world.h"

#include "base/memory.h"
#include "os/loop_internal.h"
#include "os/sim_internal.h"

#include <assert.h>
#include <errno.h>

#define STOP_US_MAX                                                                                \
    (INT64_C(600) * 1000000) /* for an orderly end, and again for a cancelled one                  \
                              */
#define STOP_POLL_MS 5
#define MACHINES_MAX 256

struct sim_machine {
    struct list link;
    struct kernel *kernel; /* the sim's */
    struct loop *loop;     /* owned; NULL before the first turn and after the end */
    fiber_main *main;
    void *arg; /* borrowed */
    struct fiber *fiber;
    bool has_begun;
    bool has_returned;
    bool is_cancelled;
};

struct sim_world {
    struct sim *sim;
    struct list machines;
    unsigned machines_count;
    bool was_stuck;
};

static _Thread_local struct sim_world *current_world;

struct sim *sim_world_sim(void)
{
    return current_world->sim;
}

struct kernel *sim_machine_kernel(struct sim_machine *machine)
{
    return machine->kernel;
}

struct sim_machine *sim_machine_current(void)
{
    LIST_FOR_EACH (&current_world->machines, link) {
        struct sim_machine *machine = CONTAINER_OF(link, struct sim_machine, link);
        if (machine->loop == loop_self)
            return machine;
    }
    return NULL;
}

int sim_machine_start(const char *ip, fiber_main *main, void *arg, struct sim_machine **ret_machine)
{
    struct sim_world *world = current_world;
    if (world->machines_count == MACHINES_MAX)
        return -ENOMEM;
    struct sim_machine *machine = NEW(struct sim_machine);
    if (machine == NULL)
        return -ENOMEM;
    int rc = sim_host_create(world->sim, ip, &machine->kernel);
    if (rc < 0) {
        memory_free(machine);
        return rc;
    }
    machine->main = main;
    machine->arg = arg;
    list_append(&world->machines, &machine->link);
    world->machines_count++;
    if (ret_machine != NULL)
        *ret_machine = machine;
    return 0;
}

static void machine_main(void *arg)
{
    struct sim_machine *machine = arg;
    machine->fiber = fiber_current();
    if (machine->is_cancelled)
        fiber_cancel(machine->fiber);
    machine->main(machine->arg);
    machine->has_returned = true;
}

void sim_machine_cancel(struct sim_machine *machine)
{
    machine->is_cancelled = true;
    if (machine->fiber != NULL && !machine->has_returned)
        fiber_cancel(machine->fiber);
}

bool sim_machine_has_ended(const struct sim_machine *machine)
{
    return machine->has_returned && (machine->loop == NULL || machine->loop->fibers.running == 0);
}

void sim_machine_stop(struct sim_machine *machine)
{
    sim_machine_cancel(machine);
    while (!sim_machine_has_ended(machine) && fiber_sleep(STOP_POLL_MS) == 0)
        ;
}

/* The first turn: on the world's own stack, so that the loop's home is there. */
static int begin(struct sim_machine *machine)
{
    machine->has_begun = true;
    loop_self = NULL;
    int rc = loop_create(machine->kernel, &machine->loop);
    if (rc == 0)
        rc = fiber_start(machine_main, machine, NULL);
    if (rc < 0)
        machine->has_returned = true;
    return rc;
}

static int take_turn(struct sim_machine *machine)
{
    if (!machine->has_begun)
        return begin(machine);
    if (machine->loop == NULL)
        return 0;
    loop_self = machine->loop;
    return loop_turn(machine->loop);
}

static struct list *nth_machine(struct sim_world *world, uint64_t nth)
{
    struct list *link = world->machines.next;
    while (nth-- > 0)
        link = link->next;
    return link;
}

/* Each machine once, from a drawn one on. Machines that start meanwhile may wait a round. */
static int take_turns(struct sim_world *world)
{
    unsigned count = world->machines_count;
    struct list *link = nth_machine(world, prng_below(&world->sim->chance, count));
    int rc = 0;
    for (unsigned i = 0; i < count && rc == 0; i++, link = link->next) {
        if (link == &world->machines)
            link = link->next;
        rc = take_turn(CONTAINER_OF(link, struct sim_machine, link));
    }
    loop_self = NULL;
    return rc;
}

/* When the first machine wants to go on; now when one is busy. */
static int64_t next_turn_us(struct sim_world *world)
{
    int64_t next_us = INT64_MAX;
    LIST_FOR_EACH (&world->machines, link) {
        struct sim_machine *machine = CONTAINER_OF(link, struct sim_machine, link);
        const struct sim_host *host = sim_host_of(machine->kernel);
        if (!machine->has_begun ||
            (machine->loop != NULL && (host->was_busy || host->is_interrupted)))
            return world->sim->now_us;
        if (machine->loop != NULL && host->wait_until_us < next_us)
            next_us = host->wait_until_us;
    }
    return next_us;
}

static int run_round(struct sim_world *world)
{
    struct sim *sim = world->sim;
    sim_fire_due(sim);
    int rc = take_turns(world);
    if (rc < 0)
        return rc;
    int64_t next_us = next_turn_us(world);
    if (sim_next_event_us(sim) < next_us)
        next_us = sim_next_event_us(sim);
    if (next_us == INT64_MAX)
        return -EDEADLK;
    sim_move_time(sim, next_us);
    return 0;
}

static bool have_all_ended(const struct sim_world *world)
{
    LIST_FOR_EACH (&world->machines, link) {
        if (!sim_machine_has_ended(CONTAINER_OF(link, struct sim_machine, link)))
            return false;
    }
    return true;
}

static void run_to_end(struct sim_world *world)
{
    int64_t until_us = world->sim->now_us + STOP_US_MAX;
    world->sim->turns = 0;
    while (!have_all_ended(world) && world->sim->now_us < until_us) {
        if (run_round(world) < 0)
            return;
    }
}

static void stop_machines(struct sim_world *world)
{
    LIST_FOR_EACH (&world->machines, link)
        sim_machine_cancel(CONTAINER_OF(link, struct sim_machine, link));
    run_to_end(world);
    if (have_all_ended(world))
        return;
    world->was_stuck = true;
    LIST_FOR_EACH (&world->machines, link) {
        struct sim_machine *machine = CONTAINER_OF(link, struct sim_machine, link);
        if (machine->loop != NULL)
            fiber_cancel_all(machine->loop);
    }
    run_to_end(world);
}

/* A loop whose fibers did not end is leaked, and false returned. */
static bool free_machine(struct sim_machine *machine)
{
    bool has_ended = sim_machine_has_ended(machine);
    if (has_ended && machine->loop != NULL) {
        loop_self = machine->loop;
        loop_destroy(machine->loop);
    }
    loop_self = NULL;
    memory_free(machine);
    return has_ended;
}

static int end_world(struct sim_world *world, int rc, struct sim_report *ret_report)
{
    stop_machines(world);
    sim_stats_read(world->sim, &ret_report->stats);
    ret_report->trace = sim_trace(world->sim);
    ret_report->was_stuck = world->was_stuck;
    bool have_ended = true;
    LIST_FOR_EACH (&world->machines, link)
        have_ended = free_machine(CONTAINER_OF(link, struct sim_machine, link)) && have_ended;
    if (have_ended)
        sim_destroy(world->sim);
    else if (rc == 0)
        rc = -EBUSY;
    current_world = NULL;
    return rc;
}

int sim_world_run(uint64_t seed, const struct sim_faults *faults, bool is_verbose,
                  fiber_main *scenario, void *arg, struct sim_report *ret_report)
{
    assert(current_world == NULL && loop_self == NULL);
    struct sim_world world = {0};
    struct sim_machine *director = NULL;
    *ret_report = (struct sim_report){0};
    list_init(&world.machines);
    int rc = sim_create(seed, faults, &world.sim);
    if (rc < 0)
        return rc;
    sim_set_verbose(world.sim, is_verbose);
    world.sim->is_driven = true;
    current_world = &world;
    rc = sim_machine_start("10.0.0.1", scenario, arg, &director);
    while (rc == 0 && !director->has_returned)
        rc = run_round(&world);
    return end_world(&world, rc, ret_report);
}
