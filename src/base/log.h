/*
 * Weir's own log, for people: one line an event. Only the top of a request, command or loop calls
 * it; lower layers return errors. Where lines go is decided once, at the start.
 */
#pragma once

#include <stddef.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* Takes one line without its newline. May be called from any thread. */
typedef void log_sink(void *arg, enum log_level level, const char *line, size_t len);

/* Before the first thread. The least level that is passed on, and where to. NULL is silence. */
void log_set_sink(log_sink *sink, void *arg, enum log_level least);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...)  log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
