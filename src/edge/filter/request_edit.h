/*
 * Changes to the fields of a request that targets get. They are made in a copy, in the exchange's
 * arena: what was received stays as it is for the log.
 */
#pragma once

#include "wire/http/message.h"

struct exchange;

/*
 * Before any change: makes the copy, with room for `more` fields. The client's Connection fields do
 * their work here, so that they cannot take away what is added. 0 or -ENOMEM.
 */
int request_edit_begin(struct exchange *exchange, unsigned more);

/* Also under its other spelling with '_' for '-', by which some programs would still read it. */
void request_edit_remove(struct exchange *exchange, struct slice name);

/* Into the room that was asked for. Both slices live as long as the exchange. */
void request_edit_add(struct exchange *exchange, struct slice name, struct slice value);
