/*
 * The parent proxy: it gets all that the rules allow, and looks names up itself. What the rules and
 * deny_private say is held against what a name leads to here, where that is known; which address
 * the parent dials nobody here can see, so one that may not be dialled is enough to refuse.
 */
#pragma once

#include "edge/proxy/passage.h"
#include "http/client.h"

/* Its addresses; waits. PASSAGE_OPEN, or as passage_find. */
enum passage_result parent_find(const struct passage *passage, int64_t deadline_ms,
                                struct passage_addresses *ret_addresses);

/* Asks it for a tunnel on a connection to it, by CONNECT; waits. PASSAGE_OPEN, or what went wrong;
 * what it says of a refusal stays here. */
enum passage_result parent_ask(const struct passage *passage, struct upstream *way,
                               int64_t deadline_ms);

/* Proxy-Authorization, where it wants one. */
void parent_write_credentials(struct writer *writer, const struct conf_parent *parent);
