/*
 * Reloads: the file is read again and checked, sockets that it needs are opened, and the edge takes
 * the new configuration; or another edge does, where the change needs a new process. What is wrong
 * changes nothing.
 */
#pragma once

#include "main/supervisor_internal.h"

/* Starts the fiber that reloads. 0 or an error. */
int reload_start(struct supervisor *self);

/* Soon. */
void reload_ask(struct supervisor *self);

/* Only the files of certificates and keys are read again: some may have changed. */
void reload_ask_credentials(struct supervisor *self);

/* The edge gets those that were read: it may have others. */
void reload_send_credentials(struct supervisor *self);

/* Another binary is to take over (upgrade.h). */
void reload_ask_upgrade(struct supervisor *self);

/* The same with another process for the edge, whatever the file says: for a new binary. */
void reload_ask_renewal(struct supervisor *self);
