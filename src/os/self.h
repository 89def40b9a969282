/* This process: its environment, program, terminal, and where it stands. */
#pragma once

#include "base/slice.h"

#include <stdbool.h>
#include <sys/types.h>

/* A variable of the environment; NULL when it is not set. Borrowed, for as long as the process. */
const char *self_variable(const char *name);

/* The same, and it is gone from then on: children do not get it. 0 or 1: was it set? */
bool self_take_variable(const char *name);

/* All of it, as "NAME=value", ending in NULL. */
const char *const *self_environment(void);

/* The path under which this very program can be started again, even when its file was replaced. */
#define SELF_PROGRAM "/proc/self/exe"

/*
 * The path of the file that this program was started from, where another version may stand by now.
 * 0 or -errno.
 */
int self_program_path(char *room, size_t room_len);

/*
 * Becomes another program: same process, same children, no descriptor beyond 0, 1 and 2; `variable`
 * ("NAME=value") is added to the environment. Returns only on failure, a negative errno.
 */
int self_become(const char *program, const char **argv, const char *variable);

pid_t self_pid(void);

/*
 * The home folder of who sits there: under sudo that of the user who called it. 0, -ENOENT, or
 * -ENAMETOOLONG.
 */
int self_home_folder(char *room, size_t room_len);

/* This machine's name, cut off where it is too long; "localhost" when it has none. */
void self_host_name(char *room, size_t room_len);

/* Ends the process with SIGABRT, and a core dump where the system makes them. */
_Noreturn void self_abort(void);

/* Is standard input, output or error (0, 1, 2) a terminal? */
bool self_has_terminal(int fd);

/* Seconds since 1970, for programs without a loop. */
int64_t self_wall_s(void);

/* Seconds east of UTC at that time, by TZ and /etc/localtime; `wall_s` since 1970. */
int self_zone_offset_s(int64_t wall_s);

/* Writing to a closed pipe gives an error and does not kill. For whole programs, at their start. */
void self_ignore_broken_pipes(void);
