/*
 * One request to a server somewhere, by its URL, and its whole answer: how Weir itself speaks to
 * certificate authorities and OCSP responders. A connection for each request; nothing is pooled,
 * retried or redirected.
 */
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "os/address.h"
#include "wire/http/message.h"

struct resolver;
struct tls_client;

#define FETCH_ANSWER_BYTES_MAX ((size_t)1 << 20)
#define FETCH_HOST_BYTES_MAX   256

/* Read when it connects by TLS, unless others are named. */
#define FETCH_SYSTEM_AUTHORITIES "/etc/ssl/certs/ca-certificates.crt"

/* A URL's parts, borrowed from it. */
struct fetch_url {
    bool is_https;
    struct slice authority; /* as it is sent: host, and port where one is named */
    struct slice host;      /* without brackets */
    uint16_t port;
    struct slice target; /* path and query; "/" where there is none */
};

/* http and https; without user, fragment or blanks. 0 or -EINVAL. */
int fetch_parse_url(struct slice url, struct fetch_url *ret_url);

struct fetch_request {
    const char *method;
    struct slice url;
    struct slice content_type; /* empty: there is no body */
    struct slice body;
    struct slice fields;           /* further lines of its head, each with its end; may be empty */
    struct resolver *resolver;     /* for the host's name */
    const struct address *address; /* in place of the host's; NULL: it is looked up */
    bool wants_head_alone;         /* the answer counts once its head is there; there is no body */
    bool denies_private; /* of the host's addresses only public ones are asked (os/special_use.h):
                            for URLs that others have named */
    /* https: those who may certify the server, in PEM; empty: the system's authorities. */
    struct slice authorities_pem;
};

struct fetch_answer {
    struct buffer bytes; /* owned, what the head is borrowed from */
    struct buffer body;  /* owned */
    struct field fields[HTTP_FIELDS_MAX];
    struct response_head head;
};

/*
 * Waits in a fiber, of a thread that has a worker (worker.h). 0 with an answer of any status; or
 * what went wrong, told in words that begin with whom it was asked: "acme.example: connection
 * refused". *ret_answer is to be finished either way.
 */
int fetch(const struct fetch_request *request, int64_t deadline_ms, struct fetch_answer *ret_answer,
          struct error *ret_error);
void fetch_finish(struct fetch_answer *answer);
