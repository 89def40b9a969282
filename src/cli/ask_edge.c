/* For commands that ask once and end: reload, maintenance, explain. */
#include "cli/ask_edge.h"

#include "base/cleanup.h"
#include "cli/fiber_run.h"
#include "http/ask.h"
#include "os/loop.h"
#include "wire/json/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TREE_BYTES_MAX ((size_t)1 << 20)

struct question {
    char socket[PATH_MAX];
    const char *method, *target;
    struct slice body;
    int64_t patience_ms;
    struct buffer *answer;
};

static int ask_main(void *arg)
{
    struct question *question = arg;
    return ask(question->socket, question->method, question->target, question->body,
               loop_deadline(question->patience_ms), question->answer);
}

int ask_edge(const struct place *place, const char *method, const char *target, struct slice body,
             int64_t patience_ms, struct buffer *ret_answer)
{
    struct question question = {.method = method,
                                .target = target,
                                .body = body,
                                .patience_ms = patience_ms,
                                .answer = ret_answer};
    if (!place_path(place, "edge.sock", question.socket))
        return -ENAMETOOLONG;
    return fiber_run(ask_main, &question);
}

int ask_edge_tell(const char *command, int rc, const struct buffer *answer)
{
    SCOPED(arena_finish) struct arena arena;
    const struct json *document = NULL;
    arena_init(&arena, NULL, 0, TREE_BYTES_MAX);
    if (rc == -ENOENT || rc == -ECONNREFUSED)
        (void)fprintf(stderr, "weir %s: no edge runs here; `weir up` starts everything\n", command);
    else if (rc < 0)
        (void)fprintf(stderr, "weir %s: the edge does not answer: %s\n", command, strerror(-rc));
    else if (json_parse(buffer_slice(answer), &arena, &document) == 0)
        (void)fprintf(stderr, "weir %s: %.*s\n", command,
                      SLICE_ARG(json_get_text(document, SLICE("error"))));
    else
        (void)fprintf(stderr, "weir %s: the edge answered %d\n", command, rc);
    return 1;
}
