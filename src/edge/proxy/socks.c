/*
 * Greeting, password, request, one after the other, each answered before the next is read. The
 * whole has as long as a request's head. BIND and UDP are refused: a way out is what this is.
 */
#include "edge/proxy/socks.h"

#include "base/cleanup.h"
#include "edge/policy/passwords.h"
#include "edge/proxy/tunnel.h"
#include "edge/proxy/visitor.h"
#include "edge/proxy/way.h"
#include "edge/state.h"
#include "http/origin.h"
#include "http/session_internal.h"
#include "wire/http/uri.h"
#include "wire/socks/socks5.h"

#include <errno.h>

#define SAY_BYTES_MAX 16
#define HOST_BYTES    256

struct socks {
    struct session *session;
    struct socks_client client;
    struct passage passage;
    int64_t deadline_ms; /* until it has said whereto */
    char user[VISITOR_NAME_MAX];
    char host[HOST_BYTES];
};

static int say(const struct socks *socks, const struct writer *what)
{
    struct slice bytes = writer_slice(what);
    struct iovec part = {(void *)(uintptr_t)bytes.at, bytes.len};
    return io_write_all(&socks->session->io, &part, 1, socks->session->server->head_timeout_ms);
}

static struct slice received(const struct socks *socks)
{
    return inflow_bytes(&socks->session->inflow);
}

static void consume(const struct socks *socks, int len)
{
    socks->session->inflow.start += (uint32_t)len;
}

static int more(const struct socks *socks)
{
    struct session *session = socks->session;
    return inflow_fill_wait(&session->inflow, &session->io, socks->deadline_ms);
}

static int choose_method(const struct socks *socks, enum socks5_method *ret_method)
{
    struct socks5_greeting greeting;
    char room[SAY_BYTES_MAX];
    struct writer answer;
    int len, rc = 0;
    while (rc == 0 && (len = socks5_parse_greeting(received(socks), &greeting)) == 0)
        rc = more(socks);
    if (rc < 0 || len < 0)
        return rc < 0 ? rc : len;
    consume(socks, len);
    bool wants_password = socks->passage.proxy->passwords != NULL;
    *ret_method = wants_password && greeting.offers_password ? SOCKS5_METHOD_PASSWORD
                  : !wants_password && greeting.offers_none  ? SOCKS5_METHOD_NONE
                                                             : SOCKS5_METHOD_UNACCEPTABLE;
    writer_init(&answer, room, sizeof room);
    socks5_write_method(&answer, *ret_method);
    rc = say(socks, &answer);
    return rc == 0 && *ret_method == SOCKS5_METHOD_UNACCEPTABLE ? -EACCES : rc;
}

/* 0 when it is right. */
static int check_password(struct socks *socks)
{
    struct socks5_password credentials;
    char room[SAY_BYTES_MAX];
    struct writer answer;
    int len, rc = 0;
    while (rc == 0 && (len = socks5_parse_password(received(socks), &credentials)) == 0)
        rc = more(socks);
    if (rc < 0 || len < 0)
        return rc < 0 ? rc : len;
    rc = passwords_check(socks->passage.proxy->passwords, credentials.name, credentials.password);
    bool is_right = rc == 1;
    if (is_right) {
        memcpy(socks->user, credentials.name.at, credentials.name.len);
        socks->passage.user = slice_of(socks->user, credentials.name.len);
    } else if (rc != -ECANCELED) {
        struct worker_counters *counters = &worker_current()->counters;
        counter_add(rc == 0 ? &counters->passwords_refused : &counters->passwords_busy, 1);
    }
    consume(socks, len);
    writer_init(&answer, room, sizeof room);
    socks5_write_password_result(&answer, is_right);
    int said = say(socks, &answer);
    return !is_right ? -EACCES : said;
}

static int identify(struct socks *socks)
{
    enum socks5_method method;
    int rc = choose_method(socks, &method);
    if (rc == 0 && method == SOCKS5_METHOD_PASSWORD)
        return check_password(socks);
    if (rc == 0)
        socks->passage.user = visitor_certificate_name(socks->session, socks->user);
    return rc;
}

static void reply(const struct socks *socks, enum socks5_reply code)
{
    char room[SAY_BYTES_MAX];
    struct writer answer;
    writer_init(&answer, room, sizeof room);
    socks5_write_reply(&answer, code);
    (void)say(socks, &answer);
}

