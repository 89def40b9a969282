/*
 * TLS as the file asks for it, and what follows from that: which certificates a site shows at which
 * listener, and which of them Weir gets by itself. Parts of a snapshot (snapshot.h), with its rules
 * about memory and slices. What is in the files that are named here stands in a bundle (bundle.h).
 */
#pragma once

#include "base/slice.h"
#include "conf/place.h"

#include <stdbool.h>
#include <stdint.h>

struct conf_listener;
struct conf_site;

/* Where certificates come from. */
enum conf_tls_source {
    CONF_TLS_OFF,
    CONF_TLS_AUTO,     /* of a draft alone: by the name INTERNAL or ACME */
    CONF_TLS_INTERNAL, /* Weir's own authority */
    CONF_TLS_ACME,     /* a public authority, or the one of `acme` */
    CONF_TLS_FILES,
};

struct conf_certificate {
    struct conf_place place;
    struct slice certificate; /* absolute path of PEM: the leaf, then its chain */
    struct slice key;         /* the same path when the key stands in that file */
};

enum conf_client_auth_mode { CONF_CLIENT_NONE, CONF_CLIENT_OPTIONAL, CONF_CLIENT_REQUIRE };

struct conf_client_auth {
    struct conf_place place;
    enum conf_client_auth_mode mode;
    struct slice ca; /* absolute path of PEM */
};

/* `tls` of a listener or a site. */
struct conf_tls {
    struct conf_place place; /* line 0: it was not given */
    enum conf_tls_source source;
    struct slice certificate, key;         /* the short form of one of: */
    struct conf_certificate *certificates; /* of FILES */
    unsigned certificates_count;
    unsigned is_modern; /* TLS 1.3 alone */
    unsigned has_h2;    /* offers HTTP/2 */
    struct conf_client_auth client_auth;
    bool has_source, has_versions, has_http2, has_client_auth; /* said here: a site's over the
                                                                  listener's */
};

/* A certificate that Weir gets and renews by itself: STATE/certificates/ID.pem. */
struct conf_managed {
    struct conf_place place; /* of a site that wants it */
    struct slice id;
    enum conf_tls_source source; /* INTERNAL or ACME */
    struct slice *names;         /* lower case, "*.x" too, addresses without brackets: these last,
                                    the shortest first, and by the alphabet */
    unsigned names_count;
};

/* What a site shows at some listeners for some of its domains; or a tcp listener to everybody. */
struct conf_identity {
    const struct conf_site *site;       /* NULL: of a tcp listener */
    const struct conf_managed *managed; /* NULL: of files */
    const struct conf_certificate *certificates;
    unsigned certificates_count;
    bool is_modern;
    bool has_h2;
    struct conf_client_auth client_auth;
    struct slice *domains; /* "*.x" for a wildcard, "*" for all */
    unsigned domains_count;
    const struct conf_listener **listeners;
    unsigned listeners_count;
};

/* `hsts` of a site (RFC 6797). */
struct conf_hsts {
    unsigned enabled;
    int64_t max_age_ms;
    unsigned include_subdomains;
    unsigned preload;
    struct slice value; /* of the field; empty: none */
};

/* `tls` of a target group: how its targets are spoken to. */
struct conf_group_tls {
    struct conf_place place;
    unsigned enabled;
    unsigned verify;
    struct slice server_name; /* empty: the target's host */
    struct slice ca;          /* absolute path of PEM; empty: the system's */
    struct slice certificate; /* that Weir shows, an absolute path; empty: none */
    struct slice key;
};

enum conf_acme_challenge { CONF_ACME_HTTP, CONF_ACME_TLS_ALPN, CONF_ACME_DNS };
enum conf_acme_key { CONF_ACME_ECDSA, CONF_ACME_RSA };

/* How a public authority is asked (RFC 8555). */
struct conf_acme {
    struct conf_place place;
    struct slice directory; /* https://… */
    struct slice ca;        /* absolute path of PEM that certifies it; empty: the system's */
    enum conf_acme_challenge challenge;
    struct slice hook; /* absolute path of the program for DNS; may be empty */
    enum conf_acme_key key;
    unsigned looks_first; /* whether each name leads here, before an order */
    struct slice eab_id;  /* of an account that the authority gave; empty: none is needed */
    struct slice eab_key; /* absolute path of its secret in base64url */
};
