/* Where a command works: the file, its folder, and the state folder `.weir` beside it. */
#pragma once

#include <limits.h>
#include <stdbool.h>

struct place {
    const char *file;      /* as the user gave it */
    char folder[PATH_MAX]; /* absolute */
    char state[PATH_MAX];  /* absolute; may not exist yet */
};

#define PLACE_FILE_DEFAULT "weir.yaml"

/* Rows of the option tables (options.h) of all commands that work at a place; the values go to
 * variables of type const char *, NULL before. */
#define PLACE_FILE_ROW(letter, variable)                                                           \
    {                                                                                              \
        (letter), "file", OPTION_TEXT, "FILE", "the configuration; weir.yaml without it",          \
            .text = &(variable)                                                                    \
    }
#define PLACE_STATE_ROW(variable)                                                                  \
    {                                                                                              \
        '\0', "state", OPTION_TEXT, "FOLDER",                                                      \
            "the state folder; .weir beside the file without it", .text = &(variable)              \
    }

/*
 * `file` NULL: weir.yaml in the working folder. `state` NULL: .weir beside the file. With
 * `must_exist` the file has to be there; without, only its folder. Returns true, or false after
 * telling what to do on standard error.
 */
bool place_find(const char *command, const char *file, const char *state, bool must_exist,
                struct place *ret_place);

/* Makes the state folder, for its owner alone, and keeps it out of git. 0 or -errno. */
int place_make_state(const struct place *place);

/* "STATE/name". Returns false when that is too long. */
bool place_path(const struct place *place, const char *name, char ret_path[static PATH_MAX]);
