/*
 * `weir explain`: the story of a request that was, or of one that could be, as the edge's admin API
 * tells it.
 */
#include "base/cleanup.h"
#include "cli/ask_edge.h"
#include "cli/cli.h"
#include "cli/explain_write.h"
#include "cli/options.h"
#include "cli/place.h"

#include <errno.h>
#include <stdio.h>

#define ASK_MS           5000
#define ANSWER_BYTES_MAX ((size_t)16 << 20)
#define TARGET_BYTES_MAX ((size_t)16 << 10) /* the API takes no longer one */
#define TREE_BYTES_MAX   (4 * ANSWER_BYTES_MAX)

typedef int write_text(const struct json *answer, struct arena *arena, struct buffer *out);

struct question {
    struct place place;
    struct buffer target; /* of the API; ends in NUL */
    struct buffer answer;
    write_text *write;
    bool as_json;
};

/* "&name=value" with all escaped that could mean something else. */
static int add_parameter(struct buffer *target, const char *name, const char *value)
{
    int rc = buffer_format(target, "%s%s=", memchr(target->at, '?', target->len) ? "&" : "?", name);
    for (const char *at = value; rc == 0 && *at != '\0'; at++) {
        char c = *at;
        bool is_plain = ascii_is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') ||
                        c == '-' || c == '.' || c == '_' || c == '/';
        rc = is_plain ? buffer_append_char(target, c)
                      : buffer_format(target, "%%%02X", (unsigned char)c);
    }
    return rc;
}

static int print(const struct question *question, const struct json *answer, struct arena *arena)
{
    SCOPED(buffer_finish) struct buffer out;
    buffer_init(&out, ANSWER_BYTES_MAX);
    int rc = question->as_json ? buffer_append(&out, buffer_slice(&question->answer))
                               : question->write(answer, arena, &out);
    if (rc < 0)
        (void)fprintf(stderr, "weir explain: %s\n", strerror(-rc));
    if (out.len > 0)
        (void)fwrite(out.at, 1, out.len, stdout);
    return rc < 0;
}

static int run(struct question *question)
{
    SCOPED(arena_finish) struct arena arena;
    const struct json *answer = NULL;
    arena_init(&arena, NULL, 0, TREE_BYTES_MAX);
    int rc = ask_edge(&question->place, "GET", question->target.at, (struct slice){0}, ASK_MS,
                      &question->answer);
    if (rc == 200) {
        int parsed = json_parse(buffer_slice(&question->answer), &arena, &answer);
        rc = parsed < 0 ? parsed : rc;
    }
    return rc == 200 ? print(question, answer, &arena)
                     : ask_edge_tell("explain", rc, &question->answer);
}

struct wishes {
    const char *from;
    const char *proxy;
    const char *user;
    struct option_list fields;
};

/* Of a forward proxy: [METHOD] URL. */
static int make_proxy_target(struct question *question, unsigned count, const char **arguments,
                             const struct wishes *wishes)
{
    struct buffer *target = &question->target;
    question->write = explain_write_passage;
    int rc = buffer_append(target, SLICE("/v1/explain"));
    if (rc == 0)
        rc = add_parameter(target, "proxy", wishes->proxy);
    if (rc == 0 && wishes->user != NULL)
        rc = add_parameter(target, "user", wishes->user);
    if (rc == 0 && count == 2)
        rc = add_parameter(target, "method", arguments[0]);
    if (rc == 0)
        rc = add_parameter(target, "url", arguments[count - 1]);
    if (rc == 0 && wishes->from != NULL)
        rc = add_parameter(target, "from", wishes->from);
    return rc < 0 ? rc : buffer_append_char(target, '\0');
}

