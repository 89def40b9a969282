/*
 * The question is a GET without a body, with the request's header; the body stays where it is. The
 * connection goes back to the pool once the answer was read whole.
 */
#include "edge/policy/auth_request.h"

#include "base/cleanup.h"
#include "edge/filter/request_edit.h"
#include "edge/forward/balance.h"
#include "edge/forward/hash_key.h"
#include "edge/forward/request.h"
#include "edge/forward/slot.h"
#include "http/call.h"
#include "http/exchange.h"
#include "http/worker.h"

#include <errno.h>

/* Of a 2xx, whose body nobody reads. */
#define SKIP_BYTES_MAX ((size_t)64 << 10)
#define TRIES_MAX      3
#define REPEATS_MAX    8 /* at one target, while connections die under them */

struct question {
    struct exchange *exchange;
    const struct conf_auth *conf;
    struct call call;
    struct response_head answer;
    int64_t deadline_ms;
};

/* About the body that does not come along, or the answer that would be no answer. */
static const struct field_set left_out = {
    {FIELD_BIT(X_FORWARDED_FOR) | FIELD_BIT(X_FORWARDED_HOST) | FIELD_BIT(X_FORWARDED_PORT) |
     FIELD_BIT(X_FORWARDED_PREFIX) | FIELD_BIT(X_FORWARDED_PROTO) | FIELD_BIT(FORWARDED) |
     FIELD_BIT(X_REQUEST_ID) | FIELD_BIT(EXPECT) | FIELD_BIT(RANGE) | FIELD_BIT(IF_RANGE) |
     FIELD_BIT(IF_MATCH) | FIELD_BIT(IF_NONE_MATCH) | FIELD_BIT(IF_MODIFIED_SINCE) |
     FIELD_BIT(IF_UNMODIFIED_SINCE) | FIELD_BIT(ACCEPT_ENCODING) | FIELD_BIT(CONTENT_ENCODING) |
     FIELD_BIT(CONTENT_TYPE)}};

/* What tells the service about the request; what the client says there goes. */
static const struct slice own_names[] = {{"X-Forwarded-Method", 18}, {"X-Forwarded-Uri", 15},
                                         {"X-Original-URL", 14},     {"X-Original-URI", 14},
                                         {"X-Original-Method", 17},  {"X-Real-IP", 9}};

static void write_uri(struct writer *head, const struct exchange *exchange)
{
    write_slice(head, exchange->path);
    if (exchange->query.at != NULL) {
        write_char(head, '?');
        write_slice(head, exchange->query);
    }
    write_literal(head, "\r\n");
}

static void write_about(struct writer *head, const struct exchange *exchange)
{
    forward_write_origin(head, exchange);
    h1_write_field(head, SLICE("X-Forwarded-Method"), exchange->request.method_name);
    h1_write_field(head, SLICE("X-Original-Method"), exchange->request.method_name);
    write_literal(head, "X-Forwarded-Uri: ");
    write_uri(head, exchange);
    write_literal(head, "X-Original-URI: ");
    write_uri(head, exchange);
    write_literal(head, "X-Original-URL: ");
    write_slice(head, forward_proto(exchange));
    write_literal(head, "://");
    write_slice(head, forward_host(exchange));
    write_uri(head, exchange);
    write_literal(head, "Via: 1.1 weir\r\n");
}

static bool is_own(const struct field *field)
{
    for (size_t i = 0; i < COUNT_OF(own_names); i++) {
        if (field_names_alike(field->name, own_names[i]))
            return true;
    }
    return false;
}

/* The request's fields but for our own, in the worker's room: nothing waits meanwhile. */
static struct fields fields_to_show(const struct fields *fields)
{
    struct fields shown = {worker_current()->fields, 0, HTTP_FIELDS_MAX};
    for (unsigned i = 0; i < fields->count && shown.count < shown.max; i++) {
        if (!is_own(&fields->at[i]))
            shown.at[shown.count++] = fields->at[i];
    }
    return shown;
}

