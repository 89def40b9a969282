/*
 * The `files` action: a folder served as a site. GET and HEAD only; index, fallback for
 * navigations, content types, conditional requests (RFC 9110 §13), ranges (§14); no way out of the
 * folder.
 */
#pragma once

#include "conf/snapshot.h"

struct exchange;

void files_run(struct exchange *exchange, const struct conf_files *files);
