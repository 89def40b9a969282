/*
 * The table. From the leaves to the top of the file; one line or two a key. Keys of kind LATER are
 * promised by the documentation and refused with "not yet" until they are built.
 */
#include "conf/schema.h"

#include "conf/checks.h"
#include "conf/draft.h"
#include "conf/schema_bucket.h"
#include "conf/schema_group.h"
#include "conf/schema_logs.h"
#include "conf/schema_match.h"
#include "conf/schema_policy.h"
#include "conf/schema_rows.h"
#include "conf/schema_tls.h"

/* A struct of schema_policy.h, filled only when it is given. */
#define POLICY(key, of, struct_type, member, meaning)                                              \
    {                                                                                              \
        .name = key, .kind = SCHEMA_STRUCT, .type = &(of), .is_choice = true,                      \
        AT(struct_type, member), .doc = meaning                                                    \
    }

static const struct schema_word group_protocols[] = {
    {"http", CONF_PROTOCOL_HTTP, false, "HTTP/1.1"},
    {"tcp", CONF_PROTOCOL_TCP, false, "anything; for listeners with that protocol"},
    {"h2", CONF_PROTOCOL_H2, false,
     "HTTP/2, as gRPC wants it: by TLS where `tls` says so, else with prior knowledge"},
    {NULL},
};

static const struct schema_word service_protocols[] = {
    {"http", CONF_PROTOCOL_HTTP, false, "HTTP/1.1; rules may forward to it"},
    {"tcp", CONF_PROTOCOL_TCP, false,
     "something else, such as Redis; listeners with that protocol may forward to it"},
    {"h2", CONF_PROTOCOL_H2, false,
     "HTTP/2, as gRPC wants it: by TLS where `tls` says so, else with prior knowledge"},
    {NULL},
};

static const struct schema_word proxy_versions[] = {
    {"off", PROXY_NONE, false, "none"},
    {"v1", PROXY_V1, false, "a line of text"},
    {"v2", PROXY_V2, false, "binary"},
    {NULL},
};

static const struct schema_word ambiguous_words[] = {
    {"refuse", 0, false, "answered 400"},
    {"pass", 1, false, "forwarded: all targets take such paths as they are"},
    {NULL},
};

static const struct schema_word no_limit_words[] = {
    {"off", 0, false, "no limit"},
    {NULL},
};

/* Rules: what they do. */

static const struct schema_row redirect_rows[] = {
    {.name = "to",
     .kind = SCHEMA_LINE,
     .is_required = true,
     AT(struct conf_redirect, to),
     .doc = "the new address; `{host}`, `{path}` and `{query}` (with its `?`) are the request's"},
    {.name = "status",
     .kind = SCHEMA_INTEGER,
     .min = 301,
     .max = 308,
     AT(struct conf_redirect, status),
     .standard = "302",
     .doc = "301 or 308 when it is for good, else 302, 303 or 307"},
};

static const struct schema_struct redirect_type = {
    .noun = "a redirect",
    .doc = "Sends the client elsewhere.",
    ROWS(redirect_rows),
    .shorthand = "to",
    .check = check_redirect,
};

static const struct schema_row respond_rows[] = {
    {.name = "status",
     .kind = SCHEMA_INTEGER,
     .min = 200,
     .max = 599,
     AT(struct conf_respond, status),
     .standard = "200",
     .doc = "the status"},
    {.name = "body",
     .kind = SCHEMA_TEXT,
     AT(struct conf_respond, body),
     .standard = "",
     .doc = "the body"},
    {.name = "content_type",
     .kind = SCHEMA_LINE,
     AT(struct conf_respond, content_type),
     .standard = "text/plain; charset=utf-8",
     .doc = "what the body is"},
};

static const struct schema_struct respond_type = {
    .noun = "a response",
    .doc = "Answers without asking anybody.",
    ROWS(respond_rows),
    .shorthand = "body",
    .shorthand_number = "status",
    .check = check_respond,
};