static int send_question(struct question *question)
{
    static const struct framing no_body = {.kind = BODY_NONE};
    const struct exchange *exchange = question->exchange;
    char *block = block_take(BLOCK_LARGE);
    if (block == NULL)
        return -ENOMEM;
    struct writer head;
    writer_init(&head, block, BLOCK_LARGE_BYTES);
    h1_write_request_line(&head, SLICE("GET"), question->conf->path);
    h1_write_field(&head, field_name(FIELD_HOST), exchange->request.authority);
    struct fields fields = fields_to_show(&exchange->request.fields);
    struct field_set leave_out = left_out;
    forward_leave_out_claims(exchange, &leave_out);
    h1_write_forwarded(&head, &fields, &leave_out);
    write_about(&head, exchange);
    h1_write_end(&head);
    int rc = head.overflown ? -EMSGSIZE
                            : call_begin(&question->call, writer_slice(&head), &no_body,
                                         (struct slice){0}, false, question->conf->timeout_ms);
    block_give(block, BLOCK_LARGE);
    return rc;
}

static int read_answer(struct question *question)
{
    struct response_head *answer = &question->answer;
    do {
        const char *why = NULL;
        answer->fields = (struct fields){worker_current()->fields, 0, HTTP_FIELDS_MAX};
        int rc = call_read_head(&question->call, METHOD_GET, question->deadline_ms, answer, &why);
        if (rc < 0)
            return rc;
    } while (answer->status < 200 && answer->status != 101);
    return answer->status == 101 ? -EBADMSG : 0;
}

/* Asks over one connection. An idle one may have died: then a new one is tried, as often as it
 * takes to be sure. */
static int ask_member(struct question *question, struct client_pool *pool)
{
    for (unsigned tries = 0;; tries++) {
        int rc = call_open(&question->call, pool, 0, tries > 0, question->deadline_ms, NULL);
        if (rc == 0)
            rc = send_question(question);
        if (rc == 0)
            rc = read_answer(question);
        if (rc == 0)
            return 0;
        bool was_reused =
            call_is_open(&question->call) && (call_is_reused(&question->call) || rc == -ENOLINK);
        call_drop(&question->call);
        if (!was_reused || tries == REPEATS_MAX || rc == -ECANCELED || rc == -ETIMEDOUT ||
            rc == -EBADMSG)
            return rc;
    }
}

static struct member *take_member(const struct question *question, struct balancer *balancer,
                                  struct member *const *tried, unsigned tried_count)
{
    bool is_full; /* the question does not wait in line: the request does for its own target */
    const struct choice choice = {.prng = &worker_current()->prng,
                                  .now_ms = loop_now_ms(),
                                  .key = forward_hash_address(question->exchange->client),
                                  .tried = tried,
                                  .tried_count = tried_count};
    return balancer_take(balancer, &choice, &is_full);
}

/* As forwarding does: an edge that has just begun does not know yet who can answer. */
static struct member *await_member(struct question *question, struct balancer *balancer)
{
    struct target_group *group = balancer->group;
    struct member *member;
    unsigned version;
    do {
        version = atomic_load(&group->version);
        member = take_member(question, balancer, NULL, 0);
    } while (member == NULL && target_group_is_undecided(group) &&
             target_group_await(group, version, question->deadline_ms) == 0);
    return member;
}

/* A member's reference comes back with the answer, until that is read. */
static int ask_group(struct question *question, struct balancer *balancer,
                     struct member **ret_member)
{
    struct member *tried[TRIES_MAX] = {0};
    unsigned count = 0;
    int rc = -ENOENT;
    while (count < TRIES_MAX && rc < 0 && rc != -ECANCELED && rc != -ETIMEDOUT && rc != -EBADMSG) {
        struct member *member = count == 0 ? await_member(question, balancer)
                                           : take_member(question, balancer, tried, count);
        if (member == NULL)
            break;
        tried[count++] = member;
        rc = ask_member(question, &member->pool);
        target_leave(balancer->group, member->target);
    }
    unsigned kept = rc == 0 ? count - 1 : count;
    for (unsigned i = 0; i < kept; i++)
        member_unref(tried[i]);
    if (rc == 0)
        *ret_member = tried[kept];
    return rc;
}

/* The named fields, copied: the answer's bytes go with its body. The client's own go anyway. */
static int copy_fields(struct exchange *exchange, const struct conf_auth *conf,
                       const struct fields *from)
{
    int rc = conf->copy_count == 0 ? 0 : request_edit_begin(exchange, from->count);
    for (unsigned i = 0; rc == 0 && i < conf->copy_count; i++)
        request_edit_remove(exchange, conf->copy[i]);
    for (unsigned i = 0; rc == 0 && i < from->count; i++) {
        for (unsigned k = 0; k < conf->copy_count; k++) {
            if (!slice_equal_nocase(from->at[i].name, conf->copy[k]))
                continue;
            struct slice value = arena_copy(&exchange->arena, from->at[i].value);
            if (value.at == NULL)
                return -ENOMEM;
            request_edit_add(exchange, conf->copy[k], value);
            break;
        }
    }
    return rc;
}

