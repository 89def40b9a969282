/* PUT and DELETE of /v1/sites/{name}/maintenance. */
#include "base/cleanup.h"
#include "base/json.h"
#include "edge/admin/reply.h"
#include "edge/admin/routes.h"
#include "edge/overseer.h"
#include "edge/state.h"
#include "http/exchange.h"
#include "os/self.h"
#include "wire/json/json.h"

#include <errno.h>
#include <stdio.h>

#define SCRATCH_BYTES_MAX ((size_t)4 << 20)
#define BODY_BYTES_MAX    65536
#define KEEP_MS           10000

/* 204 when it holds whatever ends; else 200 with what it lacks: it is done all the same. */
static void render_warning(struct writer *writer, const void *arg)
{
    struct json_writer json;
    json_writer_init(&json, writer);
    json_open_object(&json, NULL);
    json_put_text(&json, "warning", slice_of_cstr(arg));
    json_close_object(&json);
    write_char(writer, '\n');
}

static void keep(struct exchange *exchange)
{
    char why[160] = "", text[320];
    int rc = overseer_keep_maintenance(edge_worker_current()->edge, loop_deadline(KEEP_MS), why,
                                       sizeof why);
    if (rc == 0) {
        exchange_respond(exchange, 204, (struct slice){0}, (struct slice){0}, NULL);
        return;
    }
    (void)snprintf(text, sizeof text, "it is done, but may not outlive this edge (pid %d): %s",
                   (int)self_pid(),
                   rc == -EIO        ? why
                   : rc == -ENOTCONN ? "there is no supervisor; start weir again, it adopts this "
                                       "edge and takes note"
                                     : strerror(-rc));
    reply_document(exchange, REPLY_JSON, render_warning, text);
}

static bool has_site(struct slice name)
{
    const struct snapshot *snapshot = edge_worker_current()->edge->plane->snapshot;
    for (unsigned i = 0; i < snapshot->sites_count; i++) {
        if (slice_equal(snapshot->sites[i].name, name))
            return true;
    }
    return false;
}

/* The networks of "allow"; -1 when one is none, which has been answered. */
static int read_networks(struct exchange *exchange, const struct json *list,
                         struct network networks[static MAINTENANCE_NETWORKS_MAX])
{
    int count = 0;
    if (list != NULL && (list->kind != JSON_ARRAY || list->count > MAINTENANCE_NETWORKS_MAX)) {
        reply_error(exchange, 400, SLICE("allow"), "a list of up to %d networks is wanted",
                    MAINTENANCE_NETWORKS_MAX);
        return -1;
    }
    JSON_FOR_EACH(list, each)
    {
        if (each->kind != JSON_STRING || network_parse(each->text, &networks[count]) < 0) {
            reply_error(exchange, 400, SLICE("allow"),
                        "\"%.*s\" is no network; write it as in 10.0.0.0/8, 10.0.0.1, private or "
                        "loopback",
                        SLICE_ARG(each->text));
            return -1;
        }
        count++;
    }
    return count;
}

/* What is wrong with the message, which goes to clients as text. */
static bool is_message(struct slice message)
{
    for (size_t i = 0; i < message.len; i++) {
        if ((unsigned char)message.at[i] < 0x20 && message.at[i] != '\n')
            return false;
    }
    return message.len <= MAINTENANCE_MESSAGE_MAX;
}

static void put(struct exchange *exchange, struct slice name, const struct json *document)
{
    struct network networks[MAINTENANCE_NETWORKS_MAX];
    struct slice message = json_get_text(document, SLICE("message"));
    if (!is_message(message)) {
        reply_error(exchange, 400, SLICE("message"), "a message is text of up to %d bytes",
                    MAINTENANCE_MESSAGE_MAX);
        return;
    }
    int count = read_networks(exchange, json_get(document, SLICE("allow")), networks);
    if (count < 0)
        return;
    struct maintenance *maintenance = &edge_worker_current()->edge->maintenance;
    int rc = maintenance_set(maintenance, name, message, networks, (unsigned)count);
    if (rc < 0)
        reply_error(exchange, 503, (struct slice){0}, "out of memory for this request");
    else
        keep(exchange);
}

void maintenance_put(struct exchange *exchange, struct slice name)
{
    SCOPED(buffer_finish) struct buffer body;
    SCOPED(arena_finish) struct arena arena;
    const struct json *document = NULL;
    buffer_init(&body, BODY_BYTES_MAX);
    arena_init(&arena, NULL, 0, SCRATCH_BYTES_MAX);
    if (!reply_read_body(exchange, &body))
        return;
    if (!has_site(name))
        reply_error(exchange, 404, (struct slice){0}, "there is no site \"%.*s\"", SLICE_ARG(name));
    else if (body.len > 0 && (json_parse(buffer_slice(&body), &arena, &document) < 0 ||
                              document->kind != JSON_OBJECT))
        reply_error(exchange, 400, (struct slice){0},
                    "the document is no JSON object, as in {\"message\": \"…\", \"allow\": []}");
    else
        put(exchange, name, document);
}

void maintenance_delete(struct exchange *exchange, struct slice name)
{
    bool was_closed = maintenance_clear(&edge_worker_current()->edge->maintenance, name);
    if (!was_closed && !has_site(name))
        reply_error(exchange, 404, (struct slice){0}, "there is no site \"%.*s\"", SLICE_ARG(name));
    else
        keep(exchange);
}
