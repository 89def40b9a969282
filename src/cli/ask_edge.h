/* One question of a command to the edge that runs here, and what is said when it fails. */
#pragma once

#include "base/buffer.h"
#include "cli/place.h"

#include <stdint.h>

/* As `ask` (http/ask.h), to the place's admin socket, on a loop of its own. */
int ask_edge(const struct place *place, const char *method, const char *target, struct slice body,
             int64_t patience_ms, struct buffer *ret_answer);

/*
 * Tells on standard error what an answer that is not the wanted one means, in the name of the
 * command; `rc` and the answer are ask_edge's. Returns the exit code, 1.
 */
int ask_edge_tell(const char *command, int rc, const struct buffer *answer);