/* The rest of an answer that nobody wants, for as long as the question may take: then its
 * connection is given up. True when it was read to its end. */
static bool skip_body(struct question *question)
{
    struct slice data;
    size_t skipped = 0;
    int64_t left_ms = question->deadline_ms - loop_now_ms();
    int rc = 1;
    while (rc == 1 && skipped < SKIP_BYTES_MAX && left_ms > 0) {
        rc = call_read_body(&question->call, left_ms, &data);
        skipped += rc == 1 ? data.len : 0;
        left_ms = question->deadline_ms - loop_now_ms();
    }
    return rc == 0;
}

static void end_question(struct question *question, bool is_whole)
{
    if (is_whole && question->answer.keep_alive)
        call_give_back(&question->call);
    else
        call_drop(&question->call);
}

/* The answer as the client's own. */
static bool relay_answer(struct question *question)
{
    static const struct field_set own_fields = {{FIELD_BIT(X_REQUEST_ID)}};
    struct exchange *exchange = question->exchange;
    const struct response_head *answer = &question->answer;
    uint64_t length = answer->framing.has_content_length  ? answer->framing.content_length
                      : answer->framing.kind == BODY_NONE ? 0
                                                          : EXCHANGE_LENGTH_UNKNOWN;
    struct writer *head = exchange_begin(exchange, answer->status, answer->reason, length);
    if (head == NULL)
        return false;
    h1_write_forwarded(head, &answer->fields, &own_fields);
    if (fields_find(&answer->fields, FIELD_DATE) == NULL)
        h1_write_field(head, field_name(FIELD_DATE), worker_date());
    int rc = 1;
    while (rc == 1) {
        struct slice data = {0};
        rc = call_read_body(&question->call, question->conf->timeout_ms, &data);
        bool is_last = rc == 0 || call_at_last_part(&question->call);
        if (rc < 0)
            exchange_break(exchange);
        else if (exchange->state != RESPONSE_COMPLETE &&
                 exchange_send(exchange, data, !is_last) < 0)
            rc = -EPIPE;
    }
    return rc == 0;
}

static void refuse(struct exchange *exchange, int rc)
{
    if (rc != -ECANCELED)
        counter_add(&worker_current()->counters.auth_failed, 1);
    if (rc == -ECANCELED)
        exchange_break(exchange);
    else if (rc == -EBADMSG)
        exchange_respond_error(exchange, 502, "what the auth service answered is no answer");
    else if (rc == -ETIMEDOUT)
        exchange_respond_error(exchange, 503, "the auth service did not answer in time");
    else if (rc == -ENOMEM)
        exchange_respond_error(exchange, 503, "out of memory for this request");
    else
        exchange_respond_error(exchange, 503, "no target of the auth service answers");
}

/* Whether the request goes on. */
static bool judge(struct question *question)
{
    struct exchange *exchange = question->exchange;
    unsigned status = question->answer.status;
    if (status < 300) {
        int rc = copy_fields(exchange, question->conf, &question->answer.fields);
        end_question(question, skip_body(question));
        if (rc < 0)
            refuse(exchange, rc);
        return rc == 0;
    }
    if (status < 400 || status == 401 || status == 403) {
        counter_add(&worker_current()->counters.auth_refused, 1);
        end_question(question, relay_answer(question));
        return false;
    }
    end_question(question, skip_body(question));
    counter_add(&worker_current()->counters.auth_failed, 1);
    exchange_respond_error(exchange, 502, "the auth service failed");
    return false;
}

bool auth_request_admit(struct exchange *exchange, const struct conf_auth *conf,
                        struct balancer *balancer)
{
    struct question question = {
        .exchange = exchange, .conf = conf, .deadline_ms = loop_deadline(conf->timeout_ms)};
    struct member *member = NULL;
    int rc = ask_group(&question, balancer, &member);
    if (rc < 0) {
        refuse(exchange, rc);
        return false;
    }
    bool goes_on = judge(&question);
    member_unref(member);
    return goes_on;
}
