/* This process: its environment, program, terminal, and where it stands. */
#pragma once

#include "base/slice.h"

#include <sys/types.h>

/* A variable of the environment; NULL when it is not set. Borrowed, for as long as the process. */
const char *self_variable(const char *name);

/* All of it, as "NAME=value", ending in NULL. */
const char *const *self_environment(void);

/* The path under which this very program can be started again, even when its file was replaced. */
#define SELF_PROGRAM "/proc/self/exe"

pid_t self_pid(void);

/* Is standard input, output or error (0, 1, 2) a terminal? */
bool self_has_terminal(int fd);

/* Seconds since 1970, for programs without a loop. */
int64_t self_wall_s(void);

/* Seconds east of UTC at that time, by TZ and /etc/localtime; `wall_s` since 1970. */
int self_zone_offset_s(int64_t wall_s);

/* Writing to a closed pipe gives an error and does not kill. For whole programs, at their start. */
void self_ignore_broken_pipes(void);
