/*
 * The errors of a file: collected by everything that reads it, shown by the commands. Texts live in
 * the errors' own arena.
 */
#include "conf/errors.h"

#include "base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define ARENA_BYTES_MAX 262144
#define TEXT_BYTES_MAX  600
#define LINE_LEN_MAX    160 /* characters shown of a line */

void conf_errors_init(struct conf_errors *errors)
{
    *errors = (struct conf_errors){.count = 0};
    arena_init(&errors->arena, NULL, 0, ARENA_BYTES_MAX);
}

void conf_errors_finish(struct conf_errors *errors)
{
    if (errors == NULL)
        return;
    arena_finish(&errors->arena);
    *errors = (struct conf_errors){.count = 0};
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* What a terminal could take for a command becomes '?'. Texts quote what stands in the file. */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++) {
        if (is_control(*text))
            *text = '?';
    }
}

int conf_errors_add(struct conf_errors *errors, struct conf_place place, const char *format, ...)
{
    if (errors->at == NULL) {
        errors->at = arena_alloc_array(&errors->arena, CONF_ERRORS_MAX, sizeof *errors->at);
        if (errors->at == NULL)
            return -ENOMEM;
    }
    if (errors->count == CONF_ERRORS_MAX) {
        errors->dropped++;
        return 0;
    }
    char text[TEXT_BYTES_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    make_printable(text);
    size_t kept = len < 0 ? 0 : (size_t)len < sizeof text ? (size_t)len : sizeof text - 1;
    struct slice copy = arena_copy(&errors->arena, slice_of(text, kept));
    if (copy.at == NULL)
        return -ENOMEM;
    errors->at[errors->count++] = (struct conf_error){.place = place, .text = copy};
    return 0;
}

void conf_errors_hide_line(struct conf_errors *errors)
{
    if (errors->count > 0)
        errors->at[errors->count - 1].hides_line = true;
}

static bool stands_before(struct conf_place a, struct conf_place b)
{
    return a.line != b.line ? a.line < b.line : a.column < b.column;
}

/* Is it said already, among the `count` errors that end with those of its own place? */
static bool is_said(const struct conf_error *at, unsigned count, const struct conf_error *error)
{
    for (; count > 0 && !stands_before(at[count - 1].place, error->place); count--) {
        if (slice_equal(at[count - 1].text, error->text))
            return true;
    }
    return false;
}

/* Insertion: stable, and there are few. */
void conf_errors_sort(struct conf_errors *errors)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < errors->count; i++) {
        struct conf_error error = errors->at[i];
        unsigned at = kept;
        while (at > 0 && stands_before(error.place, errors->at[at - 1].place))
            at--;
        if (is_said(errors->at, at, &error))
            continue;
        memmove(&errors->at[at + 1], &errors->at[at], (kept - at) * sizeof error);
        errors->at[at] = error;
        kept++;
    }
    errors->count = kept;
}

/* Takes the file's next line off *rest, without its end. */
static struct slice next_line(struct slice *rest)
{
    struct slice line = {NULL, 0};
    (void)slice_cut(rest, '\n', &line);
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    return line;
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* The bytes of the UTF-8 character at the slice's start; 0 when there is none. */
static size_t character_len(struct slice s)
{
    unsigned char lead = (unsigned char)s.at[0];
    size_t len = lead < 0x80   ? 1
                 : lead < 0xc2 ? 0
                 : lead < 0xe0 ? 2
                 : lead < 0xf0 ? 3
                 : lead < 0xf5 ? 4
                               : 0;
    if (len > s.len)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if (!is_continuation(s.at[i]))
            return 0;
    }
    bool is_c1 = lead == 0xc2 && (unsigned char)s.at[1] < 0xa0;
    return is_c1 ? 0 : len;
}

/* Tabs stay, for the caret below; other controls and broken characters are shown as '?'. */
static int append_shown(struct buffer *out, struct slice line)
{
    int rc = 0;
    for (unsigned shown = 0; shown < LINE_LEN_MAX && line.len > 0 && rc == 0; shown++) {
        size_t len = character_len(line);
        bool is_bad = len == 0 || (is_control(line.at[0]) && line.at[0] != '\t');
        rc = is_bad ? buffer_append_char(out, '?') : buffer_append(out, slice_first(line, len));
        line = slice_from(line, len == 0 ? 1 : len);
    }
    return rc;
}

/* Blanks up to the column (in characters, as libyaml counts), tabs where the line has them. */
static int append_caret(struct buffer *out, struct slice line, unsigned column)
{
    unsigned at_column = 1;
    int rc = buffer_append(out, SLICE("    "));
    for (size_t i = 0; i < line.len && at_column < column && rc == 0; i++) {
        if (is_continuation(line.at[i]))
            continue;
        rc = buffer_append_char(out, line.at[i] == '\t' ? '\t' : ' ');
        at_column++;
    }
    return rc < 0 ? rc : buffer_append(out, SLICE("^\n"));
}

static int append_line(struct buffer *out, struct slice line, unsigned column)
{
    int rc = buffer_append(out, SLICE("    "));
    if (rc == 0)
        rc = append_shown(out, line);
    if (rc == 0)
        rc = buffer_append_char(out, '\n');
    if (rc == 0 && column <= LINE_LEN_MAX)
        rc = append_caret(out, line, column);
    return rc;
}

static int append_head(struct buffer *out, struct slice file, const char *kind,
                       const struct conf_error *error)
{
    int rc = buffer_append(out, file);
    if (rc == 0 && error->place.line > 0)
        rc = buffer_format(out, ":%u:%u", error->place.line, error->place.column);
    if (rc == 0)
        rc = buffer_format(out, ": %s: ", kind);
    if (rc == 0)
        rc = buffer_append(out, error->text);
    return rc < 0 ? rc : buffer_append_char(out, '\n');
}

/* Whatever else is wrong in it. */
static bool is_hidden(const struct conf_error *errors, unsigned count, unsigned line)
{
    for (unsigned i = 0; i < count; i++) {
        if (errors[i].hides_line && errors[i].place.line == line)
            return true;
    }
    return false;
}

static int format(const struct conf_error *errors, unsigned count, const char *kind,
                  struct slice file, struct slice text, struct buffer *ret_text)
{
    struct slice rest = text;
    if (slice_starts_with(rest, SLICE(UTF8_MARK)))
        rest = slice_from(rest, strlen(UTF8_MARK));
    struct slice line = {NULL, 0};
    unsigned at_line = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct conf_error *error = &errors[i];
        int rc = append_head(ret_text, file, kind, error);
        while (at_line < error->place.line && rest.at != NULL) {
            line = next_line(&rest);
            at_line++;
        }
        if (rc == 0 && at_line > 0 && at_line == error->place.line &&
            !is_hidden(errors, count, at_line))
            rc = append_line(ret_text, line, error->place.column);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int conf_errors_format(const struct conf_errors *errors, struct slice file, struct slice text,
                       struct buffer *ret_text)
{
    int rc = format(errors->at, errors->count, "error", file, text, ret_text);
    if (rc < 0 || errors->dropped == 0)
        return rc;
    return buffer_format(ret_text, "and %u more errors\n", errors->dropped);
}

int conf_warnings_format(const struct conf_error *warnings, unsigned count, struct slice file,
                         struct slice text, struct buffer *ret_text)
{
    return format(warnings, count, "warning", file, text, ret_text);
}
