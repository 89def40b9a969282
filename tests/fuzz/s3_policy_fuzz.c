/*
 * Bucket policies. Holds: a policy of 20 KB fits the arena that is said to be enough; a refusal has
 * a code; the same request gets the same decision, whoever asks from wherever.
 */
#include "fuzz.h"

#include "base/cleanup.h"
#include "wire/s3/policy.h"

#include <errno.h>

static void decide(const struct s3_policy *policy)
{
    static const struct s3_tag tag = {SLICE("k"), SLICE("v")};
    static const struct s3_tags tags = {&tag, 1};
    static const struct s3_policy_value values[] = {
        {SLICE("s3:prefix"), SLICE("a/")},
        {SLICE("s3:max-keys"), SLICE("7")},
        {SLICE("aws:Referer"), SLICE("https://a/")},
    };
    static const struct slice actions[] = {SLICE("s3:GetObject"), SLICE("s3:ListBucket"),
                                           SLICE("s3:PutObject")};
    static const struct slice principals[] = {{NULL, 0}, SLICE("bob")};
    static const struct slice addresses[] = {SLICE("10.0.0.1"), SLICE("2001:db8::1"), SLICE("x")};
    for (size_t i = 0; i < COUNT_OF(actions) * COUNT_OF(principals) * COUNT_OF(addresses); i++) {
        struct s3_policy_request request = {
            .action = actions[i % 3],
            .bucket = SLICE("media"),
            .key = i % 3 == 1 ? (struct slice){NULL, 0} : SLICE("a/b"),
            .principal = principals[i / 3 % 2],
            .account = SLICE("acme"),
            .source_ip = addresses[i / 6],
            .now_s = 1700000000,
            .existing_tags = &tags,
            .request_tags = &tags,
            .values = values,
            .values_count = COUNT_OF(values),
        };
        enum s3_policy_decision decision = s3_policy_decide(policy, &request);
        CHECK(decision == S3_POLICY_NONE || decision == S3_POLICY_ALLOW ||
              decision == S3_POLICY_DENY);
        CHECK(decision == s3_policy_decide(policy, &request));
    }
    (void)s3_policy_is_public(policy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    SCOPED(arena_finish) struct arena arena;
    struct s3_fault fault = {0};
    const struct s3_policy *policy = NULL;
    arena_init(&arena, NULL, 0, S3_POLICY_ARENA_BYTES);
    int rc = s3_policy_parse(slice_of(data, len), SLICE("media"), &arena, &fault, &policy);
    CHECK((rc == 0) == (policy != NULL));
    CHECK(rc == 0 || (rc == -EBADMSG && s3_code_status(fault.code) == 400));
    if (rc == 0)
        decide(policy);
    return 0;
}
