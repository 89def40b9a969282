/* First messages of TLS: real ones, cut ones, and all kinds of wrong ones. */
#include "tls_unit.h"

#include "base/cleanup.h"
#include "wire/tls/client_hello.h"

#include <errno.h>

#define MESSAGE_BYTES_MAX 40000

struct message {
    char at[MESSAGE_BYTES_MAX];
    size_t len;
};

static void put(struct message *message, const void *bytes, size_t len)
{
    assert_true(message->len + len <= MESSAGE_BYTES_MAX);
    memcpy(message->at + message->len, bytes, len);
    message->len += len;
}

static void put_number(struct message *message, size_t number, unsigned bytes)
{
    for (unsigned i = bytes; i > 0; i--) {
        char byte = (char)(unsigned char)(number >> (8 * (i - 1)));
        put(message, &byte, 1);
    }
}

static void put_extension(struct message *message, unsigned type, const char *at, size_t len)
{
    put_number(message, type, 2);
    put_number(message, len, 2);
    put(message, at, len);
}

static void put_name(struct message *message, const char *at, size_t len)
{
    struct message list = {.len = 0};
    put_number(&list, len + 3, 2);
    put_number(&list, 0, 1);
    put_number(&list, len, 2);
    put(&list, at, len);
    put_extension(message, 0, list.at, list.len);
}

/* The whole handshake message with these extensions. */
static struct message hello_of(const struct message *extensions)
{
    static const char random[32] = "random random random random rand";
    struct message message = {.len = 0};
    put_number(&message, 1, 1);
    put_number(&message, 2 + 32 + 1 + 2 + 2 + 2 + 2 + extensions->len, 3);
    put_number(&message, 0x0303, 2);
    put(&message, random, sizeof random);
    put_number(&message, 0, 1);
    put_number(&message, 2, 2);
    put_number(&message, 0x1301, 2);
    put_number(&message, 0x0100, 2);
    put_number(&message, extensions->len, 2);
    put(&message, extensions->at, extensions->len);
    return message;
}

/* In records of at most that many bytes. */
static struct message in_records(const struct message *message, size_t each)
{
    struct message records = {.len = 0};
    for (size_t at = 0; at < message->len; at += each) {
        size_t len = message->len - at < each ? message->len - at : each;
        put_number(&records, 22, 1);
        put_number(&records, 0x0301, 2);
        put_number(&records, len, 2);
        put(&records, message->at + at, len);
    }
    return records;
}

static int parse(const char *at, size_t len, struct client_hello *ret_hello)
{
    const char *why = NULL;
    int rc = client_hello_parse(slice_of(at, len), ret_hello, &why);
    assert_int_equal(rc < 0, why != NULL);
    return rc;
}

/* Taken as a whole; each shorter piece is awaited. */
static void expect(const struct message *records, const char *name)
{
    struct client_hello hello;
    for (size_t len = 0; len < records->len; len++)
        assert_int_equal(parse(records->at, len, &hello), 0);
    assert_int_equal(parse(records->at, records->len, &hello), 1);
    assert_true(slice_equal(hello.server_name, slice_of_cstr(name)));
}

static void a_name_is_found_wherever_records_are_cut(void **state)
{
    (void)state;
    struct message extensions = {.len = 0};
    put_extension(&extensions, 10, "\0\2\0\x1d", 4);
    put_name(&extensions, "WWW.Example.org.", 16);
    put_extension(&extensions, 43, "\2\3\4", 3);
    struct message hello = hello_of(&extensions);
    for (size_t each = 1; each <= hello.len; each++) {
        struct message records = in_records(&hello, each);
        expect(&records, "www.example.org");
    }
}

static void without_names_or_extensions_it_is_one_as_well(void **state)
{
    (void)state;
    struct message extensions = {.len = 0};
    struct message hello = hello_of(&extensions);
    struct message records = in_records(&hello, 16384);
    expect(&records, "");
    hello.len -= 2; /* no extensions at all */
    hello.at[3] = (char)(hello.at[3] - 2);
    records = in_records(&hello, 16384);
    expect(&records, "");
}

static void real_clients_are_understood(void **state)
{
    (void)state;
    static const unsigned char protocols[] = "\2h2\10http/1.1";
    struct client_hello hello;
    char bytes[8192];
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    BIO *out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
    assert_int_equal(SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                              (char[]){"a.example"}),
                     1);
    assert_int_equal(SSL_set_alpn_protos(ssl, protocols, sizeof protocols - 1), 0);
    assert_int_equal(SSL_connect(ssl), -1);
    int len = BIO_read(out, bytes, sizeof bytes);
    assert_int_equal(parse(bytes, (size_t)len, &hello), 1);
    assert_true(slice_equal(hello.server_name, SLICE("a.example")));
    assert_true(hello.offers_h2 && hello.offers_http1 && !hello.wants_acme);
    SSL_free(ssl);
    SSL_CTX_free(context);
}

