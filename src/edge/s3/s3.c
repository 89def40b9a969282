/* The action `s3`: the S3 API for all buckets. Called by handle.c. */
#include "edge/s3/s3.h"

#include "http/exchange.h"

void s3_run(struct exchange *exchange, const struct conf_s3 *s3)
{
    (void)s3;
    exchange_respond_error(exchange, 503, "the bucket's store is not open");
}
