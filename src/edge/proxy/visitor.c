/* Proxy-Authorization (RFC 9110 §11.7.2) by Basic (RFC 7617), and common names of certificates. */
#include "edge/proxy/visitor.h"

#include "base/cleanup.h"
#include "edge/policy/passwords.h"
#include "edge/proxy/answer.h"
#include "http/exchange.h"
#include "http/session_internal.h"
#include "http/tls_io.h"
#include "http/worker.h"

#include <errno.h>

struct slice visitor_certificate_name(const struct session *session,
                                      char room[static VISITOR_NAME_MAX])
{
    const struct tls_connection *connection = tls_io_connection(&session->io);
    return connection == NULL ? (struct slice){0}
                              : tls_connection_client_name(connection, room, VISITOR_NAME_MAX);
}

static void refuse(struct exchange *exchange, const struct proxy *proxy, int rc)
{
    struct worker_counters *counters = &worker_current()->counters;
    bool is_wrong = rc == 0 || rc == -ENOENT || rc == -EBADMSG;
    if (rc != -ECANCELED)
        counter_add(is_wrong ? &counters->passwords_refused : &counters->passwords_busy, 1);
    if (rc == -ECANCELED)
        exchange_break(exchange);
    else if (is_wrong)
        answer_ask_password(exchange, proxy,
                            rc == -ENOENT    ? "no password was given"
                            : rc == -EBADMSG ? "the credentials are malformed"
                                             : "the name or the password is wrong");
    else
        exchange_refuse(exchange, 503, "too many passwords wait to be checked",
                        SLICE("Retry-After: 1\r\n"));
}

bool visitor_admit(struct exchange *exchange, const struct proxy *proxy, struct slice *ret_user)
{
    char room[VISITOR_NAME_MAX];
    if (proxy->passwords != NULL) {
        int rc = passwords_check_basic(
            proxy->passwords, fields_value(&exchange->request.fields, FIELD_PROXY_AUTHORIZATION),
            &exchange->arena, ret_user);
        if (rc != 1)
            refuse(exchange, proxy, rc);
        return rc == 1;
    }
    struct slice name = visitor_certificate_name(exchange->session, room);
    *ret_user = arena_copy(&exchange->arena, name);
    if (name.len == 0 || ret_user->at != NULL)
        return true;
    exchange_respond_error(exchange, 503, "out of memory for this request");
    return false;
}
