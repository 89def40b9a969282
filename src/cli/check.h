/* `weir check [FILE]` and `weir check --schema`: what they say, for the command to print. */
#pragma once

#include "base/slice.h"

struct buffer;
struct conf_errors;

/*
 * Reads the file, and those of certificates that it names; `state` is the state folder. When it is
 * right, what is in it goes to *ret_out, what should be known all the same to *ret_errors, and 0 is
 * returned. When it is not, -EINVAL, and all that is wrong with it to *ret_errors. Else -ENOMEM or
 * a buffer's error.
 */
int check_file(const char *file, const char *state, struct buffer *ret_out,
               struct buffer *ret_errors);

/* All that is wrong with a file of that text, as `weir check` writes it. 0 or a buffer's error. */
int check_write_errors(const struct conf_errors *errors, const char *file, struct slice text,
                       struct buffer *out);
