/* Looked up, connected to each address in turn, over TLS where the URL says so, and asked once. */
#include "http/fetch.h"

#include "base/cleanup.h"
#include "http/answer.h"
#include "http/tls_io.h"
#include "os/resolver.h"
#include "os/special_use.h"
#include "wire/http/uri.h"

#include <errno.h>
#include <stdio.h>

#define ADDRESSES_MAX 8
#define WRITE_MS      10000
#define CONNECT_MS    10000

static bool is_target(struct slice target)
{
    for (size_t i = 0; i < target.len; i++) {
        if (target.at[i] <= ' ' || target.at[i] > '~' || target.at[i] == '#')
            return false;
    }
    return true;
}

int fetch_parse_url(struct slice url, struct fetch_url *ret_url)
{
    struct fetch_url parts = {.is_https = slice_starts_with(url, SLICE("https://"))};
    unsigned port = 0;
    if (!parts.is_https && !slice_starts_with(url, SLICE("http://")))
        return -EINVAL;
    struct slice rest = slice_from(url, parts.is_https ? 8 : 7);
    size_t end = 0;
    while (end < rest.len && rest.at[end] != '/' && rest.at[end] != '?')
        end++;
    parts.authority = slice_first(rest, end);
    parts.target = end == rest.len ? SLICE("/") : slice_from(rest, end);
    if (parts.target.at[0] != '/' || !is_target(parts.target) || parts.authority.len == 0 ||
        uri_parse_authority(parts.authority, &parts.host, &port) < 0)
        return -EINVAL;
    if (parts.host.at[0] == '[')
        parts.host = slice_of(parts.host.at + 1, parts.host.len - 2);
    if (parts.host.len >= FETCH_HOST_BYTES_MAX)
        return -EINVAL;
    parts.port = (uint16_t)(port != 0 ? port : parts.is_https ? 443 : 80);
    *ret_url = parts;
    return 0;
}

static const char *describe_lookup(int rc)
{
    switch (rc) {
    case -ENOENT:
        return "there is no such name";
    case -EREMOTEIO:
        return "the name servers fail";
    case -ETIMEDOUT:
        return "the name servers do not answer";
    default:
        return strerror(-rc);
    }
}

/* How many are left; or the error, when none is. */
static int drop_private(const struct fetch_url *url, struct address *addresses, int count,
                        struct error *error)
{
    static const struct network_guard guard = {.denies_private = true};
    const char *why = NULL;
    int kept = 0;
    for (int i = 0; i < count; i++) {
        const char *use = network_guard_judge(&guard, &addresses[i]);
        if (use == NULL)
            addresses[kept++] = addresses[i];
        else
            why = use;
    }
    return kept > 0 ? kept
                    : error_set(error, -EACCES, "%.*s: it is not on the public Internet: %s",
                                SLICE_ARG(url->host), why);
}

static int look_up(const struct fetch_request *request, const struct fetch_url *url,
                   int64_t deadline_ms, struct address *addresses, struct error *error)
{
    if (request->address != NULL) {
        addresses[0] = *request->address;
        return 1;
    }
    int count = resolver_lookup(request->resolver, url->host, url->port, addresses, ADDRESSES_MAX,
                                deadline_ms);
    if (count < 0)
        return error_set(error, count, "%.*s: %s", SLICE_ARG(url->host), describe_lookup(count));
    return request->denies_private ? drop_private(url, addresses, count, error) : count;
}

static int connect_to_one(struct io *io, const struct address *addresses, int count,
                          const struct fetch_url *url, int64_t deadline_ms, struct error *error)
{
    int rc = -ENOENT;
    char text[ADDRESS_TEXT_BYTES] = "";
    for (int i = 0; i < count; i++) {
        int64_t patience_ms = loop_deadline(CONNECT_MS);
        rc = io_connect_wait(io, &addresses[i],
                             patience_ms < deadline_ms ? patience_ms : deadline_ms);
        if (rc == 0)
            return 0;
        (void)address_format(&addresses[i], text);
    }
    return error_set(error, rc, "%.*s (%s): %s", SLICE_ARG(url->host), text,
                     rc == -ETIMEDOUT ? "no answer" : strerror(-rc));
}

static int make_client(const struct fetch_request *request, const struct fetch_url *url,
                       struct tls_client **ret_client, struct error *error)
{
    struct tls_client_settings settings = {
        .is_verified = true,
        .authorities_pem = request->authorities_pem,
        .system_authorities = FETCH_SYSTEM_AUTHORITIES,
        .has_http1 = true,
    };
    struct error why = {0};
    int rc = tls_client_create(&settings, ret_client, &why);
    return rc == 0 ? 0 : error_set(error, rc, "%.*s: %s", SLICE_ARG(url->host), why.text);
}

