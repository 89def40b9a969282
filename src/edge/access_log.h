/*
 * The access log: a line for each exchange, JSON or combined. Workers format into buffers of their
 * own; a thread writes them out. When it cannot keep up, or the disk is full, lines are dropped and
 * counted, and no request waits for a disk.
 */
#pragma once

#include "base/error.h"
#include "conf/snapshot.h"

struct access_log;
struct access_lines;
struct exchange;

/*
 * *ret_log is NULL when the format is off. `fd` is where lines go, owned from then on, on failure
 * too; -1: the file is opened here.
 */
int access_log_open(const struct conf_access_log *conf, int fd, struct access_log **ret_log,
                    struct error *ret_error);

/* Writes out what is buffered, then ends. After the workers have ended. NULL is fine. */
void access_log_close(struct access_log *log);

/* Lines go there from now on, after a rotation; the descriptor is owned. From any thread. A log
 * that is NULL, or standard output, closes it. */
void access_log_take(struct access_log *log, int fd);

/* Lines that were not written. 0 for NULL. */
uint64_t access_log_dropped(const struct access_log *log);

/*
 * A worker's buffers, on its own thread and loop; they belong to the log, which is not closed
 * before access_lines_end. *ret_lines is NULL for a log that is NULL. 0 or -ENOMEM.
 */
int access_lines_begin(struct access_log *log, struct access_lines **ret_lines);

/* Hands over what is buffered; `lines` (may be NULL) is not used again. */
void access_lines_end(struct access_lines *lines);

struct access_connection;

/* Adds the line of a connection that has ended; NULL is fine. */
void access_lines_add_connection(struct access_lines *lines,
                                 const struct access_connection *connection);

/*
 * Adds the line of an exchange that has ended on this worker, or leaves it out of the sample.
 * `conf` is what the exchange met; its format and path are those of the log. NULL is fine for
 * `lines`.
 */
void access_lines_add(struct access_lines *lines, const struct conf_access_log *conf,
                      const struct exchange *exchange);
