/* What a bucket is set to, as it is kept. */
#include "unit.h"

#include "base/cleanup.h"
#include "edge/s3/settings.h"

static void expect_setting(struct slice settings, enum setting which, const char *expected)
{
    struct slice value = settings_get(settings, which);
    if (expected == NULL) {
        assert_null(value.at);
        return;
    }
    assert_non_null(value.at);
    assert_int_equal(value.len, strlen(expected));
    assert_memory_equal(value.at, expected, value.len);
}

/* The settings become others. */
static void set(struct buffer *settings, enum setting which, struct slice value)
{
    struct buffer next;
    buffer_init(&next, SETTINGS_BYTES_MAX);
    assert_int_equal(settings_with(buffer_slice(settings), which, value, &next), 0);
    buffer_finish(settings);
    *settings = next;
}

static void settings_are_set_and_taken_away(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer settings;
    buffer_init(&settings, SETTINGS_BYTES_MAX);
    expect_setting(buffer_slice(&settings), SETTING_CORS, NULL);
    set(&settings, SETTING_CORS, SLICE("cors"));
    set(&settings, SETTING_VERSIONING, SLICE("Enabled"));
    set(&settings, SETTING_ACL, SLICE(""));
    set(&settings, SETTING_CORS, SLICE("others"));
    expect_setting(buffer_slice(&settings), SETTING_VERSIONING, "Enabled");
    expect_setting(buffer_slice(&settings), SETTING_CORS, "others");
    expect_setting(buffer_slice(&settings), SETTING_ACL, "");
    set(&settings, SETTING_VERSIONING, (struct slice){NULL, 0});
    set(&settings, SETTING_POLICY, (struct slice){NULL, 0});
    expect_setting(buffer_slice(&settings), SETTING_VERSIONING, NULL);
    expect_setting(buffer_slice(&settings), SETTING_CORS, "others");
    set(&settings, SETTING_CORS, (struct slice){NULL, 0});
    set(&settings, SETTING_ACL, (struct slice){NULL, 0});
    assert_int_equal(settings.len, 0);
}

/* In whatever order they were set, so that the same settings are the same bytes. */
static void the_same_settings_are_the_same_bytes(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer one;
    SCOPED(buffer_finish) struct buffer other;
    buffer_init(&one, SETTINGS_BYTES_MAX);
    buffer_init(&other, SETTINGS_BYTES_MAX);
    set(&one, SETTING_CORS, SLICE("c"));
    set(&one, SETTING_OWNER, SLICE("o"));
    set(&other, SETTING_OWNER, SLICE("o"));
    set(&other, SETTING_CORS, SLICE("c"));
    assert_int_equal(one.len, other.len);
    assert_memory_equal(one.at, other.at, one.len);
}

static void the_file_says_what_it_says_and_no_more(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer settings;
    SCOPED(buffer_finish) struct buffer next;
    struct conf_bucket conf = {.quota_bytes = 1000, .is_public = 1, .is_versioned = 1};
    buffer_init(&settings, SETTINGS_BYTES_MAX);
    buffer_init(&next, SETTINGS_BYTES_MAX);
    set(&settings, SETTING_POLICY, SLICE("{}"));
    assert_int_equal(settings_of_file(buffer_slice(&settings), &conf, &next), 0);
    expect_setting(buffer_slice(&next), SETTING_QUOTA, "1000");
    expect_setting(buffer_slice(&next), SETTING_PUBLIC, "1");
    expect_setting(buffer_slice(&next), SETTING_VERSIONING, "Enabled");
    expect_setting(buffer_slice(&next), SETTING_POLICY, "{}");
    /* What keeps versions is not taken away with the word. */
    conf = (struct conf_bucket){.quota_bytes = UINT64_MAX};
    settings.len = 0;
    assert_int_equal(settings_of_file(buffer_slice(&next), &conf, &settings), 0);
    expect_setting(buffer_slice(&settings), SETTING_QUOTA, NULL);
    expect_setting(buffer_slice(&settings), SETTING_PUBLIC, NULL);
    expect_setting(buffer_slice(&settings), SETTING_VERSIONING, "Enabled");
}

/* A length that does not fit ends the list; nothing is read behind it. */
static void damaged_settings_are_none(void **state)
{
    (void)state;
    static const char cut[] = {SETTING_CORS, 5, 0, 0, 0, 'a', 'b'};
    for (size_t len = 0; len <= sizeof cut; len++)
        expect_setting(slice_of(cut, len), SETTING_CORS, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_set_and_taken_away),
        cmocka_unit_test(the_same_settings_are_the_same_bytes),
        cmocka_unit_test(the_file_says_what_it_says_and_no_more),
        cmocka_unit_test(damaged_settings_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
