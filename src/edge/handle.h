/* The step from a request to its action. */
#pragma once

struct exchange;

/* The handler of all sites' listeners: finds the rule and runs its action. */
void edge_handle(struct exchange *exchange);
