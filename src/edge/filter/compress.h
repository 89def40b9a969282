/* Compression of responses, as the client accepts it and the rule asks for it. */
#pragma once

#include "conf/policy.h"

#include <stdbool.h>

struct exchange;
struct writer;

/* A filter that compresses what may be compressed. 0 or -ENOMEM. */
int compress_add_filter(struct exchange *exchange, const struct conf_compress *conf);

/*
 * May a response with this written head, status and length be compressed, whatever its client
 * accepts? Its type is listed; it is not encoded yet, not a part of a whole, not too short, and
 * nobody forbids it.
 */
bool compress_is_possible(const struct conf_compress *conf, const struct writer *head,
                          unsigned status, uint64_t length);
