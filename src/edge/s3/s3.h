/* The action `s3`: the S3 API for all buckets. */
#pragma once

#include "conf/snapshot.h"

struct exchange;

/* Answers the exchange; the rule is valid as long as the exchange holds its view. */
void s3_run(struct exchange *exchange, const struct conf_rule *rule);
