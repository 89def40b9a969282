/* Handshakes over two queues in memory: who is chosen, what is agreed on, what is refused. */
#include "tls_unit.h"

#include "base/memory.h"
#include "wire/tls/connection.h"

#include <errno.h>

#define QUEUE_BYTES 65536

struct queue {
    char bytes[QUEUE_BYTES];
    size_t start, end;
    bool has_ended;
};

/* Where one side reads from and writes to. */
struct side {
    struct queue *in, *out;
    struct tls_connection *connection;
    const char *why;
    int result;
};

static struct queue up, down;
static struct side server, client;

static ssize_t receive(void *arg, void *bytes, size_t len)
{
    struct queue *queue = ((struct side *)arg)->in;
    size_t left = queue->end - queue->start;
    if (left == 0)
        return queue->has_ended ? 0 : -EAGAIN;
    size_t part = len < left ? len : left;
    memcpy(bytes, queue->bytes + queue->start, part);
    queue->start += part;
    return (ssize_t)part;
}

static int send_all(void *arg, const void *bytes, size_t len)
{
    struct queue *queue = ((struct side *)arg)->out;
    if (queue->start == queue->end)
        queue->start = queue->end = 0;
    assert_true(len <= QUEUE_BYTES - queue->end);
    memcpy(queue->bytes + queue->end, bytes, len);
    queue->end += len;
    return 0;
}

static const struct tls_transport transport = {receive, send_all};

static struct made authority, a, b, b_rsa, user, stranger;
static struct tls_identity *identity_a, *identity_b, *identity_acme;
static struct tls_tickets *tickets;
static struct tls_listener *listener;

static const struct tls_identity *choose(void *arg, struct slice name, bool wants_acme)
{
    (void)arg;
    if (wants_acme)
        return identity_acme;
    if (slice_equal(name, SLICE("a.example")))
        return identity_a;
    return slice_equal(name, SLICE("b.example")) ? identity_b : NULL;
}

static struct tls_certificate *certificate_of(const struct made *made)
{
    struct tls_certificate *certificate = NULL;
    assert_int_equal(tls_certificate_parse(slice_of_cstr(made->chain), slice_of_cstr(made->key_pem),
                                           &certificate, NULL),
                     0);
    return certificate;
}

static struct tls_identity *identity_of(const struct made *first, const struct made *second,
                                        const struct tls_identity_settings *more)
{
    struct tls_certificate *certificates[2] = {certificate_of(first)};
    struct tls_identity_settings settings = *more;
    struct tls_identity *identity = NULL;
    settings.certificates = certificates;
    settings.certificates_count = 1;
    if (second != NULL)
        certificates[settings.certificates_count++] = certificate_of(second);
    assert_int_equal(tls_identity_create(&settings, &identity, NULL), 0);
    for (unsigned i = 0; i < settings.certificates_count; i++)
        tls_certificate_unref(certificates[i]);
    return identity;
}

static int make(void **state)
{
    (void)state;
    make_signed(&authority, "authority", NULL, MADE_EC, NULL);
    make_signed(&a, "a", "DNS:a.example", MADE_EC, &authority);
    make_signed(&b, "b", "DNS:b.example", MADE_EC, &authority);
    make_signed(&b_rsa, "b by RSA", "DNS:b.example", MADE_RSA_2048, &authority);
    make_signed(&user, "user", "DNS:user", MADE_EC, &authority);
    make_signed(&stranger, "stranger", "DNS:user", MADE_EC, NULL);
    identity_a = identity_of(
        &a, NULL, &(struct tls_identity_settings){.alpn = TLS_ALPN_HTTP2, .name = SLICE("a")});
    identity_b = identity_of(&b, &b_rsa,
                             &(struct tls_identity_settings){
                                 .is_modern = true, .alpn = TLS_ALPN_HTTP1, .name = SLICE("b")});
    identity_acme = identity_of(
        &a, NULL, &(struct tls_identity_settings){.alpn = TLS_ALPN_ACME, .name = SLICE("acme")});
    assert_int_equal(tls_tickets_create(&tickets), 0);
    tls_tickets_rotate(tickets, 1000);
    const struct tls_listener_settings settings = {.choose = choose, .tickets = tickets};
    assert_int_equal(tls_listener_create(&settings, &listener), 0);
    return 0;
}

