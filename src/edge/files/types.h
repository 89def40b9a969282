/* Content types by a name's extension. */
#pragma once

#include "base/slice.h"

/* The type of a path or file name; application/octet-stream for what is not in the table. Lives for
 * ever. */
struct slice content_type_of(struct slice path);

/* Does its last segment end in an extension of the table? */
bool content_type_is_known(struct slice path);
