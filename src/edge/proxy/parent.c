/* HTTP/1.1 to the parent, over a plain connection. */
#include "edge/proxy/parent.h"

#include "base/cleanup.h"
#include "edge/edge_worker.h"
#include "edge/state.h"
#include "wire/h1/serialise.h"
#include "wire/http/basic.h"

#include <errno.h>

#define HEAD_BYTES_MAX 8192

enum passage_result parent_find(const struct passage *passage, int64_t deadline_ms,
                                struct passage_addresses *ret_addresses)
{
    const struct conf_parent *parent = &passage->proxy->conf->parent;
    struct resolver *resolver = edge_worker_resolver(edge_worker_current());
    ret_addresses->count = 0;
    if (resolver == NULL)
        return PASSAGE_NO_RESOURCES;
    int rc = resolver_lookup(resolver, parent->host, parent->port, ret_addresses->at,
                             RESOLVER_ADDRESSES_MAX, deadline_ms);
    if (rc <= 0)
        return passage_result_of_lookup(rc);
    ret_addresses->count = (unsigned)rc;
    for (unsigned i = 0; i < ret_addresses->count; i++)
        ret_addresses->rules[i] = passage->rule;
    return PASSAGE_OPEN;
}

void parent_write_credentials(struct writer *writer, const struct conf_parent *parent)
{
    if (parent->user.len == 0)
        return;
    write_literal(writer, "Proxy-Authorization: ");
    basic_write(writer, parent->user, parent->password);
    write_literal(writer, "\r\n");
}

static int send_request(const struct passage *passage, struct upstream *way)
{
    char text[HEAD_BYTES_MAX];
    struct writer head;
    writer_init(&head, text, sizeof text);
    write_literal(&head, "CONNECT ");
    passage_write_authority(&head, passage);
    write_literal(&head, " HTTP/1.1\r\nHost: ");
    passage_write_authority(&head, passage);
    write_literal(&head, "\r\n");
    parent_write_credentials(&head, &passage->proxy->conf->parent);
    h1_write_end(&head);
    if (head.overflown)
        return -EMSGSIZE;
    struct slice bytes = writer_slice(&head);
    struct iovec part = {(void *)(uintptr_t)bytes.at, bytes.len};
    int rc = io_write_all(&way->io, &part, 1, passage->proxy->conf->timeouts.connect_ms);
    explicit_bzero(text, bytes.len);
    return rc;
}

enum passage_result parent_ask(const struct passage *passage, struct upstream *way,
                               int64_t deadline_ms)
{
    struct response_head response = {.fields = {worker_current()->fields, 0, HTTP_FIELDS_MAX}};
    const char *why = NULL;
    int rc = send_request(passage, way);
    if (rc == 0)
        rc = client_read_head(way, METHOD_CONNECT, deadline_ms, &response, &why);
    if (rc == -ECANCELED)
        return PASSAGE_CLIENT_LEFT;
    if (rc == -ETIMEDOUT)
        return PASSAGE_TIMEOUT;
    if (rc < 0)
        return rc == -ENOMEM ? PASSAGE_NO_RESOURCES : PASSAGE_PARENT;
    return response.status / 100 == 2 ? PASSAGE_OPEN : PASSAGE_PARENT;
}
