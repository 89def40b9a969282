/* What a bucket's CORS rules say to browsers. */
#pragma once

#include "edge/s3/call.h"

/* Of a request with an Origin, once its bucket is known: the lines that go with whatever is
 * answered, into call->answer_fields. */
void s3_cors_prepare(struct s3_call *call);

/* A preflight (OPTIONS). 0, or the fault when no rule allows it. */
int s3_cors_preflight(struct s3_call *call);
