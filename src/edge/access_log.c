/*
 * Two buffers for each worker: one it fills, one that is with the writer thread. A buffer is handed
 * over when it holds a good deal, or by a timer that is armed only while something is buffered.
 * While the writer is held up the worker's buffer goes on filling to its end; from then on lines
 * are dropped.
 */
#include "edge/access_log.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "edge/access_line.h"
#include "edge/log_file.h"
#include "http/exchange.h"
#include "http/worker.h"
#include "os/append.h"
#include "os/file.h"
#include "os/lock.h"
#include "os/loop.h"
#include "os/thread.h"

#include <errno.h>
#include <stdatomic.h>

#define BUFFER_BYTES      ((size_t)1 << 20) /* its pages are taken only when lines come */
#define HAND_OVER_BYTES   ((size_t)1 << 16)
#define HAND_OVER_MS      200
#define STALL_MS          200
#define STALLS_AT_END_MAX 10 /* after the last request: what a stuck reader may cost */

#define ALL 10000 /* of conf_access_log.sample */

struct batch {
    struct list link;    /* in the log's queue while the writer has it */
    atomic_bool is_away; /* with the writer, who alone sets it back */
    size_t len;
    char *bytes; /* owned */
};

struct access_lines {
    struct list link; /* in the log's `all` */
    struct access_log *log;
    struct batch batches[2];
    unsigned filling; /* which of them */
    struct timer timer;
    struct access_clock clock;
};

struct access_log {
    enum conf_log_format format; /* of connections; exchanges bring their own */
    char *path;                  /* owned; NULL: standard output */
    struct list all;             /* struct access_lines, owned */
    atomic_ullong dropped;       /* lines */
    struct thread thread;        /* the writer */
    struct lock lock;            /* of `all` and what follows; held for a few instructions */
    struct condition is_work;    /* the queue is not empty, or one of the next two was set */
    struct list queue;           /* struct batch, the first to be written first */
    int next_fd;                 /* owned: where lines go from now on; -1: no change */
    bool is_ending;
    /* The writer's own. */
    int fd;
    bool is_failing;
    bool is_torn; /* the last byte written was not the end of a line */
    unsigned stalls;
    uint64_t dropped_before; /* when it began to fail */
};

static void drop(struct access_log *log, uint64_t lines)
{
    atomic_fetch_add_explicit(&log->dropped, lines, memory_order_relaxed);
}

static uint64_t count_lines(struct slice bytes)
{
    uint64_t lines = 0;
    ptrdiff_t end;
    while ((end = slice_find(bytes, '\n')) >= 0) {
        lines++;
        bytes = slice_from(bytes, (size_t)end + 1);
    }
    return lines;
}

/* Told once when it begins and once when it is over, not for each line. */
static void note_failure(struct access_log *log, int error)
{
    if (log->is_failing)
        return;
    struct error text;
    (void)error_set_errno(&text, error, "cannot write the access log %s",
                          log->path == NULL ? "to standard output" : log->path);
    log_warn("%s; requests are served, their lines are dropped and counted", text.text);
    log->is_failing = true;
    log->dropped_before = access_log_dropped(log);
}

static void note_success(struct access_log *log)
{
    if (!log->is_failing)
        return;
    log->is_failing = false;
    log_info("the access log is written again, %llu lines were dropped",
             (unsigned long long)(access_log_dropped(log) - log->dropped_before));
}

static void change_file(struct access_log *log, int fd)
{
    append_close(log->fd);
    log->fd = fd;
    log->is_torn = false;
}

static bool is_ending(struct access_log *log)
{
    lock_take(&log->lock);
    bool ending = log->is_ending;
    lock_release(&log->lock);
    return ending;
}

/* Writes all, waiting for a reader that is slow but not for ever at the end. 0 or the error; *rest
 * is what was not written. */
static int write_out(struct access_log *log, struct slice *rest)
{
    while (rest->len > 0) {
        ssize_t put = append_write(log->fd, *rest, STALL_MS);
        if (put == -ETIMEDOUT && (!is_ending(log) || log->stalls++ < STALLS_AT_END_MAX))
            continue;
        if (put < 0)
            return (int)put;
        if (put > 0)
            log->is_torn = rest->at[put - 1] != '\n';
        *rest = slice_from(*rest, (size_t)put);
    }
    return 0;
}

