/* Filling of struct error. Too long a text is cut; it never fails. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 3, 0))) static size_t fill(struct error *error, int code,
                                                         const char *format, va_list args)
{
    *error = (struct error){.code = code};
    int len = vsnprintf(error->text, sizeof error->text, format, args);
    if (len < 0)
        return 0;
    return (size_t)len < sizeof error->text ? (size_t)len : sizeof error->text - 1;
}

int error_set(struct error *error, int code, const char *format, ...)
{
    if (error == NULL)
        return code;
    va_list args;
    va_start(args, format);
    (void)fill(error, code, format, args);
    va_end(args);
    return code;
}

int error_set_errno(struct error *error, int code, const char *format, ...)
{
    if (error == NULL)
        return code;
    va_list args;
    va_start(args, format);
    size_t len = fill(error, code, format, args);
    va_end(args);
    (void)snprintf(error->text + len, sizeof error->text - len, ": %s", strerror(-code));
    return code;
}
