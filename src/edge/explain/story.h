/*
 * What was decided about a request, and the parts of that which `foresee.h` tells too, as JSON.
 * docs/admin-api.md names the members. On worker 0.
 */
#pragma once

#include "base/json.h"
#include "edge/explain/decisions.h"

struct conf_site;
struct edge;
struct plane;

/* The whole story of one request: an object. */
void story_write(struct json_writer *json, const struct edge *edge,
                 const struct decision *decision);

/* A group and each of its targets as they are now: {"name", "targets": […]}. */
void story_write_group(struct json_writer *json, const struct edge *edge, struct slice group);

/* The domains that are closest to a host that no site has: a list of {"domain", "site"}. */
void story_write_nearest(struct json_writer *json, const struct plane *plane, struct slice host);

/* "2026-11-25T22:10:03.123Z". */
void story_write_time(struct json_writer *json, const char *name, int64_t wall_us);

/* 16 hexadecimal digits. */
void story_write_id(struct json_writer *json, const char *name, uint64_t id);

/* The site and rule that a record names, as the present configuration has them; NULL: not there. */
const struct conf_site *story_site(const struct plane *plane, struct slice name);
const struct conf_rule *story_rule(const struct plane *plane, struct slice site, unsigned number);
