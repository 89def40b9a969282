/* Paths of a bucket's site, wherever its objects lie. */
#pragma once

#include "conf/bucket.h"

struct exchange;

/* As in files.c: a fallback is a page under many names. */
#define BUCKET_FALLBACK_CACHE "no-cache"
#define BUCKET_FALLBACK_VARY  "Accept, Sec-Fetch-Mode"

/* The key of a path: behind the rule's prefix, with the index where it ends in '/'. In the
 * exchange's arena. 0; -ENOENT: none has it; or -ENOMEM. */
int bucket_key_of(struct exchange *exchange, const struct conf_bucket_site *site, struct slice path,
                  struct slice index, struct slice *ret_key);