static int secure(struct io *io, const struct fetch_request *request, const struct fetch_url *url,
                  int64_t deadline_ms, struct error *error)
{
    struct tls_client *client = NULL;
    const char *why = NULL;
    int rc = make_client(request, url, &client, error);
    if (rc < 0)
        return rc;
    rc = tls_io_connect(io, client, url->host);
    if (rc == 0)
        rc = tls_io_handshake_wait(io, deadline_ms, &why);
    tls_client_unref(client);
    if (rc == -EACCES)
        return error_set(error, rc, "%.*s: its certificate is not trusted%s%s",
                         SLICE_ARG(url->host), why == NULL ? "" : ": ", why == NULL ? "" : why);
    if (rc < 0)
        return error_set(error, rc, "%.*s: no TLS connection: %s", SLICE_ARG(url->host),
                         why != NULL ? why : strerror(-rc));
    return 0;
}

static int send_request(struct io *io, const struct fetch_request *request,
                        const struct fetch_url *url)
{
    SCOPED(buffer_finish) struct buffer head;
    buffer_init(&head, HTTP_HEAD_BYTES_MAX);
    int rc = buffer_format(&head,
                           "%s %.*s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: weir/" WEIR_VERSION
                           "\r\nAccept: */*\r\nConnection: close\r\n",
                           request->method, SLICE_ARG(url->target), SLICE_ARG(url->authority));
    if (rc == 0 && request->content_type.len > 0)
        rc = buffer_format(&head, "Content-Type: %.*s\r\nContent-Length: %zu\r\n",
                           SLICE_ARG(request->content_type), request->body.len);
    if (rc == 0 && request->fields.len > 0)
        rc = buffer_append(&head, request->fields);
    if (rc == 0)
        rc = buffer_append(&head, SLICE("\r\n"));
    struct iovec parts[] = {
        {.iov_base = head.at, .iov_len = head.len},
        {.iov_base = (void *)(uintptr_t)request->body.at, .iov_len = request->body.len},
    };
    return rc == 0 ? io_write_all(io, parts, request->body.len > 0 ? 2 : 1, WRITE_MS) : rc;
}

static int receive(struct io *io, const struct fetch_request *request, int64_t deadline_ms,
                   struct fetch_answer *answer)
{
    return request->wants_head_alone
               ? answer_receive_head(io, deadline_ms, &answer->head, &answer->bytes)
               : answer_receive(io, deadline_ms, &answer->bytes);
}

/* Who answers early and closes may have reset what was still being sent: what it said counts. */
static int converse(struct io *io, const struct fetch_request *request, const struct fetch_url *url,
                    int64_t deadline_ms, struct fetch_answer *answer, struct error *error)
{
    int sent = send_request(io, request, url);
    int rc = sent == 0 || sent == -EPIPE || sent == -ECONNRESET
                 ? receive(io, request, deadline_ms, answer)
                 : sent;
    bool was_cut = rc == -ECONNRESET && answer->bytes.len > 0;
    if (rc == 0 || was_cut)
        rc = answer_parse(buffer_slice(&answer->bytes), &answer->head,
                          request->wants_head_alone ? NULL : &answer->body);
    if (rc == 0 && was_cut && !request->wants_head_alone &&
        answer->head.framing.kind == BODY_UNTIL_CLOSE)
        rc = -EBADMSG;
    if (rc == 0)
        return 0;
    const char *why = rc == -EBADMSG     ? "its answer is no HTTP, or was cut short"
                      : rc == -ETIMEDOUT ? "no answer"
                      : rc == -EMSGSIZE  ? "its answer is too large"
                                         : strerror(-rc);
    return error_set(error, rc, "%.*s: %s", SLICE_ARG(url->host), why);
}

int fetch(const struct fetch_request *request, int64_t deadline_ms, struct fetch_answer *ret_answer,
          struct error *ret_error)
{
    struct fetch_url url;
    struct address addresses[ADDRESSES_MAX];
    struct io io;
    buffer_init(&ret_answer->bytes, FETCH_ANSWER_BYTES_MAX);
    buffer_init(&ret_answer->body, FETCH_ANSWER_BYTES_MAX);
    ret_answer->head =
        (struct response_head){.fields = {.at = ret_answer->fields, .max = HTTP_FIELDS_MAX}};
    if (fetch_parse_url(request->url, &url) < 0)
        return error_set(ret_error, -EINVAL, "\"%.*s\" is no URL that could be asked",
                         SLICE_ARG(slice_first(request->url, 200)));
    io_init(&io, NULL);
    int rc = look_up(request, &url, deadline_ms, addresses, ret_error);
    if (rc > 0)
        rc = connect_to_one(&io, addresses, rc, &url, deadline_ms, ret_error);
    if (rc == 0 && url.is_https)
        rc = secure(&io, request, &url, deadline_ms, ret_error);
    if (rc == 0)
        rc = converse(&io, request, &url, deadline_ms, ret_answer, ret_error);
    io_close(&io);
    return rc;
}

void fetch_finish(struct fetch_answer *answer)
{
    buffer_finish(&answer->bytes);
    buffer_finish(&answer->body);
}
