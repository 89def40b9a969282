/* Reading the file for a process: what is wrong with it goes to standard error, as `weir check`. */
#pragma once

#include "conf/snapshot.h"

int configuration_read(const char *file, struct snapshot **ret_snapshot);
