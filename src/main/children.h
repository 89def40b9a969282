/*
 * The programs that the supervisor starts: this very program with an internal command, so that each
 * begins with a clean memory and only the descriptors meant for it.
 */
#pragma once

#include <limits.h>

/* Descriptors of an edge process, in the order of process_spawn's `passed`. */
enum {
    CHILD_FD_READY = 3,          /* a byte goes out when all listeners are served; one comes back
                                    when the supervisor has noted the process */
    CHILD_FD_ADMIN = 4,          /* the listening admin socket */
    CHILD_FD_TEXT = 5,           /* see configuration_take */
    CHILD_FD_OVERSEER = 6,       /* listening; see edge/overseer.h */
    CHILD_FD_MAINTENANCE = 7,    /* which sites are closed, as the edge wrote it */
    CHILD_FD_CREDENTIALS = 8,    /* see credentials_take */
    CHILD_FD_FIRST_LISTENER = 9, /* behind the last one the access log, if it is a file */
};

/* Of a control process, and of one that keeps certificates. */
enum {
    CHILD_FD_LIFELINE = 3, /* see control_options */
    CHILD_FD_CONTROL_TEXT = 4,
};

#define EDGE_PROCESS    "edge-process"
#define CONTROL_PROCESS "control-process"
#define KEEPER_PROCESS  "certificates-process"

/* `weir edge-process FILE STATE [ADDRESS…]`, an address for each descriptor from the first listener
 * on.
 */
int edge_process(int argc, const char **argv);

/* `weir control-process FILE STATE`. */
int control_process(int argc, const char **argv);

/* `weir certificates-process FILE STATE`. */
int keeper_process(int argc, const char **argv);
