/*
 * Cross-origin requests (https://fetch.spec.whatwg.org/#http-cors-protocol): who may read a
 * response, and the preflight requests by which browsers ask first.
 */
#pragma once

#include "conf/policy.h"

#include <stdbool.h>

struct exchange;

/* A filter that says who may read, in place of what the target says. 0 or -ENOMEM. */
int cors_add_filter(struct exchange *exchange, const struct conf_cors *cors);

/*
 * Answers a preflight request; false for all others. They carry no credentials, so they come
 * before policies that ask for some. The filter must have been added.
 */
bool cors_answer_preflight(struct exchange *exchange, const struct conf_cors *cors);
