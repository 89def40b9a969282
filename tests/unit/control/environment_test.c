#include "unit.h"

#include "base/memory.h"
#include "control/environment.h"

#include <errno.h>
#include <stdlib.h>

static struct conf_env env[] = {
    {.name = SLICE("COLOUR"), .value = SLICE("blue = green")},
    {.name = SLICE("HOME"), .value = SLICE("/srv")},
    {.name = SLICE("PORT"), .value = SLICE("80")},
};
static const struct conf_service service = {.name = SLICE("api"), .env = env, .env_count = 3};

static const char *value_of(const struct environment *environment, const char *name)
{
    size_t len = strlen(name);
    const char *found = NULL;
    for (const char **at = environment->variables; *at != NULL; at++) {
        if (strncmp(*at, name, len) == 0 && (*at)[len] == '=') {
            assert_null(found); /* each name once */
            found = *at + len + 1;
        }
    }
    return found;
}

static void what_is_secret_stays_outside(void **state)
{
    (void)state;
    struct environment environment;
    assert_int_equal(setenv("AWS_SECRET_ACCESS_KEY", "no", 1), 0);
    assert_int_equal(setenv("PATH", "/bin", 1), 0);
    assert_int_equal(environment_make(&environment, &service, "api-1", 21001), 0);
    assert_null(value_of(&environment, "AWS_SECRET_ACCESS_KEY"));
    assert_string_equal(value_of(&environment, "PATH"), "/bin");
    environment_finish(&environment);
}

static void the_service_s_own_wins_and_weir_s_wins_over_that(void **state)
{
    (void)state;
    struct environment environment;
    assert_int_equal(setenv("HOME", "/root", 1), 0);
    assert_int_equal(environment_make(&environment, &service, "api-1", 21001), 0);
    assert_string_equal(value_of(&environment, "COLOUR"), "blue = green");
    assert_string_equal(value_of(&environment, "HOME"), "/srv");
    assert_string_equal(value_of(&environment, "PORT"), "21001");
    assert_string_equal(value_of(&environment, "WEIR_TASK"), "api-1");
    assert_string_equal(value_of(&environment, "WEIR_SERVICE"), "api");
    environment_finish(&environment);
}

static void used_up_memory_is_an_error_and_leaves_nothing(void **state)
{
    (void)state;
    struct environment environment;
    memory_fail_from(1);
    assert_int_equal(environment_make(&environment, &service, "api-1", 0), -ENOMEM);
    memory_fail_from(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_secret_stays_outside),
        cmocka_unit_test(the_service_s_own_wins_and_weir_s_wins_over_that),
        cmocka_unit_test(used_up_memory_is_an_error_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
