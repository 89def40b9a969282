/* `weir check`: is the file right? `weir check --schema`: what may stand in it, for editors. */
#include "base/buffer.h"
#include "base/cleanup.h"
#include "cli/check.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/place.h"
#include "conf/schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define OUTPUT_BYTES_MAX (4 << 20)

static int print(struct buffer *out, struct buffer *errors, int rc)
{
    if (out->len > 0)
        (void)fwrite(out->at, 1, out->len, stdout);
    if (errors->len > 0)
        (void)fwrite(errors->at, 1, errors->len, stderr);
    if (rc < 0 && rc != -EINVAL)
        fprintf(stderr, "weir check: %s\n", strerror(-rc));
    return rc < 0;
}

int cli_check(int argc, const char **argv)
{
    const char *file = NULL, **arguments;
    bool schema = false;
    const struct option_row options[] = {
        PLACE_FILE_ROW('f', file),
        {'\0', "schema", OPTION_FLAG, NULL, "print the JSON Schema of the file", .flag = &schema},
        {.name = NULL},
    };
    const struct command_usage usage = {
        "check", "[-f] [FILE]",
        "Reads the file and tells all that is wrong with it, each with its line. Changes nothing.",
        1, options};
    unsigned count;
    int exit_code;
    struct place place;
    SCOPED(buffer_finish) struct buffer out;
    SCOPED(buffer_finish) struct buffer errors;
    buffer_init(&out, OUTPUT_BYTES_MAX);
    buffer_init(&errors, OUTPUT_BYTES_MAX);
    if (!options_parse(&usage, argc, argv, &count, &arguments, &exit_code))
        return exit_code;
    if (schema)
        return print(&out, &errors, schema_json_write(&out));
    if (count > 0)
        file = arguments[0];
    if (!place_find("check", file, NULL, true, &place))
        return 1;
    return print(&out, &errors, check_file(place.file, place.state, &out, &errors));
}
