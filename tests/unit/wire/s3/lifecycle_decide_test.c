/* What rules say of objects, versions, markers and uploads. */
#include "s3_unit.h"

#include "wire/s3/lifecycle_decide.h"

#define DAY INT64_C(86400)

static const struct s3_lifecycle_clock noon_of_day_10 = {10 * DAY + DAY / 2, DAY};

static struct s3_lifecycle_rule enabled(const char *prefix)
{
    return (struct s3_lifecycle_rule){.is_enabled = true,
                                      .filter = {.prefix = slice_of_cstr(prefix)}};
}

static enum s3_lifecycle_action decide(const struct s3_lifecycle_rule *rule,
                                       struct s3_lifecycle_facts facts)
{
    struct s3_lifecycle one = {rule, 1};
    return s3_lifecycle_decide(&one, &facts, noon_of_day_10).action;
}

static struct s3_lifecycle_facts made_at(int64_t made_s)
{
    return (struct s3_lifecycle_facts){
        .key = SLICE("a/b"), .bytes = 100, .made_s = made_s, .is_current = true, .is_only = true};
}

static void days_end_at_midnight(void **state)
{
    (void)state;
    struct s3_lifecycle_rule rule = enabled("a/");
    struct s3_lifecycle one = {&rule, 1};
    rule.expiration_days = 3;
    struct s3_lifecycle_facts facts = made_at(6 * DAY + 37800);
    struct s3_lifecycle_decision decision = s3_lifecycle_decide(&one, &facts, noon_of_day_10);
    assert_int_equal(decision.action, S3_LIFECYCLE_EXPIRE);
    assert_int_equal(decision.due_s, 10 * DAY);
    assert_ptr_equal(decision.rule, &rule);
    facts.made_s = 7 * DAY + 1;
    decision = s3_lifecycle_decide(&one, &facts, noon_of_day_10);
    assert_int_equal(decision.action, S3_LIFECYCLE_KEEP);
    assert_int_equal(decision.due_s, 11 * DAY);
    assert_ptr_equal(decision.rule, &rule);
    facts.made_s = 7 * DAY;
    assert_int_equal(s3_lifecycle_decide(&one, &facts, noon_of_day_10).due_s, 10 * DAY);
    struct s3_lifecycle_clock quick = {1000, 10};
    facts.made_s = 961;
    decision = s3_lifecycle_decide(&one, &facts, quick);
    assert_int_equal(decision.action, S3_LIFECYCLE_EXPIRE);
    assert_int_equal(decision.due_s, 1000);
    rule.expiration_days = S3_LIFECYCLE_DAYS_MAX;
    facts.made_s = INT64_MAX - 5;
    assert_int_equal(s3_lifecycle_decide(&one, &facts, noon_of_day_10).due_s, INT64_MAX);
}

static void a_date_is_due_ever_after(void **state)
{
    (void)state;
    struct s3_lifecycle_rule rule = enabled("");
    rule.has_expiration_date = true;
    rule.expiration_date_s = 10 * DAY;
    assert_int_equal(decide(&rule, made_at(10 * DAY + 5)), S3_LIFECYCLE_EXPIRE);
    rule.expiration_date_s = 11 * DAY;
    assert_int_equal(decide(&rule, made_at(0)), S3_LIFECYCLE_KEEP);
}

static void filters_tell_the_objects(void **state)
{
    (void)state;
    static const struct s3_tag tags[] = {{SLICE("k"), SLICE("v")}, {SLICE("l"), SLICE("w")}};
    struct s3_lifecycle_rule rule = enabled("a/");
    rule.expiration_days = 1;
    struct s3_lifecycle_facts facts = made_at(0);
    assert_int_equal(decide(&rule, facts), S3_LIFECYCLE_EXPIRE);
    facts.key = SLICE("b");
    assert_int_equal(decide(&rule, facts), S3_LIFECYCLE_KEEP);
    facts.key = SLICE("a/");
    rule.filter.tags = (struct s3_tags){tags, 2};
    facts.tags = (struct s3_tags){tags, 1};
    assert_int_equal(decide(&rule, facts), S3_LIFECYCLE_KEEP);
    facts.tags = (struct s3_tags){tags, 2};
    assert_int_equal(decide(&rule, facts), S3_LIFECYCLE_EXPIRE);
    rule.filter.has_greater = rule.filter.has_less = true;
    rule.filter.greater_than = 100;
    rule.filter.less_than = 102;
    assert_int_equal(decide(&rule, facts), S3_LIFECYCLE_KEEP);
    facts.bytes = 101;
    assert_int_equal(decide(&rule, facts), S3_LIFECYCLE_EXPIRE);
    facts.bytes = 102;
    assert_int_equal(decide(&rule, facts), S3_LIFECYCLE_KEEP);
    facts.bytes = 101;
    rule.is_enabled = false;
    assert_int_equal(decide(&rule, facts), S3_LIFECYCLE_KEEP);
}

