/* Buckets at another endpoint of S3: their checks, their secrets, and the target groups that their
 * endpoints are. */
#pragma once

#include "conf/read.h"

/* Checks of schema_bucket.c's structs. */
void check_remote(struct reading *reading, const struct tree_node *node, void *object);
void check_backend(struct reading *reading, const struct tree_node *node, void *object);

/* Reads what `secret->from` names; `node` is its value, NULL where there is none. */
void link_secret(struct reading *reading, const struct tree_node *node, struct conf_secret *secret);

/* The keys that such a bucket cannot have beside its back end. */
void check_remote_bucket(struct reading *reading, const struct tree_node *node);

/* What follows from the bucket's own name. */
void link_remote(struct reading *reading, struct conf_bucket *bucket);

/* The group that carries its requests. */
void link_remote_group(struct reading *reading, const struct conf_bucket *bucket,
                       struct conf_group *ret_group);
