/* The action `bucket`: the objects of a bucket, served as a site. */
#pragma once

#include "conf/snapshot.h"

struct exchange;

/* Answers the exchange; the rule is valid as long as the exchange holds its view. */
void bucket_run(struct exchange *exchange, const struct conf_rule *rule);
