/*
 * The filters of a request's site and rule, in the order of docs/filters.md: error pages, CORS,
 * HSTS, headers, compression.
 */
#pragma once

struct conf_rule;
struct conf_site;
struct exchange;

/* Adds those of the response; `rule` is NULL when none matched. 0 or -ENOMEM. */
int filters_add(struct exchange *exchange, const struct conf_site *site,
                const struct conf_rule *rule);
