#include "unit.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <errno.h>

static void it_grows_up_to_its_maximum(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 300);
    for (int i = 0; i < 300; i++)
        assert_int_equal(buffer_append_char(&buffer, (char)i), 0);
    assert_int_equal(buffer_append_char(&buffer, 'x'), -EMSGSIZE);
    assert_int_equal(buffer.len, 300);
    buffer_consume(&buffer, 299);
    assert_int_equal(buffer.at[0], (char)299);
    assert_int_equal(buffer_format(&buffer, "%d", 12), 0);
    assert_int_equal(buffer.len, 3);
    buffer_finish(&buffer);
}

static void a_failed_append_changes_nothing(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 100000);
    assert_int_equal(buffer_append(&buffer, SLICE("kept")), 0);
    memory_fail_from(1);
    assert_int_equal(buffer_reserve(&buffer, 5000), -ENOMEM);
    memory_fail_from(0);
    assert_true(slice_equal(buffer_slice(&buffer), SLICE("kept")));
    buffer_finish(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_grows_up_to_its_maximum),
        cmocka_unit_test(a_failed_append_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