/* A name as a request of HTTP would have it: of the same letters, in lower case. */
static enum passage_result set_name(struct socks *socks, struct slice name, uint16_t port)
{
    struct slice host = slice_of(socks->host, name.len);
    unsigned none;
    for (size_t i = 0; i < name.len; i++)
        socks->host[i] = ascii_lower(name.at[i]);
    bool is_v6 = slice_find(host, ':') >= 0;
    if (!is_v6 && uri_parse_authority(host, &host, &none) < 0)
        return PASSAGE_BAD_HOST;
    return passage_set_host(&socks->passage, host, port);
}

static enum passage_result set_address(struct socks *socks, const struct socks5_request *request)
{
    struct address address = {0};
    char text[ADDRESS_TEXT_BYTES];
    if (request->kind == SOCKS5_IPV4) {
        address.v4.sin_family = AF_INET;
        memcpy(&address.v4.sin_addr, request->host.at, 4);
        address.len = sizeof address.v4;
    } else {
        address.v6.sin6_family = AF_INET6;
        memcpy(&address.v6.sin6_addr, request->host.at, 16);
        address.len = sizeof address.v6;
    }
    return set_name(socks, slice_of(text, address_format_host(&address, text)), request->port);
}

/* Where to. 0, or an error after which nothing is said any more. */
static int read_request(struct socks *socks, enum passage_result *ret_result)
{
    struct socks5_request request;
    int len, rc = 0;
    while (rc == 0 && (len = socks5_parse_request(received(socks), &request)) == 0)
        rc = more(socks);
    if (rc < 0 || len < 0)
        return rc < 0 ? rc : len;
    if (request.command != SOCKS5_COMMAND_CONNECT) {
        reply(socks, SOCKS5_COMMAND_UNSUPPORTED);
        return -EOPNOTSUPP;
    }
    if (request.host.len == 0) {
        reply(socks, SOCKS5_ADDRESS_UNSUPPORTED);
        return -EAFNOSUPPORT;
    }
    *ret_result = request.kind == SOCKS5_NAME ? set_name(socks, request.host, request.port)
                                              : set_address(socks, &request);
    consume(socks, len);
    return 0;
}

/* Once it is known whereto. */
static enum passage_result pass(struct socks *socks)
{
    bool is_limited = false;
    struct passage *passage = &socks->passage;
    struct slice client = slice_of(socks->session->client, socks->session->client_len);
    struct usage *usage = usage_enter(edge_worker_current()->edge->usages, passage->proxy->conf,
                                      passage->user.len > 0 ? passage->user : client, &is_limited);
    if (usage == NULL)
        return is_limited ? PASSAGE_LIMITED : PASSAGE_NO_RESOURCES;
    struct upstream way;
    enum passage_result result = way_open(passage, &way);
    if (result == PASSAGE_OPEN) {
        reply(socks, SOCKS5_SUCCEEDED);
        if (tunnel_begin_socks(&socks->client, passage, usage, &way) == 0)
            usage = NULL;
        else
            result = PASSAGE_NO_RESOURCES;
    }
    way_close(&way);
    usage_leave(usage);
    return result;
}

void socks_serve(struct session *session, const struct snapshot *snapshot,
                 const struct proxy *proxy)
{
    struct socks socks = {
        .session = session,
        .client = {session, prng_next(&worker_current()->prng), loop_now_us()},
        .passage = {.snapshot = snapshot,
                    .proxy = proxy,
                    .method = METHOD_CONNECT,
                    .method_name = SLICE("CONNECT")},
        .deadline_ms = loop_deadline(session->server->head_timeout_ms),
    };
    enum passage_result result = PASSAGE_OPEN;
    counter_add(&worker_current()->counters.proxy_requests, 1);
    (void)origin_address(slice_of(session->client, session->client_len), 0, &socks.passage.source);
    if (identify(&socks) < 0 || read_request(&socks, &result) < 0)
        return;
    if (result == PASSAGE_OPEN)
        result = pass(&socks);
    if (result == PASSAGE_OPEN)
        return;
    reply(&socks, (enum socks5_reply)passage_end_of(result)->socks);
    tunnel_refused(&socks.client, &socks.passage, result);
}
