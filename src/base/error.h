/*
 * An error as a person will read it: an errno-style code, the text, and where it stands in a file
 * that the user wrote. Functions that can fail in ways a person must understand take a
 * `struct error *` last but for their outputs, fill it, and return its code. It may be NULL.
 */
#pragma once

#include "base/slice.h"

struct error {
    int code;        /* negative errno, 0 when nothing went wrong */
    unsigned line;   /* from 1; 0 when there is no place */
    unsigned column; /* from 1 */
    char text[480];  /* what is wrong and what to do, one line, no full stop at its end */
};

/* Fills *error (when not NULL) and returns `code`. */
int error_set(struct error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with strerror's text behind a colon. `code` is negative. */
int error_set_errno(struct error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
