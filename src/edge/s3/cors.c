#include "edge/s3/cors.h"

#include "base/cleanup.h"
#include "edge/s3/answer.h"
#include "edge/s3/settings.h"
#include "wire/s3/cors.h"

#include <errno.h>

#define VARY "Vary: Origin, Access-Control-Request-Headers, Access-Control-Request-Method\r\n"

static struct slice add_line(struct arena *arena, struct slice lines, const char *name,
                             struct slice value)
{
    return value.at == NULL
               ? lines
               : arena_format(arena, "%.*s%s: %.*s\r\n", SLICE_ARG(lines), name, SLICE_ARG(value));
}

/* The rules' answer as lines, in the exchange's arena. 0, -ENOENT, or -ENOMEM. */
static int match(struct s3_call *call, struct slice method, struct slice headers, bool is_preflight,
                 struct slice *ret_lines)
{
    SCOPED(arena_finish) struct arena arena;
    struct s3_cors cors;
    struct s3_cors_answer answer = {.rule = NULL};
    struct slice rules = settings_get(call->bucket->settings, SETTING_CORS);
    struct slice origin = s3_field(call, SLICE("origin"));
    arena_init(&arena, NULL, 0, S3_CONFIGURATION_ARENA_BYTES);
    if (rules.at == NULL || origin.at == NULL)
        return -ENOENT;
    int rc = s3_cors_parse(rules, &arena, &call->fault, &cors);
    if (rc == 0)
        rc = s3_cors_match(&cors, origin, method, headers, &arena, &answer);
    if (rc < 0)
        return rc;
    struct slice lines = SLICE(VARY);
    lines = add_line(&arena, lines, "Access-Control-Allow-Origin", answer.allow_origin);
    lines = add_line(&arena, lines, "Access-Control-Allow-Methods", answer.allow_methods);
    lines = add_line(&arena, lines, "Access-Control-Expose-Headers", answer.expose_headers);
    if (is_preflight) {
        lines = add_line(&arena, lines, "Access-Control-Allow-Headers", answer.allow_headers);
        lines = add_line(&arena, lines, "Access-Control-Max-Age", answer.max_age);
    }
    if (answer.allows_credentials)
        lines = add_line(&arena, lines, "Access-Control-Allow-Credentials", SLICE("true"));
    *ret_lines = arena_copy(&call->arena, lines);
    return ret_lines->at == NULL ? -ENOMEM : 0;
}

void s3_cors_prepare(struct s3_call *call)
{
    struct slice lines;
    if (s3_field(call, SLICE("origin")).at == NULL)
        return;
    if (match(call, call->exchange->request.method_name, (struct slice){NULL, 0}, false, &lines) ==
        0)
        call->answer_fields = lines;
    call->fault.code = S3_NO_FAULT;
}

int s3_cors_preflight(struct s3_call *call)
{
    struct slice lines;
    struct slice method = s3_field(call, SLICE("access-control-request-method"));
    struct slice headers = s3_field(call, SLICE("access-control-request-headers"));
    if (s3_field(call, SLICE("origin")).at == NULL)
        return s3_fault_say(&call->fault, S3_BAD_REQUEST,
                            "Insufficient information. Origin request header needed.");
    if (method.at == NULL)
        return s3_fault_say(&call->fault, S3_BAD_REQUEST,
                            "Invalid Access-Control-Request-Method: null");
    int rc = match(call, method, headers, true, &lines);
    if (rc == -ENOENT)
        return s3_fault_say(&call->fault, S3_ACCESS_FORBIDDEN,
                            "CORSResponse: This CORS request is not allowed. This is usually "
                            "because the evaluation of Origin, request method / "
                            "Access-Control-Request-Method or Access-Control-Request-Headers are "
                            "not whitelisted by the resource's CORS spec.");
    if (rc < 0)
        return s3_fault_memory(&call->fault);
    call->answer_fields = lines;
    return s3_answer_empty(call, 200);
}
