/* What of a request `ring_hash` looks at, as a number. */
#pragma once

#include "base/hash.h"
#include "conf/snapshot.h"

struct exchange;

/* The same in every worker and on every machine. A request without that part gets a number of the
 * generator's: it may go anywhere. */
uint64_t forward_hash_key(const struct exchange *exchange, const struct conf_hash_by *by,
                          struct prng *prng);

/* The number of a client's address, as `by: address` has it. */
uint64_t forward_hash_address(struct slice client);
