/* The step from a request to its action. */
#pragma once

struct exchange;
struct server;
struct session;

/* The handler of all sites' listeners: finds the rule and runs its action. */
void edge_handle(struct exchange *exchange);

/* Their log function: what the metrics and the access log keep of an exchange. */
void edge_record(const struct exchange *exchange);

/* What listeners with protocol tcp do with a connection: they pass it on to their group. */
void edge_serve(struct session *session, struct server *server);

/* What listeners of forward proxies do with a client of SOCKS. */
void edge_serve_socks(struct session *session, struct server *server);
