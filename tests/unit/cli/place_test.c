/* Where a command works, however it was told. */
#include "scratch.h"

#include "base/cleanup.h"
#include "cli/place.h"

static void expect_place(const struct place *place, const char *folder, const char *state)
{
    assert_string_equal(place->folder, folder);
    assert_string_equal(place->state, state);
}

static void join(char ret_path[static PATH_MAX], const char *folder, const char *name)
{
    int len = snprintf(ret_path, PATH_MAX, "%s/%s", folder, name);
    assert_true(len > 0 && len < PATH_MAX);
}

static void without_options_it_is_the_working_folder(void **state)
{
    (void)state;
    struct scratch scratch;
    struct place place;
    char weir[PATH_MAX];
    scratch_begin(&scratch, "here");
    scratch_write("weir.yaml", "");
    join(weir, scratch.folder, ".weir");
    assert_true(place_find("up", NULL, NULL, true, &place));
    assert_string_equal(place.file, "weir.yaml");
    expect_place(&place, scratch.folder, weir);
    scratch_end(&scratch);
}

static void the_state_lies_beside_the_file_wherever_one_stands(void **state)
{
    (void)state;
    struct scratch scratch;
    struct place place;
    char file[PATH_MAX], folder[PATH_MAX], weir[PATH_MAX];
    scratch_begin(&scratch, "here");
    scratch_write("deep/er/other.yaml", "");
    join(folder, scratch.folder, "deep/er");
    join(weir, folder, ".weir");
    join(file, folder, "other.yaml");
    const char *const names[] = {"deep/er/other.yaml", "./deep/../deep/er//other.yaml", file};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_true(place_find("up", names[i], NULL, true, &place));
        assert_ptr_equal(place.file, names[i]);
        expect_place(&place, folder, weir);
    }
    scratch_end(&scratch);
}

static void a_state_folder_that_is_named_counts_from_where_one_stands(void **state)
{
    (void)state;
    struct scratch scratch;
    struct place place;
    char folder[PATH_MAX], named[PATH_MAX];
    scratch_begin(&scratch, "here");
    scratch_write("deep/weir.yaml", "");
    join(folder, scratch.folder, "deep");
    join(named, scratch.folder, "kept");
    assert_true(place_find("up", "deep/weir.yaml", "kept", true, &place));
    expect_place(&place, folder, named);
    assert_true(place_find("up", "deep/weir.yaml", "/var/lib/weir", true, &place));
    expect_place(&place, folder, "/var/lib/weir");
    scratch_end(&scratch);
}

static void a_file_at_the_root_has_the_root_as_its_folder(void **state)
{
    (void)state;
    struct place place;
    assert_true(place_find("init", "/weir.yaml", NULL, false, &place));
    assert_string_equal(place.folder, "/");
    assert_string_equal(place.state, "/.weir");
}

static void a_missing_file_is_told_with_what_to_do(void **state)
{
    (void)state;
    struct scratch scratch;
    struct place place;
    scratch_begin(&scratch, "here");
    scratch_listen(&scratch);
    bool is_found = place_find("up", NULL, NULL, true, &place);
    scratch_heard(&scratch);
    assert_false(is_found);
    assert_non_null(strstr(scratch.why.at, "weir up: there is no weir.yaml"));
    assert_non_null(strstr(scratch.why.at, "`weir init`"));
    assert_true(place_find("init", NULL, NULL, false, &place));
    scratch_listen(&scratch);
    is_found = place_find("init", "nowhere/weir.yaml", NULL, false, &place);
    scratch_heard(&scratch);
    assert_false(is_found);
    assert_non_null(strstr(scratch.why.at, "nowhere/weir.yaml"));
    scratch_end(&scratch);
}

static void a_path_too_long_is_told_not_cut(void **state)
{
    (void)state;
    struct scratch scratch;
    struct place place;
    static char long_name[PATH_MAX + 10];
    memset(long_name, 'x', sizeof long_name - 1);
    scratch_begin(&scratch, "here");
    scratch_write("weir.yaml", "");
    scratch_listen(&scratch);
    bool is_found = place_find("up", NULL, long_name, true, &place);
    scratch_heard(&scratch);
    assert_false(is_found);
    assert_non_null(strstr(scratch.why.at, "File name too long"));
    scratch_listen(&scratch);
    is_found = place_find("up", long_name, NULL, true, &place);
    scratch_heard(&scratch);
    assert_false(is_found);
    assert_non_null(strstr(scratch.why.at, "File name too long"));
    scratch_end(&scratch);
}

static void names_in_the_state_folder_fit_or_are_refused(void **state)
{
    (void)state;
    static struct place place = {.state = "/srv/.weir"};
    char path[PATH_MAX];
    assert_true(place_path(&place, "edge.sock", path));
    assert_string_equal(path, "/srv/.weir/edge.sock");
    memset(place.state, 'x', PATH_MAX - 1);
    assert_false(place_path(&place, "edge.sock", path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_options_it_is_the_working_folder),
        cmocka_unit_test(the_state_lies_beside_the_file_wherever_one_stands),
        cmocka_unit_test(a_state_folder_that_is_named_counts_from_where_one_stands),
        cmocka_unit_test(a_file_at_the_root_has_the_root_as_its_folder),
        cmocka_unit_test(a_missing_file_is_told_with_what_to_do),
        cmocka_unit_test(a_path_too_long_is_told_not_cut),
        cmocka_unit_test(names_in_the_state_folder_fit_or_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