/* What to ask the API, by the arguments. */
static int make_target(struct question *question, unsigned count, const char **arguments,
                       const struct wishes *wishes)
{
    struct buffer *target = &question->target;
    static write_text *const writers[] = {explain_write_list, explain_write_story,
                                          explain_write_foreseen};
    question->write = writers[count];
    int rc = buffer_append(target, count < 2 ? SLICE("/v1/requests") : SLICE("/v1/explain"));
    if (count == 1)
        rc = rc < 0 ? rc : buffer_format(target, "/%s", arguments[0]);
    if (rc == 0 && count == 2)
        rc = add_parameter(target, "method", arguments[0]);
    if (rc == 0 && count == 2)
        rc = add_parameter(target, "url", arguments[1]);
    for (unsigned i = 0; rc == 0 && i < wishes->fields.count; i++)
        rc = add_parameter(target, "header", wishes->fields.at[i]);
    if (rc == 0 && wishes->from != NULL)
        rc = add_parameter(target, "from", wishes->from);
    return rc < 0 ? rc : buffer_append_char(target, '\0');
}

static bool is_request_id(const char *text)
{
    return strlen(text) == 16 && strspn(text, "0123456789abcdefABCDEF") == 16;
}

static const char *find_wrong(unsigned count, const char **arguments, const struct wishes *wishes)
{
    if (wishes->proxy != NULL && count == 0)
        return "--proxy goes with a URL, and before it perhaps a method";
    if (wishes->proxy != NULL)
        return wishes->fields.count > 0 ? "a forward proxy looks at no header field" : NULL;
    if (wishes->user != NULL)
        return "--user goes with --proxy";
    if (count == 1 && !is_request_id(arguments[0]))
        return "one argument is a request's id, the 16 hexadecimal digits of its X-Request-Id; for "
               "what would happen give a method and a URL";
    if (count < 2 && (wishes->fields.count > 0 || wishes->from != NULL))
        return "-H and --from go with a method and a URL";
    return NULL;
}

int cli_explain(int argc, const char **argv)
{
    const char *file = NULL, *state = NULL, **arguments;
    struct wishes wishes = {0};
    struct question question = {0};
    const struct option_row options[] = {
        {'H', "header", OPTION_LIST, "FIELD",
         "\"Name: value\" that the request has; again and again", .list = &wishes.fields},
        {'\0', "from", OPTION_TEXT, "ADDRESS", "the client's address; 127.0.0.1 without it",
         .text = &wishes.from},
        {'\0', "proxy", OPTION_TEXT, "NAME", "what this forward proxy would do",
         .text = &wishes.proxy},
        {'\0', "user", OPTION_TEXT, "NAME", "with --proxy: who asks", .text = &wishes.user},
        {'\0', "json", OPTION_FLAG, NULL, "as JSON", .flag = &question.as_json},
        PLACE_FILE_ROW('f', file),
        PLACE_STATE_ROW(state),
        {.name = NULL},
    };
    const struct command_usage usage = {
        "explain", "[REQUEST-ID | METHOD URL | --proxy NAME [METHOD] URL]",
        "Tells what was decided about a request: listener, site, rule, targets that were tried,\n"
        "limits, times, and what to do next. Its id is the X-Request-Id of the answer.\n"
        "With a method and a URL: what would be decided, without sending anything;\n"
        "with --proxy and a URL: by a forward proxy.\n"
        "With neither: the last requests that failed or were slow.",
        2, options};
    unsigned count;
    int exit_code;
    if (!options_parse(&usage, argc, argv, &count, &arguments, &exit_code))
        return exit_code;
    const char *wrong = find_wrong(count, arguments, &wishes);
    if (wrong != NULL) {
        (void)fprintf(stderr, "weir explain: %s\n", wrong);
        return OPTIONS_EXIT_USAGE;
    }
    if (!place_find("explain", file, state, false, &question.place))
        return 1;
    buffer_init(&question.target, TARGET_BYTES_MAX);
    buffer_init(&question.answer, ANSWER_BYTES_MAX);
    int rc = wishes.proxy != NULL ? make_proxy_target(&question, count, arguments, &wishes)
                                  : make_target(&question, count, arguments, &wishes);
    if (rc < 0)
        (void)fprintf(stderr, "weir explain: the request is too long to ask about: 16 KiB with its "
                              "header fields, where an escaped character counts as three\n");
    exit_code = rc < 0 ? 1 : run(&question);
    buffer_finish(&question.target);
    buffer_finish(&question.answer);
    return exit_code;
}
