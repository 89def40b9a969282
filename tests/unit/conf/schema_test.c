/* The table itself, and what is made of it. */
#include "conf_unit.h"

#include "base/cleanup.h"
#include "conf/read.h"
#include "conf/walk.h"
#include "os/file.h"

#define DOCUMENT SOURCE_ROOT "/docs/configuration.md"

static void check_row(const struct schema_row *row)
{
    if (row->kind < SCHEMA_SCALARS_COUNT && row->size != 0)
        assert_int_equal(row->size, scalar_kinds[row->kind].size);
    if (row->kind == SCHEMA_WORD)
        assert_non_null(row->words);
    if (row->kind == SCHEMA_STRUCT)
        assert_non_null(row->type);
    if (row->kind == SCHEMA_LIST || row->kind == SCHEMA_ONE_OR_LIST || row->kind == SCHEMA_MAP) {
        assert_true(row->element_size > 0);
        assert_non_null(row->element->name);
        check_row(row->element);
    }
}

static void every_row_fits_its_field_and_is_documented(void **state)
{
    (void)state;
    struct walk walk;
    walk_schema(&walk);
    assert_true(walk.count > 10);
    for (unsigned i = 0; i < walk.count; i++) {
        const struct schema_struct *type = walk.at[i];
        assert_non_null(type->doc);
        for (unsigned j = 0; j < type->rows_count; j++) {
            const struct schema_row *row = &type->rows[j];
            assert_non_null(row->doc);
            assert_ptr_equal(schema_find(type, slice_of_cstr(row->name)), row);
            check_row(row);
        }
    }
}

static void short_forms_name_rows(void **state)
{
    (void)state;
    struct walk walk;
    walk_schema(&walk);
    for (unsigned i = 0; i < walk.count; i++) {
        const struct schema_struct *type = walk.at[i];
        if (type->shorthand != NULL)
            assert_non_null(schema_find(type, slice_of_cstr(type->shorthand)));
        if (type->shorthand_number != NULL)
            assert_non_null(schema_find(type, slice_of_cstr(type->shorthand_number)));
    }
}

static void the_reference_page_is_made_of_the_table(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer written;
    SCOPED(buffer_finish) struct buffer made;
    buffer_init(&written, 1048576);
    buffer_init(&made, 1048576);
    assert_int_equal(file_read_all(DOCUMENT, &written), 0);
    assert_int_equal(schema_markdown_write(&made), 0);
    if (!slice_equal(buffer_slice(&written), buffer_slice(&made)))
        fail_msg("%s", "run: build/tools/conf_reference markdown > docs/configuration.md");
}

static void the_example_of_the_reference_page_is_right(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer made;
    buffer_init(&made, 1048576);
    assert_int_equal(schema_markdown_write(&made), 0);
    struct slice page = buffer_slice(&made);
    ptrdiff_t start = slice_search(page, SLICE("```yaml\n"));
    assert_true(start >= 0);
    page = slice_from(page, (size_t)start + strlen("```yaml\n"));
    ptrdiff_t end = slice_search(page, SLICE("```\n"));
    assert_true(end > 0);
    SCOPED_FREE char *example = memory_copy_text(page.at, (size_t)end);
    assert_non_null(example);
    snapshot_unref(parse_good(example));
}

static const struct tree_node *follow(const struct tree_node *root, struct slice path)
{
    struct slice part;
    while (root != NULL && slice_cut(&path, '/', &part)) {
        char name[64];
        (void)snprintf(name, sizeof name, "%.*s", SLICE_ARG(part));
        root = tree_get(root, name);
    }
    return root;
}

/* Every "$ref" leads to a definition. */
static void check_references(const struct tree_node *root, const struct tree_node *node)
{
    if (node->key.at != NULL && slice_equal(node->key, SLICE("$ref"))) {
        assert_true(slice_starts_with(node->text, SLICE("#/")));
        assert_non_null(follow(root, slice_from(node->text, 2)));
    }
    for (const struct tree_node *child = node->first; child != NULL; child = child->next)
        check_references(root, child);
}

/* JSON is YAML, and our own reader is strict about it. */
static void the_json_schema_is_whole(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer made;
    SCOPED(conf_errors_finish) struct conf_errors errors;
    SCOPED(arena_finish) struct arena arena;
    struct tree_node *root;
    buffer_init(&made, 1048576);
    conf_errors_init(&errors);
    arena_init(&arena, NULL, 0, 16777216);
    assert_int_equal(schema_json_write(&made), 0);
    assert_int_equal(tree_parse(buffer_slice(&made), &arena, &errors, &root), 0);
    assert_int_equal(errors.count, 0);
    check_references(root, root);
    assert_non_null(follow(root, SLICE("properties/sites/additionalProperties")));
    assert_non_null(follow(root, SLICE("$defs/site/properties/forward")));
    assert_non_null(follow(root, SLICE("properties/buckets")));
    assert_null(follow(root, SLICE("properties/databases")));
}

static void a_full_buffer_is_reported(void **state)
{
    (void)state;
    for (size_t max = 0; max < 4096; max += 97) {
        SCOPED(buffer_finish) struct buffer made;
        buffer_init(&made, max);
        assert_int_equal(schema_markdown_write(&made), -EMSGSIZE);
        made.len = 0;
        assert_int_equal(schema_json_write(&made), -EMSGSIZE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_fits_its_field_and_is_documented),
        cmocka_unit_test(short_forms_name_rows),
        cmocka_unit_test(the_reference_page_is_made_of_the_table),
        cmocka_unit_test(the_example_of_the_reference_page_is_right),
        cmocka_unit_test(the_json_schema_is_whole),
        cmocka_unit_test(a_full_buffer_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
