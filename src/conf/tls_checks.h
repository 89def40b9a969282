/* The checks of schema_tls.c, see checks.h. */
#pragma once

#include "conf/read.h"

void check_certificate(struct reading *reading, const struct tree_node *node, void *object);
void check_tls(struct reading *reading, const struct tree_node *node, void *object);
void check_hsts(struct reading *reading, const struct tree_node *node, void *object);
void check_group_tls(struct reading *reading, const struct tree_node *node, void *object);
void check_acme(struct reading *reading, const struct tree_node *node, void *object);

/* Is it an address as mail has it? For `email`. */
bool is_mail_address(struct slice text);
