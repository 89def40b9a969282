/*
 * A request to a target as a stream of HTTP/2 (RFC 9113 §8.1). Calls are made through http/call.h.
 * The connection below it (http/h2_upstream.h) may end before: the call then tells why.
 */
#pragma once

#include "wire/http/message.h"

struct client_pool;
struct h2_call;

/* As call_open. The stream begins with h2_call_begin. */
int h2_call_open(struct client_pool *pool, int64_t deadline_ms, struct h2_call **ret_call,
                 const char **ret_why);

/* Has its connection carried others before? */
bool h2_call_is_reused(const struct h2_call *call);

/* Would a first part of that length leave at once, as far as the target's windows go? */
bool h2_call_takes(const struct h2_call *call, size_t len);

/* As those of http/call.h. Without `more` the request ends with `data` and `trailers`, which may be
 * NULL. */
int h2_call_begin(struct h2_call *call, struct slice head, struct slice data, bool more,
                  int64_t timeout_ms);
int h2_call_send(struct h2_call *call, struct slice data, bool more, const struct fields *trailers,
                 int64_t timeout_ms);
void h2_call_break(struct h2_call *call);

int h2_call_read_head(struct h2_call *call, enum http_method method, int64_t deadline_ms,
                      struct response_head *ret_head, const char **ret_why);
int h2_call_try_body(struct h2_call *call, struct slice *ret_data);
int h2_call_read_body(struct h2_call *call, int64_t timeout_ms, struct slice *ret_data);
bool h2_call_at_last_part(const struct h2_call *call);
void h2_call_trailers(const struct h2_call *call, struct fields *ret_fields);

/* Nobody waits on it. What is not over on either side is reset. NULL is fine. */
void h2_call_drop(struct h2_call *call);
