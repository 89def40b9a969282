/* Formats a line, makes control characters visible, and hands it to the sink. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_BYTES_MAX 2048

static struct {
    log_sink *sink;
    void *arg;
    enum log_level least;
} output;

void log_set_sink(log_sink *sink, void *arg, enum log_level least)
{
    output.sink = sink;
    output.arg = arg;
    output.least = least;
}

void log_write(enum log_level level, const char *format, ...)
{
    if (output.sink == NULL || level < output.least)
        return;
    char line[LINE_BYTES_MAX];
    va_list args;
    va_start(args, format);
    int formatted = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (formatted < 0)
        return;
    size_t len = (size_t)formatted < sizeof line ? (size_t)formatted : sizeof line - 1;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)line[i];
        if (c < ' ' || c == 0x7f)
            line[i] = '?';
    }
    output.sink(output.arg, level, line, len);
}
