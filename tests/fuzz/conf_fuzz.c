/*
 * A configuration file. Holds: a text is either a snapshot or errors, never both or neither; errors
 * are in order, can be shown, and are plain text; a snapshot's pointers lead to what they say.
 */
#include "fuzz.h"

#include "base/buffer.h"
#include "conf/snapshot.h"

#include <errno.h>

static void check_errors(const struct conf_errors *errors, struct slice text)
{
    struct buffer shown;
    buffer_init(&shown, 1 << 24);
    CHECK(errors->count > 0);
    for (unsigned i = 0; i < errors->count; i++) {
        const struct conf_error *error = &errors->at[i];
        CHECK(error->text.len > 0);
        CHECK(i == 0 || error->place.line >= error[-1].place.line);
        for (size_t j = 0; j < error->text.len; j++)
            CHECK((unsigned char)error->text.at[j] >= 0x20);
    }
    CHECK(conf_errors_format(errors, SLICE("weir.yaml"), text, &shown) == 0);
    CHECK(shown.len > 0);
    buffer_finish(&shown);
}

static bool has_group(const struct snapshot *snapshot, struct slice name)
{
    for (unsigned i = 0; i < snapshot->groups_count; i++) {
        if (slice_equal(snapshot->groups[i].name, name))
            return true;
    }
    return false;
}

static void check_site(const struct snapshot *snapshot, const struct conf_site *site)
{
    CHECK(site->domains_count > 0 && site->listeners_count > 0 && site->rules_count > 0);
    for (unsigned i = 0; i < site->listeners_count; i++)
        CHECK(site->listeners[i] >= snapshot->listeners &&
              site->listeners[i] < snapshot->listeners + snapshot->listeners_count);
    for (unsigned i = 0; i < site->rules_count; i++) {
        const struct conf_rule *rule = &site->rules[i];
        CHECK(rule->number == i + 1 && rule->place.line > 0);
        CHECK(rule->timeouts.connect_ms > 0 && rule->timeouts.idle_ms > 0);
        CHECK(rule->action != CONF_ACTION_FORWARD || rule->forward.weights_sum > 0);
        for (unsigned k = 0; rule->action == CONF_ACTION_FORWARD && k < rule->forward.shares_count;
             k++)
            CHECK(has_group(snapshot, rule->forward.shares[k].group));
        CHECK(rule->action != CONF_ACTION_BUCKET || rule->bucket.bucket < snapshot->buckets_count);
        CHECK(rule->action != CONF_ACTION_S3 || rule->s3.region.len > 0);
        CHECK(rule->action != CONF_ACTION_FILES || rule->files.root.at[0] == '/');
    }
}

static void check_snapshot(const struct snapshot *snapshot)
{
    for (unsigned i = 0; i < snapshot->sites_count; i++)
        check_site(snapshot, &snapshot->sites[i]);
    for (unsigned i = 0; i < snapshot->buckets_count; i++)
        CHECK(conf_is_bucket_name(snapshot->buckets[i].name));
    for (unsigned i = 0; i < snapshot->groups_count; i++)
        CHECK(snapshot->groups[i].is_service || snapshot->groups[i].targets_count > 0);
    for (unsigned i = 0; i < snapshot->services_count; i++) {
        CHECK(snapshot->services[i].directory.at[0] == '/');
        CHECK(snapshot->services[i].tasks_max >= snapshot->services[i].tasks_min);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct conf_errors errors;
    struct snapshot *snapshot = NULL;
    struct slice text = slice_of(data, len);
    conf_errors_init(&errors);
    int rc = snapshot_parse(SLICE("weir.yaml"), text, &snapshot, &errors);
    CHECK(rc == 0 || rc == -EINVAL);
    CHECK((rc == 0) == (snapshot != NULL));
    if (rc == 0)
        check_snapshot(snapshot);
    else
        check_errors(&errors, text);
    CHECK(rc < 0 || errors.count == 0);
    snapshot_unref(snapshot);
    conf_errors_finish(&errors);
    return 0;
}
