/* Names that a public certificate authority can certify. */
#pragma once

#include "base/slice.h"

#include <stdbool.h>

/*
 * `name` is a domain in lower case, "*.x" too. No: addresses, names without a dot, and what is
 * below the names that never stand in the public DNS (RFC 6761, RFC 6762, RFC 7686, RFC 8375, RFC
 * 9476, and ICANN's reservation of "internal").
 */
bool public_name_is(struct slice name);
