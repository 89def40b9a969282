/* Which responses may be compressed. */
#include "unit.h"

#include "edge/filter/compress.h"

#include "base/cleanup.h"
#include "base/writer.h"
#include "conf/snapshot.h"

static bool is_possible(const struct conf_compress *conf, const char *fields, unsigned status,
                        uint64_t length)
{
    static char room[1024];
    struct writer head;
    writer_init(&head, room, sizeof room);
    write_literal(&head, "HTTP/1.1 200 OK\r\n");
    write_slice(&head, slice_of_cstr(fields));
    return compress_is_possible(conf, &head, status, length);
}

#define JSON "Content-Type: application/json\r\n"

static void types_and_sizes_decide(void **state)
{
    (void)state;
    const struct conf_compress conf = {.enabled = true, .min_size = 1024};
    static const char *const good[] = {
        JSON,
        "content-type: Text/HTML; charset=utf-8\r\n",
        "Content-Type: application/problem+json\r\n",
        "Content-Type: application/atom+xml\r\n",
        "Content-Type: image/svg+xml\r\n",
        "Content-Type: application/wasm\r\n",
    };
    static const char *const bad[] = {
        "",
        "Content-Type: \r\n",
        "Content-Type: image/png\r\n",
        "Content-Type: application/jsonp\r\n",
        "Content-Type: application/zip\r\n",
        JSON "Content-Encoding: gzip\r\n",
        JSON "Content-Range: bytes 0-9/10\r\n",
        JSON "Cache-Control: public, No-Transform\r\n",
        JSON "Cache-Control: public\r\nCache-Control: no-transform\r\n",
    };
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(is_possible(&conf, good[i], 200, 1024));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(is_possible(&conf, bad[i], 200, 1024));
    assert_false(is_possible(&conf, JSON, 200, 1023));
    assert_true(is_possible(&conf, JSON, 200, UINT64_MAX));
    assert_true(is_possible(&conf, JSON, 404, 2000));
    static const unsigned never[] = {101, 204, 205, 206, 304};
    for (size_t i = 0; i < COUNT_OF(never); i++)
        assert_false(is_possible(&conf, JSON, never[i], 2000));
}

static void types_may_be_named(void **state)
{
    (void)state;
    struct conf_pattern types[] = {{CONF_PATTERN_EXACT, SLICE("image/png")},
                                   {CONF_PATTERN_WILDCARD, SLICE("font/*")}};
    const struct conf_compress conf = {.enabled = true, .types = types, .types_count = 2};
    assert_true(is_possible(&conf, "Content-Type: image/png\r\n", 200, 1));
    assert_true(is_possible(&conf, "Content-Type: font/woff\r\n", 200, 1));
    assert_false(is_possible(&conf, JSON, 200, 1));
    assert_false(is_possible(&conf, "Content-Type: image/png\r\n", 200, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_and_sizes_decide),
        cmocka_unit_test(types_may_be_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
