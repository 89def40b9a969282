/*
 * Connections passed on as they are, from a listener with `protocol: tcp` to a target of its group:
 * chosen as for requests, tried on another when it refuses, told who the client is where the group
 * wants a PROXY header, then relayed without a fiber until both sides have ended.
 */
#pragma once

#include "conf/snapshot.h"
#include "edge/access_line.h"
#include "edge/forward/balance.h"
#include "http/session.h"

/* What a connection is served with, borrowed until `ended` unless told otherwise. */
struct tcp_route {
    const struct conf_listener *listener;
    struct balancer *balancer; /* NULL: nobody is asked, because of `why` */
    const char *why;           /* static */
    struct slice group;
    struct slice server_name; /* that the client asked for by TLS; only until the call returns */
    void *held;               /* by whoever called, until then */
    /* Told once for each connection, when all is over; what `facts` names goes afterwards. */
    void (*ended)(const struct access_connection *facts, void *held);
};

/* On the session's fiber; takes its descriptor over when a target was found. */
void tcp_serve(struct session *session, const struct tcp_route *route);
