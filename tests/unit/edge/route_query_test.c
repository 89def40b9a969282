/* Parameters of a query against patterns. */
#include "unit.h"

#include "base/cleanup.h"
#include "edge/route/query.h"

static bool is_held(const char *query, const char *name, const char *value)
{
    bool has_star = strchr(value, '*') != NULL;
    struct conf_query_match wanted = {
        slice_of_cstr(name),
        {has_star ? CONF_PATTERN_WILDCARD : CONF_PATTERN_EXACT, slice_of_cstr(value)}};
    return query_holds(slice_of_cstr(query), &wanted);
}

static void parameters_are_found_by_name_and_value(void **state)
{
    (void)state;
    static const struct {
        const char *query, *name, *value;
        bool holds;
    } cases[] = {
        {"a=1", "a", "1", true},
        {"a=1", "a", "2", false},
        {"a=1", "A", "1", false},
        {"a=1", "a", "", false},
        {"a=1", "a", "11", false},
        {"a=11", "a", "1", false},
        {"aa=1", "a", "1", false},
        {"a=1", "aa", "1", false},
        {"b=2&a=1", "a", "1", true},
        {"b=2&&a=1&", "a", "1", true},
        {"a=1=2", "a", "1=2", true},
        {"a", "a", "", true},
        {"a=", "a", "", true},
        {"a", "a", "*", true},
        {"a=", "a", "*", true},
        {"a=x", "a", "*", true},
        {"b", "a", "*", false},
        {"", "a", "*", false},
        {"=x", "", "x", true},
        {"&&", "", "*", false},
        /* several times */
        {"a=1&a=2", "a", "2", true},
        {"a=1&a=2", "a", "3", false},
        {"a=1&b=2", "a", "2", false},
        /* stars */
        {"a=beta", "a", "b*", true},
        {"a=beta", "a", "*t*", true},
        {"a=beta", "a", "*b", false},
        {"a=xyxyz", "a", "*xyz", true},
        {"a=*", "a", "*", true},
        /* decoded once */
        {"a=b+c", "a", "b c", true},
        {"a=b%20c", "a", "b c", true},
        {"a=b%2Bc", "a", "b+c", true},
        {"a=%41%4a", "a", "AJ", true},
        {"a=%2541", "a", "%41", true},
        {"a=%2541", "a", "A", false},
        {"%61=1", "a", "1", true},
        {"a%3D=1", "a=", "1", true},
        {"a=1%262", "a", "1&2", true},
        {"filter%5Bx%5D=1", "filter[x]", "1", true},
        {"a=%c3%bc", "a", "\xc3\xbc", true},
        {"a=%61%62%61%62%63", "a", "*abc", true},
        {"a=x%2Ay", "a", "x*y", true},
        /* a '%' that is none */
        {"a=%", "a", "%", true},
        {"a=100%", "a", "100%", true},
        {"a=%4", "a", "%4", true},
        {"a=%zz", "a", "%zz", true},
        {"a=%%41", "a", "%A", true},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (is_held(cases[i].query, cases[i].name, cases[i].value) != cases[i].holds)
            fail_msg("%s: %s of \"%s\" must be %d", cases[i].query, cases[i].name, cases[i].value,
                     cases[i].holds);
    }
}

static void no_query_has_no_parameter(void **state)
{
    (void)state;
    struct conf_query_match wanted = {SLICE("a"), {CONF_PATTERN_WILDCARD, SLICE("*")}};
    assert_false(query_holds((struct slice){NULL, 0}, &wanted));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_found_by_name_and_value),
        cmocka_unit_test(no_query_has_no_parameter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
