/* Counting and comparing; see plan.h for the rules. */
#include "control/plan.h"

#define BACKOFF_FIRST_MS 1000
#define BACKOFF_MAX_MS   30000

static bool is_leaving(const struct plan_task *task)
{
    return task->state >= TASK_DRAINING;
}

static bool is_taken(const struct plan_input *input, const struct plan *plan, unsigned number)
{
    for (unsigned i = 0; i < input->tasks_count; i++) {
        if (input->tasks[i].number == number)
            return true;
    }
    for (unsigned i = 0; i < plan->steps_count; i++) {
        if (plan->steps[i].number == number)
            return true;
    }
    return false;
}

static unsigned free_number(const struct plan_input *input, const struct plan *plan)
{
    unsigned number = 1;
    while (is_taken(input, plan, number))
        number++;
    return number;
}

static void add_step(struct plan *plan, enum plan_verb verb, unsigned number)
{
    if (plan->steps_count < PLAN_STEPS_MAX)
        plan->steps[plan->steps_count++] = (struct plan_step){verb, number};
}

/* Of the current tasks that are too many: one that is not healthy first, then the newest number. */
static void retire_surplus(const struct plan_input *input, unsigned surplus, struct plan *plan)
{
    for (; surplus > 0; surplus--) {
        const struct plan_task *chosen = NULL;
        for (unsigned i = 0; i < input->tasks_count; i++) {
            const struct plan_task *task = &input->tasks[i];
            bool is_planned = false;
            for (unsigned k = 0; k < plan->steps_count; k++)
                is_planned |= plan->steps[k].number == task->number;
            if (!task->is_current || is_leaving(task) || is_planned)
                continue;
            bool is_worse =
                chosen != NULL && (task->state == TASK_HEALTHY) < (chosen->state == TASK_HEALTHY);
            bool is_alike =
                chosen != NULL && (task->state == TASK_HEALTHY) == (chosen->state == TASK_HEALTHY);
            if (chosen == NULL || is_worse || (is_alike && task->number > chosen->number))
                chosen = task;
        }
        if (chosen == NULL)
            return;
        add_step(plan, PLAN_RETIRE, chosen->number);
    }
}

static void retire_stale(const struct plan_input *input, unsigned healthy, struct plan *plan)
{
    for (unsigned i = 0; i < input->tasks_count; i++) {
        const struct plan_task *task = &input->tasks[i];
        if (task->is_current || is_leaving(task))
            continue;
        if (task->state == TASK_HEALTHY && healthy <= input->wanted)
            continue;
        healthy -= task->state == TASK_HEALTHY;
        add_step(plan, PLAN_RETIRE, task->number);
    }
}

void plan_make(const struct plan_input *input, struct plan *ret_plan)
{
    unsigned current = 0, healthy = 0, running = 0;
    *ret_plan = (struct plan){.again_ms = INT64_MAX};
    for (unsigned i = 0; i < input->tasks_count; i++) {
        const struct plan_task *task = &input->tasks[i];
        running++;
        current += task->is_current && !is_leaving(task);
        healthy += task->state == TASK_HEALTHY;
    }
    if (current > input->wanted)
        retire_surplus(input, current - input->wanted, ret_plan);
    retire_stale(input, healthy, ret_plan);
    unsigned missing = current < input->wanted ? input->wanted - current : 0;
    if (missing > 0 && input->now_ms < input->not_before_ms) {
        ret_plan->again_ms = input->not_before_ms;
        return;
    }
    for (; missing > 0 && running < 2 * input->wanted; missing--, running++)
        add_step(ret_plan, PLAN_START, free_number(input, ret_plan));
    if (ret_plan->steps_count == PLAN_STEPS_MAX)
        ret_plan->again_ms = input->now_ms;
}

int64_t plan_backoff_ms(unsigned failures)
{
    if (failures == 0)
        return 0;
    int64_t backoff_ms = failures > 5 ? BACKOFF_MAX_MS : BACKOFF_FIRST_MS << (failures - 1);
    return backoff_ms < BACKOFF_MAX_MS ? backoff_ms : BACKOFF_MAX_MS;
}