static const struct schema_row timeouts_rows[] = {
    {.name = "connect",
     .kind = SCHEMA_DURATION,
     .min = 1,
     .max = 10 * MS_PER_MIN,
     AT(struct conf_timeouts, connect_ms),
     .standard = "5s",
     .doc = "to connect to a target"},
    {.name = "response",
     .kind = SCHEMA_DURATION,
     .min = 1,
     .max = MS_PER_D,
     AT(struct conf_timeouts, response_ms),
     .standard = "60s",
     .doc = "from the request's end to the response's head"},
    {.name = "idle",
     .kind = SCHEMA_DURATION,
     .min = 1,
     .max = MS_PER_D,
     AT(struct conf_timeouts, idle_ms),
     .standard = "60s",
     .doc = "without a byte in a body, or in an upgraded connection such as a WebSocket"},
    {.name = "grpc",
     .kind = SCHEMA_DURATION,
     .min = 1,
     .max = MS_PER_D,
     AT(struct conf_timeouts, grpc_ms),
     .doc = "a gRPC call as a whole, whatever longer time its client allows; without it as long as "
            "its `grpc-timeout` says"},
};

static const struct schema_struct timeouts_type = {
    .noun = "timeouts",
    .doc = "How long a rule waits for a target.",
    ROWS(timeouts_rows),
};

static const struct schema_row share_row = {.name = "forward",
                                            .kind = SCHEMA_INTEGER,
                                            .min = 0,
                                            .max = 1000,
                                            AT(struct draft_share, weight),
                                            .standard = "1"};

static const struct schema_row rule_rows[] = {
    {.name = "match",
     .kind = SCHEMA_STRUCT,
     .type = &match_type,
     AT(struct draft_rule, rule.match),
     .doc = "which requests; without it all"},
    {.name = "forward",
     .kind = SCHEMA_ONE_OR_MAP,
     LIST_AT(struct draft_rule, shares),
     .name_kind = SCHEMA_NAMED,
     .name_offset = offsetof(struct draft_share, group),
     .element = &share_row,
     .element_size = sizeof(struct draft_share),
     .is_draft = true,
     .is_choice = true,
     .min = 1,
     .max = 100,
     .doc = "action: pass the request on to this service or target group, or to one of several by "
            "their weights, as in `{ api: 90, api-next: 10 }`"},
    {.name = "sticky",
     .kind = SCHEMA_STRUCT,
     .type = &schema_sticky,
     AT(struct draft_rule, sticky),
     .is_choice = true,
     .doc = "with a `forward` to several groups: a client stays with its group"},
    {.name = "mirror",
     .kind = SCHEMA_STRUCT,
     .type = &schema_mirror,
     AT(struct draft_rule, mirror),
     .is_choice = true,
     .doc = "with `forward`: copies of requests for another group, whose answers nobody sees"},
    {.name = "files",
     .kind = SCHEMA_STRUCT,
     .type = &files_type,
     AT(struct draft_rule, files),
     .is_choice = true,
     .doc = "action: serve a folder"},
    {.name = "bucket",
     .kind = SCHEMA_STRUCT,
     .type = &schema_bucket_site_type,
     AT(struct draft_rule, bucket),
     .is_choice = true,
     .doc = "action: serve the objects of a bucket"},
    {.name = "s3",
     .kind = SCHEMA_STRUCT,
     .type = &schema_s3_type,
     AT(struct draft_rule, s3),
     .is_choice = true,
     .doc = "action: the S3 API for all buckets"},
    {.name = "redirect",
     .kind = SCHEMA_STRUCT,
     .type = &redirect_type,
     AT(struct draft_rule, redirect),
     .is_choice = true,
     .doc = "action: send the client elsewhere"},
    {.name = "respond",
     .kind = SCHEMA_STRUCT,
     .type = &respond_type,
     AT(struct draft_rule, respond),
     .is_choice = true,
     .doc = "action: answer with a fixed text"},
    {.name = "fallback",
     .kind = SCHEMA_URL_PATH,
     AT(struct draft_rule, fallback),
     .doc =
         "with `files` or `bucket`: what a browser's navigation gets when there is no such file"},
    {.name = "timeouts",
     .kind = SCHEMA_STRUCT,
     .type = &timeouts_type,
     AT(struct draft_rule, rule.timeouts),
     .doc = "how long to wait for a target"},
    {.name = "retries",
     .kind = SCHEMA_STRUCT,
     .type = &schema_retries,
     AT(struct draft_rule, rule.retries),
     .doc = "further tries on other targets, when that is safe"},
    {.name = "body_max",
     .kind = SCHEMA_SIZE,
     .words = no_limit_words,
     .min = 0,
     AT(struct draft_rule, rule.body_max),
     .given_offset = offsetof(struct draft_rule, has_body_max),
     .doc = "the largest request body that is taken; larger ones are answered 413; without it the "
            "site's"},
    {.name = "strip_prefix",
     .kind = SCHEMA_PATH_PREFIX,
     AT(struct draft_rule, rule.strip_prefix),
     .doc = "taken off the front of the path for the action: with `/api` a target sees `/x` of "
            "`/api/x`, and the prefix in X-Forwarded-Prefix"},
    {.name = "rewrite",
     .kind = SCHEMA_LINE,
     AT(struct draft_rule, rule.rewrite),
     .doc =
         "the path for the action, behind a `?` also its query; `{host}`, `{path}` and `{query}` "
         "are the request's, after `strip_prefix`"},
    POLICY("request_headers", request_headers_type, struct draft_rule, rule.request_headers,
           "changes to the header that the target gets, over the site's"),
    POLICY("response_headers", response_headers_type, struct draft_rule, rule.response_headers,
           "changes to the header that the client gets, over the site's"),
    POLICY("cors", cors_type, struct draft_rule, rule.cors,
           "which other origins may use it; without it the site's"),
    POLICY("compress", compress_type, struct draft_rule, rule.compress,
           "compresses responses; without it as the site says"),
    POLICY("rate_limit", rate_limit_type, struct draft_rule, rule.rate_limit,
           "how many requests a client may make"),
    POLICY("concurrency", concurrency_type, struct draft_rule, rule.concurrency,
           "how many requests may be under way at one time"),
    POLICY("basic_auth", basic_auth_type, struct draft_rule, rule.basic_auth,
           "asks for a name and a password"),
    POLICY("auth", auth_type, struct draft_rule, auth, "asks a service about each request"),
    LATER("registry", "an image registry"),
    LATER("cache", "a cache of responses"),
};

