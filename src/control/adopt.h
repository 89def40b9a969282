/* Finding the tasks that outlived an earlier control, by the sockets of their shims. */
#pragma once

struct control;

/*
 * Takes over those of services that the configuration still has, whatever definition they run
 * (stale ones are then replaced rolling); stops the others; clears away what is left of dead ones.
 * Called once, in a fiber, before the services run.
 */
void adopt_tasks(struct control *control);
