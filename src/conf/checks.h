/*
 * What one row alone cannot say: keys that exclude each other, values that depend on others. Each
 * is named by a struct of the schema, and runs when that struct has been filled.
 */
#pragma once

#include "conf/read.h"

void check_top(struct reading *reading, const struct tree_node *node, void *object);
void check_rule(struct reading *reading, const struct tree_node *node, void *object);
void check_site(struct reading *reading, const struct tree_node *node, void *object);
void check_redirect(struct reading *reading, const struct tree_node *node, void *object);
void check_respond(struct reading *reading, const struct tree_node *node, void *object);
void check_listener(struct reading *reading, const struct tree_node *node, void *object);
void check_group(struct reading *reading, const struct tree_node *node, void *object);
void check_proxy_protocol(struct reading *reading, const struct tree_node *node, void *object);
void check_health(struct reading *reading, const struct tree_node *node, void *object);
void check_sticky(struct reading *reading, const struct tree_node *node, void *object);
void check_success_rate(struct reading *reading, const struct tree_node *node, void *object);
void check_ejection(struct reading *reading, const struct tree_node *node, void *object);
void check_queue(struct reading *reading, const struct tree_node *node, void *object);
void check_balance(struct reading *reading, const struct tree_node *node, void *object);
void check_tasks(struct reading *reading, const struct tree_node *node, void *object);
void check_access_log(struct reading *reading, const struct tree_node *node, void *object);
void check_redact(struct reading *reading, const struct tree_node *node, void *object);
void check_tracing(struct reading *reading, const struct tree_node *node, void *object);
void check_service(struct reading *reading, const struct tree_node *node, void *object);
