#include "unit.h"

#include "edge/files/path.h"
#include "edge/files/types.h"

#include <errno.h>

static char out[4096];

static struct slice map(const char *path)
{
    ssize_t len = files_path_map(slice_of_cstr(path), SLICE("index.html"), out);
    assert_true(len >= 0);
    assert_int_equal(strlen(out), len);
    return slice_of(out, (size_t)len);
}

static void expect(const char *path, const char *file)
{
    struct slice mapped = map(path);
    assert_string_equal(mapped.at, file);
}

static void expect_nothing(struct slice path)
{
    assert_int_equal(files_path_map(path, SLICE("index.html"), out), -ENOENT);
}

static void a_path_is_a_name_below_the_root(void **state)
{
    (void)state;
    expect("/a", "a");
    expect("/a/b.txt", "a/b.txt");
    expect("/a.b/c..d", "a.b/c..d");
    expect("/a~b", "a~b");
}

static void escapes_are_decoded(void **state)
{
    (void)state;
    expect("/with%20space", "with space");
    expect("/%C3%A4", "\xC3\xA4");
    expect("/100%25", "100%");
    expect("/a%5Cb", "a\\b");
}

static void a_slash_at_the_end_asks_for_the_index(void **state)
{
    (void)state;
    expect("/", "index.html");
    expect("/a/", "a/index.html");
}

static void encoded_slashes_and_nuls_are_nowhere(void **state)
{
    (void)state;
    expect_nothing(SLICE("/a%2Fb"));
    expect_nothing(SLICE("/%2Fetc"));
    expect_nothing(SLICE("/..%2Fa"));
    expect_nothing(SLICE("/a%00b"));
    expect_nothing(SLICE("/a%zz"));
}

static void names_that_begin_with_a_dot_are_nowhere(void **state)
{
    (void)state;
    expect_nothing(SLICE("/.env"));
    expect_nothing(SLICE("/a/.git/config"));
    expect_nothing(SLICE("/.."));
    expect_nothing(SLICE("/a/../b"));
    expect_nothing(SLICE("/.well-known/.key"));
    expect_nothing(SLICE("/a/.well-known/x"));
    expect_nothing(SLICE("/.well-knownx"));
    expect("/.well-known/acme-challenge/x", ".well-known/acme-challenge/x");
}

static void what_is_no_path_is_nowhere(void **state)
{
    (void)state;
    expect_nothing(SLICE(""));
    expect_nothing(SLICE("*"));
    expect_nothing(SLICE("a/b"));
}

static bool wants(const char *path, const char *mode, const char *accept)
{
    struct field fields[2];
    struct request_head request = {.method = METHOD_GET, .fields = {fields, 0, 2}};
    if (mode != NULL)
        fields[request.fields.count++] =
            (struct field){SLICE("Sec-Fetch-Mode"), slice_of_cstr(mode), FIELD_SEC_FETCH_MODE};
    if (accept != NULL)
        fields[request.fields.count++] =
            (struct field){SLICE("Accept"), slice_of_cstr(accept), FIELD_ACCEPT};
    return files_wants_fallback(&request, slice_of_cstr(path));
}

static void a_navigation_gets_the_fallback(void **state)
{
    (void)state;
    assert_true(wants("/a/b", "navigate", NULL));
    assert_true(wants("/a/b/", "navigate", "*/*"));
    assert_true(wants("/a", NULL, "text/html,*/*;q=0.8"));
    assert_true(wants("/a", NULL, "application/xml, TEXT/HTML;q=0.9"));
    assert_true(wants("/users/john.doe", "navigate", NULL));
    assert_true(wants("/v1.2", "navigate", NULL));
    assert_true(wants("/a.js/b", "navigate", NULL));
}

static void whatever_else_asks_gets_none(void **state)
{
    (void)state;
    assert_false(wants("/a", NULL, NULL));
    assert_false(wants("/a", NULL, "*/*"));
    assert_false(wants("/a", NULL, "application/json"));
    assert_false(wants("/a", "cors", "text/html"));
    assert_false(wants("/a", "no-cors", "text/html"));
    assert_false(wants("/a", "same-origin", "text/html"));
    assert_false(wants("/a", "", "text/html"));
}

