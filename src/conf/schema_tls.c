/* Rows about certificates and whom they are shown to. */
#include "conf/schema_tls.h"

#include "conf/tls_checks.h"

static const struct schema_word issuers[] = {
    {"auto", CONF_TLS_AUTO, false,
     "`acme` for public names; `internal` for all others, such as `localhost` and `*.internal`"},
    {"internal", CONF_TLS_INTERNAL, false, "Weir's own authority, which `weir trust` makes known"},
    {"acme", CONF_TLS_ACME, false, "the authority of `acme`, for names of any kind"},
    {NULL},
};

static const struct schema_word versions[] = {
    {"intermediate", 0, false, "TLS 1.2 and 1.3, with Mozilla's intermediate ciphers"},
    {"modern", 1, false, "TLS 1.3 alone"},
    {NULL},
};

static const struct schema_word client_auth_modes[] = {
    {"require", CONF_CLIENT_REQUIRE, false, "a client without a certificate gets no connection"},
    {"optional", CONF_CLIENT_OPTIONAL, false, "it may have none; a wrong one is refused"},
    {NULL},
};

static const struct schema_row certificate_rows[] = {
    {.name = "certificate",
     .kind = SCHEMA_FILE,
     .is_required = true,
     AT(struct conf_certificate, certificate),
     .doc = "PEM: the site's certificate, then those that lead to its authority"},
    {.name = "key",
     .kind = SCHEMA_FILE,
     AT(struct conf_certificate, key),
     .doc = "PEM: its private key; without it the key stands in the certificate's file"},
};

static const struct schema_struct certificate_type = {
    .noun = "a certificate",
    .doc = "A certificate and its key, in files that Weir reads before it gives up its rights, and "
           "reads again when they change.",
    ROWS(certificate_rows),
    .has_place = true,
    .shorthand = "certificate",
    .check = check_certificate,
};

static const struct schema_row client_auth_rows[] = {
    {.name = "ca",
     .kind = SCHEMA_FILE,
     .is_required = true,
     AT(struct conf_client_auth, ca),
     .doc = "PEM: the authorities whose certificates clients may show"},
    {.name = "mode",
     .kind = SCHEMA_WORD,
     .words = client_auth_modes,
     AT(struct conf_client_auth, mode),
     .standard = "require",
     .doc = "whether a client must have one"},
};

static const struct schema_struct client_auth_type = {
    .noun = "client_auth",
    .doc = "Asks clients for certificates. Rules match them by `client_certificate`, and "
           "`request_headers` tells targets of them by `{client_subject}` and `{client_cert}`.",
    ROWS(client_auth_rows),
    .has_place = true,
    .shorthand = "ca",
};

static const struct schema_row certificate_row = {
    .name = "certificates", .kind = SCHEMA_STRUCT, .type = &certificate_type};

/* `certificate` and `key` become the only one of `certificates` (check_tls). */
static const struct schema_row tls_rows[] = {
    {.name = "issuer",
     .kind = SCHEMA_WORD,
     .words = issuers,
     AT(struct conf_tls, source),
     .doc = "who makes the certificates: Weir gets and renews them by itself"},
    {.name = "certificate",
     .kind = SCHEMA_FILE,
     AT(struct conf_tls, certificate),
     .doc = "PEM: a certificate of your own, then those that lead to its authority"},
    {.name = "key",
     .kind = SCHEMA_FILE,
     AT(struct conf_tls, key),
     .doc = "PEM: its private key; without it the key stands in the certificate's file"},
    {.name = "certificates",
     .kind = SCHEMA_LIST,
     LIST_AT(struct conf_tls, certificates),
     .element = &certificate_row,
     .element_size = sizeof(struct conf_certificate),
     .min = 1,
     .max = 1000,
     .doc = "several: one with an ECDSA and one with an RSA key are shown to who takes them; at a "
            "listener those of several sites, chosen by name"},
    {.name = "versions",
     .kind = SCHEMA_WORD,
     .words = versions,
     AT(struct conf_tls, is_modern),
     .doc = "which versions of TLS are spoken; without it `intermediate`"},
    {.name = "http2",
     .kind = SCHEMA_WORD,
     .words = bool_words,
     AT(struct conf_tls, has_h2),
     .doc = "whether HTTP/2 is offered; without it `true`"},
    {.name = "client_auth",
     .kind = SCHEMA_STRUCT,
     .type = &client_auth_type,
     AT(struct conf_tls, client_auth),
     .is_choice = true,
     .doc = "asks clients for certificates"},
};

const struct schema_struct tls_type = {
    .noun = "tls",
    .doc = "HTTPS: `auto`, `internal` or `acme`, a certificate of your own, or `off`. What a site "
           "does not say is its listener's.",
    ROWS(tls_rows),
    .has_place = true,
    .allows_off = true,
    .shorthand = "issuer",
    .check = check_tls,
};

const struct schema_word redirect_https_words[] = {
    {"true", DRAFT_REDIRECT_ON, false, NULL},
    {"false", DRAFT_REDIRECT_OFF, false, NULL},
    {NULL},
};

