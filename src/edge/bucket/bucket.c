/* The action `bucket`: the objects of a bucket, served as a site. Called by handle.c. */
#include "edge/bucket/bucket.h"

#include "http/exchange.h"

void bucket_run(struct exchange *exchange, const struct conf_bucket_site *site)
{
    (void)site;
    exchange_respond_error(exchange, 503, "the bucket's store is not open");
}
