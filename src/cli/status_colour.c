/* Colours for the tables of `weir status`, laid over the finished text: widths are not disturbed.
 */
#include "base/cleanup.h"
#include "cli/status.h"
#include "os/self.h"

#define STANDARD_OUTPUT 1

bool status_may_colour(void)
{
    const char *no_colour = self_variable("NO_COLOR");
    bool is_wanted = no_colour == NULL || no_colour[0] == '\0';
    return is_wanted && self_has_terminal(STANDARD_OUTPUT);
}

static bool is_capital(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* The row of titles above a table. */
static bool is_title(struct slice line)
{
    return line.len > 2 && is_capital(line.at[0]) && is_capital(line.at[1]) &&
           is_capital(line.at[2]);
}

/* Is the word a cell of the line? */
static bool has_cell(struct slice line, struct slice word)
{
    ptrdiff_t at = slice_search(line, word);
    if (at < 2 || line.at[at - 1] != ' ')
        return false;
    size_t end = (size_t)at + word.len;
    return end == line.len || line.at[end] == ' ';
}

static struct slice colour_of(struct slice line)
{
    if (is_title(line))
        return SLICE("\033[1m");
    if (has_cell(line, SLICE("unhealthy")) || has_cell(line, SLICE("expired")))
        return SLICE("\033[31m");
    if (has_cell(line, SLICE("draining")) || has_cell(line, SLICE("initial")) ||
        has_cell(line, SLICE("unresolved")) || has_cell(line, SLICE("missing")) ||
        has_cell(line, SLICE("soon")))
        return SLICE("\033[33m");
    return SLICE("");
}

static int append_line(struct buffer *out, struct slice line)
{
    struct slice colour = colour_of(line);
    int rc = buffer_append(out, colour);
    if (rc == 0)
        rc = buffer_append(out, line);
    return rc == 0 && colour.len > 0 ? buffer_append(out, SLICE("\033[0m")) : rc;
}

int status_colour(struct buffer *text, size_t max)
{
    struct buffer coloured;
    struct slice rest = buffer_slice(text), line;
    int rc = 0;
    buffer_init(&coloured, max);
    while (rc == 0 && slice_cut(&rest, '\n', &line)) {
        rc = append_line(&coloured, line);
        if (rc == 0 && rest.at != NULL)
            rc = buffer_append_char(&coloured, '\n');
    }
    if (rc < 0) {
        buffer_finish(&coloured);
        return rc;
    }
    buffer_finish(text);
    *text = coloured;
    return 0;
}
