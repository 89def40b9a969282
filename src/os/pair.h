/* A connection between this process and a child: one end on the loop, one to be passed on. */
#pragma once

#include "os/io.h"

/* *ret_passed is blocking and close-on-exec; pass it by process_spawn, then pair_close_passed. */
int pair_open(struct io *io, int *ret_passed);
void pair_close_passed(int passed);
