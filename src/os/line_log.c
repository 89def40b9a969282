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

/* The name of an older file; 0 is the current one. */
static bool name_file(const char *path, int number, char ret_name[static PATH_MAX])
{
    int len = number == 0 ? snprintf(ret_name, PATH_MAX, "%s", path)
                          : snprintf(ret_name, PATH_MAX, "%s.%d", path, number);
    return len > 0 && len < PATH_MAX;
}

/* The number of the file that has this inode, or -ENOENT. */
static int find_file(const char *path, uint64_t inode)
{
    char name[PATH_MAX];
    struct file_info info;
    for (int number = 0; number < LINE_LOG_FILES; number++) {
        if (name_file(path, number, name) && file_stat(name, &info) == 0 && info.inode == inode)
            return number;
    }
    return -ENOENT;
}

/* Up to the file's end, or to the buffer's maximum. */
static int read_rest(int fd, uint64_t *offset, struct buffer *buffer)
{
    while (buffer->len < buffer->max) {
        size_t room = buffer->max - buffer->len;
        int rc = buffer_reserve(buffer, room < READ_BYTES ? room : READ_BYTES);
        if (rc < 0)
            return rc;
        ssize_t got =
            pread(fd, buffer->at + buffer->len, buffer->cap - buffer->len, (off_t)*offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : 0;
        buffer->len += (size_t)got;
        *offset += (uint64_t)got;
    }
    return 0;
}

static int read_file(const char *path, int number, struct line_log_place *place,
                     struct buffer *buffer)
{
    char name[PATH_MAX];
    struct file_info info;
    int fd = name_file(path, number, name) ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return -errno;
    int rc = file_stat_open(fd, &info);
    if (rc == 0 && (info.inode != place->inode || info.size < place->offset))
        *place = (struct line_log_place){.inode = info.inode};
    if (rc == 0)
        rc = read_rest(fd, &place->offset, buffer);
    (void)close(fd);
    return rc;
}

int line_log_read(const char *path, struct line_log_place *place, struct buffer *buffer)
{
    int number = find_file(path, place->inode);
    int rc = read_file(path, number < 0 ? 0 : number, place, buffer);
    for (; rc == 0 && number > 0 && buffer->len < buffer->max; number--)
        rc = read_file(path, number - 1, place, buffer);
    return rc;
}

int line_log_find_tail(const char *path, uint64_t bytes, struct line_log_place *ret_place)
{
    char name[PATH_MAX];
    struct file_info info, older;
    int rc = file_stat(path, &info);
    if (rc < 0)
        return rc;
    if (info.size < bytes && name_file(path, 1, name) && file_stat(name, &older) == 0) {
        bytes -= info.size;
        info = older;
    }
    *ret_place = (struct line_log_place){
        .inode = info.inode,
        .offset = info.size > bytes ? info.size - bytes : 0,
    };
    return 0;
}
