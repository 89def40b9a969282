/* Numbers whose differences between two looks make rates and percentiles. */
#include "edge/admin/traffic.h"

#include "edge/report.h"

void traffic_write_ends(struct json_writer *json)
{
    json_open_list(json, "latency_ends_us");
    for (unsigned i = 0; i < LATENCY_ENDS; i++)
        json_put_u64(json, NULL, (uint64_t)latency_ends_us[i]);
    json_close_list(json);
}

void traffic_write(struct json_writer *json, const struct series_cell *sum)
{
    json_open_object(json, "responses");
    for (unsigned i = 0; i < RESPONSE_CLASSES; i++)
        json_put_u64(json, response_class_name(i), sum->classes[i]);
    json_close_object(json);
    json_open_list(json, "latency");
    for (unsigned i = 0; i <= LATENCY_ENDS; i++)
        json_put_u64(json, NULL, sum->latency.counts[i]);
    json_close_list(json);
}

static bool is_before(const struct series *series, struct slice site)
{
    return series->kind == SERIES_RULE && slice_compare(series->name, site) < 0;
}

/* The list is in order: its rules come first, by the names of their sites. */
static unsigned find_first(const struct series_list *list, struct slice site)
{
    unsigned low = 0, high = list->count;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (is_before(list->at[middle], site))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void traffic_sum_site(const struct series_list *list, struct slice site,
                      struct series_cell *ret_sum)
{
    *ret_sum = (struct series_cell){0};
    for (unsigned i = find_first(list, site); i < list->count; i++) {
        const struct series *series = list->at[i];
        if (series->kind != SERIES_RULE || !slice_equal(series->name, site))
            return;
        series_add(series, ret_sum);
    }
}
