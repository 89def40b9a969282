#include "unit.h"

#include "base/cleanup.h"
#include "wire/http/message.h"

static const struct slice table[] = {
#define FIELD_ROW(id, name) [FIELD_##id] = {name, sizeof(name) - 1},
    FIELD_TABLE(FIELD_ROW)
#undef FIELD_ROW
};

static enum field_id id_by_search(struct slice name)
{
    for (unsigned i = FIELD_OTHER + 1; i < COUNT_OF(table); i++) {
        if (slice_equal_nocase(table[i], name))
            return (enum field_id)i;
    }
    return FIELD_OTHER;
}

static void every_known_name_has_its_number_in_any_case(void **state)
{
    (void)state;
    for (unsigned i = FIELD_OTHER + 1; i < FIELD_IDS_COUNT; i++) {
        char lower[64], upper[64];
        for (size_t c = 0; c < table[i].len; c++) {
            lower[c] = ascii_lower(table[i].at[c]);
            upper[c] = (char)(lower[c] >= 'a' ? lower[c] - 32 : lower[c]);
        }
        assert_int_equal(field_id_of(table[i]), i);
        assert_int_equal(field_id_of(slice_of(lower, table[i].len)), i);
        assert_int_equal(field_id_of(slice_of(upper, table[i].len)), i);
        assert_true(slice_equal(field_name((enum field_id)i), table[i]));
    }
}

static void a_name_with_one_byte_changed_is_another(void **state)
{
    (void)state;
    for (unsigned i = FIELD_OTHER + 1; i < FIELD_IDS_COUNT; i++) {
        /* Exactly as long as its bytes: the address sanitizer sees a read too far. */
        SCOPED_FREE char *name = memory_alloc(table[i].len);
        assert_non_null(name);
        for (size_t c = 0; c < table[i].len; c++) {
            memcpy(name, table[i].at, table[i].len);
            for (unsigned byte = 0; byte < 256; byte++) {
                name[c] = (char)byte;
                struct slice changed = slice_of(name, table[i].len);
                assert_int_equal(field_id_of(changed), id_by_search(changed));
            }
        }
    }
}

static void other_names_have_no_number(void **state)
{
    (void)state;
    assert_int_equal(field_id_of(SLICE("")), FIELD_OTHER);
    assert_int_equal(field_id_of(SLICE("X-Custom")), FIELD_OTHER);
    assert_int_equal(field_id_of(SLICE("Content-Lengths")), FIELD_OTHER);
    assert_int_equal(field_id_of(SLICE("A-Name-Longer-Than-Any-In-The-Table")), FIELD_OTHER);
}

static void fields_are_found_by_number_and_by_name(void **state)
{
    (void)state;
    struct field at[] = {
        {SLICE("x-a"), SLICE("1"), FIELD_OTHER},
        {SLICE("HOST"), SLICE("2"), FIELD_HOST},
        {SLICE("X-A"), SLICE("3"), FIELD_OTHER},
    };
    struct fields fields = {at, COUNT_OF(at), COUNT_OF(at)};
    assert_ptr_equal(fields_find(&fields, FIELD_HOST), &at[1]);
    assert_null(fields_find(&fields, FIELD_AGE));
    assert_ptr_equal(fields_find_name(&fields, SLICE("X-a")), &at[0]);
    assert_ptr_equal(fields_find_name(&fields, SLICE("Host")), &at[1]);
    assert_null(fields_find_name(&fields, SLICE("X-B")));
    assert_null(fields_value(&fields, FIELD_AGE).at);
    assert_true(slice_equal(fields_value(&fields, FIELD_HOST), SLICE("2")));
}

static void hop_by_hop_fields_are_known(void **state)
{
    (void)state;
    static const char *const expected[] = {
        "Connection",        "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "TE",
        "Transfer-Encoding", "Upgrade",    "Proxy-Connection",
    };
    unsigned count = 0;
    for (unsigned i = 0; i < FIELD_IDS_COUNT; i++)
        count += field_is_hop_by_hop((enum field_id)i);
    assert_int_equal(count, COUNT_OF(expected));
    for (size_t i = 0; i < COUNT_OF(expected); i++)
        assert_true(field_is_hop_by_hop(field_id_of(slice_of_cstr(expected[i]))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_known_name_has_its_number_in_any_case),
        cmocka_unit_test(a_name_with_one_byte_changed_is_another),
        cmocka_unit_test(other_names_have_no_number),
        cmocka_unit_test(fields_are_found_by_number_and_by_name),
        cmocka_unit_test(hop_by_hop_fields_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
