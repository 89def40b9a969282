/* What a proxy knows of gRPC. */
#include "unit.h"

#include "base/cleanup.h"
#include "wire/grpc/grpc.h"

#include <errno.h>

static void content_types(void **state)
{
    static const char *const good[] = {"application/grpc", "application/grpc+proto",
                                       "application/grpc;charset=x", "Application/gRPC",
                                       "application/grpc ; a=b"};
    static const char *const bad[] = {"",
                                      "application/grp",
                                      "application/grpc-web",
                                      "application/grpc-web+proto",
                                      "application/grpcx",
                                      "text/plain"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(grpc_is_content_type(slice_of_cstr(good[i])));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(grpc_is_content_type(slice_of_cstr(bad[i])));
    assert_false(grpc_is_content_type((struct slice){NULL, 0}));
}

static void timeouts(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"0m", 0},
                {"1m", 1},
                {"100m", 100},
                {"2S", 2000},
                {"3M", 180000},
                {"1H", 3600000},
                {"1u", 1},
                {"1000u", 1},
                {"1001u", 2},
                {"1n", 1},
                {"999999n", 1},
                {"2000001n", 3},
                {"99999999H", INT64_C(99999999) * 3600000}};
    static const char *const bad[] = {"",    "m",   "1",    "1x",         "-1m",
                                      "+1m", "1 m", "1.5S", "100000000m", "0x1m"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        int64_t ms = -1;
        assert_int_equal(grpc_parse_timeout(slice_of_cstr(good[i].text), &ms), 0);
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        int64_t ms = -1;
        assert_int_equal(grpc_parse_timeout(slice_of_cstr(bad[i]), &ms), -EINVAL);
        assert_int_equal(ms, -1);
    }
}

static void statuses(void **state)
{
    static const struct {
        unsigned http;
        enum grpc_status grpc;
    } rows[] = {
        {400, GRPC_INTERNAL},      {401, GRPC_UNAUTHENTICATED},   {403, GRPC_PERMISSION_DENIED},
        {404, GRPC_UNIMPLEMENTED}, {429, GRPC_UNAVAILABLE},       {502, GRPC_UNAVAILABLE},
        {503, GRPC_UNAVAILABLE},   {504, GRPC_DEADLINE_EXCEEDED}, {413, GRPC_RESOURCE_EXHAUSTED},
        {499, GRPC_CANCELLED},     {500, GRPC_UNKNOWN},           {302, GRPC_UNKNOWN}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_int_equal(grpc_status_of_http(rows[i].http), rows[i].grpc);
    assert_int_equal(grpc_parse_status(SLICE("0")), GRPC_OK);
    assert_int_equal(grpc_parse_status(SLICE("16")), GRPC_UNAUTHENTICATED);
    assert_int_equal(grpc_parse_status(SLICE("17")), GRPC_UNKNOWN);
    assert_int_equal(grpc_parse_status(SLICE("")), GRPC_UNKNOWN);
    assert_int_equal(grpc_parse_status(SLICE("999999999999999999999")), GRPC_UNKNOWN);
    assert_true(slice_equal(grpc_status_name(GRPC_DATA_LOSS), SLICE("DATA_LOSS")));
    assert_true(slice_equal(grpc_status_name((enum grpc_status)99), SLICE("UNKNOWN")));
}

static void messages(void **state)
{
    char text[100];
    struct writer writer;
    (void)state;
    writer_init(&writer, text, sizeof text);
    grpc_write_message(&writer, SLICE("a b~ 100% \xc3\xa9\r\n"));
    assert_true(slice_equal(writer_slice(&writer), SLICE("a b~ 100%25 %C3%A9%0D%0A")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_types),
        cmocka_unit_test(timeouts),
        cmocka_unit_test(statuses),
        cmocka_unit_test(messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
