/* A site's own pages in place of the bodies of errors. */
#pragma once

#include "conf/policy.h"

struct exchange;

/*
 * A filter that shows the page for the response's status, when there is one: for errors that Weir
 * made (its notes have a reason), and for all where the pages say `intercept`. 0 or -ENOMEM.
 */
int error_page_add_filter(struct exchange *exchange, const struct conf_error_pages *pages);
