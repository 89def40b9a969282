/*
 * Tells webhooks what waits for them in the outbox: a fiber of worker 0 for each webhook posts one
 * event after another, in their order, and tries each until it is taken, less and less often. One
 * that does not answer keeps no other one waiting.
 */
#pragma once

#include <stdbool.h>

struct edge;
struct outbox;
struct senders;

/* 0 or a negative errno. Both are borrowed. */
int senders_create(struct edge *edge, struct outbox *outbox, struct senders **ret_senders);

/* After the workers' end. NULL is fine. */
void senders_destroy(struct senders *senders);

/* On worker 0's loop. 0 or a negative errno. */
int senders_start(struct senders *senders);

/* On worker 0: another file may have other webhooks. NULL is fine. */
void senders_apply(struct senders *senders);

/* What is under way is given up, and told again later. May be called again; NULL is fine. */
void senders_stop(struct senders *senders);
bool senders_have_stopped(const struct senders *senders);

/* On worker 0, when they have stopped. NULL is fine. */
void senders_finish(struct senders *senders);
