/* x-amz-expiration: when the bucket's rules will take an object away, and which of them. */
#pragma once

#include "edge/s3/call.h"

/* "x-amz-expiration: …" of a current version; nothing where no rule ever does. */
void s3_write_expiration(struct s3_call *call, struct writer *head, const struct version *version);