static int away(void **state)
{
    (void)state;
    tls_listener_unref(listener);
    tls_tickets_unref(tickets);
    tls_identity_unref(identity_a);
    tls_identity_unref(identity_b);
    tls_identity_unref(identity_acme);
    struct made *all[] = {&authority, &a, &b, &b_rsa, &user, &stranger};
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
        made_free(all[i]);
    return 0;
}

static void reset(void)
{
    memset(&up, 0, sizeof up);
    memset(&down, 0, sizeof down);
    server = (struct side){.in = &up, .out = &down, .result = -EAGAIN};
    client = (struct side){.in = &down, .out = &up, .result = -EAGAIN};
    assert_int_equal(tls_connection_accept(listener, &transport, &server, &server.connection), 0);
}

static void step(struct side *side)
{
    if (side->result == -EAGAIN)
        side->result = tls_connection_handshake(side->connection, &side->why);
}

static void shake(void)
{
    for (int i = 0; i < 10; i++) {
        step(&client);
        step(&server);
    }
}

static void connect_with(struct tls_client *to, struct slice host)
{
    assert_int_equal(tls_connection_connect(to, host, &transport, &client, &client.connection), 0);
}

static void finish(void)
{
    tls_connection_destroy(server.connection);
    tls_connection_destroy(client.connection);
}

static struct tls_client *client_of(const struct tls_client_settings *settings)
{
    struct tls_client *made = NULL;
    struct error error = {0};
    if (tls_client_create(settings, &made, &error) < 0)
        fail_msg("%s", error.text);
    return made;
}

static void meet(const struct tls_client_settings *settings, struct slice host)
{
    struct tls_client *made = client_of(settings);
    reset();
    connect_with(made, host);
    shake();
    tls_client_unref(made);
}

static struct tls_client_settings trusting(void)
{
    return (struct tls_client_settings){
        .is_verified = true, .authorities_pem = slice_of_cstr(authority.chain), .has_http1 = true};
}

static void expect_text(struct side *side, const char *text)
{
    char bytes[64];
    ssize_t got = tls_connection_read(side->connection, bytes, sizeof bytes);
    assert_int_equal(got, strlen(text));
    assert_memory_equal(bytes, text, strlen(text));
}

static void the_name_chooses_and_bytes_go_both_ways(void **state)
{
    (void)state;
    struct tls_client_settings settings = trusting();
    settings.has_h2 = true;
    meet(&settings, SLICE("a.example"));
    assert_int_equal(client.result, 1);
    assert_int_equal(server.result, 1);
    assert_ptr_equal(tls_connection_identity(server.connection), identity_a);
    assert_true(slice_equal(tls_connection_server_name(server.connection), SLICE("a.example")));
    assert_true(tls_connection_is_h2(server.connection));
    assert_true(tls_connection_is_h2(client.connection));
    assert_string_equal(tls_connection_version(server.connection), "TLSv1.3");
    assert_string_equal(tls_connection_cipher(server.connection), "TLS_AES_128_GCM_SHA256");
    assert_int_equal(tls_connection_write(client.connection, "hello", 5), 0);
    expect_text(&server, "hello");
    assert_int_equal(tls_connection_peek(server.connection), -EAGAIN);
    assert_int_equal(tls_connection_write(server.connection, "you", 3), 0);
    assert_int_equal(tls_connection_peek(client.connection), 1);
    expect_text(&client, "you");
    tls_connection_close_notify(client.connection);
    assert_int_equal(tls_connection_read(server.connection, (char[1]){0}, 1), 0);
    finish();
}

static void an_end_without_farewell_is_a_reset(void **state)
{
    (void)state;
    struct tls_client_settings settings = trusting();
    meet(&settings, SLICE("a.example"));
    assert_int_equal(server.result, 1);
    assert_false(tls_connection_is_h2(server.connection));
    up.has_ended = true;
    assert_int_equal(tls_connection_read(server.connection, (char[1]){0}, 1), -ECONNRESET);
    finish();
}

static void an_unknown_name_is_told_so(void **state)
{
    (void)state;
    struct tls_client_settings settings = trusting();
    meet(&settings, SLICE("c.example"));
    assert_int_equal(server.result, -EPROTO);
    assert_int_equal(client.result, -EPROTO);
    assert_string_equal(client.why, "tlsv1 unrecognized name");
    finish();
}

