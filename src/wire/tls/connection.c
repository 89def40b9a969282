/*
 * OpenSSL's connection over a transport of functions. Its error queue is empty before each call
 * that may fail, so that what is found there afterwards is of this call.
 */
#include "wire/tls/connection.h"

#include "base/cleanup.h"
#include "wire/tls/connection_internal.h"
#include "wire/tls/openssl_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

/* New keys cost the other side 27 bytes and us 30 µs, and OpenSSL makes them for as long as bytes
 * come. Nobody needs more than a few a day; a handshake takes 20. Alerts are answers to attempts to
 * renegotiate. */
#define MESSAGES_MAX 500

struct tls_connection {
    SSL *ssl; /* owned */
    const struct tls_transport *transport;
    void *arg;
    int transport_error;           /* of the last call; 0: none */
    bool has_ended;                /* the transport did */
    unsigned messages;             /* of handshakes received, and alerts sent */
    struct tls_listener *listener; /* counted; NULL: to a target */
    struct tls_client *client;     /* counted; NULL: from a client */
    struct tls_identity *identity; /* counted; NULL: not known yet */
    char *server_name;             /* owned; NULL: none */
    size_t server_name_len;
};

/* The BIO. */

struct tls_bio {
    BIO_METHOD *method;
};

static int bio_read(BIO *bio, char *bytes, int len)
{
    struct tls_connection *self = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (UNLIKELY(self->messages > MESSAGES_MAX)) {
        self->transport_error = -EPROTO;
        return -1;
    }
    ssize_t got = self->transport->receive(self->arg, bytes, (size_t)len);
    if (got > 0)
        return (int)got;
    if (got == -EAGAIN)
        BIO_set_retry_read(bio);
    else if (got < 0)
        self->transport_error = (int)got;
    else
        self->has_ended = true;
    return got == 0 ? 0 : -1;
}

static int bio_write(BIO *bio, const char *bytes, int len)
{
    struct tls_connection *self = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    int rc = self->transport->send(self->arg, bytes, (size_t)len);
    if (rc == 0)
        return len;
    self->transport_error = rc;
    return -1;
}

static long bio_control(BIO *bio, int command, long number, void *arg)
{
    const struct tls_connection *self = BIO_get_data(bio);
    (void)number;
    (void)arg;
    if (command == BIO_CTRL_EOF)
        return self->has_ended;
    return command == BIO_CTRL_FLUSH; /* what was sent is on its way */
}

struct tls_bio *tls_bio_create(void)
{
    struct tls_bio *self = NEW(struct tls_bio);
    if (self == NULL)
        return NULL;
    self->method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir");
    if (self->method == NULL || BIO_meth_set_read(self->method, bio_read) != 1 ||
        BIO_meth_set_write(self->method, bio_write) != 1 ||
        BIO_meth_set_ctrl(self->method, bio_control) != 1) {
        tls_bio_destroy(self);
        return NULL;
    }
    return self;
}

void tls_bio_destroy(struct tls_bio *bio)
{
    if (bio == NULL)
        return;
    BIO_meth_free(bio->method);
    memory_free(bio);
}

void tls_connection_note_message(int is_sent, int version, int kind, const void *bytes, size_t len,
                                 SSL *ssl, void *unused)
{
    struct tls_connection *self = SSL_get_app_data(ssl);
    (void)version, (void)bytes, (void)len, (void)unused;
    if (self != NULL && kind == (is_sent ? SSL3_RT_ALERT : SSL3_RT_HANDSHAKE))
        self->messages++;
}

/* Beginning and end. */

static int set_up(struct tls_connection *self, SSL_CTX *context, const struct tls_bio *kind)
{
    self->ssl = SSL_new(context);
    BIO *bio = self->ssl == NULL ? NULL : BIO_new(kind->method);
    if (bio == NULL)
        return -ENOMEM;
    BIO_set_data(bio, self);
    BIO_set_init(bio, 1);
    SSL_set_bio(self->ssl, bio, bio); /* owned by it from now on */
    return SSL_set_app_data(self->ssl, self) == 1 ? 0 : -ENOMEM;
}

static struct tls_connection *create(const struct tls_transport *transport, void *arg)
{
    struct tls_connection *self = NEW(struct tls_connection);
    if (self == NULL)
        return NULL;
    self->transport = transport;
    self->arg = arg;
    return self;
}

