/*
 * The PROXY protocol's header at the beginning of a client's connection, for listeners that want
 * it. It comes before anything else, maybe in pieces, maybe with the first request behind it; no
 * fiber runs meanwhile, and the head's time-out is its own.
 */
#include "http/session_internal.h"

#include <errno.h>

bool greeting_may_come_from(const struct server *server, const struct address *peer)
{
    return server->senders_count == 0 ||
           networks_contain(server->senders, server->senders_count, peer);
}

int greeting_read(struct session *session, struct proxy_header *ret_origin)
{
    struct inflow *inflow = &session->inflow;
    for (;;) {
        const char *why;
        int len = proxy_parse(inflow_bytes(inflow), ret_origin, &why);
        if (len > 0)
            inflow->start += (uint32_t)len;
        if (len != 0)
            return len < 0 ? len : 0;
        ssize_t got = inflow_fill(inflow, &session->io);
        if (got == -EAGAIN)
            inflow_trim(inflow);
        /* Whoever only looks whether somebody listens has sent nothing wrong. */
        if (got == 0)
            return inflow_is_empty(inflow) ? -ECONNRESET : -EBADMSG;
        if (got < 0)
            return (int)got;
    }
}
