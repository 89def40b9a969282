/* bcrypt against vectors of its own and of htpasswd. */
#include "unit.h"

#include "base/memory.h"
#include "os/password.h"

#include <errno.h>

/* John the Ripper's test vector of bcrypt, in its three names. */
#define REST "$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"

static void a_password_is_known_by_its_hash(void **state)
{
    (void)state;
    static const char *const hashes[] = {"$2a" REST, "$2b" REST, "$2y" REST};
    for (int i = 0; i < 3; i++) {
        struct slice hash = slice_of_cstr(hashes[i]);
        assert_int_equal(password_matches(SLICE("U*U"), hash), 1);
        assert_int_equal(password_matches(SLICE("U*u"), hash), 0);
        assert_int_equal(password_matches(SLICE(""), hash), 0);
        assert_int_equal(password_matches(SLICE("U*U\0x"), hash), 0);
    }
}

static void what_is_no_hash_lets_nobody_in(void **state)
{
    (void)state;
    char longest[600];
    memset(longest, 'x', sizeof longest);
    assert_int_equal(password_matches(SLICE(""), SLICE("")), 0);
    assert_int_equal(password_matches(SLICE("*0"), SLICE("*0")), 0);
    assert_int_equal(password_matches(SLICE("x"), SLICE("$2y$05$short")), 0);
    assert_int_equal(password_matches(slice_of(longest, sizeof longest), SLICE("$2y" REST)), 0);
    memory_fail_from(1);
    assert_int_equal(password_matches(SLICE("U*U"), SLICE("$2y" REST)), -ENOMEM);
    memory_fail_from(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_password_is_known_by_its_hash),
        cmocka_unit_test(what_is_no_hash_lets_nobody_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