static void a_missing_file_of_a_known_type_is_missing_for_everybody(void **state)
{
    (void)state;
    assert_false(wants("/chunk-4711.js", "navigate", "text/html"));
    assert_false(wants("/a/LOGO.PNG", "navigate", "text/html"));
    assert_false(wants("/page.html", "navigate", "text/html"));
    assert_false(wants("/app.js.map", NULL, "text/html"));
}

static void expect_type(const char *path, const char *type)
{
    struct slice found = content_type_of(slice_of_cstr(path));
    assert_int_equal(found.len, strlen(type));
    assert_memory_equal(found.at, type, found.len);
}

static void types_come_from_the_last_extension(void **state)
{
    (void)state;
    expect_type("index.html", "text/html; charset=utf-8");
    expect_type("a/b.min.js", "text/javascript; charset=utf-8");
    expect_type("a.JS", "text/javascript; charset=utf-8");
    expect_type("x.mjs", "text/javascript; charset=utf-8");
    expect_type("x.css", "text/css; charset=utf-8");
    expect_type("x.json", "application/json");
    expect_type("x.js.map", "application/json");
    expect_type("x.wasm", "application/wasm");
    expect_type("x.woff", "font/woff");
    expect_type("x.woff2", "font/woff2");
    expect_type("x.avif", "image/avif");
    expect_type("x.webmanifest", "application/manifest+json");
    expect_type("x.3gp", "video/3gpp");
    expect_type("x.zst", "application/zstd");
    expect_type("x.tar.gz", "application/gzip");
}

static void what_is_unknown_is_bytes(void **state)
{
    (void)state;
    expect_type("x", "application/octet-stream");
    expect_type("", "application/octet-stream");
    expect_type("x.", "application/octet-stream");
    expect_type("a.html/x", "application/octet-stream");
    expect_type("x.htmlhtmlhtmlhtml", "application/octet-stream");
    expect_type("x.nosuch", "application/octet-stream");
    assert_false(content_type_is_known(SLICE("x.nosuch")));
    assert_true(content_type_is_known(SLICE("x.bin")));
}

/* The table is searched by halves, so its order matters. */
static void every_row_of_the_table_is_found(void **state)
{
    (void)state;
    static const char *const names[] = {
        "3gp",  "7z",   "aac",     "apng", "atom", "avi",  "avif", "bin",  "bmp",    "br",
        "bz2",  "cjs",  "css",     "csv",  "deb",  "doc",  "docx", "eot",  "epub",   "flac",
        "gif",  "glb",  "geojson", "gltf", "gz",   "heic", "htm",  "html", "ico",    "ics",
        "jpeg", "jpg",  "js",      "json", "jxl",  "log",  "m3u8", "m4a",  "m4v",    "map",
        "md",   "mjs",  "mov",     "mp3",  "mp4",  "mpd",  "odp",  "ods",  "odt",    "oga",
        "ogg",  "ogv",  "opus",    "otf",  "pdf",  "png",  "ppt",  "pptx", "jsonld", "rss",
        "rtf",  "svg",  "svgz",    "tar",  "tgz",  "tif",  "tiff", "ts",   "ttf",    "txt",
        "vtt",  "wasm", "wav",     "weba", "webm", "webp", "woff", "xls",  "xlsx",   "xhtml",
        "xml",  "xz",   "yaml",    "yml",  "zip",  "zst",  "woff2"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char name[16] = "x.";
        memcpy(name + 2, names[i], strlen(names[i]));
        assert_true(content_type_is_known(slice_of_cstr(name)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_a_name_below_the_root),
        cmocka_unit_test(escapes_are_decoded),
        cmocka_unit_test(a_slash_at_the_end_asks_for_the_index),
        cmocka_unit_test(encoded_slashes_and_nuls_are_nowhere),
        cmocka_unit_test(names_that_begin_with_a_dot_are_nowhere),
        cmocka_unit_test(what_is_no_path_is_nowhere),
        cmocka_unit_test(a_navigation_gets_the_fallback),
        cmocka_unit_test(whatever_else_asks_gets_none),
        cmocka_unit_test(a_missing_file_of_a_known_type_is_missing_for_everybody),
        cmocka_unit_test(types_come_from_the_last_extension),
        cmocka_unit_test(what_is_unknown_is_bytes),
        cmocka_unit_test(every_row_of_the_table_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
