/*
 * The programs that the supervisor starts: this very program with an internal command, so that each
 * begins with a clean memory and only the descriptors meant for it.
 */
#pragma once

#include <limits.h>

/* Descriptors of an edge process, in the order of process_spawn's `passed`. */
enum {
    CHILD_FD_READY = 3, /* a byte goes out when all listeners are served */
    CHILD_FD_ADMIN = 4, /* the listening admin socket */
    CHILD_FD_FIRST_LISTENER = 5,
    CHILD_FD_LIFELINE = 3, /* of control: see control_options */
};

#define EDGE_PROCESS    "edge-process"
#define CONTROL_PROCESS "control-process"

/* `weir edge-process FILE [ADDRESS…]`, an address for each descriptor from the first listener on.
 */
int edge_process(int argc, const char **argv);

/* `weir control-process FILE STATE`. */
int control_process(int argc, const char **argv);
