/* Forward proxies: what their rows alone cannot say, and their places in a snapshot. */
#pragma once

#include "conf/link_tls.h"

void check_proxy_rule(struct reading *reading, const struct tree_node *node, void *object);
void check_parent(struct reading *reading, const struct tree_node *node, void *object);

/*
 * Fills snapshot->proxies. Each has the listener of the same number, from `listeners` on, which are
 * as many as the draft has proxies and part of the snapshot's; their names and addresses are set.
 */
void link_proxies(struct tls_linking *tls, const struct draft *draft,
                  struct conf_listener *listeners);

/* Of a target group with deny_private: an address that is private is an error. What a name leads to
 * is judged when it is known. */
void link_refuse_private(struct reading *reading, const struct conf_group *group,
                         const struct conf_target *target);