static void old_versions_go_but_for_the_newest(void **state)
{
    (void)state;
    struct s3_lifecycle_rule rule = enabled("");
    rule.noncurrent_days = 2;
    struct s3_lifecycle_facts facts = made_at(0);
    assert_int_equal(decide(&rule, facts), S3_LIFECYCLE_KEEP);
    facts.is_current = facts.is_only = false;
    facts.noncurrent_since_s = 8 * DAY;
    assert_int_equal(decide(&rule, facts), S3_LIFECYCLE_DELETE_VERSION);
    facts.noncurrent_since_s = 8 * DAY + 1;
    assert_int_equal(decide(&rule, facts), S3_LIFECYCLE_KEEP);
    facts.noncurrent_since_s = 0;
    rule.newer_noncurrent_versions = 3;
    facts.newer_noncurrent = 2;
    assert_int_equal(decide(&rule, facts), S3_LIFECYCLE_KEEP);
    facts.newer_noncurrent = 3;
    assert_int_equal(decide(&rule, facts), S3_LIFECYCLE_DELETE_VERSION);
    facts.is_marker = true;
    assert_int_equal(decide(&rule, facts), S3_LIFECYCLE_DELETE_VERSION);
    struct s3_lifecycle_rule expiry = enabled("");
    expiry.expiration_days = 1;
    assert_int_equal(decide(&expiry, facts), S3_LIFECYCLE_KEEP);
}

static void a_marker_goes_when_it_is_alone(void **state)
{
    (void)state;
    struct s3_lifecycle_rule rule = enabled("");
    struct s3_lifecycle_facts facts = made_at(10 * DAY);
    facts.is_marker = true;
    rule.has_expired_marker = true;
    assert_int_equal(decide(&rule, facts), S3_LIFECYCLE_KEEP);
    rule.removes_expired_marker = true;
    assert_int_equal(decide(&rule, facts), S3_LIFECYCLE_DELETE_MARKER);
    facts.is_only = false;
    assert_int_equal(decide(&rule, facts), S3_LIFECYCLE_KEEP);
    facts.is_only = true;
    facts.is_marker = false;
    assert_int_equal(decide(&rule, facts), S3_LIFECYCLE_KEEP);
    struct s3_lifecycle_rule days = enabled("");
    days.expiration_days = 1;
    facts = made_at(0);
    facts.is_marker = true;
    assert_int_equal(decide(&days, facts), S3_LIFECYCLE_DELETE_MARKER);
    days.filter.has_less = true;
    days.filter.less_than = 1000;
    assert_int_equal(decide(&days, facts), S3_LIFECYCLE_KEEP);
}

static void the_first_that_is_due_decides(void **state)
{
    (void)state;
    struct s3_lifecycle_rule rules[2] = {enabled(""), enabled("a")};
    struct s3_lifecycle two = {rules, 2};
    rules[0].expiration_days = 30;
    rules[1].expiration_days = 20;
    struct s3_lifecycle_facts facts = made_at(0);
    struct s3_lifecycle_decision decision = s3_lifecycle_decide(&two, &facts, noon_of_day_10);
    assert_int_equal(decision.action, S3_LIFECYCLE_KEEP);
    assert_ptr_equal(decision.rule, &rules[1]);
    assert_int_equal(decision.due_s, 20 * DAY);
    facts.key = SLICE("b");
    assert_ptr_equal(s3_lifecycle_decide(&two, &facts, noon_of_day_10).rule, &rules[0]);
    facts.is_current = false;
    assert_null(s3_lifecycle_decide(&two, &facts, noon_of_day_10).rule);
}

static void uploads_are_ended(void **state)
{
    (void)state;
    struct s3_lifecycle_rule rules[2] = {enabled("a"), enabled("a/")};
    struct s3_lifecycle two = {rules, 2};
    int64_t due_s = -1;
    rules[0].abort_days = 7;
    rules[1].abort_days = 3;
    assert_ptr_equal(s3_lifecycle_abort(&two, SLICE("a/b"), 1, DAY, &due_s), &rules[1]);
    assert_int_equal(due_s, 4 * DAY);
    assert_ptr_equal(s3_lifecycle_abort(&two, SLICE("ab"), 0, DAY, &due_s), &rules[0]);
    assert_int_equal(due_s, 7 * DAY);
    assert_null(s3_lifecycle_abort(&two, SLICE("b"), 0, DAY, &due_s));
    rules[0].is_enabled = false;
    assert_null(s3_lifecycle_abort(&two, SLICE("ab"), 0, DAY, &due_s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_end_at_midnight),
        cmocka_unit_test(a_date_is_due_ever_after),
        cmocka_unit_test(filters_tell_the_objects),
        cmocka_unit_test(old_versions_go_but_for_the_newest),
        cmocka_unit_test(a_marker_goes_when_it_is_alone),
        cmocka_unit_test(the_first_that_is_due_decides),
        cmocka_unit_test(uploads_are_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
