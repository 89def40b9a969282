/* A bucket's site whose objects lie at another endpoint. */
#pragma once

#include "conf/snapshot.h"

struct exchange;

/* Answers a GET or HEAD. */
void bucket_remote_run(struct exchange *exchange, const struct conf_rule *rule,
                       const struct conf_bucket *bucket);
