/* Trees and their places. */
#include "conf_unit.h"

#include "base/cleanup.h"
#include "conf/tree.h"

struct parsed {
    struct arena arena;
    struct conf_errors errors;
    struct tree_node *root;
};

static void parse(struct parsed *parsed, struct slice text)
{
    arena_init(&parsed->arena, NULL, 0, 1048576);
    conf_errors_init(&parsed->errors);
    assert_int_equal(tree_parse(text, &parsed->arena, &parsed->errors, &parsed->root), 0);
}

static void finish(struct parsed *parsed)
{
    arena_finish(&parsed->arena);
    conf_errors_finish(&parsed->errors);
}

static void keys_and_values_know_their_places(void **state)
{
    (void)state;
    SCOPED(finish) struct parsed parsed;
    parse(&parsed, SLICE("a: 1\n\"b\":\n  - x\n  - {c: 'y z',\n     d: }\n"));
    const struct tree_node *b = tree_get(parsed.root, "b");
    const struct tree_node *map = b->first->next;
    const struct tree_node *d = tree_get(map, "d");
    assert_int_equal(parsed.root->count, 2);
    assert_int_equal(tree_get(parsed.root, "a")->place.column, 4);
    assert_int_equal(b->key_place.line, 2);
    assert_int_equal(b->place.line, 3);
    assert_int_equal(b->place.column, 3);
    assert_int_equal(b->first->place.column, 5);
    assert_int_equal(map->place.line, 4);
    assert_int_equal(tree_get(map, "c")->place.column, 9);
    assert_false(tree_get(map, "c")->is_plain);
    assert_true(d->is_null);
    assert_int_equal(tree_place(d).line, 5);
    assert_int_equal(tree_place(d).column, 6);
    assert_null(tree_get(parsed.root, "e"));
}

static void only_nothing_is_null(void **state)
{
    (void)state;
    SCOPED(finish) struct parsed parsed;
    parse(&parsed, SLICE("[null, ~, 'null', '~', '', no, off, Null, 1.10]"));
    const bool expected[] = {true, true, false, false, false, false, false, false, false};
    const struct tree_node *node = parsed.root->first;
    assert_int_equal(parsed.root->count, COUNT_OF(expected));
    for (size_t i = 0; i < COUNT_OF(expected); i++, node = node->next)
        assert_int_equal(node->is_null, expected[i]);
    assert_null(node);
}

static void columns_count_characters_and_line_ends_may_be_windows(void **state)
{
    (void)state;
    SCOPED(finish) struct parsed parsed;
    parse(&parsed, SLICE("\357\273\277a: 1\r\n\u00e4\u00f6: x\r\n"));
    assert_int_equal(parsed.root->first->next->place.line, 2);
    assert_int_equal(parsed.root->first->next->place.column, 5);
    assert_true(slice_equal(parsed.root->first->next->text, SLICE("x")));
}

static void many_keys_are_found_twice_only_when_they_are(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer text;
    SCOPED(finish) struct parsed parsed;
    buffer_init(&text, 65536);
    for (int i = 0; i < 100; i++)
        assert_int_equal(buffer_format(&text, "k%d: %d\n", i, i), 0);
    assert_int_equal(buffer_append(&text, SLICE("k7: x\nk99: x\nk0: x\n")), 0);
    parse(&parsed, buffer_slice(&text));
    assert_int_equal(parsed.errors.count, 3);
    assert_string_equal(parsed.errors.at[0].text.at,
                        "\"k7\" is given twice, first in line 8: keep one");
    assert_string_equal(parsed.errors.at[2].text.at,
                        "\"k0\" is given twice, first in line 1: keep one");
}

static void an_alias_is_a_copy_with_the_places_of_the_original(void **state)
{
    (void)state;
    SCOPED(finish) struct parsed parsed;
    parse(&parsed, SLICE("a: &x {b: [1, 2]}\nc: *x\nd: &y 5\ne: *y\n"));
    const struct tree_node *c = tree_get(parsed.root, "c");
    const struct tree_node *b = tree_get(c, "b");
    assert_int_equal(c->place.line, 1);
    assert_int_equal(c->key_place.line, 2);
    assert_int_equal(b->count, 2);
    assert_ptr_not_equal(b, tree_get(tree_get(parsed.root, "a"), "b"));
    assert_true(slice_equal(tree_get(parsed.root, "e")->text, SLICE("5")));
}

static void what_is_too_large_is_refused(void **state)
{
    (void)state;
    SCOPED_FREE char *text = memory_alloc(TREE_TEXT_BYTES_MAX + 1);
    SCOPED(arena_finish) struct arena arena;
    SCOPED(conf_errors_finish) struct conf_errors errors;
    struct tree_node *root;
    assert_non_null(text);
    memset(text, '#', TREE_TEXT_BYTES_MAX + 1);
    arena_init(&arena, NULL, 0, 1048576);
    conf_errors_init(&errors);
    assert_int_equal(tree_parse(slice_of(text, TREE_TEXT_BYTES_MAX + 1), &arena, &errors, &root),
                     -EINVAL);
    assert_int_equal(errors.count, 1);
    arena_finish(&arena);
    assert_int_equal(
        tree_parse(SLICE("[a, b, c, d]"), &(struct arena){.bytes_max = 0}, &errors, &root),
        -ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_and_values_know_their_places),
        cmocka_unit_test(only_nothing_is_null),
        cmocka_unit_test(columns_count_characters_and_line_ends_may_be_windows),
        cmocka_unit_test(many_keys_are_found_twice_only_when_they_are),
        cmocka_unit_test(an_alias_is_a_copy_with_the_places_of_the_original),
        cmocka_unit_test(what_is_too_large_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
