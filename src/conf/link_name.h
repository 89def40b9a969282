/* What is said where something else in the file is named, and there is no such thing. */
#pragma once

#include "base/map.h"
#include "conf/read.h"

/* Notes at its place that no `what` is called so; with the closest name of those in `known`, or
 * with those that exist. */
void link_refuse_name(struct reading *reading, const struct named *named, const char *what,
                      const struct map *known);
