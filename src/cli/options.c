/* One pass over the command line against the table. */
#include "cli/options.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static void print_help(const struct command_usage *usage)
{
    printf("usage: weir %s%s%s\n\n%s\n", usage->name, usage->arguments[0] != '\0' ? " " : "",
           usage->arguments, usage->help);
    if (usage->options[0].name != NULL)
        printf("\n");
    for (const struct option_row *row = usage->options; row->name != NULL; row++) {
        char left[64];
        (void)snprintf(left, sizeof left, "%c%c%s--%s%s%s", row->letter != '\0' ? '-' : ' ',
                       row->letter != '\0' ? row->letter : ' ', row->letter != '\0' ? ", " : "  ",
                       row->name, row->kind != OPTION_FLAG ? " " : "",
                       row->kind != OPTION_FLAG ? row->argument : "");
        printf("  %-22s %s\n", left, row->help);
    }
}

static const struct option_row *find_letter(const struct option_row *rows, char letter)
{
    for (; rows->name != NULL; rows++) {
        if (rows->letter == letter)
            return rows;
    }
    return NULL;
}

static const struct option_row *find_name(const struct option_row *rows, const char *name,
                                          size_t len)
{
    for (; rows->name != NULL; rows++) {
        if (strlen(rows->name) == len && memcmp(rows->name, name, len) == 0)
            return rows;
    }
    return NULL;
}

static int complain(const struct command_usage *usage, const char *what, const char *which)
{
    fprintf(stderr, "weir %s: %s %s; `weir %s --help` tells what there is\n", usage->name, what,
            which, usage->name);
    return OPTIONS_EXIT_USAGE;
}

/* What is behind the option in the same word ("-fFILE", "--file=FILE"), or NULL. */
static const struct option_row *match(const struct command_usage *usage, const char *word,
                                      const char **ret_attached)
{
    const struct option_row *row;
    *ret_attached = NULL;
    if (word[1] != '-') {
        row = find_letter(usage->options, word[1]);
        if (word[2] != '\0')
            *ret_attached = word + 2;
        return row;
    }
    const char *equals = strchr(word, '=');
    size_t len = equals == NULL ? strlen(word + 2) : (size_t)(equals - word - 2);
    row = find_name(usage->options, word + 2, len);
    if (equals != NULL)
        *ret_attached = equals + 1;
    return row;
}

/* Returns how many words were used, or 0 with *ret_exit set. */
static int take_option(const struct command_usage *usage, const char **words, int left,
                       int *ret_exit)
{
    const char *attached;
    const struct option_row *row = match(usage, words[0], &attached);
    if (row == NULL || (row->kind == OPTION_FLAG && attached != NULL)) {
        *ret_exit = complain(usage, "there is no option", words[0]);
        return 0;
    }
    if (row->kind == OPTION_FLAG) {
        *row->flag = true;
        return 1;
    }
    if (attached == NULL && left < 2) {
        *ret_exit = complain(usage, "a value is missing behind", words[0]);
        return 0;
    }
    const char *value = attached != NULL ? attached : words[1];
    if (row->kind == OPTION_TEXT) {
        *row->text = value;
    } else if (row->list->count == OPTION_LIST_MAX) {
        *ret_exit = complain(usage, "takes no more values behind", words[0]);
        return 0;
    } else {
        row->list->at[row->list->count++] = value;
    }
    return attached != NULL ? 1 : 2;
}

bool options_parse(const struct command_usage *usage, int argc, const char **argv,
                   unsigned *ret_count, const char ***ret_arguments, int *ret_exit)
{
    unsigned count = 0;
    bool only_arguments = false;
    for (int i = 1; i < argc;) {
        const char *word = argv[i];
        if (!only_arguments && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
            print_help(usage);
            *ret_exit = 0;
            return false;
        }
        if (!only_arguments && strcmp(word, "--") == 0) {
            only_arguments = true;
            i++;
        } else if (!only_arguments && word[0] == '-' && word[1] != '\0') {
            int used = take_option(usage, argv + i, argc - i, ret_exit);
            if (used == 0)
                return false;
            i += used;
        } else if (count == usage->arguments_max) {
            *ret_exit = complain(usage, "does not know what to do with", word);
            return false;
        } else {
            argv[1 + count++] = argv[i++];
        }
    }
    *ret_count = count;
    *ret_arguments = argv + 1;
    return true;
}
