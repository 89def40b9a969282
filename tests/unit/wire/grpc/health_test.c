/* gRPC's health messages, byte by byte. */
#include "unit.h"

#include "wire/grpc/health.h"

#include <errno.h>

static void assert_written(const char *service, const char *bytes, size_t len)
{
    char text[GRPC_HEALTH_NAME_BYTES_MAX + 16];
    struct writer writer;
    writer_init(&writer, text, sizeof text);
    grpc_health_write(&writer, slice_of_cstr(service));
    assert_false(writer.overflown);
    assert_true(slice_equal(slice_first(writer_slice(&writer), len), slice_of(bytes, len)));
    assert_int_equal(writer_slice(&writer).len, len + (strlen(service) > 3 ? strlen(service) : 0));
}

static void requests(void **state)
{
    char longest[GRPC_HEALTH_NAME_BYTES_MAX + 1];
    (void)state;
    assert_written("", "\0\0\0\0\0", 5);
    assert_written("a.B", "\0\0\0\0\5\x0a\3a.B", 10);
    memset(longest, 'x', GRPC_HEALTH_NAME_BYTES_MAX);
    longest[GRPC_HEALTH_NAME_BYTES_MAX] = '\0';
    assert_written(longest, "\0\0\0\3\xeb\x0a\xe8\x07", 8);
}

static int parse(const char *bytes, size_t len)
{
    return grpc_health_parse(slice_of(bytes, len));
}

#define PARSE(literal) parse(literal, sizeof(literal) - 1)

static void answers(void **state)
{
    (void)state;
    assert_int_equal(PARSE("\0\0\0\0\2\x08\1"), GRPC_HEALTH_SERVING);
    assert_int_equal(PARSE("\0\0\0\0\2\x08\2"), GRPC_HEALTH_NOT_SERVING);
    assert_int_equal(PARSE("\0\0\0\0\0"), GRPC_HEALTH_UNKNOWN);
    assert_int_equal(PARSE("\0\0\0\0\3\x08\xac\2"), 300);
    /* Fields that later versions may add: of each type, before and behind. */
    assert_int_equal(PARSE("\0\0\0\0\x16\x12\2ab\x08\1\x19"
                           "12345678\x25"
                           "1234\x30\5"),
                     GRPC_HEALTH_SERVING);
    /* Of the same one the last counts. */
    assert_int_equal(PARSE("\0\0\0\0\4\x08\1\x08\2"), GRPC_HEALTH_NOT_SERVING);
}

static void what_is_no_answer(void **state)
{
    (void)state;
    assert_int_equal(PARSE(""), -EBADMSG);
    assert_int_equal(PARSE("\0\0\0\0"), -EBADMSG);
    assert_int_equal(PARSE("\1\0\0\0\2\x08\1"),
                     -EBADMSG); /* compressed, and we asked for that not */
    assert_int_equal(PARSE("\0\0\0\0\3\x08\1"), -EBADMSG);
    assert_int_equal(PARSE("\0\0\0\0\1\x08\1"), -EBADMSG);
    assert_int_equal(PARSE("\0\0\0\0\1\x08"), -EBADMSG);
    assert_int_equal(PARSE("\0\0\0\0\2\x12\5"), -EBADMSG);
    assert_int_equal(PARSE("\0\0\0\0\2\x0b\1"), -EBADMSG); /* a group */
    assert_int_equal(PARSE("\0\0\0\0\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests),
        cmocka_unit_test(answers),
        cmocka_unit_test(what_is_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
