/*
 * What a handshake is made with. A `tls_identity` is what one site shows: its certificates and whom
 * it lets in. A `tls_listener` is what a handshake begins with, before the client's word tells
 * which site is meant. Both are immutable and counted; threads may share them.
 */
#pragma once

#include "wire/tls/certificate.h"

struct tls_identity;
struct tls_listener;
struct tls_tickets;

enum tls_client_auth { TLS_CLIENT_NONE, TLS_CLIENT_OPTIONAL, TLS_CLIENT_REQUIRE };

/* What is spoken inside, as ALPN agrees on it (RFC 7301). */
enum tls_alpn {
    TLS_ALPN_NONE,  /* nobody asks */
    TLS_ALPN_HTTP1, /* http/1.1 and http/1.0 */
    TLS_ALPN_HTTP2, /* h2, or else the same */
    TLS_ALPN_ACME,  /* acme-tls/1 alone (RFC 8737) */
};

#define TLS_CERTIFICATES_MAX 3 /* of an identity: one for each kind of key */

struct tls_identity_settings {
    struct tls_certificate *const *certificates; /* each of another kind of key */
    unsigned certificates_count;                 /* at least one */
    bool is_modern;                              /* TLS 1.3 alone; else Mozilla's intermediate */
    enum tls_alpn alpn;
    enum tls_client_auth client_auth;
    struct slice client_authorities_pem; /* whose certificates clients may show */
    struct slice name; /* of the site: sessions are resumed under the same one alone */
};

/* 0, -ENOMEM, or what is wrong with the authorities. */
int tls_identity_create(const struct tls_identity_settings *settings,
                        struct tls_identity **ret_identity, struct error *ret_error);
struct tls_identity *tls_identity_ref(struct tls_identity *identity);
void tls_identity_unref(struct tls_identity *identity); /* NULL is fine */

/* As its settings say; borrowed from it. */
struct slice tls_identity_name(const struct tls_identity *identity);
enum tls_client_auth tls_identity_client_auth(const struct tls_identity *identity);

/* A response of its certificate's OCSP responder in DER, to be stapled from now on; empty: none.
 * Any thread. 0, -EINVAL for what is no good response, -ENOMEM. */
int tls_identity_staple(struct tls_identity *identity, unsigned certificate, struct slice response);

/*
 * Chooses by the name that the client sent, in lower case; empty: it sent none. Returns borrowed
 * memory that outlives the handshake's call, or NULL: the client gets unrecognized_name. Any
 * thread.
 */
typedef const struct tls_identity *tls_choose(void *arg, struct slice server_name, bool wants_acme);

/* For clients that ask with the protocol acme-tls/1 alone (RFC 8737), `wants_acme` is true. */
struct tls_listener_settings {
    tls_choose *choose;
    void *arg;                   /* borrowed; outlives the listener */
    struct tls_tickets *tickets; /* counted */
};

int tls_listener_create(const struct tls_listener_settings *settings,
                        struct tls_listener **ret_listener);
struct tls_listener *tls_listener_ref(struct tls_listener *listener);
void tls_listener_unref(struct tls_listener *listener); /* NULL is fine */

/*
 * The keys of session tickets, for all listeners of a process: a new one each 12 hours, the one
 * before it still opens. `now_s` is a wall clock.
 */
int tls_tickets_create(struct tls_tickets **ret_tickets);
struct tls_tickets *tls_tickets_ref(struct tls_tickets *tickets);
void tls_tickets_unref(struct tls_tickets *tickets); /* NULL is fine */
/* Any thread, at least once an hour. */
void tls_tickets_rotate(struct tls_tickets *tickets, int64_t now_s);
