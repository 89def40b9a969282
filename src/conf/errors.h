/* How the folder's own modules note what is wrong with a file. Reading goes on after each. */
#pragma once

#include "conf/snapshot.h"

#define CONF_ERRORS_MAX 50

/* The byte order mark that some editors put at the front of a file. */
#define UTF8_MARK "\357\273\277"

/* Notes one. Returns 0, also when it was dropped because there are many, or -ENOMEM. */
int conf_errors_add(struct conf_errors *errors, struct conf_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What was noted last is about a line that nobody is to see. */
void conf_errors_hide_line(struct conf_errors *errors);

/* By place, the earlier found first within one; what is said twice of one place is kept once. */
void conf_errors_sort(struct conf_errors *errors);
