/* Keys of the S3 API: the file, the table, and what a key may. */
#include "unit.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "conf/s3_keys.h"

#include <errno.h>
#include <stdio.h>

#define EXPECT(slice, text) assert_true(slice_equal((slice), SLICE(text)))
#define PAIR                                                                                       \
    "\"access_key\":\"WEIRABCDEFGHIJKLMNOP\",\"secret_key\":"                                      \
    "\"0123456789abcdefghij0123456789abcdefghij\""
#define REST ",\"buckets\":\"all\",\"rights\":\"write\",\"created\":7}"
#define OTHER                                                                                      \
    "\"access_key\":\"WEIRZZZZZZZZZZZZZZZZ\",\"secret_key\":\"another-secret-of-some-length\""

static const char two_keys[] = "{\"keys\":[{\"name\":\"ci\"," PAIR
                               ",\"buckets\":[\"media\",\"a.b\"],\"rights\":\"read\",\"created\":"
                               "1764187200},{\"name\":\"all.of-it\"," OTHER REST "]}\n";

static struct s3_keys *parse_good(const char *text)
{
    struct s3_keys *keys = NULL;
    struct error error = {0};
    int rc = s3_keys_parse(slice_of_cstr(text), &keys, &error);
    if (rc < 0)
        print_message("%s\n", error.text);
    assert_int_equal(rc, 0);
    return keys;
}

static void a_file_is_read_and_written_as_it_was(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer out;
    struct s3_keys *keys = parse_good(two_keys);
    assert_int_equal(keys->count, 2);
    EXPECT(keys->at[0].name, "ci");
    assert_int_equal(keys->at[0].rights, S3_RIGHTS_READ);
    assert_int_equal(keys->at[0].buckets_count, 2);
    EXPECT(keys->at[0].buckets[1], "a.b");
    assert_int_equal(keys->at[0].created_s, 1764187200);
    assert_true(keys->at[1].is_for_all);
    buffer_init(&out, S3_KEYS_BYTES_MAX);
    assert_int_equal(s3_keys_write(keys->at, keys->count, &out), 0);
    assert_true(slice_equal(buffer_slice(&out), slice_of_cstr(two_keys)));
    s3_keys_unref(keys);
}

static void an_empty_file_has_no_keys(void **state)
{
    (void)state;
    static const char *const texts[] = {"", " ", "{\"keys\":[]}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct s3_keys *keys = parse_good(texts[i]);
        assert_int_equal(keys->count, 0);
        assert_null(s3_keys_find(keys, SLICE("")));
        s3_keys_unref(keys);
    }
    assert_null(s3_keys_find(NULL, SLICE("x")));
    assert_null(s3_keys_named(NULL, SLICE("x")));
    assert_null(s3_keys_ref(NULL));
    s3_keys_unref(NULL);
}

static void what_is_wrong_is_said_without_secrets(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"{", "it is no JSON"},
        {"[]", "it is no object with \"keys\" alone"},
        {"{\"keys\":{}}", "it is no object with \"keys\" alone"},
        {"{\"keys\":[],\"more\":1}", "it is no object with \"keys\" alone"},
        {"{\"keys\":[1]}", "key number 1 has no name"},
        {"{\"keys\":[{\"name\":\"a b\"," PAIR REST "]}", "key number 1 has no name"},
        {"{\"keys\":[{\"name\":\"a\"" REST "]}",
         "the key \"a\" has no good \"access_key\": 16 to 128 letters, digits and the like"},
        {"{\"keys\":[{\"name\":\"a\",\"access_key\":\"WEIR/ABCDEFGHIJKLMNO\"" REST "]}",
         "the key \"a\" has no good \"access_key\": 16 to 128 letters, digits and the like"},
        {"{\"keys\":[{\"name\":\"a\",\"access_key\":\"WEIRABCDEFGHIJKLMNOP\",\"secret_key\":"
         "\"short\"" REST "]}",
         "the key \"a\" has no good \"secret_key\": 16 to 128 letters, digits and the like"},
        {"{\"keys\":[{\"name\":\"a\"," PAIR REST ",{\"name\":\"a\"," OTHER REST "]}",
         "the key \"a\" is there twice"},
        {"{\"keys\":[{\"name\":\"a\"," PAIR REST ",{\"name\":\"b\"," PAIR REST "]}",
         "the key \"b\" has the \"access_key\" of another one"},
        {"{\"keys\":[{\"name\":\"a\"," PAIR ",\"rights\":\"read\",\"created\":1}]}",
         "the key \"a\" has no \"buckets\": \"all\", or a list of names"},
        {"{\"keys\":[{\"name\":\"a\"," PAIR ",\"buckets\":[],\"rights\":\"read\",\"created\":1}]}",
         "the key \"a\" has no \"buckets\": \"all\", or a list of names"},
        {"{\"keys\":[{\"name\":\"a\"," PAIR
         ",\"buckets\":[\"A\"],\"rights\":\"read\",\"created\":1}]}",
         "the key \"a\" has something in \"buckets\" that is no bucket's name"},
        {"{\"keys\":[{\"name\":\"a\"," PAIR ",\"buckets\":\"all\",\"rights\":\"own\"}]}",
         "the key \"a\" has no \"rights\": \"read\" or \"write\""},
        {"{\"keys\":[{\"name\":\"a\"," PAIR ",\"buckets\":\"all\",\"rights\":\"read\"}]}",
         "the key \"a\" has no \"created\", in seconds since 1970"},
        {"{\"keys\":[{\"name\":\"a\"," PAIR ",\"only_from\":\"10.0.0.1\"" REST "]}",
         "the key \"a\" has a member that is not known to this version of Weir"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct s3_keys *keys = NULL;
        struct error error = {0};
        assert_int_equal(s3_keys_parse(slice_of_cstr(cases[i].text), &keys, &error), -EBADMSG);
        assert_string_equal(error.text, cases[i].why);
        assert_null(keys);
    }
}