static const struct schema_struct rule_type = {
    .noun = "a rule",
    .doc = "The first rule that matches answers the request by its one action: `forward`, `files`, "
           "`bucket`, `s3`, `redirect` or `respond`. A site with a single rule may have the rule's "
           "keys itself.",
    ROWS(rule_rows),
    .has_place = true,
    .check = check_rule,
};

/* Sites. */

static const struct schema_row domain_row = {.name = "domains", .kind = SCHEMA_DOMAIN};
static const struct schema_row site_listener_row = {.name = "listeners", .kind = SCHEMA_NAMED};
static const struct schema_row rule_row = {
    .name = "rules", .kind = SCHEMA_STRUCT, .type = &rule_type};

static const struct schema_row site_rows[] = {
    {.name = "domains",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct draft_site, domains),
     .element = &domain_row,
     .element_size = sizeof(struct named),
     .is_draft = true,
     .min = 1,
     .max = 10000,
     .doc = "the names it answers to; `*.example.org` is all names below, but not `example.org`; "
            "`*` is all others. Only a site that is alone may leave them out, for `*`"},
    {.name = "listeners",
     .kind = SCHEMA_ONE_OR_LIST,
     LIST_AT(struct draft_site, listeners),
     .element = &site_listener_row,
     .element_size = sizeof(struct named),
     .is_draft = true,
     .min = 1,
     .max = 100,
     .doc = "where it answers; without it on all listeners"},
    {.name = "rules",
     .kind = SCHEMA_LIST,
     LIST_AT(struct draft_site, rules),
     .element = &rule_row,
     .element_size = sizeof(struct draft_rule),
     .is_draft = true,
     .min = 1,
     .max = 10000,
     .doc = "the first that matches answers"},
    POLICY("request_headers", request_headers_type, struct draft_site, request_headers,
           "changes to the header that targets get, before the rule's"),
    POLICY("response_headers", response_headers_type, struct draft_site, response_headers,
           "changes to the header that clients get, before the rule's"),
    POLICY("cors", cors_type, struct draft_site, cors,
           "which other origins may use it, for rules that do not say"),
    POLICY("compress", compress_type, struct draft_site, compress,
           "compresses responses, for rules that do not say"),
    {.name = "body_max",
     .kind = SCHEMA_SIZE,
     .words = no_limit_words,
     .min = 0,
     AT(struct draft_site, body_max),
     .given_offset = offsetof(struct draft_site, has_body_max),
     .doc = "the largest request body, for rules that do not say; without it the one at the top"},
    {.name = "ambiguous_paths",
     .kind = SCHEMA_WORD,
     .words = ambiguous_words,
     AT(struct draft_site, ambiguous_paths),
     .standard = "refuse",
     .doc = "requests that are forwarded although another rule would match were `%2F`, `%5C` or a "
            "parameter behind `;` read as targets may read them"},
    {.name = "errors",
     .kind = SCHEMA_MAP,
     LIST_AT(struct draft_site, error_pages),
     .name_kind = SCHEMA_ERROR_KEY,
     .name_offset = offsetof(struct draft_error_page, key),
     .element = &error_page_row,
     .element_size = sizeof(struct draft_error_page),
     .is_draft = true,
     .max = 100,
     .doc = "files shown for errors, by status (`404`) or class (`5xx`); `{status}` and "
            "`{request_id}` in them are filled in. `intercept: true` also replaces those of "
            "targets"},
    POLICY("tls", tls_type, struct draft_site, tls,
           "HTTPS: where its certificates come from and who may connect; what it does not say is "
           "its listener's; `off` answers at plain listeners alone"),
    {.name = "redirect_https",
     .kind = SCHEMA_WORD,
     .words = redirect_https_words,
     AT(struct draft_site, redirect_https),
     .doc = "plain requests are sent to HTTPS, by 308, as soon as there is a certificate; without "
            "it only where the listeners are those by default"},
    POLICY("hsts", hsts_type, struct draft_site, hsts,
           "browsers are told to use HTTPS alone: `true`, or for how long"),
};

