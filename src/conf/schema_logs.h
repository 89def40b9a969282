/* The part of the table that is about what Weir writes down of requests. */
#pragma once

#include "conf/schema.h"

extern const struct schema_struct schema_access_log;
extern const struct schema_struct schema_tracing;