static void write_batch(struct access_log *log, struct slice bytes)
{
    /* What a full disk cut short must not run into the next line. */
    struct slice newline = SLICE("\n");
    int rc = log->is_torn ? write_out(log, &newline) : 0;
    if (rc == 0)
        rc = write_out(log, &bytes);
    if (rc == 0) {
        note_success(log);
    } else {
        note_failure(log, rc);
        drop(log, count_lines(bytes));
    }
}

/* The next batch, or NULL when there is none and the log ends. Waits. */
static struct batch *next_batch(struct access_log *log, int *ret_next_fd)
{
    struct batch *batch = NULL;
    lock_take(&log->lock);
    while (list_is_empty(&log->queue) && !log->is_ending && log->next_fd < 0)
        condition_wait(&log->is_work, &log->lock);
    *ret_next_fd = log->next_fd;
    log->next_fd = -1;
    if (!list_is_empty(&log->queue)) {
        batch = CONTAINER_OF(log->queue.next, struct batch, link);
        list_remove(&batch->link);
    }
    lock_release(&log->lock);
    return batch;
}

static void writer_main(void *arg)
{
    struct access_log *log = arg;
    for (;;) {
        int next_fd;
        struct batch *batch = next_batch(log, &next_fd);
        if (next_fd >= 0)
            change_file(log, next_fd);
        if (batch == NULL && next_fd < 0)
            return;
        if (batch == NULL)
            continue;
        write_batch(log, slice_of(batch->bytes, batch->len));
        atomic_store_explicit(&batch->is_away, false, memory_order_release);
    }
}

static void send_to_writer(struct access_log *log, struct batch *batch)
{
    atomic_store_explicit(&batch->is_away, true, memory_order_relaxed);
    lock_take(&log->lock);
    list_append(&log->queue, &batch->link);
    condition_signal(&log->is_work);
    lock_release(&log->lock);
}

/* Swaps the buffers; false while the writer still has the other one. */
static bool hand_over(struct access_lines *lines)
{
    struct batch *full = &lines->batches[lines->filling];
    struct batch *other = &lines->batches[1 - lines->filling];
    if (atomic_load_explicit(&other->is_away, memory_order_acquire))
        return false;
    send_to_writer(lines->log, full);
    lines->filling = 1 - lines->filling;
    other->len = 0;
    return true;
}

static void hand_over_in_time(struct timer *timer)
{
    struct access_lines *lines = CONTAINER_OF(timer, struct access_lines, timer);
    if (lines->batches[lines->filling].len > 0 && !hand_over(lines))
        timer_arm(timer, loop_deadline(HAND_OVER_MS));
}

/* Of an exchange or a connection. False when there is no room for it. */
static bool add_line(struct access_lines *lines, const struct conf_access_log *conf,
                     const struct exchange *exchange, const struct access_connection *connection)
{
    struct batch *batch = &lines->batches[lines->filling];
    struct writer writer;
    writer_init(&writer, batch->bytes + batch->len, BUFFER_BYTES - batch->len);
    if (LIKELY(exchange != NULL))
        access_line_write(&writer, conf, exchange, &lines->clock, loop_wall_us(),
                          loop_now_us() - exchange->started_us);
    else
        access_line_write_connection(&writer, lines->log->format, connection, &lines->clock,
                                     loop_wall_us());
    if (UNLIKELY(writer.overflown))
        return false;
    batch->len += writer_slice(&writer).len;
    return true;
}

/* What fails is told whatever the sample. */
static bool is_in_sample(const struct conf_access_log *conf, const struct exchange *exchange)
{
    return LIKELY(conf->sample >= ALL) || exchange->status >= 500 ||
           exchange->state == RESPONSE_BROKEN ||
           prng_below(&worker_current()->prng, ALL) < conf->sample;
}

static void add(struct access_lines *lines, const struct conf_access_log *conf,
                const struct exchange *exchange, const struct access_connection *connection)
{
    if (UNLIKELY(!add_line(lines, conf, exchange, connection)) &&
        (!hand_over(lines) || !add_line(lines, conf, exchange, connection))) {
        drop(lines->log, 1);
        return;
    }
    if (lines->batches[lines->filling].len >= HAND_OVER_BYTES)
        (void)hand_over(lines);
    else if (!timer_is_armed(&lines->timer))
        timer_arm(&lines->timer, loop_deadline(HAND_OVER_MS));
}

