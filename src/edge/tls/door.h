/* What a request has to pass before its site's rules where TLS is spoken, or should be. */
#pragma once

#include "edge/view.h"

struct exchange;

/*
 * Is the connection one for this host's site? False: it has been answered 421. Where a client has
 * shown a certificate, its subject is noted.
 */
bool door_admit(struct exchange *exchange, const struct view *view, unsigned listener);

/* Would it be sent to HTTPS? */
bool door_redirects(const struct exchange *exchange, const struct view *view,
                    const struct conf_site *site);

/*
 * A plain request to a site that sends it to HTTPS, or that wants a client's certificate, which
 * none can show without TLS: true, and it has been answered. While the site has no certificate of
 * its own there is nothing to send it to; and what a certificate authority asks is never sent on.
 */
bool door_turn_away(struct exchange *exchange, const struct view *view,
                    const struct conf_site *site);
