/*
 * The parent of a build: `weir guard COMMAND` runs it by `sh -c` and ends as it does, when all that
 * it has started has ended too. When its own parent ends, or with SIGTERM, it stops the command,
 * and after five seconds, or at a second signal, kills what is left. No build outlives control.
 */
#pragma once

/* argv from the command's name on. */
int guard_main(int argc, const char **argv);
