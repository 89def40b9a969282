/* How the parts of the file that are about buckets are checked and become parts of the snapshot. */
#pragma once

#include "base/map.h"
#include "conf/draft.h"
#include "conf/read.h"

/* Checks of schema_bucket.c's structs. */
void check_bucket(struct reading *reading, const struct tree_node *node, void *object);
void check_bucket_site(struct reading *reading, const struct tree_node *node, void *object);
void check_webhook(struct reading *reading, const struct tree_node *node, void *object);
void check_s3(struct reading *reading, const struct tree_node *node, void *object);

/* A rule's keys that its `bucket` or `s3` cannot have beside it. */
void check_bucket_rule(struct reading *reading, const struct tree_node *node);

/* The draft's buckets become the snapshot's, and *ret_buckets names them: name → struct
 * conf_bucket. */
void link_buckets(struct reading *reading, struct draft *draft, struct snapshot *snapshot,
                  struct map *ret_buckets);

/* A rule whose action is `bucket`; `buckets` as above. */
void link_bucket_site(struct reading *reading, const struct snapshot *snapshot,
                      const struct map *buckets, const struct draft_rule *from,
                      struct conf_rule *rule);

/* A rule whose action is `s3`: also its largest body and its compression, which are not its
 * site's. */
void link_s3(struct reading *reading, const struct draft_site *site, const struct draft_rule *from,
             struct conf_rule *rule);