void access_lines_add(struct access_lines *lines, const struct conf_access_log *conf,
                      const struct exchange *exchange)
{
    if (lines != NULL && is_in_sample(conf, exchange))
        add(lines, conf, exchange, NULL);
}

void access_lines_add_connection(struct access_lines *lines,
                                 const struct access_connection *connection)
{
    if (lines != NULL)
        add(lines, NULL, NULL, connection);
}

static void free_lines(struct access_lines *lines)
{
    if (lines == NULL)
        return;
    memory_free(lines->batches[0].bytes);
    memory_free(lines->batches[1].bytes);
    memory_free(lines);
}

int access_lines_begin(struct access_log *log, struct access_lines **ret_lines)
{
    *ret_lines = NULL;
    if (log == NULL)
        return 0;
    struct access_lines *lines = NEW(struct access_lines);
    if (lines == NULL)
        return -ENOMEM;
    lines->log = log;
    timer_init(&lines->timer, hand_over_in_time);
    for (int i = 0; i < 2; i++) {
        list_init(&lines->batches[i].link);
        lines->batches[i].bytes = memory_alloc_raw(BUFFER_BYTES);
        if (lines->batches[i].bytes == NULL) {
            free_lines(lines);
            return -ENOMEM;
        }
    }
    lock_take(&log->lock);
    list_append(&log->all, &lines->link);
    lock_release(&log->lock);
    *ret_lines = lines;
    return 0;
}

void access_lines_end(struct access_lines *lines)
{
    if (lines == NULL)
        return;
    timer_cancel(&lines->timer);
    if (lines->batches[lines->filling].len > 0)
        send_to_writer(lines->log, &lines->batches[lines->filling]);
}

uint64_t access_log_dropped(const struct access_log *log)
{
    return log == NULL ? 0 : atomic_load_explicit(&log->dropped, memory_order_relaxed);
}

void access_log_take(struct access_log *log, int fd)
{
    if (log == NULL || log->path == NULL) {
        append_close(fd);
        return;
    }
    lock_take(&log->lock);
    append_close(log->next_fd);
    log->next_fd = fd;
    condition_signal(&log->is_work);
    lock_release(&log->lock);
}

/* Without a descriptor the file is opened here. */
static int begin_writing(struct access_log *log, struct slice path, int fd, struct error *ret_error)
{
    if (path.len > 0) {
        log->path = memory_copy_text(path.at, path.len);
        if (log->path == NULL)
            return error_set(ret_error, -ENOMEM, "out of memory");
    }
    log->fd = fd >= 0 ? fd : log_file_open(path, ret_error);
    return log->fd < 0 ? log->fd : 0;
}

static void free_log(struct access_log *log)
{
    LIST_FOR_EACH (&log->all, link)
        free_lines(CONTAINER_OF(link, struct access_lines, link));
    append_close(log->fd);
    append_close(log->next_fd);
    memory_free(log->path);
    condition_finish(&log->is_work);
    lock_finish(&log->lock);
    memory_free(log);
}

int access_log_open(const struct conf_access_log *conf, int fd, struct access_log **ret_log,
                    struct error *ret_error)
{
    *ret_log = NULL;
    if (conf->format == CONF_LOG_OFF) {
        append_close(fd);
        return 0;
    }
    struct access_log *log = NEW(struct access_log);
    if (log == NULL) {
        append_close(fd);
        return error_set(ret_error, -ENOMEM, "out of memory");
    }
    log->format = conf->format;
    log->fd = fd;
    log->next_fd = -1;
    list_init(&log->all);
    list_init(&log->queue);
    (void)lock_init(&log->lock);
    (void)condition_init(&log->is_work);
    int rc = begin_writing(log, conf->path, fd, ret_error);
    if (rc == 0) {
        rc = thread_start(&log->thread, "access log", THREAD_CPU_ANY, writer_main, log);
        if (rc < 0)
            (void)error_set_errno(ret_error, rc, "cannot start the access log's thread");
    }
    if (rc < 0) {
        free_log(log);
        return rc;
    }
    *ret_log = log;
    return 0;
}

void access_log_close(struct access_log *log)
{
    if (log == NULL)
        return;
    lock_take(&log->lock);
    log->is_ending = true;
    condition_signal(&log->is_work);
    lock_release(&log->lock);
    thread_join(&log->thread);
    free_log(log);
}
