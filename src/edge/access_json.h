/* The JSON lines of the access log. For access_line.c. */
#pragma once

#include "edge/access_line.h"

void access_json_write(struct writer *writer, const struct conf_access_log *conf,
                       const struct exchange *exchange, const struct access_clock *clock,
                       int64_t wall_us, int64_t duration_us);
