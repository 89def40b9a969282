/* Changes to headers as rules and sites ask for them. */
#pragma once

#include "conf/policy.h"

struct exchange;

/*
 * Changes the fields that the target gets, in the arena: first the site's changes, then the rule's.
 * A Host that is set becomes exchange->upstream_host. 0 or -ENOMEM.
 */
int headers_edit_request(struct exchange *exchange, const struct conf_header_edits *site,
                         const struct conf_header_edits *rule);

/* A filter that changes the response's, in the same order. 0 or -ENOMEM. */
int headers_add_filter(struct exchange *exchange, const struct conf_header_edits *site,
                       const struct conf_header_edits *rule);