static void nothing_in_common_is_an_alert(void **state)
{
    (void)state;
    struct tls_client_settings settings = trusting();
    settings.has_http1 = false;
    settings.has_h2 = true;
    meet(&settings, SLICE("b.example")); /* which speaks HTTP/1 alone */
    assert_int_equal(client.result, -EPROTO);
    assert_string_equal(client.why, "tlsv1 alert no application protocol");
    finish();
}

static void a_certificate_of_nobody_is_refused(void **state)
{
    (void)state;
    struct tls_client_settings settings = trusting();
    settings.authorities_pem = slice_of_cstr(stranger.chain);
    meet(&settings, SLICE("a.example"));
    assert_int_equal(client.result, -EACCES);
    finish();
    settings = trusting();
    settings.server_name = SLICE("b.example");
    meet(&settings, SLICE("10.0.0.1"));
    assert_int_equal(client.result, 1); /* the name of the settings goes before the host */
    finish();
}

static void plain_http_is_known(void **state)
{
    (void)state;
    reset();
    assert_int_equal(send_all(&client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27), 0);
    step(&server);
    assert_int_equal(server.result, -EPROTONOSUPPORT);
    finish();
}

/* By OpenSSL itself, since our own clients do not resume. */
static SSL *plain_client(SSL_CTX *context, const char *name, SSL_SESSION *session)
{
    SSL *ssl = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(in, -1);
    SSL_set_bio(ssl, in, out);
    SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)name);
    if (session != NULL)
        SSL_set_session(ssl, session);
    SSL_set_connect_state(ssl);
    return ssl;
}

static void carry(SSL *ssl)
{
    char bytes[16384];
    int len;
    while ((len = BIO_read(SSL_get_wbio(ssl), bytes, sizeof bytes)) > 0)
        assert_int_equal(send_all(&client, bytes, (size_t)len), 0);
    step(&server);
    ssize_t got;
    while ((got = receive(&client, bytes, sizeof bytes)) > 0)
        assert_int_equal(BIO_write(SSL_get_rbio(ssl), bytes, (int)got), got);
}

/* Returns the session that was told, or NULL; whether it was resumed is told by the server. */
static SSL_SESSION *visit(SSL_CTX *context, const char *name, SSL_SESSION *session)
{
    char byte;
    reset();
    SSL *ssl = plain_client(context, name, session);
    for (int i = 0; i < 6; i++) {
        (void)SSL_do_handshake(ssl);
        carry(ssl);
    }
    (void)SSL_read(ssl, &byte, 1); /* the tickets */
    SSL_SESSION *told = SSL_get1_session(ssl);
    SSL_shutdown(ssl);
    SSL_free(ssl);
    return told;
}

static void sessions_resume_at_their_own_site_alone(void **state)
{
    (void)state;
    static const int versions[] = {TLS1_3_VERSION, TLS1_2_VERSION};
    struct tls_identity *other = identity_b;
    identity_b = identity_of(&b, NULL, &(struct tls_identity_settings){.name = SLICE("b")});
    for (unsigned i = 0; i < 2; i++) {
        SSL_CTX *context = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_max_proto_version(context, versions[i]);
        SSL_SESSION *session = visit(context, "a.example", NULL);
        assert_int_equal(server.result, 1);
        assert_false(tls_connection_was_resumed(server.connection));
        finish();
        SSL_SESSION *next = visit(context, "a.example", session);
        assert_int_equal(server.result, 1);
        assert_true(tls_connection_was_resumed(server.connection));
        finish();
        SSL_SESSION_free(next);
        next = visit(context, "b.example", session); /* CVE-2025-23419 */
        if (server.result == 1)
            assert_false(tls_connection_was_resumed(server.connection));
        finish();
        SSL_SESSION_free(next);
        SSL_SESSION_free(session);
        SSL_CTX_free(context);
    }
    tls_identity_unref(identity_b);
    identity_b = other;
}

