/*
 * Bytes that a fiber has, read by other threads beside it: they are collected in runs, of which
 * each reader gets all, in order and one at a time, on a thread of os/offload.h. No reader waits
 * for another one; the fiber waits once all runs are full. A thread without a loop does it all
 * itself.
 */
#pragma once

#include "base/slice.h"

#define RUNS_READERS_MAX 2

struct runs;

/* `run_bytes`: of each but the last. 0 or a negative errno. */
int runs_create(size_t run_bytes, struct runs **ret_runs);
void runs_destroy(struct runs *runs); /* once the readers have read what they were given */

/* Before anything is added: another reader, whose number is returned. */
unsigned runs_add_reader(struct runs *runs, void (*read)(void *arg, struct slice run), void *arg);

/* Where the next bytes go, *ret_len of them at most; waits for it. NULL without memory. */
char *runs_room(struct runs *runs, size_t *ret_len);

/* Copies them, but for those that lie in runs_room. 0 or -ENOMEM. */
int runs_add(struct runs *runs, struct slice bytes);

/* Nothing more is added: the last run goes to the readers as short as it is. */
void runs_end(struct runs *runs);

/* Until this reader has read what it was given; what it wrote can be seen then. */
void runs_await(struct runs *runs, unsigned reader);
