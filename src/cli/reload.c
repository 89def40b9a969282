/* `weir reload`: the file is checked here first, so that its errors are told where one stands. */
#include "base/buffer.h"
#include "base/cleanup.h"
#include "cli/check.h"
#include "cli/cli.h"
#include "cli/fiber_run.h"
#include "cli/options.h"
#include "cli/place.h"
#include "http/ask.h"
#include "os/loop.h"
#include "wire/json/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define OUTPUT_BYTES_MAX (4 << 20)
#define ANSWER_BYTES_MAX (1 << 16)
#define PATIENCE_MS      70000

struct reload {
    char socket[PATH_MAX];
    struct buffer answer;
};

static int ask_edge(void *arg)
{
    struct reload *reload = arg;
    return ask(reload->socket, "POST", "/v1/reload", (struct slice){0}, loop_deadline(PATIENCE_MS),
               &reload->answer);
}

static bool is_right(const char *file)
{
    SCOPED(buffer_finish) struct buffer out;
    SCOPED(buffer_finish) struct buffer errors;
    buffer_init(&out, OUTPUT_BYTES_MAX);
    buffer_init(&errors, OUTPUT_BYTES_MAX);
    int rc = check_file(file, &out, &errors);
    if (errors.len > 0)
        (void)fwrite(errors.at, 1, errors.len, stderr);
    if (rc < 0)
        (void)fputs("weir reload: nothing was changed; what runs goes on\n", stderr);
    return rc == 0;
}

/* The text in the edge's answer; empty when there is none. */
static struct slice text_of(const struct reload *reload, struct arena *arena, const char *member)
{
    const struct json *document;
    if (json_parse(buffer_slice(&reload->answer), arena, &document) < 0)
        return (struct slice){0};
    return json_get_text(document, slice_of_cstr(member));
}

static int tell(const struct reload *reload, int status)
{
    SCOPED(arena_finish) struct arena arena;
    arena_init(&arena, NULL, 0, ANSWER_BYTES_MAX * 4);
    if (status == 200) {
        (void)printf("%.*s\n", SLICE_ARG(text_of(reload, &arena, "result")));
        return 0;
    }
    if (status < 0)
        (void)fprintf(stderr, "weir reload: %s\n",
                      status == -ENOENT || status == -ECONNREFUSED
                          ? "no weir runs here; `weir up` or `weir edge` starts one"
                          : strerror(-status));
    else
        (void)fprintf(stderr, "weir reload: %.*s\n", SLICE_ARG(text_of(reload, &arena, "error")));
    return 1;
}

int cli_reload(int argc, const char **argv)
{
    static struct reload reload;
    const char *file = NULL, *state = NULL, **arguments;
    const struct option_row options[] = {
        {'f', "file", OPTION_TEXT, "FILE", "the configuration; weir.yaml without it",
         .text = &file},
        {'\0', "state", OPTION_TEXT, "FOLDER", "the state folder; .weir beside the file without it",
         .text = &state},
        {.name = NULL},
    };
    const struct command_usage usage = {"reload", "[-f FILE]",
                                        "Has the weir that runs here read its file again. Nothing "
                                        "is dropped; a file with a mistake "
                                        "changes nothing.\nSIGHUP to weir does the same.",
                                        0, options};
    unsigned count;
    int exit_code;
    struct place place;
    if (!options_parse(&usage, argc, argv, &count, &arguments, &exit_code))
        return exit_code;
    if (!place_find("reload", file, state, true, &place) || !is_right(place.file))
        return 1;
    if (!place_path(&place, "edge.sock", reload.socket)) {
        (void)fputs("weir reload: the path of the state folder is too long\n", stderr);
        return 1;
    }
    buffer_init(&reload.answer, ANSWER_BYTES_MAX);
    exit_code = tell(&reload, fiber_run(ask_edge, &reload));
    buffer_finish(&reload.answer);
    return exit_code;
}
