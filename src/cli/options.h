/*
 * Options of commands: one table each, from which parsing and help are made. "-f FILE", "--file
 * FILE", "--file=FILE"; "--" ends the options; -h and --help work everywhere.
 */
#pragma once

#include <stdbool.h>

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_LIST };

/* The values of an option that may be given again and again, in their order. */
#define OPTION_LIST_MAX 32
struct option_list {
    const char *at[OPTION_LIST_MAX]; /* borrowed from the command line */
    unsigned count;
};

struct option_row {
    char letter;      /* '\0': none */
    const char *name; /* without dashes; NULL ends the table */
    enum option_kind kind;
    const char *argument; /* its name in the help, of all but OPTION_FLAG */
    const char *help;
    bool *flag;               /* set to true, of OPTION_FLAG */
    const char **text;        /* set, of OPTION_TEXT; borrowed from the command line */
    struct option_list *list; /* added to, of OPTION_LIST */
};

struct command_usage {
    const char *name;
    const char *arguments; /* as in the usage line: "[-f] [SERVICE]"; may be empty */
    const char *help;      /* one paragraph */
    unsigned arguments_max;
    const struct option_row *options;
};

#define OPTIONS_EXIT_USAGE 2

/*
 * Parses argv[1] on. Returns true with the positional arguments in *ret_arguments (a part of argv's
 * own memory, moved together); false when the command is over: help was printed (*ret_exit 0) or
 * the usage is wrong, which has been told (*ret_exit 2).
 */
bool options_parse(const struct command_usage *usage, int argc, const char **argv,
                   unsigned *ret_count, const char ***ret_arguments, int *ret_exit);
