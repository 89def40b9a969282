/* The first address that takes the connection decides, as for the authority. */
#include "control/identity/reach.h"

#include "base/cleanup.h"
#include "base/writer.h"
#include "http/fetch.h"
#include "http/tls_io.h"
#include "os/loop.h"
#include "os/random.h"
#include "os/resolver.h"
#include "os/self.h"
#include "wire/tls/authority.h"

#include <errno.h>
#include <stdio.h>

#define FETCH_MS      10000
#define LOOKUP_MS     10000
#define ADDRESSES_MAX 8
#define URL_BYTES     512
#define TOKEN_BYTES   40

#define PROBE_LIFETIME_S ((int64_t)3600)

/* What is put there, and who can tell that it is that. */
struct probe {
    struct proof proof;
    struct tls_client *client; /* owned; NULL: by HTTP */
};

static void write_random(char room[static TOKEN_BYTES])
{
    unsigned char bytes[16];
    struct writer writer;
    random_system_bytes(bytes, sizeof bytes);
    writer_init(&writer, room, TOKEN_BYTES);
    write_literal(&writer, "weir-");
    for (size_t i = 0; i < sizeof bytes; i++)
        write_hex(&writer, bytes[i], 2);
    write_char(&writer, '\0');
}

/* 0: our text. -EHOSTUNREACH: somebody else's. Another error: nobody took the connection. */
static int ask_one(const struct reach_options *options, const struct proof *proof,
                   const struct address *address, struct error *error)
{
    char url[URL_BYTES], port[8] = "";
    SCOPED_FREE struct fetch_answer *answer = NEW(struct fetch_answer);
    if (answer == NULL)
        return error_set(error, -ENOMEM, "out of memory");
    if (options->port != 80)
        (void)snprintf(port, sizeof port, ":%u", options->port);
    bool is_v6 = slice_find(proof->name, ':') >= 0;
    (void)snprintf(url, sizeof url, "http://%s%.*s%s%s/.well-known/acme-challenge/%.*s",
                   is_v6 ? "[" : "", SLICE_ARG(proof->name), is_v6 ? "]" : "", port,
                   SLICE_ARG(proof->token));
    const struct fetch_request request = {
        .method = "GET", .url = slice_of_cstr(url), .address = address};
    int rc = fetch(&request, loop_deadline(FETCH_MS), answer, error);
    bool is_ours = rc == 0 && answer->head.status == 200 &&
                   slice_equal(buffer_slice(&answer->body), proof->authorization);
    if (rc == 0 && !is_ours)
        rc = error_set(error, -EHOSTUNREACH, "another server answers there, with %u",
                       answer->head.status);
    else if (rc == -EBADMSG)
        rc = error_set(error, -EHOSTUNREACH, "what answers there is no HTTP");
    fetch_finish(answer);
    return rc;
}

/* The same by a handshake: only the edge here can show what this authority, made for the purpose,
 * has signed. */
static int ask_one_by_tls(const struct probe *probe, const struct address *address,
                          struct error *error)
{
    struct io io;
    const char *why = NULL;
    io_init(&io, NULL);
    int rc = io_connect_wait(&io, address, loop_deadline(FETCH_MS));
    if (rc < 0)
        return rc;
    rc = tls_io_connect(&io, probe->client, probe->proof.name);
    if (rc == 0)
        rc = tls_io_handshake_wait(&io, loop_deadline(FETCH_MS), &why);
    io_close(&io);
    return rc == 0 || rc == -ENOMEM
               ? rc
               : error_set(error, -EHOSTUNREACH, "another server answers there: %s",
                           why != NULL ? why : strerror(-rc));
}

static int tell(const struct reach_options *options, struct slice name,
                const struct address *address, const char *why, struct error *error)
{
    char text[ADDRESS_TEXT_BYTES];
    (void)address_format(address, text);
    return error_set(error, -EHOSTUNREACH,
                     "%.*s leads to %s, not to this Weir (%s); let its A and AAAA records name "
                     "this machine, and let port %s reach it: until then it has no certificate",
                     SLICE_ARG(name), text, why, options->kind == PROOF_HTTP ? "80" : "443");
}

