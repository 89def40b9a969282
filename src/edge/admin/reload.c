/* POST /v1/reload: the supervisor reads the file again; POST /v1/credentials: those of certificates
 * and keys alone. The answer is what came of it. */
#include "base/cleanup.h"
#include "base/json.h"
#include "edge/admin/reply.h"
#include "edge/admin/routes.h"
#include "edge/overseer.h"
#include "edge/state.h"
#include "http/exchange.h"

#include <errno.h>

#define PATIENCE_MS  60000
#define ANSWER_BYTES 65536

static void render(struct writer *writer, const void *arg)
{
    struct json_writer json;
    json_writer_init(&json, writer);
    json_open_object(&json, NULL);
    json_put_text(&json, "result", slice_of_cstr(arg));
    json_close_object(&json);
    write_char(writer, '\n');
}

typedef int ask_supervisor(struct edge *edge, int64_t deadline_ms, char *room, size_t room_len);

static void ask_and_reply(struct exchange *exchange, ask_supervisor *ask)
{
    SCOPED_FREE char *text = memory_alloc(ANSWER_BYTES);
    if (text == NULL) {
        exchange_respond_error(exchange, 503, "out of memory for this request");
        return;
    }
    int rc = ask(edge_worker_current()->edge, loop_deadline(PATIENCE_MS), text, ANSWER_BYTES);
    switch (rc) {
    case 0:
        reply_document(exchange, REPLY_JSON, render, text);
        break;
    case -EINVAL:
        reply_error_text(exchange, 409, text);
        break;
    case -ENOTCONN:
        reply_error(exchange, 503, (struct slice){0},
                    "there is no supervisor to read the file: start weir again, it adopts this "
                    "edge and reloads");
        break;
    case -ETIMEDOUT:
        reply_error(exchange, 504, (struct slice){0}, "the supervisor does not answer");
        break;
    default:
        exchange_break(exchange);
        break;
    }
}

void reload_post(struct exchange *exchange, struct slice name)
{
    (void)name;
    ask_and_reply(exchange, overseer_ask_reload);
}

void credentials_post(struct exchange *exchange, struct slice name)
{
    (void)name;
    ask_and_reply(exchange, overseer_ask_refresh);
}
