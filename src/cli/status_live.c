/* The live screen: a look each second, with what happened since the one before. */
#include "base/cleanup.h"
#include "cli/status.h"
#include "os/screen.h"

#include <errno.h>
#include <stdio.h>

#define REFRESH_MS     1000
#define KEY_MS         30
#define PAGE_BYTES_MAX (4 << 20)
#define HEAD_LINES     2

struct live {
    const struct place *place;
    struct status looks[2]; /* the latest is `count - 1`, modulo 2 */
    unsigned count;
    size_t offset; /* lines of the page that were scrolled past */
    bool in_colour;
};

static size_t count_lines(struct slice text)
{
    size_t lines = 0;
    struct slice line;
    while (slice_cut(&text, '\n', &line))
        lines += text.at != NULL || line.len > 0;
    return lines;
}

static int append_lines(struct buffer *page, struct slice *text, size_t count)
{
    struct slice line;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count && slice_cut(text, '\n', &line); i++) {
        rc = buffer_append(page, line);
        if (rc == 0)
            rc = buffer_append_char(page, '\n');
    }
    return rc;
}

static void skip_lines(struct slice *text, size_t count)
{
    struct slice line;
    while (count-- > 0 && slice_cut(text, '\n', &line))
        continue;
}

/* The head stays, what does not fit below it is scrolled, and the keys stand last. */
static int lay_out(struct live *live, struct slice text, struct buffer *page)
{
    size_t rows = screen_rows(), lines = count_lines(text);
    size_t room = rows > HEAD_LINES + 1 ? rows - HEAD_LINES - 1 : 1;
    size_t body = lines > HEAD_LINES ? lines - HEAD_LINES : 0;
    size_t most = body > room ? body - room : 0;
    if (live->offset > most)
        live->offset = most;
    int rc = append_lines(page, &text, HEAD_LINES);
    skip_lines(&text, live->offset);
    if (rc == 0)
        rc = append_lines(page, &text, room);
    if (rc == 0 && body < room)
        rc = buffer_append_char(page, '\n');
    if (rc < 0 || most == 0)
        return rc < 0 ? rc : buffer_append(page, SLICE("q ends"));
    return buffer_format(page, "q ends, arrows scroll: lines %zu to %zu of %zu", live->offset + 1,
                         live->offset + room, body);
}

static int draw(struct live *live)
{
    SCOPED(buffer_finish) struct buffer text;
    SCOPED(buffer_finish) struct buffer page;
    struct status *now = &live->looks[(live->count - 1) % 2],
                  *before = &live->looks[live->count % 2];
    bool has_before = live->count >= 2 && before->edge != NULL;
    buffer_init(&text, PAGE_BYTES_MAX);
    buffer_init(&page, PAGE_BYTES_MAX);
    int rc = now->edge == NULL ? status_write_error(now, &text) : 0;
    if (rc == 0)
        rc = status_write_text(now, has_before ? before : NULL, &text);
    if (rc == 0)
        rc = lay_out(live, buffer_slice(&text), &page);
    if (rc == 0 && live->in_colour)
        rc = status_colour(&page, PAGE_BYTES_MAX);
    if (rc == 0)
        screen_draw(buffer_slice(&page));
    return rc;
}

static int look(struct live *live)
{
    struct status *next = &live->looks[live->count % 2];
    if (live->count >= 2)
        status_finish(next);
    live->count++;
    return status_look(next, live->place);
}

/* The page moves; lay_out keeps it within its ends. False: the key does nothing here. */
static bool scroll(struct live *live, int key)
{
    size_t page = screen_rows() > HEAD_LINES + 2 ? screen_rows() - HEAD_LINES - 2 : 1;
    size_t up = key == SCREEN_UP || key == 'k'        ? 1
                : key == SCREEN_PAGE_UP || key == 'b' ? page
                : key == SCREEN_HOME || key == 'g'    ? SIZE_MAX
                                                      : 0;
    size_t down = key == SCREEN_DOWN || key == 'j'        ? 1
                  : key == SCREEN_PAGE_DOWN || key == ' ' ? page
                  : key == SCREEN_LAST || key == 'G'      ? PAGE_BYTES_MAX
                                                          : 0;
    live->offset -= up < live->offset ? up : live->offset;
    live->offset += down;
    return up > 0 || down > 0;
}

/* Waits for a second; keys that scroll show at once. Returns the key that ended the wait. */
static int await_key(struct live *live, int *rc)
{
    int64_t left_ms = REFRESH_MS;
    int key = SCREEN_TIMEOUT;
    while (*rc == 0 && left_ms > 0) {
        key = screen_key((int)left_ms);
        if (!scroll(live, key))
            break;
        *rc = draw(live);
        left_ms -= KEY_MS; /* a key that is held down must not stop the clock */
    }
    return key;
}

/* Looks at the place until a key ends it. 0, or what went wrong. */
static int refresh(struct live *live)
{
    int key = SCREEN_TIMEOUT, rc = 0;
    while (rc == 0 && key != SCREEN_END && key != 'q') {
        rc = look(live);
        if (rc == 0)
            rc = draw(live);
        if (rc == 0)
            key = await_key(live, &rc);
    }
    for (unsigned i = 0; i < live->count && i < 2; i++)
        status_finish(&live->looks[i]);
    return rc;
}

int status_live(const struct place *place)
{
    struct screen screen;
    struct live live = {.place = place};
    int rc = screen_open(&screen);
    if (rc < 0) {
        (void)fputs("weir status: the live screen needs a terminal\n", stderr);
        return 1;
    }
    live.in_colour = status_may_colour();
    rc = refresh(&live);
    screen_close(&screen);
    if (rc < 0)
        (void)fprintf(stderr, "weir status: %s\n", strerror(-rc));
    return rc < 0;
}
