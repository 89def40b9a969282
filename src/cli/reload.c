/* `weir reload`: the supervisor reads the file, once; its errors come back and are told here. */
#include "base/buffer.h"
#include "base/cleanup.h"
#include "cli/ask_edge.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "wire/json/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_BYTES_MAX (1 << 20)
#define PATIENCE_MS      70000

static void print(FILE *to, const struct buffer *answer, struct slice member)
{
    SCOPED(arena_finish) struct arena arena;
    const struct json *document;
    arena_init(&arena, NULL, 0, ANSWER_BYTES_MAX * 4);
    if (json_parse(buffer_slice(answer), &arena, &document) < 0)
        return;
    struct slice text = json_get_text(document, member);
    (void)fprintf(to, "%.*s%s", SLICE_ARG(text), slice_ends_with(text, SLICE("\n")) ? "" : "\n");
}

static int reload(const struct place *place)
{
    SCOPED(buffer_finish) struct buffer answer;
    buffer_init(&answer, ANSWER_BYTES_MAX);
    int rc = ask_edge(place, "POST", "/v1/reload", (struct slice){0}, PATIENCE_MS, &answer);
    if (rc == 200) {
        print(stdout, &answer, SLICE("result"));
        return 0;
    }
    if (rc == 409) {
        print(stderr, &answer, SLICE("error"));
        (void)fputs("weir reload: nothing was changed; what runs goes on\n", stderr);
        return 1;
    }
    if (rc != -ENOENT && rc != -ECONNREFUSED)
        return ask_edge_tell("reload", rc, &answer);
    (void)fputs("weir reload: no weir runs here; `weir up` or `weir edge` starts one\n", stderr);
    return 1;
}

int cli_reload(int argc, const char **argv)
{
    const char *file = NULL, *state = NULL, **arguments;
    const struct option_row options[] = {
        PLACE_FILE_ROW('f', file),
        PLACE_STATE_ROW(state),
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
    if (!place_find("reload", file, state, true, &place))
        return 1;
    return reload(&place);
}
