/* `weir maintenance`: closes a site for a while, and opens it again, through the admin API. */
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "cli/ask_edge.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "conf/value.h"
#include "wire/json/json.h"

#include <stdio.h>

#define ASK_MS           5000
#define DOCUMENT_BYTES   32768
#define ANSWER_BYTES_MAX (1 << 20)

/* {"message": …, "allow": […]} out of the options, either of which may be NULL. */
static bool write_document(struct writer *writer, const char *message, const char *allow)
{
    struct slice list = slice_of_cstr(allow), network;
    struct json_writer json;
    json_writer_init(&json, writer);
    json_open_object(&json, NULL);
    if (message != NULL)
        json_put_text(&json, "message", slice_of_cstr(message));
    json_open_list(&json, "allow");
    while (allow != NULL && slice_cut(&list, ',', &network))
        json_put_text(&json, NULL, slice_trim(network));
    json_close_list(&json);
    json_close_object(&json);
    return !writer->overflown;
}

static void tell_warning(const struct buffer *answer)
{
    SCOPED(arena_finish) struct arena arena;
    const struct json *document = NULL;
    arena_init(&arena, NULL, 0, ANSWER_BYTES_MAX);
    if (json_parse(buffer_slice(answer), &arena, &document) == 0)
        (void)fprintf(stderr, "weir maintenance: %.*s\n",
                      SLICE_ARG(json_get_text(document, SLICE("warning"))));
}

static int set(const struct place *place, bool on, const char *site, const char *message,
               const char *allow)
{
    SCOPED_FREE char *memory = memory_alloc_raw(DOCUMENT_BYTES);
    if (memory == NULL)
        return 1;
    struct writer writer;
    writer_init(&writer, memory, DOCUMENT_BYTES);
    if (on && !write_document(&writer, message, allow)) {
        (void)fprintf(stderr, "weir maintenance: the message is too long\n");
        return 1;
    }
    struct buffer answer;
    char target[256];
    buffer_init(&answer, ANSWER_BYTES_MAX);
    (void)snprintf(target, sizeof target, "/v1/sites/%s/maintenance", site);
    int rc = ask_edge(place, on ? "PUT" : "DELETE", target, writer_slice(&writer), ASK_MS, &answer);
    int exit_code = rc == 204 || rc == 200 ? 0 : ask_edge_tell("maintenance", rc, &answer);
    if (rc == 200)
        tell_warning(&answer);
    buffer_finish(&answer);
    if (exit_code == 0)
        printf("%s is %s\n", site,
               on ? "closed for maintenance; `weir maintenance off` opens it again" : "open");
    return exit_code;
}

int cli_maintenance(int argc, const char **argv)
{
    const char *file = NULL, *state = NULL, *message = NULL, *allow = NULL, **arguments;
    const struct option_row options[] = {
        {'m', "message", OPTION_TEXT, "TEXT", "what visitors are told", .text = &message},
        {'a', "allow", OPTION_TEXT, "NETWORKS",
         "who gets in, as in 10.0.0.0/8,127.0.0.1; commas between several", .text = &allow},
        PLACE_FILE_ROW('f', file),
        PLACE_STATE_ROW(state),
        {.name = NULL},
    };
    const struct command_usage usage = {
        "maintenance", "on|off SITE",
        "Closes a site for a while: all but those who are allowed in are answered 503. It stays "
        "so\n"
        "until `off`: over reloads, crashes and restarts.",
        2, options};
    unsigned count;
    int exit_code;
    struct place place;
    if (!options_parse(&usage, argc, argv, &count, &arguments, &exit_code))
        return exit_code;
    bool on = count > 0 && strcmp(arguments[0], "on") == 0;
    if (count < 2 || (!on && strcmp(arguments[0], "off") != 0)) {
        (void)fputs("weir maintenance: say `on` or `off`, and the site's name\n", stderr);
        return OPTIONS_EXIT_USAGE;
    }
    if (!value_is_name(slice_of_cstr(arguments[1]), true)) {
        (void)fprintf(stderr, "weir maintenance: \"%s\" is no site's name\n", arguments[1]);
        return 1;
    }
    if (!place_find("maintenance", file, state, false, &place))
        return 1;
    return set(&place, on, arguments[1], message, allow);
}
