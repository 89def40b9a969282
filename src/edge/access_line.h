/*
 * One line of the access log, from an exchange that has ended. Pure formatting: docs/access-log.md
 * tells what stands in it. Well below a microsecond.
 */
#pragma once

#include "base/writer.h"
#include "conf/snapshot.h"

struct exchange;

/* The present second as text, made anew only when it changes. Starts zeroed. */
struct access_clock {
    int64_t second; /* of the texts; meaningful once they are there */
    char rfc3339[sizeof "2026-11-23T21:29:10"];
    char combined[sizeof "23/Nov/2026:21:29:10 +0000"];
};

/*
 * Writes the line and its newline. `format` is not CONF_LOG_OFF; `wall_us` is when the exchange
 * ended, `duration_us` how long it took. A line that does not fit overflows the writer.
 */
void access_line_write(struct writer *writer, enum conf_log_format format,
                       const struct exchange *exchange, struct access_clock *clock, int64_t wall_us,
                       int64_t duration_us);