static void a_key_is_found_and_may_what_it_says(void **state)
{
    (void)state;
    struct s3_keys *keys = parse_good(two_keys);
    const struct s3_key *ci = s3_keys_find(keys, SLICE("WEIRABCDEFGHIJKLMNOP"));
    const struct s3_key *all = s3_keys_named(keys, SLICE("all.of-it"));
    assert_non_null(ci);
    EXPECT(ci->name, "ci");
    assert_null(s3_keys_find(keys, SLICE("WEIRABCDEFGHIJKLMNOQ")));
    assert_ptr_equal(s3_keys_named(keys, SLICE("ci")), ci);
    assert_true(s3_key_may(ci, SLICE("media"), false));
    assert_true(s3_key_may(ci, SLICE("a.b"), false));
    assert_false(s3_key_may(ci, SLICE("media"), true));
    assert_false(s3_key_may(ci, SLICE("medi"), false));
    assert_false(s3_key_may(ci, SLICE(""), false));
    assert_true(s3_key_may(all, SLICE("any"), true));
    assert_true(s3_key_may(all, SLICE(""), true));
    s3_keys_unref(keys);
}

static void a_bundle_brings_them(void **state)
{
    (void)state;
    SCOPED(bundle_finish) struct bundle bundle;
    SCOPED(bundle_finish) struct bundle empty;
    struct s3_keys *keys = NULL;
    struct error error = {0};
    bundle_init(&bundle);
    bundle_init(&empty);
    assert_int_equal(bundle_add(&bundle, SLICE(S3_KEYS_NAME), slice_of_cstr(two_keys)), 0);
    assert_int_equal(bundle_seal(&bundle), 0);
    assert_int_equal(s3_keys_take(&bundle, &keys, &error), 0);
    assert_int_equal(keys->count, 2);
    s3_keys_unref(s3_keys_ref(keys));
    s3_keys_unref(keys);
    assert_int_equal(s3_keys_take(&empty, &keys, &error), 0);
    assert_null(keys);
    assert_int_equal(s3_keys_take(NULL, &keys, &error), 0);
    assert_null(keys);
}

static void made_keys_are_what_they_should_be(void **state)
{
    (void)state;
    char before[S3_ACCESS_KEY_LEN + 1] = "";
    for (int round = 0; round < 200; round++) {
        char access_key[S3_ACCESS_KEY_LEN + 1], secret_key[S3_SECRET_KEY_LEN + 1];
        s3_key_make(access_key, secret_key);
        assert_int_equal(strlen(access_key), S3_ACCESS_KEY_LEN);
        assert_int_equal(strlen(secret_key), S3_SECRET_KEY_LEN);
        assert_int_equal(strspn(access_key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), S3_ACCESS_KEY_LEN);
        assert_int_equal(strncmp(access_key, "WEIR", 4), 0);
        assert_string_not_equal(access_key, before);
        memcpy(before, access_key, sizeof before);
    }
}

static void more_than_fits_is_refused(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer out;
    struct s3_keys *keys = parse_good(two_keys);
    struct s3_key *many = memory_alloc_array(9000, sizeof *many);
    assert_non_null(many);
    for (unsigned i = 0; i < 9000; i++)
        many[i] = keys->at[0];
    buffer_init(&out, S3_KEYS_BYTES_MAX);
    assert_int_equal(s3_keys_write(many, 9000, &out), -EMSGSIZE);
    assert_int_equal(out.len, 0);
    memory_free(many);
    s3_keys_unref(keys);
}

static void without_memory_nothing_is_left(void **state)
{
    (void)state;
    int rc = -ENOMEM;
    for (long nth = 1; rc == -ENOMEM; nth++) {
        struct s3_keys *keys = NULL;
        struct error error = {0};
        memory_fail_from(nth);
        rc = s3_keys_parse(slice_of_cstr(two_keys), &keys, &error);
        memory_fail_from(0);
        assert_true(rc == 0 || rc == -ENOMEM);
        assert_true((rc == 0) == (keys != NULL));
        s3_keys_unref(keys);
    }
    for (long nth = 1, written = -ENOMEM; written == -ENOMEM; nth++) {
        SCOPED(buffer_finish) struct buffer out;
        struct s3_keys *keys = parse_good(two_keys);
        buffer_init(&out, S3_KEYS_BYTES_MAX);
        memory_fail_from(nth);
        written = s3_keys_write(keys->at, keys->count, &out);
        memory_fail_from(0);
        assert_true(written == 0 || written == -ENOMEM);
        s3_keys_unref(keys);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_and_written_as_it_was),
        cmocka_unit_test(an_empty_file_has_no_keys),
        cmocka_unit_test(what_is_wrong_is_said_without_secrets),
        cmocka_unit_test(a_key_is_found_and_may_what_it_says),
        cmocka_unit_test(a_bundle_brings_them),
        cmocka_unit_test(made_keys_are_what_they_should_be),
        cmocka_unit_test(more_than_fits_is_refused),
        cmocka_unit_test(without_memory_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
