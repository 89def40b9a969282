/* From a draft to a snapshot: names become pointers, and what only the whole file shows is checked.
 */
#pragma once

#include "conf/read.h"

/* Fills `snapshot`, whose arena is the reading's. Errors are noted in the reading. */
void link_snapshot(struct reading *reading, struct draft *draft, struct snapshot *snapshot);
