/* A written head, looked at and changed line by line. */
#include "unit.h"

#include "http/head_edit.h"

static char memory[512];

static struct writer head_of(const char *text)
{
    struct writer head;
    writer_init(&head, memory, sizeof memory);
    write_slice(&head, slice_of_cstr(text));
    return head;
}

static void assert_head(const struct writer *head, const char *text)
{
    assert_false(head->overflown);
    assert_int_equal(writer_slice(head).len, strlen(text));
    assert_memory_equal(head->start, text, strlen(text));
}

static void values_are_found_in_any_case(void **state)
{
    (void)state;
    struct writer head = head_of("HTTP/1.1 200 OK\r\nA: 1\r\nb:2\r\nEmpty: \r\nA: 3\r\n");
    assert_true(slice_equal(head_value(&head, SLICE("a")), SLICE("1")));
    assert_true(slice_equal(head_value(&head, SLICE("B")), SLICE("2")));
    assert_non_null(head_value(&head, SLICE("empty")).at);
    assert_int_equal(head_value(&head, SLICE("empty")).len, 0);
    assert_null(head_value(&head, SLICE("HTTP/1.1 200 OK")).at);
    assert_null(head_value(&head, SLICE("c")).at);
    head = head_of("HTTP/1.1 200 A: 1\r\n");
    assert_null(head_value(&head, SLICE("A")).at);
}

static void all_fields_of_a_name_are_removed(void **state)
{
    (void)state;
    struct writer head = head_of("HTTP/1.1 200 OK\r\nA: 1\r\na: 2\r\nB: 2\r\nA: 3\r\n");
    head_remove(&head, SLICE("A"));
    assert_head(&head, "HTTP/1.1 200 OK\r\nB: 2\r\n");
    head_remove(&head, SLICE("A"));
    head_remove(&head, SLICE("b"));
    assert_head(&head, "HTTP/1.1 200 OK\r\n");
}

static void a_field_set_is_there_once(void **state)
{
    (void)state;
    struct writer head = head_of("HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nA: 3\r\n");
    head_set(&head, SLICE("a"), SLICE("4"));
    assert_head(&head, "HTTP/1.1 200 OK\r\nB: 2\r\na: 4\r\n");
}

static void a_token_is_added_unless_it_is_there(void **state)
{
    (void)state;
    struct writer head = head_of("HTTP/1.1 200 OK\r\n");
    head_add_token(&head, SLICE("Vary"), SLICE("Origin"));
    head_add_token(&head, SLICE("Vary"), SLICE("Accept-Encoding"));
    head_add_token(&head, SLICE("Vary"), SLICE("origin"));
    assert_head(&head, "HTTP/1.1 200 OK\r\nVary: Origin\r\nVary: Accept-Encoding\r\n");
    head = head_of("HTTP/1.1 200 OK\r\nvary: A, B\r\n");
    head_add_token(&head, SLICE("Vary"), SLICE("b"));
    assert_head(&head, "HTTP/1.1 200 OK\r\nvary: A, B\r\n");
    head = head_of("HTTP/1.1 200 OK\r\nVary: *\r\n");
    head_add_token(&head, SLICE("Vary"), SLICE("b"));
    assert_head(&head, "HTTP/1.1 200 OK\r\nVary: *\r\n");
}

static void what_does_not_fit_overflows(void **state)
{
    (void)state;
    struct writer head = head_of("HTTP/1.1 200 OK\r\n");
    head_set(&head, SLICE("A"), slice_of(memory, sizeof memory));
    assert_true(head.overflown);
    assert_null(head_value(&head, SLICE("A")).at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_found_in_any_case),
        cmocka_unit_test(all_fields_of_a_name_are_removed),
        cmocka_unit_test(a_field_set_is_there_once),
        cmocka_unit_test(a_token_is_added_unless_it_is_there),
        cmocka_unit_test(what_does_not_fit_overflows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
