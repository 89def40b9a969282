/* Basic credentials: one spelling each, and no others. */
#include "unit.h"

#include "base/cleanup.h"
#include "wire/http/basic.h"

#include <errno.h>

static int parse(const char *value, struct slice *name, struct slice *password)
{
    static char room[256];
    assert_true(strlen(value) <= sizeof room);
    return basic_parse(slice_of_cstr(value), room, name, password);
}

static void expect(const char *value, const char *name, const char *password)
{
    struct slice got_name, got_password;
    assert_int_equal(parse(value, &got_name, &got_password), 0);
    assert_true(slice_equal(got_name, slice_of_cstr(name)));
    assert_true(slice_equal(got_password, slice_of_cstr(password)));
}

static void credentials_are_decoded(void **state)
{
    (void)state;
    expect("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame"); /* RFC 7617 §2 */
    expect("basic   dGVzdDoxMjPCow== ", "test", "123\xc2\xa3");             /* RFC 7617 §2.1 */
    expect("Basic Og==", "", "");
    expect("Basic YTpiOmM=", "a", "b:c");
    expect("Basic YTpi", "a", "b");
}

static void what_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Basic ",         "Basic YWRh",      "Basic YTpi=",    "Basic YTpiOmM",
        "Basic YTpiOmN=", "Basic YTpi====",  "Basic YT i",     "Basic YTp\xc3",
        "Basic =TpiOmM=", "Basic YTo=YTo=",  "Basic YToAYg==", "Basic YToKYg==",
        "Basic YTp_",     "Basic YWJjOmR/=", "Basic a",        "Basic Oh==",
    };
    struct slice name, password;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(parse(bad[i], &name, &password), -EBADMSG);
    assert_int_equal(parse("Bearer YTpi", &name, &password), -ENOENT);
    assert_int_equal(parse("Basic", &name, &password), -ENOENT);
    assert_int_equal(parse("", &name, &password), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(credentials_are_decoded),
        cmocka_unit_test(what_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
