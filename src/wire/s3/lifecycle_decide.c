/* Every rule is asked; what is due first decides. */
#include "wire/s3/lifecycle_decide.h"

/* So many days after, moved up to the end of a day. */
static int64_t due_after(int64_t from_s, unsigned days, int64_t day_s)
{
    int64_t wait_s, at_s;
    if (from_s < 0)
        from_s = 0;
    if (__builtin_mul_overflow((int64_t)days, day_s, &wait_s) ||
        __builtin_add_overflow(from_s, wait_s, &at_s) || at_s > INT64_MAX - day_s)
        return INT64_MAX;
    return (at_s + day_s - 1) / day_s * day_s;
}

static bool has_tag(const struct s3_tags *tags, const struct s3_tag *wanted)
{
    struct slice value;
    return s3_tags_find(tags, wanted->key, &value) && slice_equal(value, wanted->value);
}

/* Delete markers have neither tags nor a size: rules that ask for these are not about them. */
static bool is_meant(const struct s3_lifecycle_filter *filter,
                     const struct s3_lifecycle_facts *facts)
{
    if (!slice_starts_with(facts->key, filter->prefix))
        return false;
    if (facts->is_marker && (filter->tags.count > 0 || filter->has_greater || filter->has_less))
        return false;
    if ((filter->has_greater && facts->bytes <= filter->greater_than) ||
        (filter->has_less && facts->bytes >= filter->less_than))
        return false;
    for (unsigned i = 0; i < filter->tags.count; i++) {
        if (!has_tag(&facts->tags, &filter->tags.tags[i]))
            return false;
    }
    return true;
}

/* What this rule asks for; S3_LIFECYCLE_KEEP: nothing. */
static enum s3_lifecycle_action ask(const struct s3_lifecycle_rule *rule,
                                    const struct s3_lifecycle_facts *facts, int64_t day_s,
                                    int64_t *ret_due_s)
{
    if (!facts->is_current) {
        if (rule->noncurrent_days == 0 || facts->newer_noncurrent < rule->newer_noncurrent_versions)
            return S3_LIFECYCLE_KEEP;
        *ret_due_s = due_after(facts->noncurrent_since_s, rule->noncurrent_days, day_s);
        return S3_LIFECYCLE_DELETE_VERSION;
    }
    if (facts->is_marker && !facts->is_only)
        return S3_LIFECYCLE_KEEP;
    if (facts->is_marker && rule->removes_expired_marker) {
        *ret_due_s = facts->made_s;
        return S3_LIFECYCLE_DELETE_MARKER;
    }
    if (rule->has_expiration_date)
        *ret_due_s = rule->expiration_date_s;
    else if (rule->expiration_days > 0)
        *ret_due_s = due_after(facts->made_s, rule->expiration_days, day_s);
    else
        return S3_LIFECYCLE_KEEP;
    return facts->is_marker ? S3_LIFECYCLE_DELETE_MARKER : S3_LIFECYCLE_EXPIRE;
}

struct s3_lifecycle_decision s3_lifecycle_decide(const struct s3_lifecycle *lifecycle,
                                                 const struct s3_lifecycle_facts *facts,
                                                 struct s3_lifecycle_clock clock)
{
    struct s3_lifecycle_decision first = {S3_LIFECYCLE_KEEP, NULL, INT64_MAX};
    for (unsigned i = 0; i < lifecycle->rules_count; i++) {
        const struct s3_lifecycle_rule *rule = &lifecycle->rules[i];
        int64_t due_s;
        if (!rule->is_enabled || !is_meant(&rule->filter, facts))
            continue;
        enum s3_lifecycle_action action = ask(rule, facts, clock.day_s, &due_s);
        if (action != S3_LIFECYCLE_KEEP && (first.rule == NULL || due_s < first.due_s))
            first = (struct s3_lifecycle_decision){action, rule, due_s};
    }
    if (first.rule != NULL && first.due_s > clock.now_s)
        first.action = S3_LIFECYCLE_KEEP;
    return first;
}

const struct s3_lifecycle_rule *s3_lifecycle_abort(const struct s3_lifecycle *lifecycle,
                                                   struct slice key, int64_t begun_s, int64_t day_s,
                                                   int64_t *ret_due_s)
{
    const struct s3_lifecycle_rule *first = NULL;
    int64_t first_s = INT64_MAX;
    for (unsigned i = 0; i < lifecycle->rules_count; i++) {
        const struct s3_lifecycle_rule *rule = &lifecycle->rules[i];
        if (!rule->is_enabled || rule->abort_days == 0 ||
            !slice_starts_with(key, rule->filter.prefix))
            continue;
        int64_t due_s = due_after(begun_s, rule->abort_days, day_s);
        if (first == NULL || due_s < first_s) {
            first = rule;
            first_s = due_s;
        }
    }
    if (first != NULL)
        *ret_due_s = first_s;
    return first;
}