int tls_connection_accept(struct tls_listener *listener, const struct tls_transport *transport,
                          void *arg, struct tls_connection **ret_connection)
{
    struct tls_connection *self = create(transport, arg);
    if (self == NULL)
        return -ENOMEM;
    self->listener = tls_listener_ref(listener);
    int rc = set_up(self, tls_listener_context(listener), tls_listener_bio(listener));
    ERR_clear_error();
    if (rc < 0) {
        tls_connection_destroy(self);
        return rc;
    }
    SSL_set_accept_state(self->ssl);
    *ret_connection = self;
    return 0;
}

int tls_connection_connect(struct tls_client *client, struct slice host,
                           const struct tls_transport *transport, void *arg,
                           struct tls_connection **ret_connection)
{
    struct tls_connection *self = create(transport, arg);
    if (self == NULL)
        return -ENOMEM;
    self->client = tls_client_ref(client);
    int rc = set_up(self, tls_client_context(client), tls_client_bio(client));
    if (rc == 0)
        rc = tls_client_prepare(client, self->ssl, host);
    ERR_clear_error();
    if (rc < 0) {
        tls_connection_destroy(self);
        return rc;
    }
    SSL_set_connect_state(self->ssl);
    *ret_connection = self;
    return 0;
}

void tls_connection_destroy(struct tls_connection *connection)
{
    if (connection == NULL)
        return;
    SSL_free(connection->ssl);
    tls_listener_unref(connection->listener);
    tls_client_unref(connection->client);
    tls_identity_unref(connection->identity);
    memory_free(connection->server_name);
    memory_free(connection);
}

void tls_connection_set_arg(struct tls_connection *connection, void *arg)
{
    connection->arg = arg;
}

int tls_connection_meet(struct tls_connection *connection, const struct tls_identity *identity,
                        struct slice server_name)
{
    /* Counting is all that is changed of it. */
    connection->identity = tls_identity_ref((struct tls_identity *)(uintptr_t)identity);
    if (server_name.len == 0)
        return 0;
    connection->server_name = memory_alloc_raw(server_name.len);
    if (connection->server_name == NULL)
        return -ENOMEM;
    memcpy(connection->server_name, server_name.at, server_name.len);
    connection->server_name_len = server_name.len;
    return 0;
}

const struct tls_listener *tls_connection_listener(const struct tls_connection *connection)
{
    return connection->listener;
}

/* Calls. */

/* To clear what is empty costs as much as a small record. */
static void begin(struct tls_connection *self)
{
    self->transport_error = 0;
    if (UNLIKELY(ERR_peek_error() != 0))
        ERR_clear_error();
}

/* What went wrong, as an errno; 0: the other side has said its last word. */
static int judge(struct tls_connection *self, int result)
{
    switch (SSL_get_error(self->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        return self->transport_error != 0 ? self->transport_error : -ECONNRESET;
    default:
        if (self->transport_error != 0)
            return self->transport_error;
        return ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING ? -ECONNRESET
                                                                                      : -EPROTO;
    }
}

static const char *reason_text(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_error());
    return text == NULL ? "the handshake failed" : text;
}

/* For people: what the failure of a handshake was about. */
static int judge_handshake(struct tls_connection *self, int rc, const char **ret_why)
{
    long verified = SSL_get_verify_result(self->ssl);
    int reason = ERR_GET_REASON(ERR_peek_error());
    if (rc == -EPROTO && verified != X509_V_OK) {
        *ret_why = X509_verify_cert_error_string(verified);
        return -EACCES;
    }
    if (rc == -EPROTO && reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
        *ret_why = "no certificate was shown";
        return -EACCES;
    }
    if (rc == -EPROTO && (reason == SSL_R_HTTP_REQUEST || reason == SSL_R_HTTPS_PROXY_REQUEST)) {
        *ret_why = "plain HTTP came where TLS was expected";
        return -EPROTONOSUPPORT;
    }
    *ret_why = rc == -EPROTO ? reason_text() : "the connection ended in the handshake";
    return rc == 0 ? -ECONNRESET : rc;
}

int tls_connection_handshake(struct tls_connection *connection, const char **ret_why)
{
    begin(connection);
    int result = SSL_do_handshake(connection->ssl);
    if (result == 1)
        return 1;
    int rc = judge(connection, result);
    if (rc != -EAGAIN)
        rc = judge_handshake(connection, rc, ret_why);
    ERR_clear_error();
    return rc;
}

ssize_t tls_connection_read(struct tls_connection *connection, void *bytes, size_t len)
{
    size_t got;
    begin(connection);
    int result = SSL_read_ex(connection->ssl, bytes, len, &got);
    return result == 1 ? (ssize_t)got : judge(connection, result);
}

int tls_connection_peek(struct tls_connection *connection)
{
    char byte;
    size_t got;
    begin(connection);
    int result = SSL_peek_ex(connection->ssl, &byte, 1, &got);
    return result == 1 ? 1 : judge(connection, result);
}