static const struct schema_struct site_type = {
    .noun = "a site",
    .doc = "What is served under some domains.",
    ROWS(site_rows),
    .also = &rule_type,
    .also_offset = offsetof(struct draft_site, own),
    .also_given_offset = offsetof(struct draft_site, has_own),
    .has_place = true,
    .check = check_site,
};

static const struct schema_row site_row = {
    .name = "sites", .kind = SCHEMA_STRUCT, .type = &site_type};

/* Target groups and what services have in common with them. */

static const struct schema_row health_rows[] = {
    {.name = "path",
     .kind = SCHEMA_URL_PATH,
     AT(struct conf_health, path),
     .standard = "/",
     .doc = "asked by GET; when it is given, 2xx and 3xx are healthy, else all below 500"},
    {.name = "grpc",
     .kind = SCHEMA_LINE,
     AT(struct conf_health, grpc),
     .doc = "with `protocol: h2`, in place of `path`: gRPC's health protocol asked about this "
            "service, `\"\"` for the whole server; SERVING is healthy"},
    {.name = "interval",
     .kind = SCHEMA_DURATION,
     .min = 100,
     .max = MS_PER_H,
     AT(struct conf_health, interval_ms),
     .standard = "2s",
     .doc = "from one check to the next"},
    {.name = "timeout",
     .kind = SCHEMA_DURATION,
     .min = 10,
     .max = 10 * MS_PER_MIN,
     AT(struct conf_health, timeout_ms),
     .standard = "1s",
     .doc = "how long an answer may take"},
    {.name = "grace",
     .kind = SCHEMA_DURATION,
     .min = 0,
     .max = MS_PER_H,
     AT(struct conf_health, grace_ms),
     .standard = "30s",
     .doc = "how long a new task may fail before it counts as failed"},
    {.name = "healthy_threshold",
     .kind = SCHEMA_INTEGER,
     .min = 1,
     .max = 100,
     AT(struct conf_health, healthy_threshold),
     .standard = "1",
     .doc = "good answers in a row until it is healthy"},
    {.name = "unhealthy_threshold",
     .kind = SCHEMA_INTEGER,
     .min = 1,
     .max = 100,
     AT(struct conf_health, unhealthy_threshold),
     .standard = "2",
     .doc = "bad answers in a row until it is not"},
};

static const struct schema_struct health_type = {
    .noun = "health",
    .doc =
        "How Weir finds out whether a target works. Services are checked unless `health: off` is "
        "said, target groups when `health` is given.",
    ROWS(health_rows),
    .allows_off = true,
    .check = check_health,
};

static const struct schema_row target_rows[] = {
    {.name = "address",
     .kind = SCHEMA_TARGET_ADDRESS,
     .is_required = true,
     AT(struct conf_target, address),
     .doc = "where it listens"},
    {.name = "weight",
     .kind = SCHEMA_INTEGER,
     .min = 0,
     .max = 256,
     AT(struct conf_target, weight),
     .standard = "1",
     .doc = "its share beside the others; 0 takes no new requests"},
};

