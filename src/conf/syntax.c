/*
 * libyaml says where it stopped in the words of the YAML specification. Here they become what a
 * person did: a tab, a missing quote, a colon in a plain text. Called by tree.c alone.
 */
#include "conf/syntax.h"

#include "base/cleanup.h"
#include "conf/errors.h"

#include <errno.h>
#include <yaml.h>

/* `at_context`: point at where the broken thing began, not at where it was noticed. */
static const struct syntax_hint {
    const char *problem; /* libyaml's words, or their beginning */
    const char *context; /* the beginning of its context; NULL for any */
    bool at_context;
    const char *text;
} syntax_hints[] = {
    {"mapping values are not allowed in this context", NULL, false,
     "a \":\" cannot stand here: is the line above complete, and this one indented as it is? Text "
     "with \": \" in it needs quotes"},
    {"could not find expected ':'", NULL, true,
     "a key without a value: write \"key: value\", with a blank behind the colon"},
    {"block sequence entries are not allowed in this context", NULL, false,
     "a list cannot begin here: put \"- …\" on its own line below the key"},
    {"did not find expected '-' indicator", NULL, false,
     "this line belongs to no item of the list above it: indent it as they are, or begin it with "
     "\"- \""},
    {"did not find expected key", NULL, false,
     "this line does not fit those above it: is it indented as they are?"},
    {"did not find expected ',' or ']'", NULL, true,
     "this \"[\" is not closed, or a comma is missing between its items"},
    {"did not find expected ',' or '}'", NULL, true,
     "this \"{\" is not closed, or a comma is missing between its entries"},
    {"found unexpected end of stream", "while scanning a quoted scalar", true,
     "this quotation mark has no partner"},
    {"found unexpected document indicator", NULL, true, "this quotation mark has no partner"},
    {"found unknown escape character", NULL, false,
     "unknown escape in a \"…\" text: write \\\\ for a backslash, or use '…', where none is "
     "special"},
    {"did not find expected <document start>", NULL, false,
     "only one value can stand at the top of the file: is something above indented wrongly?"},
    {"found character that cannot start any token", NULL, false,
     "a value cannot begin with this character: put the text in quotes"},
    {"found duplicate", NULL, false, "this is said twice"},
};

static const struct syntax_hint *find_hint(const char *problem, const char *context)
{
    for (size_t i = 0; i < COUNT_OF(syntax_hints); i++) {
        const struct syntax_hint *hint = &syntax_hints[i];
        if (strncmp(problem, hint->problem, strlen(hint->problem)) != 0)
            continue;
        if (hint->context == NULL ||
            (context != NULL && strncmp(context, hint->context, strlen(hint->context)) == 0))
            return hint;
    }
    return NULL;
}

static struct conf_place place_of(yaml_mark_t mark)
{
    return (struct conf_place){(unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

/* The reader's faults come with an offset in bytes alone. */
static struct conf_place place_of_offset(struct slice text, size_t offset)
{
    struct conf_place place = {1, 1};
    for (size_t i = 0; i < offset && i < text.len; i++) {
        if (text.at[i] == '\n')
            place = (struct conf_place){place.line + 1, 1};
        else if (((unsigned char)text.at[i] & 0xc0) != 0x80)
            place.column++;
    }
    return place;
}

/* The byte at a place, or NUL. Only asked where the line before the column is ASCII or close. */
static bool is_tab_at(struct slice text, yaml_mark_t mark)
{
    struct slice line = {NULL, 0};
    for (size_t i = 0; i <= mark.line; i++) {
        if (!slice_cut(&text, '\n', &line))
            return false;
    }
    return mark.column < line.len && line.at[mark.column] == '\t';
}

static int note_reader_error(const yaml_parser_t *parser, struct slice text,
                             struct conf_errors *errors)
{
    struct conf_place place = place_of_offset(text, parser->problem_offset);
    if (strncmp(parser->problem, "control", strlen("control")) == 0)
        return conf_errors_add(errors, place, "a control character (U+%04X): remove it",
                               (unsigned)parser->problem_value);
    return conf_errors_add(errors, place, "not UTF-8: save the file in that encoding");
}

static int note_syntax_error(const yaml_parser_t *parser, struct slice text,
                             struct conf_errors *errors)
{
    const struct syntax_hint *hint = find_hint(parser->problem, parser->context);
    struct conf_place place = place_of(parser->problem_mark);
    if (is_tab_at(text, parser->problem_mark))
        return conf_errors_add(errors, place, "a tab: YAML is indented with blanks only");
    if (hint == NULL)
        return conf_errors_add(errors, place, "not YAML: %s", parser->problem);
    if (hint->at_context && parser->context != NULL)
        place = place_of(parser->context_mark);
    return conf_errors_add(errors, place, "%s", hint->text);
}

int syntax_error_note(const yaml_parser_t *parser, struct slice text, struct conf_errors *errors)
{
    if (parser->error == YAML_MEMORY_ERROR || parser->problem == NULL)
        return -ENOMEM;
    int rc = parser->error == YAML_READER_ERROR ? note_reader_error(parser, text, errors)
                                                : note_syntax_error(parser, text, errors);
    return rc < 0 ? rc : -EINVAL;
}
