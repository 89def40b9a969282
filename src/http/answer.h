/*
 * A whole answer of a server that closes behind it: for questions of Weir's own, of which there are
 * few (ask.h, fetch.h). Received to the end, or to that of its head, then parsed at once.
 */
#pragma once

#include "base/buffer.h"
#include "os/io.h"
#include "wire/http/message.h"

/*
 * Appends what comes until the other side closes. Waits in a fiber. 0; -ECONNRESET when it did not
 * end properly (what came may be whole all the same); -ETIMEDOUT, -EMSGSIZE, -ENOMEM or another
 * error.
 */
int answer_receive(struct io *io, int64_t deadline_ms, struct buffer *ret_bytes);

/* Until the head of the final answer is there, or the end; `head` is room for a try. As
 * answer_receive. */
int answer_receive_head(struct io *io, int64_t deadline_ms, struct response_head *head,
                        struct buffer *ret_bytes);

/*
 * Parses the message. ret_head->fields.at and .max are set by the caller; its slices are borrowed
 * from `bytes`. The body without its framing is appended to *ret_body. Interim answers are passed
 * over. NULL: the body is not looked at. 0, -EBADMSG for what is not HTTP or was cut short,
 * -EMSGSIZE, -ENOMEM.
 */
int answer_parse(struct slice bytes, struct response_head *ret_head, struct buffer *ret_body);
