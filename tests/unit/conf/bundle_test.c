/* Names and contents, there and back. */
#include "conf_unit.h"

#include "base/cleanup.h"
#include "conf/bundle.h"

static void what_was_added_is_found_in_a_copy(void **state)
{
    (void)state;
    SCOPED(bundle_finish) struct bundle made;
    SCOPED(bundle_finish) struct bundle taken;
    struct slice content;
    char text[40], name[40];
    bundle_init(&made);
    bundle_init(&taken);
    for (int i = 0; i < 1000; i++) {
        int name_len = snprintf(name, sizeof name, "/etc/%d.pem", i);
        int len = snprintf(text, sizeof text, "content %d", i * i);
        assert_int_equal(bundle_add(&made, slice_of(name, (size_t)name_len),
                                    slice_of(text, i == 5 ? 0 : (size_t)len)),
                         0);
    }
    assert_int_equal(bundle_seal(&made), 0);
    assert_int_equal(bundle_take(&taken, bundle_bytes(&made)), 0);
    assert_true(bundle_find(&taken, SLICE("/etc/999.pem"), &content));
    assert_true(slice_equal(content, SLICE("content 998001")));
    assert_true(bundle_find(&made, SLICE("/etc/5.pem"), &content));
    assert_int_equal(content.len, 0);
    assert_false(bundle_find(&taken, SLICE("/etc/1000.pem"), &content));
    bundle_finish(&taken);
    assert_false(bundle_find(&taken, SLICE("/etc/999.pem"), &content));
}

static void what_is_no_bundle_is_refused(void **state)
{
    (void)state;
    static const struct slice bad[] = {
        {"x", 1},
        {"\1\0\0\0\1\0\0", 7},
        {"\1\0\0\0\2\0\0\0ab", 10},
        {"\377\377\377\377\377\377\377\377ab", 10},
        {"\1\0\0\0\1\0\0\0abc", 11},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        SCOPED(bundle_finish) struct bundle bundle;
        bundle_init(&bundle);
        assert_int_equal(bundle_take(&bundle, bad[i]), -EBADMSG);
    }
}

static void without_memory_it_stays_as_it_was(void **state)
{
    (void)state;
    int rc = -ENOMEM;
    for (long nth = 1; rc < 0; nth++) {
        SCOPED(bundle_finish) struct bundle bundle;
        struct slice content;
        bundle_init(&bundle);
        memory_fail_from(nth);
        rc = bundle_add(&bundle, SLICE("a"), SLICE("b"));
        if (rc == 0)
            rc = bundle_seal(&bundle);
        memory_fail_from(0);
        assert_true(rc == 0 || rc == -ENOMEM);
        assert_int_equal(bundle_find(&bundle, SLICE("a"), &content), rc == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_found_in_a_copy),
        cmocka_unit_test(what_is_no_bundle_is_refused),
        cmocka_unit_test(without_memory_it_stays_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
