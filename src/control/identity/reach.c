/* The first address that takes the connection decides, as for the authority. */
#include "control/identity/reach.h"

#include "base/cleanup.h"
#include "base/writer.h"
#include "control/identity/proof.h"
#include "http/fetch.h"
#include "os/loop.h"
#include "os/random.h"
#include "os/resolver.h"

#include <errno.h>
#include <stdio.h>

#define FETCH_MS      10000
#define LOOKUP_MS     10000
#define ADDRESSES_MAX 8
#define URL_BYTES     512
#define TOKEN_BYTES   40

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

static int tell(struct slice name, const struct address *address, const char *why,
                struct error *error)
{
    char text[ADDRESS_TEXT_BYTES];
    (void)address_format(address, text);
    return error_set(error, -EHOSTUNREACH,
                     "%.*s leads to %s, not to this Weir (%s); let its A and AAAA records name "
                     "this machine, and let port 80 reach it: until then it has no certificate",
                     SLICE_ARG(name), text, why);
}

static int ask_all(const struct reach_options *options, const struct proof *proof,
                   struct error *error)
{
    struct address addresses[ADDRESSES_MAX];
    struct error why = {0};
    int count = resolver_lookup(options->resolver, proof->name, options->port, addresses,
                                ADDRESSES_MAX, loop_deadline(LOOKUP_MS));
    if (count < 0)
        return error_set(error, -EHOSTUNREACH,
                         "%.*s has no address (%s); make an A or AAAA record that names this "
                         "machine: until then it has no certificate",
                         SLICE_ARG(proof->name),
                         count == -ENOENT ? "there is no such name"
                                          : "the name servers do not answer");
    int rc = -EHOSTUNREACH;
    for (int i = 0; i < count; i++) {
        rc = ask_one(options, proof, &addresses[i], &why);
        if (rc == 0 || rc == -ENOMEM)
            return rc;
        if (rc == -EHOSTUNREACH)
            return tell(proof->name, &addresses[i], why.text, error);
    }
    const char *reason = strerror(-rc);
    return tell(proof->name, &addresses[count - 1], rc == -ETIMEDOUT ? "no answer" : reason, error);
}

int reach_check(const struct reach_options *options, struct slice name, struct error *ret_error)
{
    char token[TOKEN_BYTES], text[TOKEN_BYTES];
    const struct proof_place place = {.kind = PROOF_HTTP, .admin_socket = options->admin_socket};
    write_random(token);
    write_random(text);
    const struct proof proof = {
        .name = name, .token = slice_of_cstr(token), .authorization = slice_of_cstr(text)};
    int rc = proof_set(&place, &proof, ret_error);
    if (rc < 0)
        return rc;
    rc = ask_all(options, &proof, ret_error);
    proof_clear(&place, &proof);
    return rc;
}
