/*
 * Descriptors that are only added to: log files, pipes to a collector. Blocking, for a thread of
 * its own; a stalled reader is noticed within a time.
 */
#pragma once

#include "base/slice.h"

#include <sys/types.h>

/* Standard output, never closed by append_close. */
#define APPEND_STANDARD_OUTPUT 1

/*
 * Opens a file to append, making it with `mode` when it is missing. A FIFO without a reader is
 * -ENXIO. Returns the descriptor or -errno.
 */
int append_open(const char *path, unsigned mode);

/*
 * Writes a first part of the bytes, at most waiting `timeout_ms` for a pipe, socket or terminal to
 * take any. Returns how many were written, -ETIMEDOUT, or -errno.
 */
ssize_t append_write(int fd, struct slice bytes, int timeout_ms);

/* Harmless for a negative one. */
void append_close(int fd);
