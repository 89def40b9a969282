/*
 * Tunnels: a client and a destination joined until both have ended, by CONNECT or by SOCKS. What is
 * known of one lives in an object of its own, without a fiber and without the plane that it began
 * under: it may outlive many reloads. Its log line comes at its end.
 */
#pragma once

#include "edge/proxy/passage.h"
#include "http/inflow.h"

struct exchange;
struct session;
struct upstream;

/*
 * After a CONNECT or an upgrade whose answer has been flushed: joins the client with `target`. The
 * account `usage` is taken over on success, also in what follows. 0, or the error, and nothing was
 * taken.
 */
int tunnel_begin(struct exchange *exchange, const struct passage *passage, struct usage *usage,
                 struct io *target, struct inflow *from_target);

/* A client of SOCKS. */
struct socks_client {
    struct session *session;
    uint64_t id;
    int64_t started_us; /* loop_now_us */
};

/* The same for one who has been told that it is connected. */
int tunnel_begin_socks(const struct socks_client *client, const struct passage *passage,
                       struct usage *usage, struct upstream *way);

/* The line of one who got no tunnel. */
void tunnel_refused(const struct socks_client *client, const struct passage *passage,
                    enum passage_result result);
