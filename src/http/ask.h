/*
 * One request over a Unix socket and its whole answer: how control, supervisor and commands talk to
 * the edge's admin API. A connection for each request; nothing is pooled or retried.
 */
#pragma once

#include "base/buffer.h"

#include <stdint.h>

#define ASK_ANSWER_BYTES_MAX (16 << 20)

/*
 * Waits in a fiber. `body` may be empty. The answer's body is appended to *ret_body, whose maximum
 * bounds it. Returns the status, or: -ENOENT or -ECONNREFUSED when nobody listens there,
 * -ETIMEDOUT, -EBADMSG for an answer that is not HTTP or was cut short, -EMSGSIZE, -ENOMEM.
 */
int ask(const char *socket_path, const char *method, const char *target, struct slice body,
        int64_t deadline_ms, struct buffer *ret_body);
