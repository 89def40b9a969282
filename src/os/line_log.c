/* Lines are gathered in memory and written whole; the file is renamed between two lines. */
#include "os/line_log.h"

#include "base/writer.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES 65536

static void write_digits(struct writer *writer, unsigned value, unsigned digits)
{
    char text[10];
    for (unsigned i = digits; i > 0; i--, value /= 10)
        text[i - 1] = (char)('0' + value % 10);
    write_bytes(writer, text, digits);
}

void line_log_time(int64_t wall_us, char ret_text[static LINE_LOG_TIME_BYTES])
{
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm utc;
    struct writer writer;
    writer_init(&writer, ret_text, LINE_LOG_TIME_BYTES);
    (void)gmtime_r(&seconds, &utc);
    write_digits(&writer, (unsigned)utc.tm_year + 1900, 4);
    write_char(&writer, '-');
    write_digits(&writer, (unsigned)utc.tm_mon + 1, 2);
    write_char(&writer, '-');
    write_digits(&writer, (unsigned)utc.tm_mday, 2);
    write_char(&writer, 'T');
    write_digits(&writer, (unsigned)utc.tm_hour, 2);
    write_char(&writer, ':');
    write_digits(&writer, (unsigned)utc.tm_min, 2);
    write_char(&writer, ':');
    write_digits(&writer, (unsigned)utc.tm_sec, 2);
    write_char(&writer, '.');
    write_digits(&writer, (unsigned)(wall_us / 1000 % 1000), 3);
    write_literal(&writer, "Z ");
}

static int open_file(struct line_log *log)
{
    log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log->fd < 0)
        return -errno;
    off_t end = lseek(log->fd, 0, SEEK_END);
    log->file_bytes = end < 0 ? 0 : (uint64_t)end;
    return 0;
}

int line_log_open(struct line_log *log, const char *path)
{
    char folder[PATH_MAX];
    *log = (struct line_log){.path = path, .fd = -1, .file_bytes_max = LINE_LOG_FILE_BYTES};
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    if (len >= sizeof folder)
        return -ENAMETOOLONG;
    memcpy(folder, path, len);
    folder[len] = '\0';
    int rc = len == 0 ? 0 : folder_make(folder, 0700);
    return rc < 0 ? rc : open_file(log);
}

static void rotate(struct line_log *log)
{
    char older[PATH_MAX], newer[PATH_MAX];
    for (int number = LINE_LOG_FILES - 1; number > 0; number--) {
        int len = snprintf(older, sizeof older, "%s.%d", log->path, number);
        if (number > 1)
            (void)snprintf(newer, sizeof newer, "%s.%d", log->path, number - 1);
        else
            (void)snprintf(newer, sizeof newer, "%s", log->path);
        if (len < 0 || (size_t)len >= sizeof older)
            return;
        (void)rename(newer, older);
    }
    (void)close(log->fd);
    (void)open_file(log);
}

static void put_line(struct line_log *log)
{
    log->line[log->len++] = '\n';
    if (log->fd >= 0 && log->file_bytes + log->len > log->file_bytes_max && log->file_bytes > 0)
        rotate(log);
    if (log->fd < 0)
        (void)open_file(log);
    ssize_t put = log->fd < 0 ? -1 : write(log->fd, log->line, log->len);
    if (put > 0)
        log->file_bytes += (uint64_t)put;
    if (put < 0 || (size_t)put < log->len)
        log->lost_bytes += log->len - (put < 0 ? 0 : (size_t)put);
    log->len = 0;
}

void line_log_write(struct line_log *log, struct slice bytes, int64_t wall_us)
{
    while (bytes.len > 0) {
        if (log->len == 0) {
            line_log_time(wall_us, log->line);
            log->len = LINE_LOG_TIME_BYTES;
        }
        size_t room = LINE_LOG_TIME_BYTES + LINE_LOG_LINE_BYTES - log->len;
        struct slice part = slice_first(bytes, room);
        ptrdiff_t end = slice_find(part, '\n');
        size_t taken = end < 0 ? part.len : (size_t)end;
        memcpy(log->line + log->len, part.at, taken);
        log->len += taken;
        if (end >= 0 || taken == room)
            put_line(log);
        bytes = slice_from(bytes, taken + (end >= 0));
    }
}

void line_log_close(struct line_log *log)
{
    if (log->len > 0)
        put_line(log);
    if (log->fd >= 0)
        (void)close(log->fd);
    log->fd = -1;
}

int line_log_read(const char *path, uint64_t *offset, struct buffer *buffer)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    off_t end = lseek(fd, 0, SEEK_END);
    if (end >= 0 && (uint64_t)end < *offset)
        *offset = 0;
    int rc = 0;
    while (rc == 0 && buffer->len < buffer->max) {
        size_t room = buffer->max - buffer->len;
        rc = buffer_reserve(buffer, room < READ_BYTES ? room : READ_BYTES);
        ssize_t got =
            rc < 0 ? 0
                   : pread(fd, buffer->at + buffer->len, buffer->cap - buffer->len, (off_t)*offset);
        if (got < 0)
            rc = errno == EINTR ? 0 : -errno;
        if (got == 0)
            break;
        if (got > 0) {
            buffer->len += (size_t)got;
            *offset += (uint64_t)got;
        }
    }
    (void)close(fd);
    return rc;
}
