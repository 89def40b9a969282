/* The rows of schema_bucket.c, for schema.c. */
#pragma once

#include "conf/schema.h"

extern const struct schema_row schema_bucket_row;          /* an element of `buckets` */
extern const struct schema_row schema_webhook_row;         /* an element of `webhooks` */
extern const struct schema_struct schema_store_type;       /* `store` */
extern const struct schema_struct schema_bucket_site_type; /* a rule's `bucket` */
extern const struct schema_struct schema_s3_type;          /* a rule's `s3` */
