/* The file that an access log is written to. */
#pragma once

#include "base/error.h"

/*
 * Opens it to append; an empty path is standard output. The file is made with mode 0640; its folder
 * too when it is Weir's state folder. Returns the descriptor, or an error that tells what to do.
 */
int log_file_open(struct slice path, struct error *ret_error);
