/* Texts cut at their variables. */
#include "unit.h"

#include "conf/template.h"

#include <stdio.h>

static void expect(const char *text, const char *pieces)
{
    char said[256] = "";
    struct slice rest = slice_of_cstr(text), piece;
    enum template_variable variable;
    while (template_next(&rest, &variable, &piece)) {
        size_t len = strlen(said);
        (void)snprintf(said + len, sizeof said - len, "%s%.*s|",
                       variable == TEMPLATE_TEXT      ? ""
                       : variable == TEMPLATE_UNKNOWN ? "?"
                                                      : "$",
                       SLICE_ARG(piece));
    }
    assert_string_equal(said, pieces);
}

static void a_text_is_cut_at_its_variables(void **state)
{
    (void)state;
    expect("", "");
    expect("plain", "plain|");
    expect("{host}", "$host|");
    expect("a{host}{path}b{query}", "a|$host|$path|b|$query|");
    expect("{client}-{request_id}{status}", "$client|-|$request_id|$status|");
    expect("{hosts}", "?hosts|");
    expect("{\"a\": {\"b\": 1}}", "{\"a\": {\"b\": 1}}|");
    expect("{}{ host}{host", "{}{ host}{host|");
    expect("{{host}}", "{|$host|}|");
    expect("{Host}", "{Host}|");
}

static void unknown_names_are_found(void **state)
{
    (void)state;
    assert_null(template_unknown(SLICE("{host}{x y}")).at);
    assert_true(slice_equal(template_unknown(SLICE("{host}{hst}{no}")), SLICE("hst")));
    assert_true(slice_equal(template_unknown(SLICE("{status}")), SLICE("status")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_cut_at_its_variables),
        cmocka_unit_test(unknown_names_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
