/*
 * One line of the access log, from an exchange that has ended. Pure formatting: docs/access-log.md
 * tells what stands in it. Well below a microsecond.
 */
#pragma once

#include "base/writer.h"
#include "conf/snapshot.h"

struct exchange;

/* A connection that was passed on as it is, once it has ended. All is borrowed. */
struct access_connection {
    uint64_t id;
    struct slice client;
    struct slice listener;
    struct slice group;
    struct slice target;      /* that had it, or was tried last; empty: none */
    struct slice server_name; /* that the client asked for by TLS; empty: none */
    unsigned tries;
    int64_t connect_us; /* until a target had accepted; 0: none did */
    int64_t duration_us;
    uint64_t bytes_received; /* from the client */
    uint64_t bytes_sent;
    const char *reason; /* why it did not end by itself; NULL otherwise */

    /* Of a forward proxy's tunnel; else empty or 0. */
    struct slice proxy;
    struct slice host; /* where to, with the port, as the client named it */
    struct slice user;
    const char *method;   /* static */
    const char *protocol; /* "HTTP/1.1", "SOCKS5"; static */
    unsigned status;
    unsigned rule; /* that decided; 0: none did */
    unsigned rule_line;
};

/* "2026-11-23T21:29:10.123Z". */
#define ACCESS_TIME_BYTES 24
void access_time_write(struct writer *writer, int64_t wall_us);

/* The present second as text, made anew only when it changes. Starts zeroed. */
struct access_clock {
    int64_t second; /* of the texts; meaningful once they are there */
    char rfc3339[sizeof "2026-11-23T21:29:10"];
    char combined[sizeof "23/Nov/2026:21:29:10 +0000"];
};

/* The same by a clock that shows that second. */
void access_clock_write(const struct access_clock *clock, struct writer *writer, int64_t wall_us);

/*
 * Writes the line and its newline, as `conf` wants it; its format is not CONF_LOG_OFF. `wall_us` is
 * when the exchange ended, `duration_us` how long it took. A line that does not fit overflows the
 * writer.
 */
void access_line_write(struct writer *writer, const struct conf_access_log *conf,
                       const struct exchange *exchange, struct access_clock *clock, int64_t wall_us,
                       int64_t duration_us);

/* The same for a connection, which ended at `wall_us`. */
void access_line_write_connection(struct writer *writer, enum conf_log_format format,
                                  const struct access_connection *connection,
                                  struct access_clock *clock, int64_t wall_us);
