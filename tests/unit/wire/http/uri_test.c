#include "unit.h"

#include "base/cleanup.h"
#include "wire/http/uri.h"

#include <errno.h>

struct path_case {
    const char *raw;
    const char *normal; /* NULL: refused */
};

static const struct path_case path_cases[] = {
    {"/", "/"},
    {"/a/b", "/a/b"},
    {"/a/b/", "/a/b/"},
    {"/a;p=1,2/@:!$&'()*+,=", "/a;p=1,2/@:!$&'()*+,="},
    /* escapes */
    {"/%41%7e%2D%2e%5F%61", "/A~-._a"},
    {"/%c3%a4%2f%3a", "/%C3%A4%2F%3A"},
    {"/%25%32%35", "/%2525"},
    {"/%252e%252e/", "/%252e%252e/"},
    {"/\xc3\xa4", "/%C3%A4"},
    {"/ \"<>[]^`{|}", "/%20%22%3C%3E%5B%5D%5E%60%7B%7C%7D"},
    {"/a?b#c", "/a%3Fb%23c"},
    {"/%0d%0a", "/%0D%0A"},
    {"/\n", "/%0A"},
    {"/%", NULL},
    {"/%4", NULL},
    {"/%4g", NULL},
    {"/%g4", NULL},
    {"/%%41", NULL},
    {"/a%00b", NULL},
    /* dot segments */
    {"/.", "/"},
    {"/./", "/"},
    {"/a/.", "/a/"},
    {"/a/./b", "/a/b"},
    {"/a/..", "/"},
    {"/a/../", "/"},
    {"/a/b/..", "/a/"},
    {"/a/b/../c", "/a/c"},
    {"/a/b/../../c", "/c"},
    {"/a/%2e%2e/b", "/b"},
    {"/a/%2E./b", "/b"},
    {"/a/%2e/b", "/a/b"},
    {"/a/b/c/./../../g", "/a/g"},
    {"/...", "/..."},
    {"/.a/..b/a..", "/.a/..b/a.."},
    {"/..", NULL},
    {"/../a", NULL},
    {"/./../a", NULL},
    {"/a/../..", NULL},
    {"/a/../../b", NULL},
    {"/%2e%2e/a", NULL},
    {"//..", NULL},
    /* runs of slashes */
    {"//", "/"},
    {"//a///b//", "/a/b/"},
    {"/a//../b", "/b"},
    {"/a/.//b", "/a/b"},
    /* what servers behind would see differently */
    {"/a\\b", NULL},
    {"/a%5Cb", "/a%5Cb"},
    {"/a%2Fb", "/a%2Fb"},
    {"/a/..%2fb", NULL},
    {"/a/b%2f..", NULL},
    {"/a/b%2f../c", NULL},
    {"/a/b%2F%2e%2E%2fc", NULL},
    {"/a/.%2fb", NULL},
    {"/a/b%2f.", NULL},
    {"/a/..%5cb", NULL},
    {"/a/%5c..", NULL},
    {"/a/%5C..%2Fb", NULL},
    {"/a/..;/b", NULL},
    {"/a/..;x=1/b", NULL},
    {"/a/..%3b/b", NULL},
    {"/a/.%3Bx", NULL},
    {"/a%2f..%3bx", NULL},
    {"/a/.;/b", NULL},
    {"/a/%2e%2e;/b", NULL},
    {"/a%2f..;x", NULL},
    {"/a/..x%2f", "/a/..x%2F"},
    {"/a/x..%2f", "/a/x..%2F"},
    {"/a/x;..", "/a/x;.."},
    {"/a/%2f%2f", "/a/%2F%2F"},
    /* no path */
    {"", NULL},
    {"a", NULL},
    {"*", NULL},
};

static void assert_normalised(struct slice raw, const char *normal)
{
    SCOPED_FREE char *out = memory_alloc(3 * raw.len + 1);
    assert_non_null(out);
    struct slice path = SLICE("untouched");
    int result = uri_normalise_path(raw, out, &path);
    if (normal == NULL) {
        if (result != -EBADMSG)
            fail_msg("accepted: %.*s", SLICE_ARG(raw));
        assert_true(slice_equal(path, SLICE("untouched")));
        return;
    }
    if (result != 0 || !slice_equal(path, slice_of_cstr(normal)))
        fail_msg("'%.*s' became '%.*s' instead of '%s'", SLICE_ARG(raw), SLICE_ARG(path), normal);
}

