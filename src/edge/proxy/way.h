/*
 * A connection for a tunnel: to the destination, or to the parent proxy, which has been asked for
 * the same and has agreed.
 */
#pragma once

#include "edge/proxy/passage.h"
#include "http/client.h"

/*
 * Looks up, judges and connects; waits. On PASSAGE_OPEN *way has an open io and perhaps bytes that
 * came already; what was taken over from it is gone from it. way_close in any case.
 */
enum passage_result way_open(struct passage *passage, struct upstream *way);
void way_close(struct upstream *way);