static void acme_is_wanted_alone(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        size_t len;
        bool wants_acme;
    } cases[] = {
        {"\0\13\12acme-tls/1", 13, true},
        {"\0\16\2h2\12acme-tls/1", 16, false},
        {"\0\3\2h2", 5, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct message extensions = {.len = 0};
        struct client_hello hello;
        put_extension(&extensions, 16, cases[i].list, cases[i].len);
        struct message message = hello_of(&extensions);
        struct message records = in_records(&message, 16384);
        assert_int_equal(parse(records.at, records.len, &hello), 1);
        assert_int_equal(hello.wants_acme, cases[i].wants_acme);
    }
}

static void expect_refused(const struct message *extensions)
{
    struct client_hello hello;
    struct message message = hello_of(extensions);
    struct message records = in_records(&message, 16384);
    assert_int_equal(parse(records.at, records.len, &hello), -EBADMSG);
}

static void what_is_malformed_is_refused(void **state)
{
    (void)state;
    static const struct {
        unsigned type;
        const char *at;
        size_t len;
    } cases[] = {
        {0, "", 0},
        {0, "\0\0", 2},
        {0, "\0\3\0\0\0", 5},           /* an empty name */
        {0, "\0\4\0\0\2a", 6},          /* a name longer than its list */
        {0, "\0\5\0\0\1ab", 7},         /* and a shorter one */
        {0, "\0\4\1\0\1a", 6},          /* of another kind */
        {0, "\0\6\0\0\3a\0b", 8},       /* with a NUL */
        {0, "\0\6\0\0\3a b", 8},        /* with a blank */
        {0, "\0\6\0\0\3a\377b", 8},     /* with what is not ASCII */
        {0, "\0\10\0\0\1a\0\0\1b", 10}, /* two of them */
        {16, "\0\0", 2},                /* no protocol */
        {16, "\0\2\0a", 4},             /* an empty one */
        {16, "\0\3\3h2", 5},            /* one longer than its list */
        {16, "\0\4\2h2", 5},            /* a list longer than its extension */
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct message extensions = {.len = 0};
        put_extension(&extensions, cases[i].type, cases[i].at, cases[i].len);
        expect_refused(&extensions);
    }
    struct message twice = {.len = 0}, many = {.len = 0};
    put_name(&twice, "a.org", 5);
    put_name(&twice, "b.org", 5);
    expect_refused(&twice);
    for (unsigned i = 0; i < 65; i++)
        put_extension(&many, 100 + i, "", 0);
    expect_refused(&many);
}

static void what_is_no_tls_is_refused_at_once(void **state)
{
    (void)state;
    static const struct slice cases[] = {
        {"GET / HTTP/1.1\r\n", 16},
        {"G", 1},
        {"\x16\x02", 2},                              /* SSL 2 */
        {"\x16\3\1\0\0", 5},                          /* an empty record */
        {"\x16\3\1\x40\1", 5},                        /* a long one */
        {"\x15\3\1\0\2\2\x28", 7},                    /* an alert */
        {"\x16\3\1\0\4\2\0\0\0", 9},                  /* a ServerHello */
        {"\x16\3\1\0\4\1\1\0\0", 9},                  /* 65,536 bytes */
        {"\x16\3\1\0\6\1\0\0\2\2\0", 11},             /* of SSL 2 */
        {"\x16\3\1\0\6\1\0\0\2\3\3\x16\3\1\0\1", 16}, /* it ends too early */
    };
    struct client_hello hello;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(parse(cases[i].at, cases[i].len, &hello), -EBADMSG);
}

static void a_name_of_any_length_has_its_limit(void **state)
{
    (void)state;
    char name[256];
    memset(name, 'a', sizeof name);
    struct message extensions = {.len = 0}, longer = {.len = 0};
    struct client_hello hello;
    put_name(&extensions, name, 255);
    struct message message = hello_of(&extensions);
    struct message records = in_records(&message, 100);
    assert_int_equal(parse(records.at, records.len, &hello), 1);
    assert_int_equal(hello.server_name.len, 255);
    put_name(&longer, name, 256);
    expect_refused(&longer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_found_wherever_records_are_cut),
        cmocka_unit_test(without_names_or_extensions_it_is_one_as_well),
        cmocka_unit_test(real_clients_are_understood),
        cmocka_unit_test(acme_is_wanted_alone),
        cmocka_unit_test(what_is_malformed_is_refused),
        cmocka_unit_test(what_is_no_tls_is_refused_at_once),
        cmocka_unit_test(a_name_of_any_length_has_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
