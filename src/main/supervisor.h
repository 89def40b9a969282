/*
 * The supervisor: `weir edge` and `weir up`. It binds the listeners, starts the edge (and control)
 * as processes of their own and starts them anew when they crash, forwards signals, and does
 * nothing else. When it is killed, the edge serves on and the tasks run on; the next one adopts the
 * edge, and its control adopts the tasks.
 */
#pragma once

/* argv from the command's name on. Returns the exit code. */
int supervisor_edge(int argc, const char **argv);
int supervisor_up(int argc, const char **argv);
