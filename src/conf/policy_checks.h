/* As checks.h, for filters and policies. */
#pragma once

#include "conf/read.h"

void check_request_headers(struct reading *reading, const struct tree_node *node, void *object);
void check_response_headers(struct reading *reading, const struct tree_node *node, void *object);
void check_cors(struct reading *reading, const struct tree_node *node, void *object);
void check_compress(struct reading *reading, const struct tree_node *node, void *object);
void check_rate_limit(struct reading *reading, const struct tree_node *node, void *object);
void check_concurrency(struct reading *reading, const struct tree_node *node, void *object);
void check_basic_auth(struct reading *reading, const struct tree_node *node, void *object);
void check_auth(struct reading *reading, const struct tree_node *node, void *object);

/* What a file says; false when it cannot be read, which is noted. */
bool check_read_file(struct reading *reading, struct conf_place place, struct slice path,
                     struct buffer *text);

/* A rule's limits beside its other keys. */
void check_limits(struct reading *reading, const struct tree_node *node,
                  const struct conf_rule *rule);

/* A site's `errors`: reads the pages that the map names into *pages. */
void check_errors(struct reading *reading, const struct tree_node *errors,
                  struct conf_error_pages *pages);
