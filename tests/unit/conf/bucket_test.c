/* Buckets, the store, and the rules that serve them. */
#include "conf_unit.h"

#include "base/cleanup.h"

#include <stdlib.h>

#define EXPECT(slice, text) assert_true(slice_equal((slice), SLICE(text)))

static void names_follow_the_rules_of_s3(void **state)
{
    (void)state;
    static const char *const good[] = {
        "abc", "a-b", "a.b", "1.2.3", "media", "xn--a", "a--b", "s3.example.org", "256.1.1.1"};
    static const char *const bad[] = {"",    "ab",  "Abc",  "a_b",  "-ab",  "ab-",
                                      ".ab", "ab.", "a..b", "a.-b", "a-.b", "10.0.0.1",
                                      "a b", "a/b", "äbc",  "a*b"};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(conf_is_bucket_name(slice_of_cstr(good[i])));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(conf_is_bucket_name(slice_of_cstr(bad[i])));
    char longest[CONF_BUCKET_NAME_LEN_MAX + 1];
    memset(longest, 'a', sizeof longest);
    assert_true(conf_is_bucket_name(slice_of(longest, sizeof longest - 1)));
    assert_false(conf_is_bucket_name(slice_of(longest, sizeof longest)));
}

static void buckets_have_their_settings(void **state)
{
    (void)state;
    struct snapshot *snapshot = parse_good("buckets:\n"
                                           "  media: {}\n"
                                           "  a.b: { quota: 2GiB, public: true }\n"
                                           "  kept: { object_lock: true }\n"
                                           "store: { folder: objects/, reserve: 10MiB }\n");
    const struct conf_bucket *bucket = snapshot->buckets;
    assert_int_equal(snapshot->buckets_count, 3);
    EXPECT(bucket[0].name, "media");
    assert_int_equal(bucket[0].place.line, 2);
    assert_true(bucket[0].quota_bytes == UINT64_MAX);
    assert_int_equal(bucket[0].is_public + bucket[0].is_versioned + bucket[0].has_object_lock, 0);
    EXPECT(bucket[1].name, "a.b");
    assert_true(bucket[1].quota_bytes == UINT64_C(2) << 30);
    assert_int_equal(bucket[1].is_public, 1);
    assert_int_equal(bucket[2].is_versioned, 1);
    assert_int_equal(bucket[2].has_object_lock, 1);
    assert_true(slice_ends_with(snapshot->store.folder, SLICE("/objects")));
    assert_int_equal(snapshot->store.folder.at[0], '/');
    assert_int_equal(snapshot->store.reserve_bytes, 10 << 20);
    snapshot_unref(snapshot);
}

static void webhooks_have_their_settings(void **state)
{
    (void)state;
    struct snapshot *snapshot =
        parse_good("webhooks:\n"
                   "  app: http://127.0.0.1:8000/hook\n"
                   "  far: { url: \"https://[2001:db8::1]/a?b=c\", timeout: 2s }\n");
    assert_int_equal(snapshot->webhooks_count, 2);
    EXPECT(snapshot->webhooks[0].name, "app");
    EXPECT(snapshot->webhooks[0].url, "http://127.0.0.1:8000/hook");
    assert_int_equal(snapshot->webhooks[0].timeout_ms, 10000);
    assert_int_equal(snapshot->webhooks[0].secret.value.len, 0);
    EXPECT(snapshot->webhooks[1].url, "https://[2001:db8::1]/a?b=c");
    assert_int_equal(snapshot->webhooks[1].timeout_ms, 2000);
    snapshot_unref(snapshot);
}

static void a_store_has_its_defaults(void **state)
{
    (void)state;
    struct snapshot *snapshot = parse_good("buckets: {}\n");
    assert_int_equal(snapshot->buckets_count, 0);
    assert_int_equal(snapshot->store.folder.len, 0);
    assert_int_equal(snapshot->store.reserve_bytes, 1 << 30);
    snapshot_unref(snapshot);
}

static void rules_serve_buckets(void **state)
{
    (void)state;
    struct snapshot *snapshot =
        parse_good("buckets: { media: {}, frontend: {} }\n"
                   "sites:\n"
                   "  s:\n"
                   "    body_max: 1MiB\n"
                   "    rules:\n"
                   "      - { match: { path: \"/m/*\" }, bucket: media, strip_prefix: /m }\n"
                   "      - bucket: { name: frontend, index: i.htm, prefix: r/1/, error_page: /404 "
                   "}\n"
                   "        fallback: /i.htm\n");
    const struct conf_rule *rules = snapshot->sites[0].rules;
    assert_int_equal(rules[0].action, CONF_ACTION_BUCKET);
    assert_int_equal(rules[0].bucket.bucket, 0);
    assert_int_equal(rules[0].body_max, 1 << 20);
    EXPECT(rules[0].bucket.name, "media");
    EXPECT(rules[0].bucket.index, "index.html");
    EXPECT(rules[0].bucket.prefix, "");
    assert_int_equal(rules[1].bucket.bucket, 1);
    EXPECT(rules[1].bucket.index, "i.htm");
    EXPECT(rules[1].bucket.prefix, "r/1/");
    EXPECT(rules[1].bucket.error_page, "/404");
    EXPECT(rules[1].bucket.fallback, "/i.htm");
    snapshot_unref(snapshot);
}

