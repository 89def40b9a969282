/* The part of the table that is about matches (docs/routing.md) and files (docs/files.md). */
#pragma once

#include "conf/schema.h"

extern const struct schema_struct match_type, files_type;
