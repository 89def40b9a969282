/*
 * The access log: a line for each exchange, JSON or combined. Workers format into buffers of their
 * own; a thread writes them out. When it cannot keep up lines are dropped and counted, and no
 * request waits for a disk.
 */
#pragma once

#include "base/error.h"
#include "conf/snapshot.h"

struct access_log;
struct exchange;

/* *ret_log is NULL when the format is off. */
int access_log_open(const struct conf_access_log *conf, struct access_log **ret_log,
                    struct error *ret_error);

/* Writes out what is buffered, then ends. After the workers have ended. NULL is fine. */
void access_log_close(struct access_log *log);

/* Opens the file anew by its name, after a rotation. From any thread. */
void access_log_reopen(struct access_log *log);

uint64_t access_log_dropped(const struct access_log *log);

/* struct server's log function. */
void access_log_exchange(const struct exchange *exchange);
