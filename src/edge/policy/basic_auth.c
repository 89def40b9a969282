/* What a request brings, taken to passwords.h, and what it is answered. */
#include "edge/policy/basic_auth.h"

#include "base/cleanup.h"
#include "edge/filter/request_edit.h"
#include "edge/policy/passwords.h"
#include "http/exchange.h"
#include "http/worker.h"

#include <errno.h>

struct basic_auth {
    const struct conf_basic_auth *conf; /* borrowed */
    struct passwords *passwords;        /* owned */
};

struct basic_auth *basic_auth_create(const struct conf_basic_auth *conf)
{
    struct basic_auth *auth = NEW(struct basic_auth);
    if (auth == NULL)
        return NULL;
    auth->conf = conf;
    auth->passwords = passwords_create(conf);
    if (auth->passwords != NULL)
        return auth;
    basic_auth_destroy(auth);
    return NULL;
}

void basic_auth_destroy(struct basic_auth *auth)
{
    if (auth == NULL)
        return;
    passwords_destroy(auth->passwords);
    memory_free(auth);
}

static void ask(const struct basic_auth *auth, struct exchange *exchange, const char *reason)
{
    struct slice field = arena_format(
        &exchange->arena, "WWW-Authenticate: Basic realm=\"%.*s\", charset=\"UTF-8\"\r\n",
        SLICE_ARG(auth->conf->realm));
    if (field.at == NULL)
        exchange_respond_error(exchange, 503, "out of memory for this request");
    else
        exchange_refuse(exchange, 401, reason, field);
}

static void refuse(const struct basic_auth *auth, struct exchange *exchange, int rc)
{
    struct worker_counters *counters = &worker_current()->counters;
    bool is_wrong = rc == 0 || rc == -ENOENT || rc == -EBADMSG;
    if (rc != -ECANCELED)
        counter_add(is_wrong ? &counters->passwords_refused : &counters->passwords_busy, 1);
    if (rc == -ECANCELED)
        exchange_break(exchange);
    else if (rc == -ENOENT)
        ask(auth, exchange, "no password was given");
    else if (rc == -EBADMSG)
        ask(auth, exchange, "the credentials are malformed");
    else if (rc == 0)
        ask(auth, exchange, "the name or the password is wrong");
    else
        exchange_refuse(exchange, 503, "too many passwords wait to be checked",
                        SLICE("Retry-After: 1\r\n"));
}

bool basic_auth_admit(struct basic_auth *auth, struct exchange *exchange)
{
    struct slice name;
    int rc = passwords_check_basic(auth->passwords,
                                   fields_value(&exchange->request.fields, FIELD_AUTHORIZATION),
                                   &exchange->arena, &name);
    if (rc <= 0) {
        refuse(auth, exchange, rc);
        return false;
    }
    exchange->notes.user = name;
    if (auth->conf->pass != 0)
        return true;
    if (request_edit_begin(exchange, 0) < 0) {
        exchange_respond_error(exchange, 503, "out of memory for this request");
        return false;
    }
    request_edit_remove(exchange, field_name(FIELD_AUTHORIZATION));
    return true;
}
