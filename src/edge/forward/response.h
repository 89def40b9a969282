/* Bringing a target's answer back. */
#pragma once

#include "edge/forward/attempt.h"

/* After the final response's head was read. Waits for the client and for the target. */
enum verdict response_relay(struct attempt *attempt);
