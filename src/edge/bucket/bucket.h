/* The action `bucket`: the objects of a bucket, served as a site. */
#pragma once

#include "conf/snapshot.h"

struct exchange;

/* Answers the exchange; `site` is the rule's, valid as long as the exchange holds its view. */
void bucket_run(struct exchange *exchange, const struct conf_bucket_site *site);
