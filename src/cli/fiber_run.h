/* For commands that talk over sockets: a loop for as long as one function runs in a fiber. */
#pragma once

/* Returns what fn returns, or a negative errno when there can be no loop. */
int fiber_run(int (*fn)(void *arg), void *arg);
