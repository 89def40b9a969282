/*
 * Lines about requests of buckets that are logged, until they are written as objects (log_deliver):
 * a page for each bucket, its settings and the day. Kept in memory alone and bounded: best effort,
 * as with S3.
 */
#pragma once

#include "base/buffer.h"
#include "base/list.h"
#include "os/lock.h"

#include <stdatomic.h>

/* A page is written that long after its first line, or when it is full. */
#define S3_LOG_AGE_MS         5000
#define S3_LOG_PAGE_BYTES_MAX ((size_t)512 << 10)
#define S3_LOG_PAGES_MAX      256

/* Of all pages; what comes beyond is dropped and counted. */
#define S3_LOG_BOOK_BYTES_MAX ((size_t)16 << 20)

/* What is logged, and where to. Compared as bytes. */
struct log_subject {
    struct slice bucket;
    struct slice owner_id;
    struct slice region;
    struct slice logging; /* the bucket's setting, as it was when the request came */
};

struct log_page {
    struct list link;
    struct log_subject subject; /* in `memory` */
    int64_t day;                /* since 1970, of its lines */
    int64_t first_ms;           /* when it was begun, by the monotonic clock */
    bool is_full;
    struct buffer lines;
    char memory[];
};

struct log_book {
    struct lock lock;
    struct list pages; /* in the order in which they were begun */
    unsigned pages_count;
    size_t bytes;
    atomic_ullong dropped;   /* lines */
    void (*wake)(void *arg); /* a page was begun, or is full; any thread; NULL: nobody is told */
    void *wake_arg;
};

/* 0 or a negative errno. */
int log_book_init(struct log_book *book);
void log_book_finish(struct log_book *book);

/* Adds a line, which ends with '\n'. Any thread. */
void log_book_add(struct log_book *book, const struct log_subject *subject, int64_t day,
                  struct slice line, int64_t now_ms);

/* Lines that were dropped so far. Any thread. */
unsigned long long log_book_dropped(const struct log_book *book);

/* That many more could not be written. */
void log_book_drop(struct log_book *book, const struct log_page *page);

/* When the next page is due: 0 now, else in so many milliseconds; -1: there is none. */
int64_t log_book_due_ms(struct log_book *book, int64_t now_ms);

/*
 * Takes out the oldest page that is due, or with `like` the oldest of another bucket with the same
 * settings and day, due or not; with `takes_all` all are. The caller's, for log_page_destroy. NULL:
 * there is none.
 */
struct log_page *log_book_take(struct log_book *book, int64_t now_ms, bool takes_all,
                               const struct log_page *like);
void log_page_destroy(struct log_page *page);