static void paths_take_one_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(path_cases); i++)
        assert_normalised(slice_of_cstr(path_cases[i].raw), path_cases[i].normal);
    assert_normalised(SLICE("/a\0b"), NULL);
}

static void a_normal_path_stays_as_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(path_cases); i++) {
        if (path_cases[i].normal != NULL)
            assert_normalised(slice_of_cstr(path_cases[i].normal), path_cases[i].normal);
    }
    struct slice raw = SLICE("/plain/path.html"), path;
    assert_int_equal(uri_normalise_path(raw, NULL, &path), 0);
    assert_ptr_equal(path.at, raw.at);
}

static void escaping_needs_no_more_room_than_told(void **state)
{
    (void)state;
    char raw[65] = "/", normal[1 + 64 * 3 + 1] = "/";
    for (unsigned i = 0; i < 64; i++) {
        raw[1 + i] = '\xff';
        memcpy(normal + 1 + i * 3, "%FF", 4);
    }
    SCOPED_FREE char *out = memory_alloc(3 * sizeof raw);
    assert_non_null(out);
    struct slice path;
    assert_int_equal(uri_normalise_path(slice_of(raw, sizeof raw), out, &path), 0);
    assert_true(slice_equal(path, slice_of_cstr(normal)));
}

static void queries_are_checked(void **state)
{
    (void)state;
    assert_true(uri_is_query(SLICE("")));
    assert_true(uri_is_query(SLICE("a=b&c=%20/?:@!$'()*+,;~")));
    const char *const bad[] = {"a b", "%", "%2", "%2x", "a#b", "a[]", "\"", "\\", "\xc3", "a\x01"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(uri_is_query(slice_of_cstr(bad[i])));
}

static void escapes_are_decoded(void **state)
{
    (void)state;
    char out[16];
    assert_int_equal(uri_decode(SLICE("a%20b+%00%fF"), out), 6);
    assert_memory_equal(out, "a b+\0\xff", 6);
    assert_int_equal(uri_decode(SLICE(""), out), 0);
    assert_int_equal(uri_decode(SLICE("%"), out), -EBADMSG);
    assert_int_equal(uri_decode(SLICE("%1"), out), -EBADMSG);
    assert_int_equal(uri_decode(SLICE("a%1g"), out), -EBADMSG);
}

static void authorities_are_split(void **state)
{
    (void)state;
    static const struct {
        const char *authority, *host;
        unsigned port;
    } rows[] = {
        {"a", "a", 0},
        {"A.Example", "a.example", 0},
        {"a.example.", "a.example", 0},
        {"a.example.:80", "a.example", 80},
        {"a_b-c~1:8080", "a_b-c~1", 8080},
        {"a:", "a", 0},
        {"a:1", "a", 1},
        {"a:65535", "a", 65535},
        {"127.0.0.1:80", "127.0.0.1", 80},
        {"[::1]", "[::1]", 0},
        {"[FE80::1]:443", "[fe80::1]", 443},
        {"[::ffff:1.2.3.4]:", "[::ffff:1.2.3.4]", 0},
        {"[1111:2222:3333:4444:5555:6666:7777:8888]", "[1111:2222:3333:4444:5555:6666:7777:8888]",
         0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char out[64];
        struct slice host;
        unsigned port = 7;
        assert_int_equal(uri_split_authority(slice_of_cstr(rows[i].authority), out, &host, &port),
                         0);
        assert_true(slice_equal(host, slice_of_cstr(rows[i].host)));
        assert_int_equal(port, rows[i].port);
    }
}

static void faulty_authorities_are_refused(void **state)
{
    (void)state;
    static const struct slice bad[] = {
        SLICE(""),
        SLICE("."),
        SLICE(".."),
        SLICE(".a"),
        SLICE("a..b"),
        SLICE("a.."),
        SLICE(":80"),
        SLICE("a:b"),
        SLICE("a:0"),
        SLICE("a:080"),
        SLICE("a:65536"),
        SLICE("a:123456"),
        SLICE("a:+1"),
        SLICE("a:1:2"),
        SLICE("::1"),
        SLICE("u@a"),
        SLICE("a b"),
        SLICE("a,b"),
        SLICE("a/b"),
        SLICE("a%41"),
        SLICE("a\\b"),
        SLICE("a\0"),
        SLICE("\xc3\xa4"),
        SLICE("a?b"),
        SLICE("["),
        SLICE("[]"),
        SLICE("[::1"),
        SLICE("::1]"),
        SLICE("[::1]a"),
        SLICE("[::1]:b"),
        SLICE("[::1]:0"),
        SLICE("[::1%25lo]"),
        SLICE("[1.2.3.4]"),
        SLICE("[v1.a]"),
        SLICE("[::1::2]"),
        SLICE("[::1\0]"),
        SLICE("[12345::]"),
        SLICE("[a.b.c.d]"),
        SLICE("[::1]]"),
        SLICE("a]"),
        SLICE("[11111111111111111111111111111111111111111111111111111111111]"),
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        char out[64];
        struct slice host = {NULL, 0};
        unsigned port;
        if (uri_split_authority(bad[i], out, &host, &port) != -EBADMSG)
            fail_msg("accepted: %.*s", SLICE_ARG(bad[i]));
        assert_null(host.at);
    }
}

static void rules_see_escapes_of_what_may_stand_there_decoded(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"/", "/"},
        {"/a%20b", "/a%20b"},
        {"/%40a", "/@a"},
        {"/%21%24%26%27%28%29%2B%2C%3A%3B%3D%40", "/!$&'()+,:;=@"},
        {"/a%2Fb%5Cc%25d%2A%3F%23", "/a%2Fb%5Cc%25d%2A%3F%23"},
        {"/%C3%A4%40", "/%C3%A4@"},
        {"/%2540", "/%2540"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char room[64];
        struct slice path, here = slice_of(room, strlen(cases[i][0]));
        uri_matched_path(slice_of_cstr(cases[i][0]), room, &path);
        assert_true(slice_equal(path, slice_of_cstr(cases[i][1])));
        memcpy(room, cases[i][0], here.len);
        uri_matched_path(here, room, &path); /* where it stands */
        assert_true(slice_equal(path, slice_of_cstr(cases[i][1])));
    }
}

static void paths_are_read_as_servers_may_read_them(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        unsigned apply;
        unsigned reading;
        const char *read;
    } cases[] = {
        {"/a/b%20c", 0, 0, "/a/b%20c"},
        {"/a%2Fb", URI_READ_SLASH, URI_READ_SLASH, "/a/b"},
        {"/a%2F/b%5C", URI_READ_SLASH | URI_READ_BACKSLASH, URI_READ_SLASH, "/a/b%5C"},
        {"/a%2F/b%5C", URI_READ_SLASH | URI_READ_BACKSLASH, 3, "/a/b/"},
        {"/a;x=1/b;y", URI_READ_PARAMETERS, URI_READ_PARAMETERS, "/a/b"},
        {"/;x/b", URI_READ_PARAMETERS, URI_READ_PARAMETERS, "/b"},
        {"/a;x%2Fb", URI_READ_PARAMETERS | URI_READ_SLASH, URI_READ_PARAMETERS, "/a"},
        {"/a;x%2Fb", URI_READ_PARAMETERS | URI_READ_SLASH, 5, "/a/b"},
        {"/;", URI_READ_PARAMETERS, URI_READ_PARAMETERS, "/"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char room[64];
        struct slice read, path = slice_of_cstr(cases[i].path);
        assert_true(4 * path.len <= sizeof room);
        assert_int_equal(uri_readings(path), cases[i].apply);
        assert_int_equal(uri_read_path(path, cases[i].reading, room, &read), 0);
        if (!slice_equal(read, slice_of_cstr(cases[i].read)))
            fail_msg("%s: %.*s is not %s", cases[i].path, SLICE_ARG(read), cases[i].read);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_take_one_form),
        cmocka_unit_test(a_normal_path_stays_as_it_is),
        cmocka_unit_test(escaping_needs_no_more_room_than_told),
        cmocka_unit_test(rules_see_escapes_of_what_may_stand_there_decoded),
        cmocka_unit_test(paths_are_read_as_servers_may_read_them),
        cmocka_unit_test(queries_are_checked),
        cmocka_unit_test(escapes_are_decoded),
        cmocka_unit_test(authorities_are_split),
        cmocka_unit_test(faulty_authorities_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
