/* Patterns. */
#include "s3_unit.h"

#include "wire/s3/match.h"

static void stars_and_question_marks(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *text;
        bool matches;
    } rows[] = {
        {"", "", true},           {"", "a", false},         {"a", "", false},
        {"a", "a", true},         {"a", "A", false},        {"*", "", true},
        {"*", "any/thing", true}, {"a*", "a", true},        {"a*", "ba", false},
        {"*a", "ba", true},       {"*a", "ab", false},      {"a*c", "abbc", true},
        {"a*c*e", "abcde", true}, {"a*c*e", "abcd", false}, {"**a**", "xax", true},
        {"?", "a", true},         {"?", "", false},         {"?", "ab", false},
        {"?", "\xc3\xa4", true},  {"?", "\xff", true},      {"a?*", "a", false},
        {"a?c", "abc", true},     {"*ab", "aab", true},     {"*aab", "aaab", true},
        {"a*?", "ab", true},      {"b/*", "b/", true},      {"b/*", "b", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_int_equal(s3_match(slice_of_cstr(rows[i].pattern), slice_of_cstr(rows[i].text)),
                         rows[i].matches);
    assert_true(s3_match_nocase(SLICE("s3:get*"), SLICE("s3:GetObject")));
}

static void one_star_of_origins(void **state)
{
    (void)state;
    assert_true(s3_match_star(SLICE("https://*.a"), SLICE("https://b.a")));
    assert_false(s3_match_star(SLICE("https://*.a"), SLICE("http://b.a")));
    assert_false(s3_match_star(SLICE("aba*aba"), SLICE("ababa")));
    assert_true(s3_match_star(SLICE("a?"), SLICE("a?")));
    assert_false(s3_match_star(SLICE("a?"), SLICE("ab")));
    assert_true(s3_match_star_nocase(SLICE("X-*"), SLICE("x-amz")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stars_and_question_marks),
        cmocka_unit_test(one_star_of_origins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