static const struct schema_struct target_type = {
    .noun = "a target",
    .doc =
        "One server of a target group; or a host name, which is looked up again when its answer's "
        "time to live ends, and each of whose addresses is a target.",
    ROWS(target_rows),
    .has_place = true,
    .shorthand = "address",
};

static const struct schema_row target_row = {
    .name = "targets", .kind = SCHEMA_STRUCT, .type = &target_type};

static const struct schema_row group_rows[] = {
    {.name = "targets",
     .kind = SCHEMA_ONE_OR_LIST,
     .is_required = true,
     LIST_AT(struct conf_group, targets),
     .element = &target_row,
     .element_size = sizeof(struct conf_target),
     .min = 1,
     .max = 1000,
     .doc = "the servers, as addresses or as maps"},
    BALANCE_ROWS(struct conf_group, ),
    {.name = "health",
     .kind = SCHEMA_STRUCT,
     .type = &health_type,
     AT(struct conf_group, health),
     .doc = "checks whether targets work; without it all count as working"},
    {.name = "protocol",
     .kind = SCHEMA_WORD,
     .words = group_protocols,
     AT(struct conf_group, protocol),
     .standard = "http",
     .doc = "what the targets speak"},
    {.name = "proxy_protocol",
     .kind = SCHEMA_WORD,
     .words = proxy_versions,
     AT(struct conf_group, proxy_protocol),
     .standard = "off",
     .doc = "the version of the PROXY protocol that each connection to a target begins with"},
    {.name = "forwarded",
     .kind = SCHEMA_WORD,
     .words = bool_words,
     AT(struct conf_group, sends_forwarded),
     .standard = "false",
     .doc = "send Forwarded (RFC 7239) beside X-Forwarded-*"},
    {.name = "deny_private",
     .kind = SCHEMA_WORD,
     .words = bool_words,
     AT(struct conf_group, denies_private),
     .standard = "false",
     .doc = "targets are on the public Internet: a host name that leads elsewhere gets no request "
            "and no check, and so do addresses by the admin API"},
    POLICY("tls", group_tls_type, struct conf_group, tls, "HTTPS to the targets"),
};

static const struct schema_struct group_type = {
    .noun = "a target group",
    .doc = "Servers that Weir does not run itself.",
    ROWS(group_rows),
    .has_place = true,
    .shorthand = "targets",
    .check = check_group,
};

static const struct schema_row group_row = {
    .name = "target_groups", .kind = SCHEMA_STRUCT, .type = &group_type};

/* Services. */

static const struct schema_row build_rows[] = {
    {.name = "run",
     .kind = SCHEMA_TEXT,
     .is_required = true,
     AT(struct conf_service, build_run),
     .doc = "the command, for `sh -c`"},
    LATER("dockerfile", "an image built from a Dockerfile"),
};

static const struct schema_struct build_type = {
    .noun = "a build",
    .doc = "What to run in the service's folder before its first start.",
    ROWS(build_rows),
};

static const struct schema_row tasks_rows[] = {
    {.name = "min",
     .kind = SCHEMA_INTEGER,
     .min = 0,
     .max = 1000,
     AT(struct draft_tasks, min),
     .standard = "1",
     .doc = "how many run"},
    {.name = "max",
     .kind = SCHEMA_INTEGER,
     .min = 1,
     .max = 1000,
     AT(struct draft_tasks, max),
     .doc = "how many may run when Weir scales; without it `min`"},
};

static const struct schema_struct tasks_type = {
    .noun = "tasks",
    .doc = "How many tasks of a service run.",
    ROWS(tasks_rows),
    .shorthand = "min",
    .check = check_tasks,
};

static const struct schema_row deploy_rows[] = {
    {.name = "drain",
     .kind = SCHEMA_DURATION,
     .min = 0,
     .max = MS_PER_H,
     AT(struct conf_service, drain_ms),
     .standard = "30s",
     .doc = "how long a task that stops may finish its requests, and then itself"},
    LATER("before", "a command before a deployment, such as a migration"),
    LATER("minimum_healthy", "how many tasks stay up during a deployment"),
    LATER("maximum", "how many tasks may run during a deployment"),
};

