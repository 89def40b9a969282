/* What a rule makes of a path, and the texts with variables that redirects share with it. */
#include "unit.h"

#include "base/cleanup.h"
#include "conf/snapshot.h"
#include "edge/route/location.h"
#include "edge/route/rewrite.h"
#include "http/exchange.h"

struct rewrite_case {
    const char *strip, *rewrite; /* NULL: none */
    const char *path, *query;
    const char *action_path, *action_query, *prefix;
};

static const struct rewrite_case cases[] = {
    /* strip_prefix */
    {"/api", NULL, "/api/x", NULL, "/x", NULL, "/api"},
    {"/api", NULL, "/api/x/", "a=1", "/x/", "a=1", "/api"},
    {"/api", NULL, "/api", NULL, "/", NULL, "/api"},
    {"/api", NULL, "/api/", NULL, "/", NULL, "/api"},
    {"/api", NULL, "/apis", NULL, "/apis", NULL, ""},
    {"/api", NULL, "/x/api/y", NULL, "/x/api/y", NULL, ""},
    {"/api", NULL, "/", NULL, "/", NULL, ""},
    {"/api", NULL, "/api/api/x", NULL, "/api/x", NULL, "/api"},
    {"/a/b", NULL, "/a/b/c", NULL, "/c", NULL, "/a/b"},
    {"/a", NULL, "*", NULL, "*", NULL, ""},
    /* rewrite: the query stays unless something is said of one */
    {NULL, "/v2{path}", "/x", "a=1", "/v2/x", "a=1", ""},
    {NULL, "/v2{path}", "/", NULL, "/v2/", NULL, ""},
    {NULL, "/v2/{path}", "/x", NULL, "/v2/x", NULL, ""},
    {NULL, "{path}/", "/x", NULL, "/x/", NULL, ""},
    {NULL, "/{host}{path}", "/x", NULL, "/h.org/x", NULL, ""},
    {NULL, "/index.php", "/x", "a=1", "/index.php", "a=1", ""},
    {NULL, "/index.php{query}", "/x", "a=1", "/index.php", "a=1", ""},
    {NULL, "/index.php{query}", "/x", NULL, "/index.php", NULL, ""},
    {NULL, "/index.php?", "/x", "a=1", "/index.php", NULL, ""},
    {NULL, "/index.php?q={path}", "/x", "a=1", "/index.php", "q=/x", ""},
    {NULL, "/index.php?q={path}{query}", "/x", "a=1", "/index.php", "q=/x&a=1", ""},
    {NULL, "/index.php?q={path}{query}", "/x", NULL, "/index.php", "q=/x", ""},
    {NULL, "/i?q={path}", "/a&b=c+d;e%20f", NULL, "/i", "q=/a%26b%3Dc%2Bd%3Be%20f", ""},
    {NULL, "/i{path}", "/a&b=c+d;e%20f", NULL, "/i/a&b=c+d;e%20f", NULL, ""},
    {NULL, "/i{path}{path}", "/x", NULL, "/i/x/x", NULL, ""},
    {NULL, "/a", "*", NULL, "*", NULL, ""},
    {NULL, "/i{query}", "/x", "", "/i", NULL, ""},
    /* both: the prefix first */
    {"/api", "/v2{path}", "/api/x", "a=1", "/v2/x", "a=1", "/api"},
    {"/api", "/v2{path}", "/api", NULL, "/v2/", NULL, "/api"},
};

static struct slice text_of(const char *text)
{
    return text == NULL ? (struct slice){NULL, 0} : slice_of_cstr(text);
}

static bool is_same(struct slice found, const char *wanted)
{
    return (found.at == NULL) == (wanted == NULL) && slice_equal(found, text_of(wanted));
}

static void paths_and_queries_become_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct rewrite_case *row = &cases[i];
        struct conf_rule rule = {.strip_prefix = text_of(row->strip),
                                 .rewrite = text_of(row->rewrite)};
        struct exchange exchange = {.host = SLICE("h.org"), .path = text_of(row->path)};
        exchange.action_path = exchange.path;
        exchange.query = exchange.action_query = text_of(row->query);
        arena_init(&exchange.arena, NULL, 0, 65536);
        assert_true(rewrite_apply(&exchange, &rule));
        if (!is_same(exchange.action_path, row->action_path) ||
            !is_same(exchange.action_query, row->action_query) ||
            !slice_equal(exchange.action_prefix, text_of(row->prefix)))
            fail_msg("row %zu: %.*s and %.*s, prefix %.*s", i, SLICE_ARG(exchange.action_path),
                     SLICE_ARG(exchange.action_query), SLICE_ARG(exchange.action_prefix));
        assert_true(slice_equal(exchange.path, text_of(row->path)));
        assert_true(is_same(exchange.query, row->query));
        arena_finish(&exchange.arena);
    }
}

static void a_text_never_needs_more_room_than_told(void **state)
{
    (void)state;
    struct exchange exchange = {
        .host = SLICE("h.org"), .action_path = SLICE("/&&&=="), .action_query = SLICE("a=1")};
    static const char *const texts[] = {"/",
                                        "{path}",
                                        "{query}",
                                        "?{path}{path}",
                                        "{host}{query}x",
                                        "/?{query}{path}{host}",
                                        "{",
                                        "}",
                                        "{}",
                                        "{nothing}",
                                        "a{"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        char room[512];
        struct writer writer;
        struct slice text = slice_of_cstr(texts[i]);
        size_t most = location_bytes_max(text, &exchange);
        assert_true(most <= sizeof room);
        writer_init(&writer, room, most);
        location_expand(&writer, text, &exchange);
        assert_false(writer.overflown);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_and_queries_become_others),
        cmocka_unit_test(a_text_never_needs_more_room_than_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
