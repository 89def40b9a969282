/* Basic credentials (RFC 7617): "Basic" and base64 (RFC 4648 §4) of a name, a colon, a password. */
#pragma once

#include "base/writer.h"

/*
 * The credentials of an Authorization field, decoded into `room`, which has as many bytes as
 * `value`. Returns 0; -ENOENT for another scheme; -EBADMSG for what is not base64 in its one form,
 * has no colon, or has control characters in it (RFC 7617 §2).
 */
int basic_parse(struct slice value, char *room, struct slice *ret_name, struct slice *ret_password);

/* The same written: "Basic ", and both in base64. The name holds no colon. */
void basic_write(struct writer *writer, struct slice name, struct slice password);