static void s3_has_domains_and_limits_of_its_own(void **state)
{
    (void)state;
    struct snapshot *snapshot =
        parse_good("listeners: { plain: \":80\" }\n"
                   "sites:\n"
                   "  s:\n"
                   "    domains: [s3.example.org, \"*.s3.example.org\"]\n"
                   "    body_max: 1MiB\n"
                   "    compress: true\n"
                   "    rules:\n"
                   "      - { match: { path: /a }, s3: { domain: S3.example.org, region: eu-1 } }\n"
                   "      - { s3: { domain: [s3.example.org, objects.local] }, body_max: 1GiB }\n"
                   "  t: { domains: t.example.org, s3: {}, body_max: 2MiB }\n");
    const struct conf_rule *rules = snapshot->sites[0].rules;
    assert_int_equal(rules[0].action, CONF_ACTION_S3);
    assert_int_equal(rules[0].s3.domains_count, 1);
    EXPECT(rules[0].s3.domains[0], "s3.example.org");
    EXPECT(rules[0].s3.region, "eu-1");
    assert_true(rules[0].body_max == UINT64_C(5) << 30);
    assert_false(rules[0].compress.enabled);
    assert_int_equal(rules[1].s3.domains_count, 2);
    EXPECT(rules[1].s3.region, "us-east-1");
    assert_int_equal(rules[1].body_max, 1 << 30);
    assert_int_equal(snapshot->sites[1].rules[0].s3.domains_count, 0);
    assert_int_equal(snapshot->sites[1].rules[0].body_max, 2 << 20);
    /* What the second one's domain lacks. */
    assert_int_equal(snapshot->warnings_count, 1);
    EXPECT(snapshot->warnings[0].text,
           "requests to buckets below objects.local come to this site only with "
           "\"*.objects.local\" among its \"domains\"");
    snapshot_unref(snapshot);
}

static void buckets_may_lie_elsewhere(void **state)
{
    (void)state;
    assert_int_equal(setenv("WEIR_TEST_ACCESS", "AKIA", 1), 0);
    assert_int_equal(setenv("WEIR_TEST_SECRET", "secret", 1), 0);
    struct snapshot *snapshot = parse_good(
        "target_groups: { g: \"127.0.0.1:1\" }\n"
        "buckets:\n"
        "  disk: { backend: local }\n"
        "  media:\n"
        "    backend: { s3: { endpoint: \"https://s3.example.org\", region: eu-1,\n"
        "               access_key: env:WEIR_TEST_ACCESS, secret_key: env:WEIR_TEST_SECRET } }\n"
        "  near:\n"
        "    public: true\n"
        "    backend: { s3: { endpoint: \"http://s3.local:9000/\", bucket: far, style: virtual,\n"
        "               access_key: env:WEIR_TEST_ACCESS, secret_key: env:WEIR_TEST_SECRET } }\n");
    const struct conf_bucket *bucket = snapshot->buckets;
    assert_int_equal(snapshot->remotes_count, 2);
    assert_false(conf_bucket_is_remote(&bucket[0]));
    const struct conf_remote *media = &bucket[1].backend.s3, *near = &bucket[2].backend.s3;
    EXPECT(media->bucket, "media");
    EXPECT(media->host, "s3.example.org");
    EXPECT(media->region, "eu-1");
    EXPECT(media->access_key.value, "AKIA");
    EXPECT(media->secret_key.value, "secret");
    EXPECT(near->bucket, "far");
    EXPECT(near->host, "far.s3.local:9000");
    EXPECT(near->region, "us-east-1");
    assert_int_equal(bucket[2].is_public, 1);
    assert_int_equal(snapshot->groups_count, 3);
    const struct conf_group *group = &snapshot->groups[media->group];
    EXPECT(group->name, "bucket media");
    EXPECT(group->targets[0].address.text, "s3.example.org:443");
    assert_true(group->tls.enabled && group->tls.verify);
    group = &snapshot->groups[near->group];
    EXPECT(group->targets[0].address.text, "far.s3.local:9000");
    EXPECT(group->targets[0].address.host, "far.s3.local");
    assert_int_equal(group->tls.enabled, 0);
    snapshot_unref(snapshot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_follow_the_rules_of_s3),
        cmocka_unit_test(buckets_have_their_settings),
        cmocka_unit_test(webhooks_have_their_settings),
        cmocka_unit_test(a_store_has_its_defaults),
        cmocka_unit_test(rules_serve_buckets),
        cmocka_unit_test(s3_has_domains_and_limits_of_its_own),
        cmocka_unit_test(buckets_may_lie_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
