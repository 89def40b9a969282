/* One branch for the edge, one for the hook. */
#include "control/identity/proof.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "http/ask.h"
#include "os/loop.h"
#include "os/process.h"
#include "os/self.h"
#include "wire/acme/jose.h"
#include "wire/acme/proof.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#define ADMIN_MS        10000
#define HOOK_MS         600000
#define PEM_BYTES_MAX   65536
#define TARGET_BYTES    600
#define VARIABLE_BYTES  400
#define HOOK_VARIABLES  4
#define ENVIRONMENT_MAX 4096

struct slice proof_type(enum proof_kind kind)
{
    switch (kind) {
    case PROOF_HTTP:
        return SLICE("http-01");
    case PROOF_TLS_ALPN:
        return SLICE("tls-alpn-01");
    case PROOF_DNS:
        break;
    }
    return SLICE("dns-01");
}

/* By the admin API. */

static void write_target(const struct proof_place *place, const struct proof *proof,
                         char target[static TARGET_BYTES])
{
    bool is_http = place->kind == PROOF_HTTP;
    struct slice name = is_http ? proof->token : proof->name;
    (void)snprintf(target, TARGET_BYTES, "/v1/challenges/%s/%.*s", is_http ? "http" : "tls-alpn",
                   SLICE_ARG(name));
}

static int put_in_edge(const struct proof_place *place, const struct proof *proof,
                       struct slice body, struct error *error)
{
    char target[TARGET_BYTES];
    SCOPED(buffer_finish) struct buffer answer;
    buffer_init(&answer, PEM_BYTES_MAX);
    write_target(place, proof, target);
    int status = ask(place->admin_socket, "PUT", target, body, loop_deadline(ADMIN_MS), &answer);
    if (status < 0)
        return error_set_errno(error, status, "the edge cannot be told of the challenge");
    return status == 204 ? 0
                         : error_set(error, -EPROTO, "the edge refuses the challenge (%d): %.*s",
                                     status, SLICE_ARG(buffer_slice(&answer)));
}

static int set_in_edge(const struct proof_place *place, const struct proof *proof,
                       struct error *error)
{
    SCOPED(buffer_finish) struct buffer pem;
    buffer_init(&pem, PEM_BYTES_MAX);
    if (place->kind == PROOF_HTTP)
        return put_in_edge(place, proof, proof->authorization, error);
    int rc = acme_proof_write(proof->name, proof->authorization, self_wall_s(), &pem);
    return rc < 0 ? error_set_errno(error, rc, "no certificate for the challenge")
                  : put_in_edge(place, proof, buffer_slice(&pem), error);
}

int proof_show(const struct proof_place *place, struct slice name, struct slice pem,
               struct error *ret_error)
{
    const struct proof proof = {.name = name};
    return put_in_edge(place, &proof, pem, ret_error);
}

static void clear_in_edge(const struct proof_place *place, const struct proof *proof)
{
    char target[TARGET_BYTES];
    SCOPED(buffer_finish) struct buffer answer;
    buffer_init(&answer, PEM_BYTES_MAX);
    write_target(place, proof, target);
    (void)ask(place->admin_socket, "DELETE", target, (struct slice){0}, loop_deadline(ADMIN_MS),
              &answer);
}

/* By the hook. */

struct call {
    char record[VARIABLE_BYTES];
    char value[JOSE_ENCODED_DIGEST + 1];
    char variables[HOOK_VARIABLES][VARIABLE_BYTES];
    const char *environment[ENVIRONMENT_MAX];
};

static void prepare(struct call *call, const char *action, const struct proof *proof)
{
    const char *const *own = self_environment();
    unsigned count = 0;
    (void)snprintf(call->record, sizeof call->record, "_acme-challenge.%.*s",
                   SLICE_ARG(proof->name));
    jose_digest(proof->authorization, call->value);
    (void)snprintf(call->variables[0], VARIABLE_BYTES, "WEIR_ACME_ACTION=%s", action);
    (void)snprintf(call->variables[1], VARIABLE_BYTES, "WEIR_ACME_DOMAIN=%.*s",
                   SLICE_ARG(proof->name));
    (void)snprintf(call->variables[2], VARIABLE_BYTES, "WEIR_ACME_RECORD=_acme-challenge.%.*s",
                   SLICE_ARG(proof->name));
    (void)snprintf(call->variables[3], VARIABLE_BYTES, "WEIR_ACME_VALUE=%s", call->value);
    for (unsigned i = 0; i < HOOK_VARIABLES; i++)
        call->environment[count++] = call->variables[i];
    for (unsigned i = 0; own[i] != NULL && count < ENVIRONMENT_MAX - 1; i++)
        call->environment[count++] = own[i];
    call->environment[count] = NULL;
}

static int await_hook(const char *hook, struct process *process, struct error *error)
{
    struct process_end end = {0};
    char text[PROCESS_END_TEXT_BYTES];
    int rc = process_wait(process, loop_deadline(HOOK_MS), &end);
    if (rc < 0) {
        (void)process_signal_group(process, SIGKILL);
        (void)process_wait(process, FIBER_FOREVER, &end);
        return rc == -ETIMEDOUT ? error_set(error, rc, "the hook %s did not end within %d minutes",
                                            hook, HOOK_MS / 60000)
                                : error_set_errno(error, rc, "the hook %s", hook);
    }
    return !end.by_signal && end.code == 0 ? 0
                                           : error_set(error, -EPROTO, "the hook %s ended with %s",
                                                       hook, process_end_format(&end, text));
}

static int call_hook(const struct proof_place *place, const char *action, const struct proof *proof,
                     struct error *error)
{
    struct process process;
    struct error why = {0};
    SCOPED_FREE struct call *call = NEW(struct call);
    if (call == NULL)
        return error_set(error, -ENOMEM, "out of memory");
    if (place->hook == NULL || place->hook[0] == '\0')
        return error_set(error, -EINVAL,
                         "`challenge: dns` needs a `hook`, a program that sets "
                         "records");
    prepare(call, action, proof);
    const char *arguments[] = {place->hook, action, call->record, call->value, NULL};
    const struct process_options options = {
        .program = place->hook,
        .arguments = arguments,
        .environment = call->environment,
        .input = -1,
        .output = 1,
        .errors = 2,
        .new_session = true,
        .on_parent_death = SIGTERM,
    };
    int rc = process_spawn(&options, &process, &why);
    return rc < 0 ? error_set(error, rc, "the hook cannot be started: %s", why.text)
                  : await_hook(place->hook, &process, error);
}

int proof_set(const struct proof_place *place, const struct proof *proof, struct error *ret_error)
{
    return place->kind == PROOF_DNS ? call_hook(place, "set", proof, ret_error)
                                    : set_in_edge(place, proof, ret_error);
}

void proof_clear(const struct proof_place *place, const struct proof *proof)
{
    struct error error = {0};
    if (place->kind != PROOF_DNS)
        clear_in_edge(place, proof);
    else if (call_hook(place, "clear", proof, &error) < 0)
        log_warn("%.*s: %s", SLICE_ARG(proof->name), error.text);
}