/* The client makes new keys without end; each is read, and answered where it asks for that. */
static void keys_are_not_made_without_end(void **state)
{
    (void)state;
    for (int asks = 0; asks <= 1; asks++) {
        char byte;
        ssize_t got = -EAGAIN;
        unsigned updates = 0;
        SSL_CTX *context = SSL_CTX_new(TLS_client_method());
        reset();
        SSL *ssl = plain_client(context, "a.example", NULL);
        for (int i = 0; i < 6; i++) {
            (void)SSL_do_handshake(ssl);
            carry(ssl);
        }
        assert_int_equal(server.result, 1);
        for (; got == -EAGAIN && updates < 10000; updates++) {
            assert_int_equal(SSL_key_update(ssl, asks), 1);
            assert_int_equal(SSL_do_handshake(ssl), 1);
            carry(ssl);
            got = tls_connection_read(server.connection, &byte, 1);
        }
        assert_int_equal(got, -EPROTO);
        assert_in_range(updates, 100, 1000);
        SSL_free(ssl);
        SSL_CTX_free(context);
        finish();
    }
}

static void tickets_open_for_a_day(void **state)
{
    (void)state;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_SESSION *session = visit(context, "a.example", NULL);
    finish();
    for (int i = 1; i <= 2; i++) {
        tls_tickets_rotate(tickets, 1000 + i * 12 * 3600);
        SSL_SESSION *next = visit(context, "a.example", session);
        assert_int_equal(server.result, 1);
        assert_int_equal(tls_connection_was_resumed(server.connection), i == 1);
        finish();
        SSL_SESSION_free(next);
    }
    SSL_SESSION_free(session);
    SSL_CTX_free(context);
}

/* The clock was ten years ahead for a while: keys do not stay for as long. */
static void keys_of_tickets_age_by_any_clock(void **state)
{
    (void)state;
    const int64_t day_s = 24 * 3600, ahead_s = 3650 * day_s;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    tls_tickets_rotate(tickets, ahead_s);
    SSL_SESSION *session = visit(context, "a.example", NULL);
    finish();
    for (int hours = 0; hours <= 48; hours++)
        tls_tickets_rotate(tickets, 10 * day_s + hours * 3600);
    SSL_SESSION *next = visit(context, "a.example", session);
    assert_int_equal(server.result, 1);
    assert_false(tls_connection_was_resumed(server.connection));
    finish();
    SSL_SESSION_free(next);
    SSL_SESSION_free(session);
    SSL_CTX_free(context);
}

static void the_certificate_fits_the_client(void **state)
{
    (void)state;
    static const struct {
        const char *algorithms;
        int kind;
    } cases[] = {{"ECDSA+SHA256", EVP_PKEY_EC}, {"RSA-PSS+SHA256", EVP_PKEY_RSA}};
    for (unsigned i = 0; i < 2; i++) {
        SSL_CTX *context = SSL_CTX_new(TLS_client_method());
        SSL_CTX_ctrl(context, SSL_CTRL_SET_SIGALGS_LIST, 0, (void *)(uintptr_t)cases[i].algorithms);
        reset();
        SSL *ssl = plain_client(context, "b.example", NULL);
        for (int k = 0; k < 6; k++) {
            (void)SSL_do_handshake(ssl);
            carry(ssl);
        }
        X509 *shown = SSL_get0_peer_certificate(ssl);
        assert_non_null(shown);
        assert_int_equal(EVP_PKEY_get_base_id(X509_get0_pubkey(shown)), cases[i].kind);
        SSL_free(ssl);
        finish();
        SSL_CTX_free(context);
    }
}

static void modern_is_1_3_alone(void **state)
{
    (void)state;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
    SSL_SESSION_free(visit(context, "b.example", NULL));
    assert_int_equal(server.result, -EPROTO);
    finish();
    SSL_SESSION_free(visit(context, "a.example", NULL));
    assert_int_equal(server.result, 1);
    assert_string_equal(tls_connection_version(server.connection), "TLSv1.2");
    finish();
    SSL_CTX_free(context);
}

static void meet_as(const struct made *shown)
{
    struct tls_client_settings settings = trusting();
    settings.certificate = shown == NULL ? NULL : certificate_of(shown);
    meet(&settings, SLICE("a.example"));
    tls_certificate_unref(settings.certificate);
}

