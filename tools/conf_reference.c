/*
 * Prints what is made from the schema of weir.yaml: `conf_reference markdown` is
 * docs/configuration.md, `conf_reference json` the JSON Schema.
 */
#include "base/buffer.h"
#include "base/cleanup.h"
#include "conf/schema.h"

#include <stdio.h>

#define OUTPUT_BYTES_MAX 1048576

int main(int count, char **args)
{
    bool is_markdown = count == 2 && strcmp(args[1], "markdown") == 0;
    bool is_json = count == 2 && strcmp(args[1], "json") == 0;
    if (!is_markdown && !is_json) {
        (void)fputs("usage: conf_reference markdown | json\n", stderr);
        return 2;
    }
    SCOPED(buffer_finish) struct buffer text;
    buffer_init(&text, OUTPUT_BYTES_MAX);
    int rc = is_markdown ? schema_markdown_write(&text) : schema_json_write(&text);
    return rc < 0 || fwrite(text.at, 1, text.len, stdout) != text.len;
}
