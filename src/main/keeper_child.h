/* The process that keeps certificates: started where the configuration wants any, started anew
 * when it crashes, let go when its work has changed. */
#pragma once

#include "main/supervisor_internal.h"

/* Starts the fiber that keeps it running. 0 or an error. */
int keeper_start(struct supervisor *self);

/* On a fiber, before the first edge is started: waits a few seconds for the certificates that are
 * made here, so that the edge begins with them. */
void keeper_await_made(struct supervisor *self);

/* Another configuration is at work since now; `before` is the one that was. */
void keeper_follow(struct supervisor *self, const struct snapshot *before);

/* It ends; another one is started where one is wanted. */
void keeper_let_go(struct supervisor *self);

void keeper_terminate(struct supervisor *self);