static void clients_show_certificates(void **state)
{
    (void)state;
    char room[PEM_BYTES];
    struct tls_identity *before = identity_a;
    for (int mode = TLS_CLIENT_OPTIONAL; mode <= TLS_CLIENT_REQUIRE; mode++) {
        identity_a = identity_of(&a, NULL,
                                 &(struct tls_identity_settings){
                                     .client_auth = (enum tls_client_auth)mode,
                                     .client_authorities_pem = slice_of_cstr(authority.chain),
                                     .name = SLICE("a")});
        meet_as(&user);
        assert_int_equal(server.result, 1);
        assert_true(slice_equal(tls_connection_client_subject(server.connection, room, sizeof room),
                                SLICE("CN=user")));
        assert_true(slice_equal(tls_connection_client_pem(server.connection, room, sizeof room),
                                slice_of_cstr(user.chain)));
        assert_int_equal(tls_connection_client_pem(server.connection, room, 10).len, 0);
        finish();
        meet_as(&stranger);
        assert_int_equal(server.result, -EACCES);
        finish();
        meet_as(NULL);
        assert_int_equal(server.result, mode == TLS_CLIENT_OPTIONAL ? 1 : -EACCES);
        if (mode == TLS_CLIENT_OPTIONAL)
            assert_int_equal(
                tls_connection_client_subject(server.connection, room, sizeof room).len, 0);
        finish();
        tls_identity_unref(identity_a);
    }
    identity_a = before;
}

static void acme_is_asked_for_alone(void **state)
{
    (void)state;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_alpn_protos(context,
                            (const unsigned char *)"\x0a"
                                                   "acme-tls/1",
                            11);
    SSL_SESSION_free(visit(context, "a.example", NULL));
    assert_int_equal(server.result, 1);
    assert_ptr_equal(tls_connection_identity(server.connection), identity_acme);
    finish();
    SSL_CTX_free(context);
}

static void staples_are_sent_to_who_asks(void **state)
{
    (void)state;
    assert_int_equal(tls_identity_staple(identity_a, 0, SLICE("a response")), 0);
    assert_int_equal(tls_identity_staple(identity_a, 1, SLICE("a response")), -EINVAL);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    reset();
    SSL *ssl = plain_client(context, "a.example", NULL);
    SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp);
    for (int i = 0; i < 6; i++) {
        (void)SSL_do_handshake(ssl);
        carry(ssl);
    }
    const unsigned char *told;
    long len = SSL_get_tlsext_status_ocsp_resp(ssl, &told);
    assert_int_equal(len, 10);
    assert_memory_equal(told, "a response", 10);
    SSL_free(ssl);
    finish();
    SSL_CTX_free(context);
    assert_int_equal(tls_identity_staple(identity_a, 0, (struct slice){0}), 0);
}

static void what_is_no_hello_is_refused(void **state)
{
    (void)state;
    static const struct slice nonsense[] = {
        SLICE("\x16\x03\x01\x00\x05hello"),
        SLICE("\x80\x2e\x01\x03\x01"),
        SLICE("\xff\xff\xff\xff\xff\xff"),
    };
    for (unsigned i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        reset();
        assert_int_equal(send_all(&client, nonsense[i].at, nonsense[i].len), 0);
        up.has_ended = true;
        step(&server);
        step(&server);
        assert_true(server.result == -EPROTO || server.result == -ECONNRESET);
        finish();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_name_chooses_and_bytes_go_both_ways),
        cmocka_unit_test(an_end_without_farewell_is_a_reset),
        cmocka_unit_test(an_unknown_name_is_told_so),
        cmocka_unit_test(nothing_in_common_is_an_alert),
        cmocka_unit_test(a_certificate_of_nobody_is_refused),
        cmocka_unit_test(plain_http_is_known),
        cmocka_unit_test(sessions_resume_at_their_own_site_alone),
        cmocka_unit_test(keys_are_not_made_without_end),
        cmocka_unit_test(tickets_open_for_a_day),
        cmocka_unit_test(keys_of_tickets_age_by_any_clock),
        cmocka_unit_test(the_certificate_fits_the_client),
        cmocka_unit_test(modern_is_1_3_alone),
        cmocka_unit_test(clients_show_certificates),
        cmocka_unit_test(acme_is_asked_for_alone),
        cmocka_unit_test(staples_are_sent_to_who_asks),
        cmocka_unit_test(what_is_no_hello_is_refused),
    };
    return cmocka_run_group_tests(tests, make, away);
}
