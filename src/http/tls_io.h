/*
 * TLS as a layer of a connection: whoever reads and writes the io need not know of it. Ciphertext
 * leaves in as few writes as possible; what the kernel does not take waits in a pooled block.
 */
#pragma once

#include "os/io.h"
#include "wire/tls/connection.h"

/*
 * On an open io without a layer, as the side that accepts or the one that connects. `received` is
 * what was already read from it and is copied. The handshake is still to be made. 0, -ENOMEM, or
 * -EINVAL for a `host` that cannot be verified.
 */
int tls_io_accept(struct io *io, struct tls_listener *listener, struct slice received);
int tls_io_connect(struct io *io, struct tls_client *client, struct slice host);

/*
 * Goes on with the handshake, without waiting: 1 when it is done; -EAGAIN: again when the io is
 * readable; or as tls_connection_handshake.
 */
int tls_io_handshake(struct io *io, const char **ret_why);

/* The same on a fiber, waiting: 0, -ETIMEDOUT, -ECANCELED or the error. */
int tls_io_handshake_wait(struct io *io, int64_t deadline_ms, const char **ret_why);

/* Away with the layer, whatever it holds: the bytes are plain from now on. */
void tls_io_strip(struct io *io);

/*
 * Is there nothing to be read? Takes in what the other side says about the connection itself, such
 * as session tickets. For a connection without a layer: is it not readable?
 */
bool tls_io_is_quiet(struct io *io);

/* NULL when there is no TLS. Borrowed until the io is closed. */
const struct tls_connection *tls_io_connection(const struct io *io);
