/* Policies: what is refused, who may do what, and what lets everybody in. */
#include "s3_unit.h"

#include "wire/s3/policy.h"

#include <stdio.h>

static struct arena arena;

static int begin(void **state)
{
    (void)state;
    arena_init(&arena, NULL, 0, 64 << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_finish(&arena);
    return 0;
}

/* Statements are written with ' for ", which JSON of these tests never has inside a text. */
static struct slice quoted(const char *text)
{
    struct slice copy = arena_copy(&arena, slice_of_cstr(text));
    assert_non_null(copy.at);
    for (size_t i = 0; i < copy.len; i++) {
        if (copy.at[i] == '\'')
            ((char *)(uintptr_t)copy.at)[i] = '"';
    }
    return copy;
}

static const struct s3_policy *parse(const char *text)
{
    const struct s3_policy *policy = NULL;
    struct s3_fault fault = {0};
    int rc = s3_policy_parse(quoted(text), SLICE("media"), &arena, &fault, &policy);
    if (rc < 0)
        print_error("%s: %s\n", text, fault.text);
    assert_int_equal(rc, 0);
    return policy;
}

static void expect_refused(const char *text, enum s3_code code)
{
    const struct s3_policy *policy;
    struct s3_fault fault = {0};
    int rc = s3_policy_parse(quoted(text), SLICE("media"), &arena, &fault, &policy);
    if (rc == 0)
        print_error("taken: %s\n", text);
    assert_int_equal(rc, -EBADMSG);
    assert_int_equal(fault.code, code);
    assert_true(s3_fault_text(&fault).len > 0);
}

#define POLICY(statements) "{'Version':'2012-10-17','Id':'x','Statement':[" statements "]}"
#define ANY                "'Principal':'*','Action':'s3:*','Resource':'arn:aws:s3:::media/*'"
#define ALLOW(rest)        "{'Effect':'Allow'," rest "}"
#define DENY(rest)         "{'Effect':'Deny'," rest "}"
#define WHEN(condition)    POLICY(ALLOW(ANY ",'Condition':{" condition "}"))

static void what_is_no_policy_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{",
        "{}",
        "{'Statement':[]}",
        "{'Statement':'x'}",
        "{'Statement':[1]}",
        "{'Version':'2020-01-01','Statement':[" ALLOW(ANY) "]}",
        "{'Version':1,'Statement':[" ALLOW(ANY) "]}",
        "{'Statement':[" ALLOW(ANY) "],'Statement':[" DENY(ANY) "]}",
        "{'Statements':[],'Statement':[" ALLOW(ANY) "]}",
        POLICY("{" ANY "}"),
        POLICY("{'Effect':'allow'," ANY "}"),
        POLICY(ALLOW(ANY ",'Sid':1")),
        POLICY(ALLOW(ANY ",'Extra':'x'")),
        POLICY(ALLOW(ANY ",'NotAction':'s3:*'")),
        POLICY(ALLOW("'Action':'s3:*','Resource':'arn:aws:s3:::media/*'")),
        POLICY(ALLOW("'Principal':'*','Resource':'arn:aws:s3:::media/*'")),
        POLICY(ALLOW("'Principal':'*','Action':'s3:*'")),
        POLICY(ALLOW("'Principal':'bob','Action':'s3:*','Resource':'arn:aws:s3:::media/*'")),
        POLICY(ALLOW("'Principal':{},'Action':'s3:*','Resource':'arn:aws:s3:::media/*'")),
        POLICY(ALLOW("'Principal':{'Service':'a'},'Action':'s3:*',"
                     "'Resource':'arn:aws:s3:::media/*'")),
        POLICY(ALLOW("'Principal':{'AWS':'arn:aws:iam::1:role/x'},'Action':'s3:*',"
                     "'Resource':'arn:aws:s3:::media/*'")),
        POLICY(ALLOW("'Principal':{'AWS':'arn:aws:iam::1:user/*'},'Action':'s3:*',"
                     "'Resource':'arn:aws:s3:::media/*'")),
        POLICY(ALLOW("'NotPrincipal':{'AWS':'a'},'Action':'s3:*',"
                     "'Resource':'arn:aws:s3:::media/*'")),
        POLICY(ALLOW("'Principal':'*','Action':'sts:Get','Resource':'arn:aws:s3:::media/*'")),
        POLICY(ALLOW("'Principal':'*','Action':'s3:','Resource':'arn:aws:s3:::media/*'")),
        POLICY(ALLOW("'Principal':'*','Action':[],'Resource':'arn:aws:s3:::media/*'")),
        POLICY(ALLOW("'Principal':'*','Action':'s3:*','Resource':'arn:aws:s3:::other/*'")),
        POLICY(ALLOW("'Principal':'*','Action':'s3:*','Resource':'media/*'")),
        POLICY(ALLOW("'Principal':'*','Action':'s3:*','Resource':'arn:aws:s3:::'")),
        POLICY(ALLOW("'Principal':'*','Action':'s3:*','Resource':'arn:aws:s3:::media/${aws:u}'")),
        WHEN("'StringIs':{'s3:prefix':'a'}"),
        WHEN("'StringEquals':'a'"),
        WHEN("'StringEquals':{'prefix':'a'}"),
        WHEN("'StringEquals':{'s3:prefix':[]}"),
        WHEN("'StringEquals':{'s3:prefix':{}}"),
        WHEN("'StringEquals':{'s3:prefix':'${aws:username}'}"),
        WHEN("'NullIfExists':{'s3:prefix':'true'}"),
        WHEN("'Bool':{'aws:SecureTransport':'yes'}"),
        WHEN("'IpAddress':{'aws:SourceIp':'10.0.0.0/33'}"),
        WHEN("'IpAddress':{'aws:SourceIp':'10.0.0'}"),
        WHEN("'NumericEquals':{'s3:max-keys':'x'}"),
        WHEN("'DateLessThan':{'aws:CurrentTime':'soon'}"),
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        expect_refused(bad[i], S3_MALFORMED_POLICY);
    static char large[S3_POLICY_BYTES_MAX + 2];
    memset(large, ' ', sizeof large - 1);
    expect_refused(large, S3_POLICY_TOO_LARGE);
}

static const struct s3_policy_request get_a = {
    .action = SLICE("s3:GetObject"),
    .bucket = SLICE("media"),
    .key = SLICE("a/b.jpg"),
    .source_ip = SLICE("10.1.2.3"),
    .is_secure = true,
    .now_s = 1700000000,
};

static void expect_decision(const char *policy, const struct s3_policy_request *request,
                            enum s3_policy_decision expected)
{
    enum s3_policy_decision decision = s3_policy_decide(parse(policy), request);
    if (decision != expected)
        print_error("%s: %d, not %d\n", policy, (int)decision, (int)expected);
    assert_int_equal(decision, expected);
}

static void deny_wins(void **state)
{
    (void)state;
    expect_decision(POLICY(ALLOW(ANY)), &get_a, S3_POLICY_ALLOW);
    expect_decision("{'Statement':" ALLOW(ANY) "}", &get_a, S3_POLICY_ALLOW);
    expect_decision(POLICY(ALLOW(ANY) "," DENY(ANY)), &get_a, S3_POLICY_DENY);
    expect_decision(POLICY(DENY(ANY) "," ALLOW(ANY)), &get_a, S3_POLICY_DENY);
    struct s3_policy_request other = get_a;
    other.bucket = SLICE("mediathek");
    expect_decision(POLICY(ALLOW(ANY)), &other, S3_POLICY_NONE);
}

#define FOR(action, resource)                                                                      \
    POLICY(ALLOW("'Principal':'*','Action':" action ",'Resource':" resource))

static void actions_and_resources_have_patterns(void **state)
{
    (void)state;
    expect_decision(FOR("'s3:GetObject'", "'arn:aws:s3:::media/*'"), &get_a, S3_POLICY_ALLOW);
    expect_decision(FOR("'S3:getobject'", "'arn:aws:s3:::media/*'"), &get_a, S3_POLICY_ALLOW);
    expect_decision(FOR("'s3:Get*'", "'arn:aws:s3:::media/a/*'"), &get_a, S3_POLICY_ALLOW);
    expect_decision(FOR("['s3:PutObject','*']", "'arn:aws:s3:::*'"), &get_a, S3_POLICY_ALLOW);
    expect_decision(FOR("'s3:PutObject'", "'arn:aws:s3:::media/*'"), &get_a, S3_POLICY_NONE);
    expect_decision(FOR("'s3:GetObject'", "'arn:aws:s3:::media/b/*'"), &get_a, S3_POLICY_NONE);
    expect_decision(FOR("'s3:GetObject'", "'arn:aws:s3:::media/?/b.jpg'"), &get_a, S3_POLICY_ALLOW);
    expect_decision(FOR("'s3:GetObject'", "'arn:aws:s3:::media'"), &get_a, S3_POLICY_NONE);
    expect_decision(FOR("'s3:GetObject'", "['arn:aws:s3:::media','arn:aws:s3:::media/a*']"), &get_a,
                    S3_POLICY_ALLOW);
    struct s3_policy_request list = {.action = SLICE("s3:ListBucket"), .bucket = SLICE("media")};
    expect_decision(FOR("'s3:ListBucket'", "'arn:aws:s3:::media'"), &list, S3_POLICY_ALLOW);
    expect_decision(FOR("'s3:ListBucket'", "'arn:aws:s3:::media/*'"), &list, S3_POLICY_NONE);
    expect_decision(POLICY(ALLOW("'Principal':'*','NotAction':'s3:Put*',"
                                 "'Resource':'arn:aws:s3:::media/*'")),
                    &get_a, S3_POLICY_ALLOW);
    expect_decision(POLICY(ALLOW("'Principal':'*','Action':'s3:*',"
                                 "'NotResource':'arn:aws:s3:::media/a/*'")),
                    &get_a, S3_POLICY_NONE);
}

#define TO(principal)                                                                              \
    POLICY(ALLOW("'Principal':" principal ",'Action':'*','Resource':'arn:aws:s3:::media/*'"))

static void principals_are_keys_and_accounts(void **state)
{
    (void)state;
    struct s3_policy_request bob = get_a, nobody = get_a;
    bob.principal = SLICE("bob");
    bob.account = SLICE("acme");
    expect_decision(TO("'*'"), &nobody, S3_POLICY_ALLOW);
    expect_decision(TO("{'AWS':'*'}"), &nobody, S3_POLICY_ALLOW);
    expect_decision(TO("{'AWS':'bob'}"), &nobody, S3_POLICY_NONE);
    expect_decision(TO("{'AWS':['eve','bob']}"), &bob, S3_POLICY_ALLOW);
    expect_decision(TO("{'AWS':'eve'}"), &bob, S3_POLICY_NONE);
    expect_decision(TO("{'CanonicalUser':'acme'}"), &bob, S3_POLICY_ALLOW);
    expect_decision(TO("{'AWS':'arn:aws:iam:::user/bob'}"), &bob, S3_POLICY_ALLOW);
    expect_decision(TO("{'AWS':'arn:aws:iam::acme:user/team/bob'}"), &bob, S3_POLICY_ALLOW);
    expect_decision(TO("{'AWS':'arn:aws:iam::other:user/bob'}"), &bob, S3_POLICY_NONE);
    expect_decision(TO("{'AWS':'arn:aws:iam:::user/acme'}"), &bob, S3_POLICY_ALLOW);
    expect_decision(TO("{'AWS':'arn:aws:iam::acme:root'}"), &bob, S3_POLICY_ALLOW);
    expect_decision(TO("{'AWS':'arn:aws:iam:::root'}"), &bob, S3_POLICY_NONE);
    expect_decision(TO("{'AWS':'arn:aws:iam::acme:root'}"), &nobody, S3_POLICY_NONE);
    expect_decision(POLICY(ALLOW(ANY) "," DENY("'NotPrincipal':{'AWS':'bob'},'Action':'s3:*',"
                                               "'Resource':'arn:aws:s3:::media/*'")),
                    &bob, S3_POLICY_ALLOW);
    expect_decision(POLICY(ALLOW(ANY) "," DENY("'NotPrincipal':{'AWS':'bob'},'Action':'s3:*',"
                                               "'Resource':'arn:aws:s3:::media/*'")),
                    &nobody, S3_POLICY_DENY);
}

static void a_service_has_to_be_named(void **state)
{
    (void)state;
    struct s3_policy_request logs = get_a, bob = get_a;
    logs.service = SLICE("logging.s3.amazonaws.com");
    bob.principal = SLICE("logging.s3.amazonaws.com");
    expect_decision(TO("{'Service':'logging.s3.amazonaws.com'}"), &logs, S3_POLICY_ALLOW);
    expect_decision(TO("{'Service':['a.b','logging.s3.amazonaws.com']}"), &logs, S3_POLICY_ALLOW);
    expect_decision(TO("{'Service':'logging.s3.amazonaws.comkaboom'}"), &logs, S3_POLICY_NONE);
    expect_decision(TO("{'Service':'logging.s3.amazonaws.com'}"), &bob, S3_POLICY_NONE);
    expect_decision(TO("{'AWS':'logging.s3.amazonaws.com'}"), &logs, S3_POLICY_NONE);
    expect_decision(TO("'*'"), &logs, S3_POLICY_NONE);
    expect_decision(POLICY(ALLOW("'Principal':{'Service':'logging.s3.amazonaws.com'},"
                                 "'Action':'s3:*','Resource':'*'") "," DENY(ANY)),
                    &logs, S3_POLICY_DENY);
    expect_decision(POLICY(DENY("'NotPrincipal':{'Service':'logging.s3.amazonaws.com'},"
                                "'Action':'s3:*','Resource':'*'")),
                    &logs, S3_POLICY_NONE);
    expect_decision(POLICY(DENY("'NotPrincipal':{'Service':'logging.s3.amazonaws.com'},"
                                "'Action':'s3:*','Resource':'*'")),
                    &bob, S3_POLICY_DENY);
    assert_false(s3_policy_is_public(parse(TO("{'Service':'logging.s3.amazonaws.com'}"))));
    expect_refused(TO("{'Service':'*'}"), S3_MALFORMED_POLICY);
    expect_refused(TO("{'Service':'s3*.amazonaws.com'}"), S3_MALFORMED_POLICY);
}

/* A condition and whether it holds for a request with these values, tags and so on. */
static void conditions_hold(void **state)
{
    (void)state;
    static const struct s3_policy_value values[] = {
        {SLICE("s3:prefix"), SLICE("home/bob")},
        {SLICE("s3:max-keys"), SLICE("10")},
        {SLICE("aws:Referer"), SLICE("https://a.example/x")},
    };
    static const struct s3_tag tag = {SLICE("team"), SLICE("red")};
    static const struct s3_tag wanted[] = {{SLICE("a"), SLICE("1")}, {SLICE("b"), SLICE("2")}};
    static const struct s3_tags existing = {&tag, 1}, requested = {wanted, 2};
    struct s3_policy_request request = get_a;
    request.principal = SLICE("bob");
    request.values = values;
    request.values_count = COUNT_OF(values);
    request.existing_tags = &existing;
    request.request_tags = &requested;
    static const struct {
        const char *policy;
        bool holds;
    } rows[] = {
        {WHEN(""), true},
        {WHEN("'StringEquals':{'s3:prefix':'home/bob'}"), true},
        {WHEN("'StringEquals':{'S3:Prefix':['x','home/bob']}"), true},
        {WHEN("'StringEquals':{'s3:prefix':'HOME/bob'}"), false},
        {WHEN("'StringEqualsIgnoreCase':{'s3:prefix':'HOME/bob'}"), true},
        {WHEN("'StringNotEquals':{'s3:prefix':['x','home/bob']}"), false},
        {WHEN("'StringNotEquals':{'s3:prefix':['x','y']}"), true},
        {WHEN("'StringLike':{'s3:prefix':'home/*'}"), true},
        {WHEN("'StringNotLike':{'s3:prefix':'home/*'}"), false},
        {WHEN("'StringEquals':{'s3:delimiter':'/'}"), false},
        {WHEN("'StringNotEquals':{'s3:delimiter':'/'}"), true},
        {WHEN("'StringEqualsIfExists':{'s3:delimiter':'/'}"), true},
        {WHEN("'StringEqualsIfExists':{'s3:prefix':'/'}"), false},
        {WHEN("'StringLike':{'aws:Referer':'https://a.example/*'}"), true},
        {WHEN("'StringEquals':{'aws:username':'bob'}"), true},
        {WHEN("'StringEquals':{'s3:ExistingObjectTag/team':'red'}"), true},
        {WHEN("'StringEquals':{'s3:ExistingObjectTag/team':'blue'}"), false},
        {WHEN("'StringEquals':{'s3:ExistingObjectTag/x':'red'}"), false},
        {WHEN("'StringEquals':{'s3:RequestObjectTag/b':'2'}"), true},
        {WHEN("'ForAllValues:StringLike':{'s3:RequestObjectTagKeys':['a','b','c']}"), true},
        {WHEN("'ForAllValues:StringLike':{'s3:RequestObjectTagKeys':['a']}"), false},
        {WHEN("'ForAnyValue:StringEquals':{'s3:RequestObjectTagKeys':'b'}"), true},
        {WHEN("'ForAnyValue:StringEquals':{'s3:RequestObjectTagKeys':'c'}"), false},
        {WHEN("'ForAnyValue:StringEquals':{'aws:TagKeys':'c'}"), false},
        {WHEN("'ForAllValues:StringEquals':{'aws:TagKeys':'c'}"), true},
        {WHEN("'Bool':{'aws:SecureTransport':true}"), true},
        {WHEN("'Bool':{'aws:SecureTransport':'false'}"), false},
        {WHEN("'IpAddress':{'aws:SourceIp':'10.0.0.0/8'}"), true},
        {WHEN("'IpAddress':{'aws:SourceIp':['192.168.0.0/16','10.1.2.3']}"), true},
        {WHEN("'IpAddress':{'aws:SourceIp':'10.1.2.2/31'}"), true},
        {WHEN("'IpAddress':{'aws:SourceIp':'10.1.2.4/31'}"), false},
        {WHEN("'IpAddress':{'aws:SourceIp':'::/0'}"), true},
        {WHEN("'IpAddress':{'aws:SourceIp':'2001:db8::/32'}"), false},
        {WHEN("'NotIpAddress':{'aws:SourceIp':'10.0.0.0/8'}"), false},
        {WHEN("'NotIpAddress':{'aws:SourceIp':'11.0.0.0/8'}"), true},
        {WHEN("'NumericLessThanEquals':{'s3:max-keys':10}"), true},
        {WHEN("'NumericLessThan':{'s3:max-keys':'10'}"), false},
        {WHEN("'NumericGreaterThan':{'s3:max-keys':'9'}"), true},
        {WHEN("'NumericGreaterThanEquals':{'s3:max-keys':'11'}"), false},
        {WHEN("'NumericNotEquals':{'s3:max-keys':'-1'}"), true},
        {WHEN("'NumericEquals':{'s3:prefix':'1'}"), false},
        {WHEN("'DateGreaterThan':{'aws:CurrentTime':'2023-01-01T00:00:00Z'}"), true},
        {WHEN("'DateLessThan':{'aws:CurrentTime':'2023-01-01T00:00:00Z'}"), false},
        {WHEN("'DateLessThan':{'aws:EpochTime':'1700000001'}"), true},
        {WHEN("'Null':{'s3:delimiter':'true'}"), true},
        {WHEN("'Null':{'s3:prefix':'true'}"), false},
        {WHEN("'Null':{'s3:prefix':false}"), true},
        {WHEN("'ArnLike':{'aws:SourceArn':'arn:*'}"), false},
        {WHEN("'StringLike':{'s3:prefix':'home/*'},'Bool':{'aws:SecureTransport':'false'}"), false},
        {WHEN("'StringLike':{'s3:prefix':'home/*','aws:Referer':'x'}"), false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        expect_decision(rows[i].policy, &request, rows[i].holds ? S3_POLICY_ALLOW : S3_POLICY_NONE);
}

static void what_is_unknown_protects(void **state)
{
    (void)state;
    struct s3_policy_request request = get_a;
    request.source_ip = SLICE("unix");
    expect_decision(WHEN("'IpAddress':{'aws:SourceIp':'0.0.0.0/0'}"), &request, S3_POLICY_NONE);
    expect_decision(POLICY(DENY(ANY ",'Condition':{'NotIpAddress':{'aws:SourceIp':'0.0.0.0/0'}}")),
                    &request, S3_POLICY_DENY);
    static char key[1025];
    request.key = slice_of(key, sizeof key);
    expect_decision(POLICY(ALLOW(ANY)), &request, S3_POLICY_DENY);
}

static void the_public_is_told(void **state)
{
    (void)state;
    assert_true(s3_policy_is_public(parse(POLICY(ALLOW(ANY)))));
    assert_true(s3_policy_is_public(parse(TO("{'AWS':['bob','*']}"))));
    assert_false(s3_policy_is_public(parse(TO("{'AWS':'bob'}"))));
    assert_false(s3_policy_is_public(parse(POLICY(DENY(ANY)))));
    assert_false(s3_policy_is_public(parse(WHEN("'IpAddress':{'aws:SourceIp':'10.0.0.0/32'}"))));
    assert_true(s3_policy_is_public(parse(WHEN("'IpAddress':{'aws:SourceIp':'0.0.0.0/1'}"))));
    assert_true(s3_policy_is_public(
        parse(WHEN("'IpAddress':{'aws:SourceIp':['10.0.0.0/8','0.0.0.0/0']}"))));
    assert_true(s3_policy_is_public(parse(WHEN("'NotIpAddress':{'aws:SourceIp':'10.0.0.0/8'}"))));
    assert_true(s3_policy_is_public(parse(WHEN("'StringLike':{'aws:Referer':'a'}"))));
    assert_false(s3_policy_is_public(parse(WHEN("'StringEquals':{'aws:SourceAccount':'1'}"))));
    assert_true(s3_policy_is_public(parse(WHEN("'StringLike':{'aws:SourceAccount':'*'}"))));
}

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    struct slice text = quoted(WHEN("'StringLike':{'s3:prefix':['a','b']}"));
    int rc = -ENOMEM;
    for (size_t bytes = 0; rc < 0; bytes += 16) {
        static char first[65536] __attribute__((aligned(16)));
        struct arena small;
        const struct s3_policy *policy;
        struct s3_fault fault = {0};
        arena_init(&small, first, bytes, 0);
        rc = s3_policy_parse(text, SLICE("media"), &small, &fault, &policy);
        assert_true(rc == 0 || (rc == -ENOMEM && fault.code == S3_SLOW_DOWN));
        arena_finish(&small);
        assert_true(bytes < sizeof first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_policy_is_refused),
        cmocka_unit_test(deny_wins),
        cmocka_unit_test(actions_and_resources_have_patterns),
        cmocka_unit_test(principals_are_keys_and_accounts),
        cmocka_unit_test(a_service_has_to_be_named),
        cmocka_unit_test(conditions_hold),
        cmocka_unit_test(what_is_unknown_protects),
        cmocka_unit_test(the_public_is_told),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