static const struct schema_struct deploy_type = {
    .noun = "deploy",
    .doc = "How tasks are replaced.",
    ROWS(deploy_rows),
};

static const struct schema_row env_row = {
    .name = "env", .kind = SCHEMA_TEXT, AT(struct conf_env, value)};

static const struct schema_row service_rows[] = {
    {.name = "command",
     .kind = SCHEMA_TEXT,
     .is_required = true,
     AT(struct draft_service, service.command),
     .doc = "what to run, by `sh -c`; it listens at 127.0.0.1:$PORT"},
    {.name = "directory",
     .kind = SCHEMA_FOLDER,
     AT(struct draft_service, service.directory),
     .doc = "where to run it; without it in this file's folder"},
    {.name = "build",
     .kind = SCHEMA_STRUCT,
     .type = &build_type,
     AT(struct draft_service, service),
     .is_choice = true,
     .doc = "what to do before the first start"},
    {.name = "tasks",
     .kind = SCHEMA_STRUCT,
     .type = &tasks_type,
     AT(struct draft_service, tasks),
     .doc = "how many run"},
    {.name = "env",
     .kind = SCHEMA_MAP,
     LIST_AT(struct draft_service, service.env),
     .name_kind = SCHEMA_VARIABLE,
     .name_offset = offsetof(struct conf_env, name),
     .element = &env_row,
     .element_size = sizeof(struct conf_env),
     .max = 1000,
     .doc = "environment variables; PORT is Weir's to choose"},
    {.name = "health",
     .kind = SCHEMA_STRUCT,
     .type = &health_type,
     AT(struct draft_service, group.health),
     .doc = "how to find out whether a task works"},
    BALANCE_ROWS(struct draft_service, group.),
    {.name = "protocol",
     .kind = SCHEMA_WORD,
     .words = service_protocols,
     AT(struct draft_service, group.protocol),
     .standard = "http",
     .doc = "what the tasks speak"},
    {.name = "proxy_protocol",
     .kind = SCHEMA_WORD,
     .words = proxy_versions,
     AT(struct draft_service, group.proxy_protocol),
     .standard = "off",
     .doc = "the version of the PROXY protocol that each connection to a task begins with"},
    {.name = "forwarded",
     .kind = SCHEMA_WORD,
     .words = bool_words,
     AT(struct draft_service, group.sends_forwarded),
     .standard = "false",
     .doc = "send Forwarded (RFC 7239) beside X-Forwarded-*"},
    {.name = "deploy",
     .kind = SCHEMA_STRUCT,
     .type = &deploy_type,
     AT(struct draft_service, service),
     .doc = "how tasks are replaced"},
    {.name = "from",
     .kind = SCHEMA_NAME,
     AT(struct draft_service, from),
     .doc = "another service, whose keys this one has unless it gives them itself"},
    LATER("cpu", "a limit of processor time"),
    LATER("memory", "a limit of memory"),
    LATER("secrets", "secrets in the environment"),
    LATER("uses", "addresses of databases, services and buckets in the environment"),
    LATER("scale", "tasks by load"),
    LATER("volumes", "folders that stay"),
    LATER("sidecar", "a proxy beside each task"),
    LATER("allow", "who may call"),
    POLICY("tls", group_tls_type, struct draft_service, group.tls, "HTTPS to the tasks"),
};

static const struct schema_struct service_type = {
    .noun = "a service",
    .doc = "A program that Weir runs, and a target group of its tasks.",
    ROWS(service_rows),
    .has_place = true,
    .check = check_service,
};

static const struct schema_row service_row = {
    .name = "services", .kind = SCHEMA_STRUCT, .type = &service_type};

/* The top. */

