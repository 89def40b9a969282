/*
 * A log file for what a program prints: every line gets the time it came, "2026-11-23T21:05:11.123Z
 * text". At a size limit the file becomes PATH.1, PATH.1 becomes PATH.2, and so on; the oldest
 * goes. When the disk refuses, lines are lost and counted; the program that prints is never held up
 * by it.
 */
#pragma once

#include "base/buffer.h"

#define LINE_LOG_FILES      3         /* the current one included */
#define LINE_LOG_FILE_BYTES (8 << 20) /* each */
#define LINE_LOG_LINE_BYTES 8192      /* longer lines are cut into several */
#define LINE_LOG_TIME_BYTES 25        /* of the time and the blank behind it */

struct line_log {
    const char *path; /* borrowed */
    int fd;           /* -1 while the file cannot be opened */
    uint64_t file_bytes;
    uint64_t file_bytes_max;
    uint64_t lost_bytes;
    size_t len; /* of the line that has begun, its time included */
    char line[LINE_LOG_TIME_BYTES + LINE_LOG_LINE_BYTES + 1];
};

/* Opens to append, making the folder it stands in. Returns 0 or -errno. */
int line_log_open(struct line_log *log, const char *path);

/* Takes what was printed at `wall_us`; a line that has not ended waits for the rest. */
void line_log_write(struct line_log *log, struct slice bytes, int64_t wall_us);

/* Writes the last line even without its end, and closes. */
void line_log_close(struct line_log *log);

/* "2026-11-23T21:05:11.123Z " for microseconds since 1970; no NUL. */
void line_log_time(int64_t wall_us, char ret_text[static LINE_LOG_TIME_BYTES]);

/* Where a reader stands. All zero: at the beginning of the current file. */
struct line_log_place {
    uint64_t inode; /* of the file, whatever its name is by now; 0: the current one */
    uint64_t offset;
};

/*
 * Appends to `buffer` what was written from the place on, as much as its maximum allows, and moves
 * the place behind it: first the rest of a file that was rotated away meanwhile, then what is
 * newer. Where that file is gone, or shorter than the place, the current one is read from its
 * beginning. Returns 0 or -errno.
 */
int line_log_read(const char *path, struct line_log_place *place, struct buffer *buffer);

/* Moves the place back to where at most `bytes` are between it and the end, in the current file
 * or the one before. Returns 0 or -errno. */
int line_log_find_tail(const char *path, uint64_t bytes, struct line_log_place *ret_place);
