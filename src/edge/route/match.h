/* Does a request match? Pure functions over conf's patterns. */
#pragma once

#include "conf/snapshot.h"

struct exchange;

/* EXACT, PREFIX ("/a/" also matches "/a"), or WILDCARD with any number of '*'. */
bool pattern_matches(const struct conf_pattern *pattern, struct slice text);

bool match_holds(const struct conf_match *match, const struct exchange *exchange);
