/* An object's content as a response's body, each block checked before it leaves. Also the action
 * `bucket` sends by it. */
#pragma once

#include "store/store.h"

struct exchange;
struct s3_seal;

/*
 * After exchange_begin, whose length this is. `seal` is that of its content; NULL: it has none.
 * What goes wrong is in the log. 0: the response has ended, or was broken off; or a negative errno
 * while nothing of it has left: -EBADMSG when the content is damaged, -ENOMEM, … Then the caller
 * answers.
 */
int object_send(struct exchange *exchange, struct store *store, struct object *object,
                uint64_t offset, uint64_t length, const struct s3_seal *seal);
