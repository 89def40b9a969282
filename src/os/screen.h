/*
 * The terminal as a page that is drawn again and again: an alternate screen without echo, which is
 * put back as it was by screen_close. For programs without a loop.
 */
#pragma once

#include "base/slice.h"

#include <termios.h>

struct screen {
    struct termios before;
};

/*
 * Standard input and output must be a terminal. SIGTERM, SIGINT, SIGHUP and SIGTSTP are from now on
 * ends that screen_key tells. Returns 0 or -errno (-ENOTTY: no terminal).
 */
int screen_open(struct screen *screen);
void screen_close(struct screen *screen);

/* Shows the text from the top left; what does not fit is cut off. */
void screen_draw(struct slice text);

/* How many lines fit. */
unsigned screen_rows(void);

#define SCREEN_TIMEOUT 0

/* Keys that send more than one byte. */
enum { SCREEN_UP = 256, SCREEN_DOWN, SCREEN_PAGE_UP, SCREEN_PAGE_DOWN, SCREEN_HOME, SCREEN_LAST };
#define SCREEN_END (-1) /* Ctrl-C, Ctrl-D, a signal to end, or the terminal is gone */

/*
 * Waits for a key at most so long: its byte, one of the keys above, SCREEN_TIMEOUT (also when the
 * window's size has changed, or for a key that has no name here), or SCREEN_END.
 */
int screen_key(int timeout_ms);