static const struct schema_row hsts_rows[] = {
    {.name = "enabled",
     .kind = SCHEMA_WORD,
     .words = bool_words,
     AT(struct conf_hsts, enabled),
     .doc = "whether it is said; a map alone says so too"},
    {.name = "max_age",
     .kind = SCHEMA_DURATION,
     .min = 0,
     .max = 3650 * MS_PER_D,
     AT(struct conf_hsts, max_age_ms),
     .standard = "365d",
     .doc = "how long browsers remember; `0s` makes them forget"},
    {.name = "include_subdomains",
     .kind = SCHEMA_WORD,
     .words = bool_words,
     AT(struct conf_hsts, include_subdomains),
     .standard = "false",
     .doc = "also for all names below"},
    {.name = "preload",
     .kind = SCHEMA_WORD,
     .words = bool_words,
     AT(struct conf_hsts, preload),
     .standard = "false",
     .doc = "for the lists that browsers are built with: hard to take back"},
};

const struct schema_struct hsts_type = {
    .noun = "hsts",
    .doc = "Strict-Transport-Security (RFC 6797): browsers that saw it use HTTPS alone.",
    ROWS(hsts_rows),
    .shorthand = "enabled",
    .check = check_hsts,
};

static const struct schema_row group_tls_rows[] = {
    {.name = "enabled",
     .kind = SCHEMA_WORD,
     .words = bool_words,
     AT(struct conf_group_tls, enabled),
     .doc = "whether TLS is spoken; a map alone says so too"},
    {.name = "verify",
     .kind = SCHEMA_WORD,
     .words = bool_words,
     AT(struct conf_group_tls, verify),
     .standard = "true",
     .doc = "whether the target's certificate is verified: its authority and its name"},
    {.name = "server_name",
     .kind = SCHEMA_HOST_PATTERN,
     AT(struct conf_group_tls, server_name),
     .doc = "the name that is asked for by SNI and verified; without it the target's host"},
    {.name = "ca",
     .kind = SCHEMA_FILE,
     AT(struct conf_group_tls, ca),
     .doc = "PEM: whose certificates are believed; without it those of the system"},
    {.name = "certificate",
     .kind = SCHEMA_FILE,
     AT(struct conf_group_tls, certificate),
     .doc = "PEM: the certificate that Weir shows to targets that ask for one"},
    {.name = "key",
     .kind = SCHEMA_FILE,
     AT(struct conf_group_tls, key),
     .doc = "PEM: its private key; without it the key stands in the certificate's file"},
};

const struct schema_struct group_tls_type = {
    .noun = "tls to targets",
    .doc = "How targets are spoken to by TLS: `true`, or what differs.",
    ROWS(group_tls_rows),
    .has_place = true,
    .shorthand = "enabled",
    .check = check_group_tls,
};

static const struct schema_word challenges[] = {
    {"http", CONF_ACME_HTTP, false, "a file at port 80"},
    {"tls-alpn", CONF_ACME_TLS_ALPN, false, "a handshake at port 443"},
    {"dns", CONF_ACME_DNS, false, "a record that `hook` sets; wildcards need it"},
    {NULL},
};

static const struct schema_word key_kinds[] = {
    {"ecdsa", CONF_ACME_ECDSA, false, "P-256"},
    {"rsa", CONF_ACME_RSA, false, "2,048 bits"},
    {NULL},
};

static const struct schema_row acme_rows[] = {
    {.name = "directory",
     .kind = SCHEMA_LINE,
     AT(struct conf_acme, directory),
     .standard = "https://acme-v02.api.letsencrypt.org/directory",
     .doc = "the authority's directory; Let's Encrypt without it"},
    {.name = "ca",
     .kind = SCHEMA_FILE,
     AT(struct conf_acme, ca),
     .doc = "PEM: who certifies the authority's own site; without it those of the system"},
    {.name = "challenge",
     .kind = SCHEMA_WORD,
     .words = challenges,
     AT(struct conf_acme, challenge),
     .standard = "http",
     .doc = "how it is shown that a name is yours"},
    {.name = "hook",
     .kind = SCHEMA_FILE,
     AT(struct conf_acme, hook),
     .doc = "with `challenge: dns`: the program that sets and removes records"},
    {.name = "key",
     .kind = SCHEMA_WORD,
     .words = key_kinds,
     AT(struct conf_acme, key),
     .standard = "ecdsa",
     .doc = "the kind of the certificates' keys"},
    {.name = "look_first",
     .kind = SCHEMA_WORD,
     .words = bool_words,
     AT(struct conf_acme, looks_first),
     .standard = "true",
     .doc =
         "before an order, whether each name leads here; `false` where this machine cannot reach "
         "itself by its public address"},
    {.name = "eab_id",
     .kind = SCHEMA_LINE,
     AT(struct conf_acme, eab_id),
     .doc = "for authorities that want an account of theirs named (external account binding): its "
            "key id"},
    {.name = "eab_key",
     .kind = SCHEMA_FILE,
     AT(struct conf_acme, eab_key),
     .doc = "the file of its HMAC key, in base64url as the authority gave it"},
};

const struct schema_struct acme_type = {
    .noun = "acme",
    .doc = "How certificates for public names are got (RFC 8555).",
    ROWS(acme_rows),
    .has_place = true,
    .check = check_acme,
};
