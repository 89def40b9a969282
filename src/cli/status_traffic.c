/* Histograms subtracted from each other, and where a share of them lies. */
#include "cli/status_traffic.h"

#include <stdlib.h>

#define BUCKETS_MAX 64

struct histogram {
    double counts[BUCKETS_MAX];
    double ends[BUCKETS_MAX]; /* the last bucket has none */
    unsigned count;
    double total;
};

/* A number as JSON has it; what is no number is 0. */
static double value_of(const struct json *number)
{
    char text[32];
    if (number == NULL || number->kind != JSON_NUMBER || number->text.len >= sizeof text)
        return 0;
    memcpy(text, number->text.at, number->text.len);
    text[number->text.len] = '\0';
    return strtod(text, NULL);
}

static void read_counts(const struct json *list, double sign, struct histogram *histogram)
{
    unsigned i = 0;
    JSON_FOR_EACH(list, number)
    {
        if (i == BUCKETS_MAX)
            return;
        histogram->counts[i++] += sign * value_of(number);
        if (i > histogram->count)
            histogram->count = i;
    }
}

static void read_ends(const struct json *list, struct histogram *histogram)
{
    unsigned i = 0;
    JSON_FOR_EACH(list, number)
    {
        if (i < BUCKETS_MAX)
            histogram->ends[i++] = value_of(number);
    }
}

/* Negative where nothing was counted. What lies in the last bucket is told as its lower end. */
static double percentile(const struct histogram *histogram, double share)
{
    double below = 0, wanted = share * histogram->total;
    if (histogram->total <= 0)
        return -1;
    for (unsigned i = 0; i + 1 < histogram->count; i++) {
        double count = histogram->counts[i], start = i == 0 ? 0 : histogram->ends[i - 1];
        if (count > 0 && below + count >= wanted)
            return start + (histogram->ends[i] - start) * (wanted - below) / count;
        below += count;
    }
    return histogram->count < 2 ? -1 : histogram->ends[histogram->count - 2];
}

static int64_t responses_of(const struct json *object, int64_t *ret_failed)
{
    const struct json *responses = json_get(object, SLICE("responses"));
    int64_t all = 0;
    JSON_FOR_EACH(responses, one)
    all += json_get_integer(responses, one->name, 0);
    *ret_failed = json_get_integer(responses, SLICE("5xx"), 0);
    return all;
}

/* Adds what happened at one object to what there is. */
static void add_between(const struct json *now, const struct json *before,
                        struct histogram *histogram, struct traffic *traffic)
{
    struct histogram one = {.count = 0};
    int64_t failed_now, failed_before;
    int64_t requests = responses_of(now, &failed_now) - responses_of(before, &failed_before);
    read_counts(json_get(now, SLICE("latency")), 1, &one);
    read_counts(json_get(before, SLICE("latency")), -1, &one);
    for (unsigned i = 0; i < one.count; i++) {
        double count = one.counts[i] > 0 ? one.counts[i] : 0;
        histogram->counts[i] += count;
        histogram->total += count;
    }
    if (one.count > histogram->count)
        histogram->count = one.count;
    traffic->requests += requests > 0 ? requests : 0;
    traffic->failed += failed_now > failed_before ? failed_now - failed_before : 0;
}

static void find_percentiles(struct histogram *histogram, const struct json *ends,
                             struct traffic *traffic)
{
    read_ends(ends, histogram);
    traffic->p50_us = percentile(histogram, 0.50);
    traffic->p99_us = percentile(histogram, 0.99);
}

void traffic_between(const struct json *now, const struct json *before, const struct json *ends,
                     struct traffic *ret_traffic)
{
    struct histogram histogram = {.count = 0};
    *ret_traffic = (struct traffic){0};
    add_between(now, before, &histogram, ret_traffic);
    find_percentiles(&histogram, ends, ret_traffic);
}

static const struct json *find_id(const struct json *targets, struct slice id)
{
    JSON_FOR_EACH(targets, target)
    {
        if (slice_equal(json_get_text(target, SLICE("id")), id))
            return target;
    }
    return NULL;
}

void traffic_of_targets(const struct json *now, const struct json *before, const struct json *ends,
                        struct traffic *ret_traffic)
{
    struct histogram histogram = {.count = 0};
    *ret_traffic = (struct traffic){0};
    JSON_FOR_EACH(now, target)
    add_between(target, find_id(before, json_get_text(target, SLICE("id"))), &histogram,
                ret_traffic);
    find_percentiles(&histogram, ends, ret_traffic);
}
