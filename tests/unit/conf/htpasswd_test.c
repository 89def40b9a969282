/* Lines of password files. */
#include "unit.h"

#include "base/cleanup.h"
#include "conf/htpasswd.h"

#define HASH "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"

static void good_lines_are_read(void **state)
{
    (void)state;
    struct slice text = SLICE("# users\n\n  \nada:" HASH "\r\nbob b:" HASH);
    struct htpasswd_line line;
    unsigned number = 0;
    assert_true(htpasswd_next(&text, &number, &line));
    assert_int_equal(number, 4);
    assert_null(line.why);
    assert_true(slice_equal(line.name, SLICE("ada")));
    assert_true(slice_equal(line.hash, SLICE(HASH)));
    assert_true(htpasswd_next(&text, &number, &line));
    assert_int_equal(number, 5);
    assert_null(line.why);
    assert_true(slice_equal(line.name, SLICE("bob b")));
    assert_false(htpasswd_next(&text, &number, &line));
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"ada", "there is no colon between a name and its hash"},
        {":" HASH, "a name has 1 to 255 bytes"},
        {"a\tb:" HASH, "a name has no control characters"},
        {"a:", "there is no bcrypt hash behind the colon: htpasswd -B makes one"},
        {"a:$apr1$x$y", "the hash is MD5; only bcrypt is taken: htpasswd -B"},
        {"a:{SHA}x", "the hash is SHA-1; only bcrypt is taken: htpasswd -B"},
        {"a:$6$x$y", "the hash is SHA-512; only bcrypt is taken: htpasswd -B"},
        {"a:$2y$05$short", "the bcrypt hash is damaged: it has 60 characters, as in $2y$10$…"},
        {"a:" HASH "x", "the bcrypt hash is damaged: it has 60 characters, as in $2y$10$…"},
        {"a:$2y$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
         "bcrypt's cost must be from 4 to 15"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice text = slice_of_cstr(cases[i].text);
        struct htpasswd_line line;
        unsigned number = 0;
        assert_true(htpasswd_next(&text, &number, &line));
        assert_non_null(line.why);
        assert_string_equal(line.why, cases[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lines_are_read),
        cmocka_unit_test(what_is_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
