/* How the supervisor starts a child: this very program, with an internal command of children.h. */
#pragma once

#include "os/process.h"

/*
 * `arguments` end in NULL and begin with "weir"; `passed` become the child's descriptors from 3 on;
 * `on_parent_death` is a signal, or 0. The child leads a session of its own and writes where its
 * parent does. 0, or an error, which was logged as that of `name`.
 */
int child_spawn(const char *name, const char *const *arguments, const int *passed,
                unsigned passed_count, int on_parent_death, struct process *ret_process);
