/*
 * The edge's own API over its Unix socket: HTTP/1.1, JSON.
 *
 *   GET /v1/status                  listeners, sites, groups with their targets, counters
 *   PUT /v1/groups/NAME/targets     {"epoch": 3, "targets": [{"id": "api-1",
 *                                   "address": "127.0.0.1:21001", "weight": 1}]}
 *   GET /v1/requests                the last failed and slow requests
 *   GET /v1/requests/ID             what was decided about one
 *   GET /v1/explain?method=&url=    what would be decided; also header= (again and again), from=
 *   GET /metrics                    Prometheus text format
 */
#pragma once

struct server;

/* Fills the server whose sessions are answered by the API. */
void admin_server_init(struct server *ret_server);
