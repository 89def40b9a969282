/* The options that the edge and control have in common. */
#include "main/child_spawn.h"

#include "base/log.h"
#include "os/self.h"

int child_spawn(const char *name, const char *const *arguments, const int *passed,
                unsigned passed_count, int on_parent_death, struct process *ret_process)
{
    struct error error = {0};
    struct process_options options = {
        .program = SELF_PROGRAM,
        .arguments = arguments,
        .input = -1,
        .output = 1,
        .errors = 2,
        .passed = passed,
        .passed_count = passed_count,
        .new_session = true,
        .on_parent_death = on_parent_death,
    };
    int rc = process_spawn(&options, ret_process, &error);
    if (rc < 0)
        log_error("%s: %s", name, error.text);
    return rc;
}