bool tls_connection_has_pending(const struct tls_connection *connection)
{
    return SSL_has_pending(connection->ssl) == 1;
}

int tls_connection_write(struct tls_connection *connection, const void *bytes, size_t len)
{
    size_t put;
    begin(connection);
    int result = SSL_write_ex(connection->ssl, bytes, len, &put);
    if (result == 1)
        return put == len ? 0 : -EMSGSIZE;
    int rc = judge(connection, result);
    return rc == 0 ? -EPIPE : rc == -EAGAIN ? -EPROTO : rc;
}

void tls_connection_close_notify(struct tls_connection *connection)
{
    begin(connection);
    (void)SSL_shutdown(connection->ssl);
    ERR_clear_error();
}

/* What was agreed on. */

bool tls_connection_is_h2(const struct tls_connection *connection)
{
    const unsigned char *name;
    unsigned len;
    SSL_get0_alpn_selected(connection->ssl, &name, &len);
    return len == 2 && memcmp(name, "h2", 2) == 0;
}

const char *tls_connection_version(const struct tls_connection *connection)
{
    return SSL_get_version(connection->ssl);
}

const char *tls_connection_cipher(const struct tls_connection *connection)
{
    return SSL_get_cipher_name(connection->ssl);
}

bool tls_connection_was_resumed(const struct tls_connection *connection)
{
    return SSL_session_reused(connection->ssl) == 1;
}

const struct tls_identity *tls_connection_identity(const struct tls_connection *connection)
{
    return connection->identity;
}

struct slice tls_connection_server_name(const struct tls_connection *connection)
{
    return slice_of(connection->server_name, connection->server_name_len);
}

/* What a memory BIO holds, into the room, when it fits. */
static struct slice take_text(BIO *bio, char *room, size_t room_len)
{
    char *text;
    long len = BIO_get_mem_data(bio, &text);
    if (len <= 0 || (size_t)len > room_len)
        return (struct slice){0};
    memcpy(room, text, (size_t)len);
    return slice_of(room, (size_t)len);
}

static const X509 *verified_leaf(const struct tls_connection *connection)
{
    if (connection->identity == NULL ||
        tls_identity_client_auth(connection->identity) == TLS_CLIENT_NONE ||
        SSL_get_verify_result(connection->ssl) != X509_V_OK)
        return NULL;
    return SSL_get0_peer_certificate(connection->ssl);
}

struct slice tls_connection_client_subject(const struct tls_connection *connection, char *room,
                                           size_t room_len)
{
    const X509 *leaf = verified_leaf(connection);
    BIO *bio = leaf == NULL ? NULL : BIO_new(BIO_s_mem());
    struct slice text = {0};
    if (bio != NULL &&
        X509_NAME_print_ex(bio, X509_get_subject_name(leaf), 0,
                           XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0)
        text = take_text(bio, room, room_len);
    BIO_free(bio);
    ERR_clear_error();
    return text;
}

static const X509_NAME_ENTRY *last_common_name(const X509_NAME *subject)
{
    int at = -1, next;
    while ((next = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0)
        at = next;
    return at < 0 ? NULL : X509_NAME_get_entry(subject, at);
}

/* A NUL within would end the name for others. */
static bool is_text(const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] < 0x20 || bytes[i] == 0x7f)
            return false;
    }
    return len > 0;
}

struct slice tls_connection_client_name(const struct tls_connection *connection, char *room,
                                        size_t room_len)
{
    const X509 *leaf = verified_leaf(connection);
    const X509_NAME_ENTRY *entry =
        leaf == NULL ? NULL : last_common_name(X509_get_subject_name(leaf));
    unsigned char *bytes = NULL;
    struct slice name = {0};
    int len = entry == NULL ? -1 : ASN1_STRING_to_UTF8(&bytes, X509_NAME_ENTRY_get_data(entry));
    if (len > 0 && (size_t)len <= room_len && is_text(bytes, (size_t)len)) {
        memcpy(room, bytes, (size_t)len);
        name = slice_of(room, (size_t)len);
    }
    OPENSSL_free(bytes);
    ERR_clear_error();
    return name;
}

struct slice tls_connection_client_pem(const struct tls_connection *connection, char *room,
                                       size_t room_len)
{
    const X509 *leaf = verified_leaf(connection);
    BIO *bio = leaf == NULL ? NULL : BIO_new(BIO_s_mem());
    struct slice text = {0};
    if (bio != NULL && PEM_write_bio_X509(bio, leaf) == 1)
        text = take_text(bio, room, room_len);
    BIO_free(bio);
    ERR_clear_error();
    return text;
}
