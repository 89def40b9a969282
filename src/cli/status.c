/* `weir status`: what runs here, once or as a live screen. */
#include "cli/status.h"

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/options.h"

#include <errno.h>
#include <stdio.h>

#define OUTPUT_BYTES_MAX (64 << 20)

static int print_once(const struct place *place, bool as_json)
{
    struct status status;
    SCOPED(buffer_finish) struct buffer out;
    SCOPED(buffer_finish) struct buffer problem;
    buffer_init(&out, OUTPUT_BYTES_MAX);
    buffer_init(&problem, OUTPUT_BYTES_MAX);
    int rc = status_look(&status, place);
    if (rc == 0)
        rc = as_json ? status_write_json(&status, &out) : status_write_text(&status, NULL, &out);
    if (rc == 0 && !as_json && status_may_colour())
        rc = status_colour(&out, OUTPUT_BYTES_MAX);
    if (rc == 0 && status.edge == NULL && !as_json)
        rc = status_write_error(&status, &problem);
    if (rc < 0)
        (void)fprintf(stderr, "weir status: %s\n", strerror(-rc));
    if (out.len > 0)
        (void)fwrite(out.at, 1, out.len, stdout);
    if (problem.len > 0)
        (void)fprintf(stderr, "weir status: %.*s", (int)problem.len, problem.at);
    bool has_edge = status.edge != NULL;
    status_finish(&status);
    return rc < 0 || !has_edge;
}

int cli_status(int argc, const char **argv)
{
    const char *file = NULL, *state = NULL, **arguments;
    bool as_json = false, is_live = false;
    const struct option_row options[] = {
        {'l', "live", OPTION_FLAG, NULL, "a screen that is drawn anew each second; q ends it",
         .flag = &is_live},
        {'\0', "json", OPTION_FLAG, NULL, "as JSON", .flag = &as_json},
        PLACE_FILE_ROW('f', file),
        PLACE_STATE_ROW(state),
        {.name = NULL},
    };
    const struct command_usage usage = {
        "status", "[--live | --json]",
        "Shows what runs here: listeners, sites, target groups with the health of their targets,\n"
        "tasks; requests, latency and failures since the start, or of the last second when live.\n"
        "Exits with 1 when no edge runs.",
        0, options};
    unsigned count;
    int exit_code;
    struct place place;
    if (!options_parse(&usage, argc, argv, &count, &arguments, &exit_code))
        return exit_code;
    if (is_live && as_json) {
        (void)fputs("weir status: --live and --json do not go together\n", stderr);
        return OPTIONS_EXIT_USAGE;
    }
    if (!place_find("status", file, state, false, &place))
        return 1;
    return is_live ? status_live(&place) : print_once(&place, as_json);
}
