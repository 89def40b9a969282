/* Control sequences of ECMA-48 and those of xterm that all terminals took over. */
#include "os/screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CTRL_C       3
#define CTRL_D       4
#define ESCAPE       27
#define ROWS_DEFAULT 24
#define SEQUENCE_MS  25 /* the bytes of one key come together */

static volatile sig_atomic_t must_end;

static void note_end(int number)
{
    (void)number;
    must_end = 1;
}

static void note_nothing(int number)
{
    (void)number; /* poll returns early: that is all */
}

static void put(struct slice text)
{
    while (text.len > 0) {
        ssize_t put = write(STDOUT_FILENO, text.at, text.len);
        if (put < 0 && errno != EINTR)
            return;
        text = slice_from(text, put > 0 ? (size_t)put : 0);
    }
}

static void catch_signals(void)
{
    static const int ends[] = {SIGTERM, SIGINT, SIGHUP, SIGTSTP};
    struct sigaction action = {.sa_handler = note_end};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        (void)sigaction(ends[i], &action, NULL);
    action.sa_handler = note_nothing;
    (void)sigaction(SIGWINCH, &action, NULL);
}

int screen_open(struct screen *screen)
{
    if (isatty(STDOUT_FILENO) != 1 || tcgetattr(STDIN_FILENO, &screen->before) < 0)
        return -ENOTTY;
    struct termios mine = screen->before;
    mine.c_lflag &= (tcflag_t) ~(ECHO | ICANON | ISIG);
    mine.c_cc[VMIN] = 1;
    mine.c_cc[VTIME] = 0;
    catch_signals();
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &mine) < 0)
        return -errno;
    /* The alternate screen, no cursor, long lines cut instead of wrapped. */
    put(SLICE("\033[?1049h\033[?25l\033[?7l"));
    return 0;
}

void screen_close(struct screen *screen)
{
    put(SLICE("\033[?7h\033[?25h\033[?1049l"));
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &screen->before);
}

unsigned screen_rows(void)
{
    struct winsize size;
    bool is_known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0;
    return is_known ? size.ws_row : ROWS_DEFAULT;
}

void screen_draw(struct slice text)
{
    struct slice line;
    unsigned rows = screen_rows();
    put(SLICE("\033[H"));
    for (unsigned row = 0; row < rows && slice_cut(&text, '\n', &line); row++) {
        put(row > 0 ? SLICE("\r\n") : SLICE(""));
        put(line);
        put(SLICE("\033[K"));
    }
    put(SLICE("\033[J"));
}

/* A byte that has come already, or follows at once; 0: none does. */
static char next_byte(void)
{
    struct pollfd wanted = {.fd = STDIN_FILENO, .events = POLLIN};
    char byte = 0;
    if (poll(&wanted, 1, SEQUENCE_MS) <= 0 || read(STDIN_FILENO, &byte, 1) != 1)
        return 0;
    return byte;
}

/* What follows an escape: "[A", "OA" or "[5~" (ECMA-48 §5.4). */
static int read_sequence(void)
{
    char first = next_byte(), byte = 0, number = 0;
    if (first != '[' && first != 'O')
        return SCREEN_TIMEOUT;
    while ((byte = next_byte()) != 0 && (byte < '@' || byte > '~'))
        number = byte;
    switch (byte == '~' ? number : byte) {
    case 'A':
        return SCREEN_UP;
    case 'B':
        return SCREEN_DOWN;
    case 'H':
    case '1':
        return SCREEN_HOME;
    case 'F':
    case '4':
        return SCREEN_LAST;
    case '5':
        return SCREEN_PAGE_UP;
    case '6':
        return SCREEN_PAGE_DOWN;
    default:
        return SCREEN_TIMEOUT;
    }
}

int screen_key(int timeout_ms)
{
    struct pollfd wanted = {.fd = STDIN_FILENO, .events = POLLIN};
    int ready = must_end ? 0 : poll(&wanted, 1, timeout_ms);
    if (must_end)
        return SCREEN_END;
    if (ready <= 0)
        return SCREEN_TIMEOUT;
    unsigned char key;
    ssize_t got = read(STDIN_FILENO, &key, 1);
    if (got != 1 || key == CTRL_C || key == CTRL_D)
        return got < 0 && errno == EINTR ? SCREEN_TIMEOUT : SCREEN_END;
    return key == ESCAPE ? read_sequence() : key;
}
