#include "unit.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "edge/admin/target_list.h"

#include <errno.h>

static void a_list_is_read_whole(void **state)
{
    (void)state;
    struct target_list list;
    struct target_list_fault fault;
    assert_int_equal(
        target_list_parse(&list,
                          SLICE("{\"epoch\": 7, \"targets\": ["
                                "{\"id\": \"api-1\", \"address\": \"127.0.0.1:21001\"},"
                                "{\"id\": \"api-2\", \"address\": \"[::1]:80\", \"weight\": 0},"
                                "{\"id\": \"a\\u0062\", \"address\": \"unix:/run/x\","
                                " \"weight\": 256}]}"),
                          &fault),
        0);
    assert_int_equal(list.epoch, 7);
    assert_int_equal(list.count, 3);
    static const char *const ids[] = {"api-1", "api-2", "ab"};
    static const char *const addresses[] = {"127.0.0.1:21001", "[::1]:80", "unix:/run/x"};
    static const unsigned weights[] = {1, 0, 256};
    for (unsigned i = 0; i < 3; i++) {
        char text[ADDRESS_TEXT_BYTES];
        assert_true(slice_equal(list.wishes[i].id, slice_of_cstr(ids[i])));
        (void)address_format(&list.wishes[i].address, text);
        assert_string_equal(text, addresses[i]);
        assert_int_equal(list.wishes[i].weight, weights[i]);
    }
    target_list_finish(&list);
}

static void an_empty_list_takes_all_targets_away(void **state)
{
    (void)state;
    struct target_list list;
    struct target_list_fault fault;
    assert_int_equal(target_list_parse(&list, SLICE("{\"targets\":[],\"epoch\":0}"), &fault), 0);
    assert_int_equal(list.count, 0);
    target_list_finish(&list);
}

/* What is refused, where the fault lies, and a part of what is told. */
static void faults_are_told_with_their_place(void **state)
{
    (void)state;
#define LIST(element)                                                                              \
    "{\"epoch\":1,\"targets\":[{\"id\":\"a\",\"address\":\"1.2.3.4:5\"}," element "]}"
    static const struct {
        const char *text, *at, *told;
    } cases[] = {
        {"", "", "not JSON"},
        {"{", "", "not JSON"},
        {"[]", "", "an object with epoch and targets"},
        {"{\"targets\":[]}", "epoch", "must be a whole number"},
        {"{\"epoch\":-1,\"targets\":[]}", "epoch", "whole number"},
        {"{\"epoch\":1.5,\"targets\":[]}", "epoch", "whole number"},
        {"{\"epoch\":\"1\",\"targets\":[]}", "epoch", "whole number"},
        {"{\"epoch\":18446744073709551616,\"targets\":[]}", "epoch", "whole number"},
        {"{\"epoch\":1}", "targets", "must be a list"},
        {"{\"epoch\":1,\"targets\":{}}", "targets", "must be a list"},
        {"{\"epoch\":1,\"targets\":[],\"target\":[]}", "", "\"target\" is not known"},
        {"{\"epoch\":1,\"epoch\":2,\"targets\":[]}", "", "\"epoch\" stands there twice"},
        {LIST("3"), "targets[1]", "an object with id, address and weight"},
        {LIST("{\"id\":\"b\"}"), "targets[1].address", "missing"},
        {LIST("{\"address\":\"1.2.3.4:5\"}"), "targets[1].id", "1 to 128 bytes"},
        {LIST("{\"id\":\"\",\"address\":\"1.2.3.4:5\"}"), "targets[1].id", "1 to 128 bytes"},
        {LIST("{\"id\":\"a b\",\"address\":\"1.2.3.4:5\"}"), "targets[1].id", "without blanks"},
        {LIST("{\"id\":\"a\",\"address\":\"1.2.3.4:6\"}"), "targets[1].id", "given twice"},
        {LIST("{\"id\":\"b\",\"address\":\"1.2.3.4\"}"), "targets[1].address", "port is missing"},
        {LIST("{\"id\":\"b\",\"address\":\"1.2.3.4:0\"}"), "targets[1].address", "1 to 65535"},
        {LIST("{\"id\":\"b\",\"address\":\":80\"}"), "targets[1].address", "IP address"},
        {LIST("{\"id\":\"b\",\"address\":\"db.local:80\"}"), "targets[1].address", "names are"},
        {LIST("{\"id\":\"b\",\"address\":\"unix:run/x\"}"), "targets[1].address", "begins with"},
        {LIST("{\"id\":\"b\",\"address\":80}"), "targets[1].address", "missing"},
        {LIST("{\"id\":\"b\",\"address\":\"1.2.3.4:5\",\"weight\":257}"), "targets[1].weight",
         "0 to 256"},
        {LIST("{\"id\":\"b\",\"address\":\"1.2.3.4:5\",\"weight\":-1}"), "targets[1].weight",
         "0 to 256"},
        {LIST("{\"id\":\"b\",\"address\":\"1.2.3.4:5\",\"wieght\":1}"), "targets[1]",
         "\"wieght\" is not known"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct target_list list;
        struct target_list_fault fault = {0};
        assert_int_equal(target_list_parse(&list, slice_of_cstr(cases[i].text), &fault), -EINVAL);
        assert_string_equal(fault.at, cases[i].at);
        if (strstr(fault.text, cases[i].told) == NULL)
            fail_msg("%s: %s", cases[i].text, fault.text);
        target_list_finish(&list);
    }
}

static void append_targets(struct buffer *text, int count)
{
    buffer_init(text, 1 << 20);
    assert_int_equal(buffer_format(text, "{\"epoch\":1,\"targets\":["), 0);
    for (int i = 0; i < count; i++)
        assert_int_equal(buffer_format(text, "%s{\"id\":\"t%d\",\"address\":\"10.0.0.1:%d\"}",
                                       i > 0 ? "," : "", i, 1000 + i),
                         0);
    assert_int_equal(buffer_format(text, "]}"), 0);
}

static void a_thousand_targets_are_the_most(void **state)
{
    (void)state;
    for (int extra = 0; extra < 2; extra++) {
        struct buffer text;
        append_targets(&text, TARGET_LIST_MAX + extra);
        struct target_list list;
        struct target_list_fault fault;
        assert_int_equal(target_list_parse(&list, buffer_slice(&text), &fault),
                         extra == 0 ? 0 : -EINVAL);
        assert_int_equal(list.count, extra == 0 ? TARGET_LIST_MAX : 0);
        target_list_finish(&list);
        buffer_finish(&text);
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct buffer text;
    append_targets(&text, 100);
    int rc = -ENOMEM;
    for (long nth = 1; rc == -ENOMEM; nth++) {
        struct target_list list;
        struct target_list_fault fault = {0};
        memory_fail_from(nth);
        rc = target_list_parse(&list, buffer_slice(&text), &fault);
        memory_fail_from(0);
        assert_true(rc == 0 || rc == -ENOMEM);
        assert_true(rc == 0 || strstr(fault.text, "out of memory") != NULL);
        target_list_finish(&list);
    }
    buffer_finish(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_read_whole),
        cmocka_unit_test(an_empty_list_takes_all_targets_away),
        cmocka_unit_test(faults_are_told_with_their_place),
        cmocka_unit_test(a_thousand_targets_are_the_most),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
