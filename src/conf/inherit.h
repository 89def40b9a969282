/* `from: other` of a service: its keys are those of the other, and its own over them. */
#pragma once

#include "conf/errors.h"
#include "conf/tree.h"

/*
 * Completes each service of the map that says `from`. Changes the tree, whose nodes live in
 * `arena`. Names that do not exist and circles are noted. Returns 0 or -ENOMEM.
 */
int inherit_services(struct tree_node *services, struct arena *arena, struct conf_errors *errors);
