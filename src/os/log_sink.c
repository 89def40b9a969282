/*
 * Two blocks under one lock: lines are added to one while the thread writes the other. The writing
 * itself is done without the lock.
 */
#include "os/log_sink.h"

#include "base/slice.h"
#include "os/line_log.h"
#include "os/thread.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES_MAX 2200 /* base/log.c's longest, and what is put before it */

struct block {
    size_t len;
    char bytes[LOG_SINK_BYTES];
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wanted;
    struct thread thread;
    int fd;
    enum log_sink_format format;
    bool is_threaded;
    bool is_ending;
    uint64_t dropped;
    uint64_t dropped_told;
    struct block blocks[2];
    struct block *filling;
} sink = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .wanted = PTHREAD_COND_INITIALIZER,
    .fd = -1,
    .filling = &sink.blocks[0],
};

static const struct {
    const char *name;
    char priority; /* syslog's */
} levels[] = {
    [LOG_LEVEL_DEBUG] = {"debug", '7'},
    [LOG_LEVEL_INFO] = {"info", '6'},
    [LOG_LEVEL_WARN] = {"warn", '4'},
    [LOG_LEVEL_ERROR] = {"error", '3'},
};

static int64_t wall_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* With its newline; its length. */
static size_t format_line(enum log_level level, struct slice text,
                          char ret_line[static LINE_BYTES_MAX])
{
    int len;
    if (sink.format == LOG_SINK_JOURNAL) {
        len = snprintf(ret_line, LINE_BYTES_MAX, "<%c>%.*s\n", levels[level].priority,
                       SLICE_ARG(text));
    } else {
        char time[LINE_LOG_TIME_BYTES];
        line_log_time(wall_us(), time);
        len = snprintf(ret_line, LINE_BYTES_MAX, "%.*s%s %.*s\n", LINE_LOG_TIME_BYTES, time,
                       levels[level].name, SLICE_ARG(text));
    }
    return len < 0 ? 0 : len < LINE_BYTES_MAX ? (size_t)len : LINE_BYTES_MAX - 1;
}

/* False when the descriptor refuses. One that does not block is waited for. */
static bool write_out(const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t put = write(sink.fd, bytes, len);
        if (put < 0 && errno == EAGAIN) {
            struct pollfd room = {.fd = sink.fd, .events = POLLOUT};
            (void)poll(&room, 1, -1);
        } else if (put < 0 && errno != EINTR) {
            return false;
        } else if (put > 0) {
            bytes += put;
            len -= (size_t)put;
        }
    }
    return true;
}

/* The lock is held. */
static void add_line(const char *line, size_t len)
{
    struct block *block = sink.filling;
    if (len > sizeof block->bytes - block->len) {
        sink.dropped++;
        return;
    }
    memcpy(block->bytes + block->len, line, len);
    block->len += len;
    (void)pthread_cond_signal(&sink.wanted);
}

static void take_line(void *arg, enum log_level level, const char *text, size_t len)
{
    (void)arg;
    char line[LINE_BYTES_MAX];
    size_t line_len = format_line(level, slice_of(text, len), line);
    (void)pthread_mutex_lock(&sink.lock);
    if (sink.is_threaded)
        add_line(line, line_len);
    else if (!write_out(line, line_len))
        sink.dropped++;
    (void)pthread_mutex_unlock(&sink.lock);
}

/* The lock is held. Told in the block that is written next, which has become empty. */
static void tell_dropped(void)
{
    if (sink.dropped == sink.dropped_told)
        return;
    char text[80], line[LINE_BYTES_MAX];
    int len = snprintf(text, sizeof text, "%llu lines of this log were lost",
                       (unsigned long long)(sink.dropped - sink.dropped_told));
    sink.dropped_told = sink.dropped;
    add_line(line, format_line(LOG_LEVEL_WARN, slice_of(text, (size_t)len), line));
}

static void count_lost(const struct block *block)
{
    for (size_t i = 0; i < block->len; i++)
        sink.dropped += block->bytes[i] == '\n';
}

static void write_blocks(void *arg)
{
    (void)arg;
    bool was_written = true;
    (void)pthread_mutex_lock(&sink.lock);
    for (;;) {
        while (sink.filling->len == 0 && !sink.is_ending)
            (void)pthread_cond_wait(&sink.wanted, &sink.lock);
        struct block *block = sink.filling;
        if (block->len == 0)
            break;
        sink.filling = block == &sink.blocks[0] ? &sink.blocks[1] : &sink.blocks[0];
        if (was_written) /* else this line would be lost too, and give rise to the next */
            tell_dropped();
        (void)pthread_mutex_unlock(&sink.lock);
        was_written = write_out(block->bytes, block->len);
        (void)pthread_mutex_lock(&sink.lock);
        if (!was_written)
            count_lost(block);
        block->len = 0;
    }
    sink.is_threaded = false;
    (void)pthread_mutex_unlock(&sink.lock);
}

void log_sink_open(int fd, enum log_sink_format format, enum log_level least)
{
    sink.fd = fd;
    sink.format = format;
    log_set_sink(take_line, NULL, least);
}

int log_sink_start(void)
{
    (void)pthread_mutex_lock(&sink.lock);
    sink.is_ending = false;
    int rc = thread_start(&sink.thread, "weir-log", THREAD_CPU_ANY, write_blocks, NULL);
    sink.is_threaded = rc == 0;
    (void)pthread_mutex_unlock(&sink.lock);
    return rc;
}

void log_sink_stop(void)
{
    (void)pthread_mutex_lock(&sink.lock);
    bool was_threaded = sink.is_threaded;
    sink.is_ending = true;
    (void)pthread_cond_signal(&sink.wanted);
    (void)pthread_mutex_unlock(&sink.lock);
    if (was_threaded)
        thread_join(&sink.thread);
}

uint64_t log_sink_dropped(void)
{
    (void)pthread_mutex_lock(&sink.lock);
    uint64_t dropped = sink.dropped;
    (void)pthread_mutex_unlock(&sink.lock);
    return dropped;
}