static const struct schema_row top_rows[] = {
    {.name = "app", .kind = SCHEMA_NAME, AT(struct draft, app), .doc = "the application's name"},
    {.name = "sites",
     .kind = SCHEMA_MAP,
     LIST_AT(struct draft, sites),
     .name_kind = SCHEMA_SITE_NAME,
     .name_offset = offsetof(struct draft_site, name),
     .element = &site_row,
     .element_size = sizeof(struct draft_site),
     .is_draft = true,
     .max = 100000,
     .doc = "what is served, by domain"},
    {.name = "services",
     .kind = SCHEMA_MAP,
     LIST_AT(struct draft, services),
     .name_kind = SCHEMA_NAME,
     .name_offset = offsetof(struct draft_service, name),
     .element = &service_row,
     .element_size = sizeof(struct draft_service),
     .is_draft = true,
     .max = 1000,
     .doc = "programs that Weir runs"},
    {.name = "target_groups",
     .kind = SCHEMA_MAP,
     LIST_AT(struct draft, groups),
     .name_kind = SCHEMA_NAME,
     .name_offset = offsetof(struct conf_group, name),
     .element = &group_row,
     .element_size = sizeof(struct conf_group),
     .is_draft = true,
     .max = 10000,
     .doc = "servers that Weir does not run"},
    {.name = "listeners",
     .kind = SCHEMA_MAP,
     LIST_AT(struct draft, listeners),
     .name_kind = SCHEMA_NAME,
     .name_offset = offsetof(struct conf_listener, name),
     .element = &listener_row,
     .element_size = sizeof(struct conf_listener),
     .max = 1000,
     .doc = "where requests come in; without it at `:80`, and at `:443` with `tls: auto` when a "
            "site has a name; `{}` is nowhere"},
    {.name = "forward_proxies",
     .kind = SCHEMA_MAP,
     LIST_AT(struct draft, proxies),
     .name_kind = SCHEMA_NAME,
     .name_offset = offsetof(struct draft_proxy, name),
     .element = &proxy_row,
     .element_size = sizeof(struct draft_proxy),
     .is_draft = true,
     .max = 100,
     .doc = "the way out, for whoever may use it"},
    {.name = "buckets",
     .kind = SCHEMA_MAP,
     LIST_AT(struct draft, buckets),
     .name_kind = SCHEMA_BUCKET_NAME,
     .name_offset = offsetof(struct conf_bucket, name),
     .element = &schema_bucket_row,
     .element_size = sizeof(struct conf_bucket),
     .max = 10000,
     .doc = "objects that Weir keeps"},
    {.name = "store",
     .kind = SCHEMA_STRUCT,
     .type = &schema_store_type,
     AT(struct draft, store),
     .doc = "the disk under all buckets"},
    {.name = "webhooks",
     .kind = SCHEMA_MAP,
     LIST_AT(struct draft, webhooks),
     .name_kind = SCHEMA_NAME,
     .name_offset = offsetof(struct conf_webhook, name),
     .element = &schema_webhook_row,
     .element_size = sizeof(struct conf_webhook),
     .max = 100,
     .doc = "who can be told of what happens in buckets"},
    {.name = "workers",
     .kind = SCHEMA_INTEGER,
     .min = 1,
     .max = 256,
     AT(struct draft, workers),
     .doc = "threads that serve; without it one for each processor"},
    {.name = "user",
     .kind = SCHEMA_NAMED,
     AT(struct draft, user),
     .doc = "the user that the proxy becomes when root starts it; without it `weir` if there is "
            "one, else it stays root, without root's rights over the system"},
    {.name = "access_log",
     .kind = SCHEMA_STRUCT,
     .type = &schema_access_log,
     AT(struct draft, access_log),
     .doc = "one line a request"},
    {.name = "body_max",
     .kind = SCHEMA_SIZE,
     .words = no_limit_words,
     .min = 0,
     AT(struct draft, body_max),
     .standard = "off",
     .doc = "the largest request body that is taken, for sites and rules that do not say; larger "
            "ones are answered 413"},
    {.name = "tracing",
     .kind = SCHEMA_STRUCT,
     .type = &schema_tracing,
     AT(struct draft, tracing),
     .doc = "traces of requests; without it a request's own are passed on as they are"},
    {.name = "email",
     .kind = SCHEMA_LINE,
     AT(struct draft, email),
     .doc = "an address for the certificate authority, which may write when something is wrong"},
    {.name = "acme",
     .kind = SCHEMA_STRUCT,
     .type = &acme_type,
     AT(struct draft, acme),
     .doc = "how certificates for public names are got"},
    LATER("databases", "databases and their credentials"),
    LATER("alerts", "messages when something is wrong"),
    LATER("backup", "backups"),
    LATER("logs", "how long logs are kept"),
};

static const struct schema_struct top_type = {
    .noun = "the file",
    .doc = "The keys at the top of the file. All may be left out.",
    ROWS(top_rows),
    .check = check_top,
};

const struct schema_row schema_top = {.name = "file", .kind = SCHEMA_STRUCT, .type = &top_type};
