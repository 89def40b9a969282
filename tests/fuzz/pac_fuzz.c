/*
 * PAC files of whatever destinations a configuration takes. Holds: what is written is a script
 * whose quotes and brackets close, in which nothing of the configuration stands outside of quotes.
 */
#include "fuzz.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "conf/value.h"
#include "edge/proxy/pac.h"
#include "wire/http/uri.h"

#define RULES_MAX 64

/* Quotes close on their line and hold nothing that ends them early. */
static void check_script(struct slice script)
{
    int depth = 0;
    bool is_quoted = false, is_pattern = false;
    for (size_t i = 0; i < script.len; i++) {
        char c = script.at[i];
        CHECK(c == '\n' || (c >= ' ' && c < 0x7f));
        if (is_quoted) {
            CHECK(c != '\n' && c != '\\');
            is_quoted = c != '"';
        } else if (is_pattern) {
            if (c == '\\')
                i++;
            else
                is_pattern = c != '/' && c != '\n';
        } else if (c == '"') {
            is_quoted = true;
        } else if (c == '/') {
            is_pattern = true;
        } else if (c == '{' || c == '(') {
            depth++;
        } else if (c == '}' || c == ')') {
            depth--;
            CHECK(depth >= 0);
        }
    }
    CHECK(depth == 0 && !is_quoted && !is_pattern);
}

/* The first line is the proxy's authority, each other one a destination. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct conf_destination to[RULES_MAX];
    struct slice rest = slice_of(data, len), authority, line, host;
    struct conf_proxy_rule rule = {.number = 1, .allows = true, .match = {.to = to}};
    struct conf_forward_proxy conf = {
        .rules = &rule, .rules_count = 1, .denies_private = len % 2, .pac = {.goes_direct = 1}};
    const char *why;
    unsigned port;
    if (!slice_cut(&rest, '\n', &authority) || uri_parse_authority(authority, &host, &port) < 0)
        return 0;
    while (rule.match.to_count < RULES_MAX && slice_cut(&rest, '\n', &line)) {
        if (value_destination(line, &to[rule.match.to_count], &why) == 0)
            rule.match.to_count++;
    }
    struct buffer buffer;
    buffer_init(&buffer, 1 << 20);
    CHECK(pac_write(&buffer, &conf, authority, len % 3 == 0) == 0);
    check_script(buffer_slice(&buffer));
    buffer_finish(&buffer);
    return 0;
}
