/* Keys of a day, which cost four HMACs to make and are the same for all requests of a day: a few of
 * them kept by each worker. */
#pragma once

#include "conf/s3_keys.h"
#include "wire/s3/signature.h"

struct signing_keys;

/* The key for a claim of this access key: kept, or made. *keys is made when it is NULL. 0 or
 * -ENOMEM. */
int signing_keys_find(struct signing_keys **keys, const struct s3_key *key, struct slice day,
                      struct slice region, unsigned char ret_key[static S3_SIGNING_KEY_BYTES]);

/* NULL is fine. */
void signing_keys_destroy(struct signing_keys *keys);
