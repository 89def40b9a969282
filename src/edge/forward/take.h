/* Finding a member that has a slot for a request: now, in a moment, or after waiting in line. */
#pragma once

#include "edge/forward/attempt.h"

/* What all choices for this request have in common. */
void take_begin(struct attempt *attempt);

/*
 * For the first try: waits where nobody knows yet who can take it, and in line where all are full.
 * A member with a slot and a reference, or NULL; then take_refuse.
 */
struct member *take_first(struct attempt *attempt);

/* For a further one after that verdict, if it is allowed; it waits in line too. NULL: the verdict
 * stands. */
struct member *take_next(struct attempt *attempt, enum verdict verdict);

/* Could take_next have a member now? */
bool take_is_possible(const struct attempt *attempt);

/* No member took the request. */
enum verdict take_refuse(struct attempt *attempt);
