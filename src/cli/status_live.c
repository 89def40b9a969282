/* The live screen: a look each second, with what happened since the one before. */
#include "base/cleanup.h"
#include "cli/status.h"
#include "os/screen.h"

#include <errno.h>
#include <stdio.h>

#define REFRESH_MS     1000
#define PAGE_BYTES_MAX (4 << 20)

static int draw(struct status *status, const struct status *before)
{
    SCOPED(buffer_finish) struct buffer page;
    buffer_init(&page, PAGE_BYTES_MAX);
    int rc = status->edge == NULL ? status_write_error(status, &page) : 0;
    if (rc == 0)
        rc = status_write_text(status, before, &page);
    if (rc == 0)
        rc = buffer_append(&page, SLICE("\nq ends"));
    if (rc == 0)
        screen_draw(buffer_slice(&page));
    return rc;
}

/* Looks at the place until a key ends it. 0, or what went wrong. */
static int refresh(const struct place *place)
{
    struct status looks[2];
    unsigned count = 0;
    int key = SCREEN_TIMEOUT, rc = 0;
    while (rc == 0 && key != SCREEN_END && key != 'q') {
        struct status *now = &looks[count % 2], *before = &looks[(count + 1) % 2];
        if (count >= 2)
            status_finish(now);
        rc = status_look(now, place);
        count++;
        if (rc == 0)
            rc = draw(now, count >= 2 && before->edge != NULL ? before : NULL);
        if (rc == 0)
            key = screen_key(REFRESH_MS);
    }
    for (unsigned i = 0; i < count && i < 2; i++)
        status_finish(&looks[i]);
    return rc;
}

int status_live(const struct place *place)
{
    struct screen screen;
    int rc = screen_open(&screen);
    if (rc < 0) {
        (void)fputs("weir status: the live screen needs a terminal\n", stderr);
        return 1;
    }
    rc = refresh(place);
    screen_close(&screen);
    if (rc < 0)
        (void)fprintf(stderr, "weir status: %s\n", strerror(-rc));
    return rc < 0;
}
