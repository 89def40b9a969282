/* The table of the API and the step from a request to its row. On worker 0's loop. */
#include "edge/admin/admin.h"

#include "edge/admin/reply.h"
#include "edge/admin/routes.h"
#include "http/session.h"

#define HEAD_TIMEOUT_MS 10000
#define IDLE_TIMEOUT_MS 60000
#define BODY_BYTES_MAX  ((uint64_t)1 << 20)
#define METHODS_BYTES   64

const struct admin_route admin_routes[] = {
    {"GET", "/v1/status", status_get},
    {"GET", "/v1/groups/{name}/targets", targets_get},
    {"PUT", "/v1/groups/{name}/targets", targets_put},
    {"POST", "/v1/reload", reload_post},
    {"POST", "/v1/credentials", credentials_post},
    {"PUT", "/v1/sites/{name}/maintenance", maintenance_put},
    {"DELETE", "/v1/sites/{name}/maintenance", maintenance_delete},
    {"PUT", "/v1/challenges/http/{name}", challenge_http_put},
    {"DELETE", "/v1/challenges/http/{name}", challenge_http_delete},
    {"PUT", "/v1/challenges/tls-alpn/{name}", challenge_tls_put},
    {"DELETE", "/v1/challenges/tls-alpn/{name}", challenge_tls_delete},
    {"GET", "/v1/requests", requests_get},
    {"GET", "/v1/requests/{name}", request_get},
    {"GET", "/v1/explain", explain_get},
    {"GET", "/metrics", metrics_get},
    {NULL, NULL, NULL},
};

bool admin_pattern_fits(struct slice pattern, struct slice path, struct slice *ret_name)
{
    struct slice wanted, given;
    while (slice_cut(&pattern, '/', &wanted)) {
        if (!slice_cut(&path, '/', &given))
            return false;
        if (slice_equal(wanted, SLICE("{name}")) && given.len > 0)
            *ret_name = given;
        else if (!slice_equal(wanted, given))
            return false;
    }
    return !slice_cut(&path, '/', &given);
}

static bool method_fits(const struct admin_route *route, struct slice method)
{
    struct slice wanted = slice_of_cstr(route->method);
    return slice_equal(method, wanted) ||
           (slice_equal(method, SLICE("HEAD")) && slice_equal(wanted, SLICE("GET")));
}

static void admin_handle(struct exchange *exchange)
{
    char methods[METHODS_BYTES];
    struct writer allowed;
    writer_init(&allowed, methods, sizeof methods);
    for (const struct admin_route *route = admin_routes; route->method != NULL; route++) {
        struct slice name = {NULL, 0};
        if (!admin_pattern_fits(slice_of_cstr(route->pattern), exchange->path, &name))
            continue;
        if (method_fits(route, exchange->request.method_name)) {
            route->handle(exchange, name);
            return;
        }
        write_slice(&allowed, writer_slice(&allowed).len > 0 ? SLICE(", ") : SLICE(""));
        write_slice(&allowed, slice_of_cstr(route->method));
    }
    if (writer_slice(&allowed).len > 0)
        reply_wrong_method(exchange, writer_slice(&allowed));
    else
        reply_error(exchange, 404, (struct slice){0},
                    "there is nothing here; try /v1/status or /metrics");
}

void admin_server_init(struct server *ret_server)
{
    *ret_server = (struct server){
        .handle = admin_handle,
        .is_uncounted = true,
        .head_timeout_ms = HEAD_TIMEOUT_MS,
        .idle_timeout_ms = IDLE_TIMEOUT_MS,
        .body_max = BODY_BYTES_MAX,
        .name = SLICE("admin"),
    };
}
