/* Messages of SOCKS 5, whole and byte by byte. */
#include "unit.h"

#include "wire/socks/socks5.h"

#include <errno.h>
#include <string.h>

#define BYTES(text) slice_of(text, sizeof(text) - 1)

/* Nothing less than the whole is enough, and what follows is not looked at. */
#define EXPECT_WHOLE(parse, message, bytes)                                                        \
    do {                                                                                           \
        struct slice whole_ = bytes;                                                               \
        for (size_t len_ = 0; len_ < whole_.len; len_++)                                           \
            assert_int_equal(parse(slice_first(whole_, len_), message), 0);                        \
        assert_int_equal(parse(whole_, message), whole_.len);                                      \
    } while (0)

static void greetings(void **state)
{
    struct socks5_greeting greeting;
    (void)state;
    EXPECT_WHOLE(socks5_parse_greeting, &greeting, BYTES("\5\1\0"));
    assert_true(greeting.offers_none && !greeting.offers_password);
    EXPECT_WHOLE(socks5_parse_greeting, &greeting, BYTES("\5\3\1\2\x80"));
    assert_true(!greeting.offers_none && greeting.offers_password);
    assert_int_equal(socks5_parse_greeting(BYTES("\5\1\2more"), &greeting), 3);
    assert_int_equal(socks5_parse_greeting(BYTES("\4"), &greeting), -EBADMSG);
    assert_int_equal(socks5_parse_greeting(BYTES("\5\0"), &greeting), -EBADMSG);
}

static void passwords(void **state)
{
    struct socks5_password password;
    (void)state;
    EXPECT_WHOLE(socks5_parse_password, &password, BYTES("\1\5alice\6secret"));
    assert_memory_equal(password.name.at, "alice", 5);
    assert_int_equal(password.name.len, 5);
    assert_memory_equal(password.password.at, "secret", 6);
    assert_int_equal(password.password.len, 6);
    assert_int_equal(socks5_parse_password(BYTES("\5"), &password), -EBADMSG);
    assert_int_equal(socks5_parse_password(BYTES("\1\0"), &password), -EBADMSG);
    assert_int_equal(socks5_parse_password(BYTES("\1\1a\0"), &password), -EBADMSG);
}

static void requests(void **state)
{
    struct socks5_request request;
    (void)state;
    EXPECT_WHOLE(socks5_parse_request, &request, BYTES("\5\1\0\1\x0a\0\0\1\x01\xbb"));
    assert_int_equal(request.command, SOCKS5_COMMAND_CONNECT);
    assert_int_equal(request.port, 443);
    assert_memory_equal(request.host.at, "\x0a\0\0\1", 4);
    EXPECT_WHOLE(socks5_parse_request, &request, BYTES("\5\3\0\3\5a.org\0\x50"));
    assert_int_equal(request.kind, SOCKS5_NAME);
    assert_memory_equal(request.host.at, "a.org", 5);
    assert_int_equal(request.host.len, 5);
    assert_int_equal(request.port, 80);
    EXPECT_WHOLE(socks5_parse_request, &request,
                 BYTES("\5\1\0\4\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\x50"));
    assert_int_equal(request.host.len, 16);
    assert_int_equal(socks5_parse_request(BYTES("\5\1\0\x09"), &request), 4);
    assert_int_equal(request.host.len, 0);
    assert_int_equal(socks5_parse_request(BYTES("\4"), &request), -EBADMSG);
    assert_int_equal(socks5_parse_request(BYTES("\5\1\1"), &request), -EBADMSG);
    assert_int_equal(socks5_parse_request(BYTES("\5\1\0\3\0"), &request), -EBADMSG);
}

static void answers(void **state)
{
    char room[32];
    struct writer writer;
    (void)state;
    writer_init(&writer, room, sizeof room);
    socks5_write_method(&writer, SOCKS5_METHOD_UNACCEPTABLE);
    socks5_write_password_result(&writer, false);
    socks5_write_password_result(&writer, true);
    socks5_write_reply(&writer, SOCKS5_REFUSED);
    struct slice said = writer_slice(&writer);
    assert_int_equal(said.len, 16);
    assert_memory_equal(said.at, "\5\xff\1\1\1\0\5\5\0\1\0\0\0\0\0\0", 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greetings),
        cmocka_unit_test(passwords),
        cmocka_unit_test(requests),
        cmocka_unit_test(answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
