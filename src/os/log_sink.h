/*
 * Where the lines of base/log.h go: to a descriptor, each with its time and level. Written at once
 * at first; from log_sink_start on by a thread, so that who logs never waits for a slow terminal or
 * disk. When LOG_SINK_BYTES are waiting, further lines are dropped and counted, and the count is
 * told in a line of its own.
 */
#pragma once

#include "base/log.h"

#include <stdint.h>

#define LOG_SINK_BYTES (256 * 1024)

enum log_sink_format {
    LOG_SINK_PLAIN,   /* "2026-11-23T21:05:11.123Z warn text" */
    LOG_SINK_JOURNAL, /* "<4>text": systemd keeps time and level (sd-daemon(3)) */
};

/* Becomes the log's sink; before the first thread. The descriptor is borrowed for good. */
void log_sink_open(int fd, enum log_sink_format format, enum log_level least);

/* Begins to write by a thread. Returns 0 or a negative errno: then lines are still written. */
int log_sink_start(void);

/* Writes what waits and ends the thread. Lines that come later are written at once. */
void log_sink_stop(void);

/* Lines lost so far, also to a descriptor that refuses them. */
uint64_t log_sink_dropped(void);
