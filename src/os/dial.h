/*
 * A connection to one of several addresses of one destination, by Happy Eyeballs (RFC 8305): the
 * families take turns, the next address is tried as soon as one has failed, or beside one that has
 * not answered for a quarter of a second. Which addresses may be dialled the caller has judged.
 */
#pragma once

#include "os/io.h"

#define DIAL_STAGGER_MS 250

/* More are not tried. */
#define DIAL_ADDRESSES_MAX 16

/*
 * Waits in a fiber until one of them is connected; `io` is initialised and open then, and
 * *ret_which its number. Those that were slower are closed. 0; or what the last one to fail said,
 * and *ret_which is its number; -ETIMEDOUT, -ECANCELED.
 */
int dial_addresses(const struct address *addresses, unsigned count, int64_t deadline_ms,
                   struct io *io, unsigned *ret_which);
