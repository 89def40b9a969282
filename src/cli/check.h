/* `weir check [FILE]` and `weir check --schema`: what they say, for the command to print. */
#pragma once

struct buffer;

/*
 * Reads the file. When it is right, one line with what is in it goes to *ret_out, and 0 is
 * returned. When it is not, -EINVAL, and all that is wrong with it to *ret_errors. Else -ENOMEM or
 * a buffer's error.
 */
int check_file(const char *file, struct buffer *ret_out, struct buffer *ret_errors);
