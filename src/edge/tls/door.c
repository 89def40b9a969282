/* Called by handle.c, once a request, only where the configuration asks for it. */
#include "edge/tls/door.h"

#include "base/cleanup.h"
#include "edge/acme/challenges.h"
#include "edge/respond.h"
#include "http/exchange.h"

#define SUBJECT_BYTES_MAX 1024

static bool note_subject(struct exchange *exchange, const struct tls_connection *connection)
{
    char room[SUBJECT_BYTES_MAX];
    struct slice subject = tls_connection_client_subject(connection, room, sizeof room);
    if (subject.len == 0)
        return true;
    exchange->notes.client_subject = arena_copy(&exchange->arena, subject);
    return exchange->notes.client_subject.at != NULL;
}

bool door_admit(struct exchange *exchange, const struct view *view, unsigned listener)
{
    const struct tls_connection *connection = exchange_tls(exchange);
    if (view->plane->snapshot->listeners[listener].tls.source == CONF_TLS_OFF)
        return true;
    if (!identities_admit(view->identities, listener, exchange->host, connection)) {
        exchange_respond_error(exchange, 421,
                               "the TLS handshake was for another site, and client certificates "
                               "are asked for");
        return false;
    }
    if (connection == NULL || note_subject(exchange, connection))
        return true;
    exchange_respond_error(exchange, 503, "out of memory for this request");
    return false;
}

static bool has_certificate(const struct exchange *exchange, const struct view *view,
                            const struct conf_listener *https)
{
    unsigned listener = (unsigned)(https - view->plane->snapshot->listeners);
    const struct shown *shown = identities_find(view->identities, listener, exchange->host);
    return shown != NULL && shown->tls != NULL;
}

bool door_redirects(const struct exchange *exchange, const struct view *view,
                    const struct conf_site *site)
{
    return site->redirects_https && !exchange->is_secure &&
           !slice_starts_with(exchange->path, CHALLENGE_PATH) &&
           (site->https == NULL || has_certificate(exchange, view, site->https));
}

bool door_turn_away(struct exchange *exchange, const struct view *view,
                    const struct conf_site *site)
{
    bool is_redirect = door_redirects(exchange, view, site);
    if (!is_redirect && (!site->needs_client_certificate || exchange_tls(exchange) != NULL))
        return false;
    exchange->notes.action = is_redirect ? "redirect_https" : NULL;
    if (is_redirect && exchange->host.len > 0)
        redirect_run(exchange, &site->https_redirect);
    else if (is_redirect)
        exchange_respond_error(exchange, 400, "HTTPS is asked for, and the request names no host");
    else
        exchange_respond_error(exchange, 403,
                               "a client certificate is asked for, which plain HTTP "
                               "cannot show");
    return true;
}
