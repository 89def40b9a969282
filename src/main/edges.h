/*
 * The edge processes: the one that accepts, which is started anew when it crashes, and those that
 * it has taken over from, which end what they had open.
 */
#pragma once

#include "main/supervisor_internal.h"

struct error;

/*
 * Before the loop does anything else: takes over the edge of an earlier supervisor, with its
 * sockets, and holds those that were taken over from. 1: adopted. 0: there is none. Negative: there
 * is one that cannot be taken as it is.
 */
int edges_adopt(struct supervisor *self);

/* Starts the first one, if none was adopted. 0 or an error, which was told. */
int edges_start(struct supervisor *self);

/*
 * Another process takes the place of the current one: with this configuration and these sockets,
 * which stay the caller's. The one before goes on with what it has open. 0, or an error that is
 * told in *error: nothing has changed.
 */
int edges_renew(struct supervisor *self, const struct configuration *configuration,
                const struct sockets *sockets, struct error *error);

/* The note for the next supervisor, as things stand now. */
void edges_write_note(struct supervisor *self);

/* After a rotation of the access log. */
void edges_reopen_log(struct supervisor *self);

/* To all of them. */
void edges_signal(struct supervisor *self, int number);
void edges_terminate(struct supervisor *self);

/* Those that a signal has stopped go on. */
void edges_wake(struct supervisor *self);

/* None runs, and none is being started. */
bool edges_are_over(const struct supervisor *self);
