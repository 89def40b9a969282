#include "unit.h"

#include "base/buffer.h"
#include "edge/admin/routes.h"
#include "os/file.h"

#include <stdio.h>

#define DOCUMENT SOURCE_ROOT "/docs/admin-api.md"

static bool fits(const char *pattern, const char *path, struct slice *ret_name)
{
    *ret_name = (struct slice){NULL, 0};
    return admin_pattern_fits(slice_of_cstr(pattern), slice_of_cstr(path), ret_name);
}

static void a_pattern_fits_its_own_path_alone(void **state)
{
    (void)state;
    struct slice name;
    assert_true(fits("/v1/status", "/v1/status", &name));
    assert_null(name.at);
    static const char *const others[] = {
        "/", "", "/v1", "/v1/", "/v1/statu", "/v1/status/", "/v1/status/x", "/V1/status", "*"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(fits("/v1/status", others[i], &name));
}

static void a_name_is_one_segment_and_not_empty(void **state)
{
    (void)state;
    struct slice name;
    const char *pattern = "/v1/groups/{name}/targets";
    assert_true(fits(pattern, "/v1/groups/api.2/targets", &name));
    assert_true(slice_equal(name, SLICE("api.2")));
    assert_false(fits(pattern, "/v1/groups//targets", &name));
    assert_false(fits(pattern, "/v1/groups/a/b/targets", &name));
    assert_false(fits(pattern, "/v1/groups/a", &name));
}

static void each_route_stands_in_the_table_once(void **state)
{
    (void)state;
    for (const struct admin_route *a = admin_routes; a->method != NULL; a++) {
        assert_non_null(a->handle);
        for (const struct admin_route *b = a + 1; b->method != NULL; b++)
            assert_false(strcmp(a->method, b->method) == 0 && strcmp(a->pattern, b->pattern) == 0);
    }
}

static void each_route_is_documented(void **state)
{
    (void)state;
    struct buffer text;
    buffer_init(&text, 1 << 20);
    assert_int_equal(file_read_all(DOCUMENT, &text), 0);
    for (const struct admin_route *route = admin_routes; route->method != NULL; route++) {
        char row[200];
        int len = snprintf(row, sizeof row, "| `%s %s` |", route->method, route->pattern);
        if (slice_search(buffer_slice(&text), slice_of(row, (size_t)len)) < 0)
            fail_msg("docs/admin-api.md has no row %s", row);
    }
    buffer_finish(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_fits_its_own_path_alone),
        cmocka_unit_test(a_name_is_one_segment_and_not_empty),
        cmocka_unit_test(each_route_stands_in_the_table_once),
        cmocka_unit_test(each_route_is_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
