/*
 * Ports for tasks: outside the range that the system hands out for outgoing connections, where a
 * port that is free now would not stay so, and above those that need rights.
 */
#pragma once

#include "base/slice.h"

struct port_chooser {
    uint16_t first; /* of the range, both included */
    uint16_t last;
    uint16_t next;
};

/* `where` (the state folder's path) decides where to begin, so that two of them rarely meet. */
void port_chooser_init(struct port_chooser *chooser, struct slice where);

/* For tests: the same from given ends of the ephemeral range. */
void port_chooser_init_beside(struct port_chooser *chooser, struct slice where,
                              uint16_t ephemeral_first, uint16_t ephemeral_last);

/* A port that nobody listens on now, each time another one. 0 when all are taken. */
uint16_t port_choose(struct port_chooser *chooser);
