/* Called by handle.c for listeners with `sni`. */
#include "edge/tcp/peek.h"

#include "http/session_internal.h"
#include "os/loop.h"

#include <errno.h>

static const char *why_not(int rc)
{
    switch (rc) {
    case -ETIMEDOUT:
        return "the client did not say in time whom it wants";
    case -ECANCELED:
        return "the client left";
    case -EMSGSIZE:
        return "the client's first message is too long";
    case -ENOMEM:
        return "no memory or descriptor for a connection";
    default:
        return "the connection broke before the client said whom it wants";
    }
}

int tcp_peek_hello(struct session *session, int64_t timeout_ms, struct client_hello *ret_hello,
                   const char **ret_why)
{
    int64_t deadline_ms = loop_deadline(timeout_ms);
    for (;;) {
        struct slice received = inflow_bytes(&session->inflow);
        int rc = inflow_is_empty(&session->inflow)
                     ? 0
                     : client_hello_parse(received, ret_hello, ret_why);
        if (rc != 0)
            return rc < 0 ? rc : 0;
        rc = inflow_fill_wait(&session->inflow, &session->io, deadline_ms);
        if (rc < 0) {
            *ret_why = why_not(rc);
            return rc;
        }
    }
}
