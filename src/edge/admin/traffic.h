/* What a series has counted, for the status. */
#pragma once

#include "base/json.h"
#include "edge/series.h"

/* The upper ends of the buckets of "latency", under "latency_ends_us"; the last bucket has none. */
void traffic_write_ends(struct json_writer *json);

/* Members of the open object: "responses" by class, "latency" as counts of the buckets. */
void traffic_write(struct json_writer *json, const struct series_cell *sum);

/* Adds what all rules of the site have counted; 0 where there is none. */
void traffic_sum_site(const struct series_list *list, struct slice site,
                      struct series_cell *ret_sum);