static int ask_all(const struct reach_options *options, const struct probe *probe,
                   struct error *error)
{
    struct slice name = probe->proof.name;
    struct address addresses[ADDRESSES_MAX];
    struct error why = {0};
    int count = resolver_lookup(options->resolver, name, options->port, addresses, ADDRESSES_MAX,
                                loop_deadline(LOOKUP_MS));
    if (count < 0)
        return error_set(error, -EHOSTUNREACH,
                         "%.*s has no address (%s); make an A or AAAA record that names this "
                         "machine: until then it has no certificate",
                         SLICE_ARG(name),
                         count == -ENOENT ? "there is no such name"
                                          : "the name servers do not answer");
    int rc = -EHOSTUNREACH;
    for (int i = 0; i < count; i++) {
        rc = options->kind == PROOF_HTTP ? ask_one(options, &probe->proof, &addresses[i], &why)
                                         : ask_one_by_tls(probe, &addresses[i], &why);
        if (rc == 0 || rc == -ENOMEM)
            return rc;
        if (rc == -EHOSTUNREACH)
            return tell(options, name, &addresses[i], why.text, error);
    }
    return tell(options, name, &addresses[count - 1],
                rc == -ETIMEDOUT ? "no answer" : strerror(-rc), error);
}

static int check_by_http(const struct reach_options *options, struct slice name,
                         struct error *error)
{
    char token[TOKEN_BYTES], text[TOKEN_BYTES];
    const struct proof_place place = {.kind = PROOF_HTTP, .admin_socket = options->admin_socket};
    write_random(token);
    write_random(text);
    const struct probe probe = {.proof = {.name = name,
                                          .token = slice_of_cstr(token),
                                          .authorization = slice_of_cstr(text)}};
    int rc = proof_set(&place, &probe.proof, error);
    if (rc < 0)
        return rc;
    rc = ask_all(options, &probe, error);
    proof_clear(&place, &probe.proof);
    return rc;
}

/* A certificate of an authority that nobody else knows, and a client that believes that alone. */
static int make_probe(struct slice name, struct probe *probe, struct buffer *pem,
                      struct error *error)
{
    struct tls_authority *authority = NULL;
    SCOPED(buffer_finish) struct buffer root;
    buffer_init(&root, AUTHORITY_PEM_BYTES_MAX);
    int rc = tls_authority_create(TLS_AUTHORITY_OPEN, SLICE("probe"), self_wall_s(), &authority);
    if (rc == 0)
        rc = tls_authority_write_certificate(authority, &root);
    if (rc == 0)
        rc = tls_authority_issue(authority, &name, 1, self_wall_s(), PROBE_LIFETIME_S, pem);
    tls_authority_destroy(authority);
    if (rc < 0)
        return error_set_errno(error, rc, "no certificate to try %.*s with", SLICE_ARG(name));
    const struct tls_client_settings settings = {
        .is_verified = true, .authorities_pem = buffer_slice(&root), .has_acme = true};
    probe->proof.name = name;
    return tls_client_create(&settings, &probe->client, error);
}

static int check_by_tls(const struct reach_options *options, struct slice name, struct error *error)
{
    struct probe probe = {.client = NULL};
    const struct proof_place place = {.kind = PROOF_TLS_ALPN,
                                      .admin_socket = options->admin_socket};
    SCOPED(buffer_finish) struct buffer pem;
    buffer_init(&pem, AUTHORITY_PEM_BYTES_MAX);
    int rc = make_probe(name, &probe, &pem, error);
    if (rc == 0)
        rc = proof_show(&place, name, buffer_slice(&pem), error);
    if (rc == 0) {
        rc = ask_all(options, &probe, error);
        proof_clear(&place, &probe.proof);
    }
    tls_client_unref(probe.client);
    return rc;
}

int reach_check(const struct reach_options *options, struct slice name, struct error *ret_error)
{
    return options->kind == PROOF_HTTP ? check_by_http(options, name, ret_error)
                                       : check_by_tls(options, name, ret_error);
}
