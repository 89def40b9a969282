/* A loaded file as the answer to a GET or HEAD: whole, in part, not modified, or refused. */
#pragma once

#include "edge/files/cache.h"

struct exchange;

/*
 * Conditions (RFC 9110 §13) and ranges (§14) included. `extra` is field lines that every answer but
 * errors gets besides; may be empty. The entry is the caller's throughout.
 */
void files_send(struct exchange *exchange, const struct files_entry *entry, struct slice extra);
