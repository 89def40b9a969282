/*
 * `weir logs`: the logs of all tasks of a service, or of all services, in the order of time. The
 * files are read where the shims write them; nothing that runs is asked.
 */
#include "base/arena.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/fiber_run.h"
#include "cli/options.h"
#include "cli/place.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/line_log.h"
#include "os/loop.h"
#include "os/self.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define FILES_FIRST   64
#define FILES_MAX     65536
#define READ_MIN      ((size_t)64 << 10) /* of one file at a time; a line is shorter */
#define READ_MAX      ((size_t)4 << 20)
#define READ_ALL      ((size_t)256 << 20) /* of all, as far as READ_MIN lets it */
#define LINES_MAX     200000              /* printed at a time */
#define LINES_DEFAULT 100
#define FOLLOW_MS     200

struct log_file {
    char path[PATH_MAX];
    char task[64];
    struct line_log_place at;
    bool is_new;           /* only its end is shown */
    struct buffer content; /* of this round */
};

struct line {
    struct slice text; /* with its time */
    const char *task;
    size_t order; /* among lines of the same time */
};

struct logs {
    struct place place;
    const char *service; /* NULL: all */
    uint64_t last_lines; /* of the first round */
    bool follows;
    bool is_first;
    bool in_colour;
    int zone_offset_s;
    struct log_file *files; /* owned */
    unsigned files_count, files_room;
    bool is_cut;        /* there are more than FILES_MAX */
    struct line *lines; /* owned, LINES_MAX */
    size_t lines_count;
    char folder[PATH_MAX]; /* of the service that is being looked at */
};

static struct log_file *find_file(struct logs *logs, const char *path)
{
    for (unsigned i = 0; i < logs->files_count; i++) {
        if (strcmp(logs->files[i].path, path) == 0)
            return &logs->files[i];
    }
    return NULL;
}

/* What is read of each, so that all of it is not too much. */
static size_t share_of(const struct logs *logs)
{
    size_t share = READ_ALL / (logs->files_count + 1);
    return share < READ_MIN ? READ_MIN : share > READ_MAX ? READ_MAX : share;
}

static bool make_room(struct logs *logs)
{
    if (logs->files_count < logs->files_room)
        return true;
    unsigned room = logs->files_room == 0 ? FILES_FIRST : logs->files_room * 2;
    logs->is_cut |= room > FILES_MAX;
    struct log_file *files =
        room > FILES_MAX ? NULL : memory_resize(logs->files, room * sizeof *files);
    if (files == NULL)
        return false;
    logs->files = files;
    logs->files_room = room;
    return true;
}

static int add_file(void *arg, const char *name)
{
    struct logs *logs = arg;
    char path[PATH_MAX];
    struct slice stem = slice_of_cstr(name);
    if (!slice_ends_with(stem, SLICE(".log")))
        return 0;
    int len = snprintf(path, sizeof path, "%s/%s", logs->folder, name);
    if (len < 0 || (size_t)len >= sizeof path || find_file(logs, path) != NULL || !make_room(logs))
        return 0;
    struct log_file *file = &logs->files[logs->files_count++];
    *file = (struct log_file){.at = {0}};
    memcpy(file->path, path, (size_t)len + 1);
    (void)snprintf(file->task, sizeof file->task, "%.*s", (int)stem.len - 4, name);
    file->is_new = logs->is_first;
    return 0;
}

static int add_service(void *arg, const char *name)
{
    struct logs *logs = arg;
    char relative[PATH_MAX];
    int len = snprintf(relative, sizeof relative, "logs/%s", name);
    if (len > 0 && (size_t)len < sizeof relative &&
        place_path(&logs->place, relative, logs->folder))
        (void)folder_each(logs->folder, add_file, logs);
    return 0;
}

static int find_files(struct logs *logs)
{
    char path[PATH_MAX];
    if (logs->service != NULL)
        return add_service(logs, logs->service);
    return place_path(&logs->place, "logs", path) ? folder_each(path, add_service, logs)
                                                  : -ENAMETOOLONG;
}

/* A tail may begin in the middle of a line, and a file hold what no shim has written. */
static bool has_time(struct slice text)
{
    return text.len >= LINE_LOG_TIME_BYTES && text.at[10] == 'T' && text.at[19] == '.' &&
           text.at[23] == 'Z';
}

/* Of the first round only the last lines are shown: the room is for those of other files. */
static void keep_last(struct logs *logs, size_t first)
{
    size_t count = logs->lines_count - first;
    if (!logs->is_first || count <= logs->last_lines)
        return;
    memmove(&logs->lines[first], &logs->lines[logs->lines_count - logs->last_lines],
            logs->last_lines * sizeof *logs->lines);
    logs->lines_count = first + logs->last_lines;
}

/* Only whole lines, and as many as there is room for: the rest is read again in the next round. */
static void read_file(struct logs *logs, struct log_file *file)
{
    size_t first = logs->lines_count;
    size_t share = share_of(logs);
    buffer_finish(&file->content); /* what it held was of the round before */
    buffer_init(&file->content, share);
    if (file->is_new)
        (void)line_log_find_tail(file->path, share, &file->at);
    file->is_new = false;
    if (line_log_read(file->path, &file->at, &file->content) < 0)
        return;
    struct slice rest = buffer_slice(&file->content);
    for (ptrdiff_t end; (end = slice_find(rest, '\n')) >= 0 && logs->lines_count < LINES_MAX;) {
        struct slice text = slice_first(rest, (size_t)end);
        rest = slice_from(rest, (size_t)end + 1);
        if (has_time(text)) {
            logs->lines[logs->lines_count] =
                (struct line){.text = text, .task = file->task, .order = logs->lines_count};
            logs->lines_count++;
        }
    }
    file->at.offset -= rest.len < file->at.offset ? rest.len : file->at.offset;
    keep_last(logs, first);
}

static int compare_lines(const void *a, const void *b)
{
    const struct line *left = a, *right = b;
    int order = slice_compare(slice_first(left->text, LINE_LOG_TIME_BYTES),
                              slice_first(right->text, LINE_LOG_TIME_BYTES));
    return order != 0 ? order : left->order < right->order ? -1 : 1;
}

/* The time of day here; dates are in the files. */
static void print_time(const struct logs *logs, const char *time)
{
    int second = (time[11] - '0') * 36000 + (time[12] - '0') * 3600 + (time[14] - '0') * 600 +
                 (time[15] - '0') * 60 + (time[17] - '0') * 10 + (time[18] - '0');
    second = (second + logs->zone_offset_s + 86400) % 86400;
    printf("%02d:%02d:%02d%.4s ", second / 3600, second / 60 % 60, second % 60, time + 19);
}

static void print_line(const struct logs *logs, const struct line *line)
{
    struct slice text = slice_from(line->text, LINE_LOG_TIME_BYTES);
    unsigned colour = 31;
    for (const char *at = line->task; *at != '\0'; at++)
        colour = colour * 33 + (unsigned char)*at;
    print_time(logs, line->text.at);
    if (logs->in_colour)
        printf("\033[%um%s\033[0m | ", 32 + colour % 5, line->task);
    else
        printf("%s | ", line->task);
    (void)fwrite(text.at, 1, text.len, stdout);
    printf("\n");
}

static void show_round(struct logs *logs)
{
    logs->lines_count = 0;
    for (unsigned i = 0; i < logs->files_count; i++)
        read_file(logs, &logs->files[i]);
    qsort(logs->lines, logs->lines_count, sizeof *logs->lines, compare_lines);
    size_t first = logs->is_first && logs->lines_count > logs->last_lines
                       ? logs->lines_count - logs->last_lines
                       : 0;
    for (size_t i = first; i < logs->lines_count; i++)
        print_line(logs, &logs->lines[i]);
    (void)fflush(stdout);
}

static int logs_fiber(void *arg)
{
    struct logs *logs = arg;
    do {
        (void)find_files(logs);
        show_round(logs);
        logs->is_first = false;
        if (ferror(stdout) != 0)
            return 0; /* nobody reads any more */
    } while (logs->follows && fiber_sleep(FOLLOW_MS) == 0);
    return 0;
}

static int run(struct logs *logs)
{
    logs->lines = memory_alloc_array(LINES_MAX, sizeof *logs->lines);
    if (logs->lines == NULL) {
        fprintf(stderr, "weir logs: %s\n", strerror(ENOMEM));
        return 1;
    }
    logs->is_first = true;
    (void)find_files(logs);
    if (logs->files_count == 0 && !logs->follows) {
        if (logs->service != NULL)
            fprintf(stderr,
                    "weir logs: no service %s has printed anything here; `weir status` "
                    "lists the services\n",
                    logs->service);
        else
            fprintf(stderr, "weir logs: nothing was printed here yet; services run by `weir up`\n");
        return 1;
    }
    if (logs->is_cut)
        fprintf(stderr, "weir logs: there are more than %d logs here; the rest is not shown\n",
                FILES_MAX);
    int rc = fiber_run(logs_fiber, logs);
    return rc < 0;
}

int cli_logs(int argc, const char **argv)
{
    static struct logs logs;
    const char *file = NULL, *state = NULL, *lines = NULL, **arguments;
    const struct option_row options[] = {
        {'f', "follow", OPTION_FLAG, NULL, "go on and show what comes", .flag = &logs.follows},
        {'n', "lines", OPTION_TEXT, "COUNT", "begin with so many lines; 100 without it",
         .text = &lines},
        PLACE_FILE_ROW('\0', file),
        PLACE_STATE_ROW(state),
        {.name = NULL},
    };
    const struct command_usage usage = {
        "logs", "[-f] [SERVICE]",
        "Shows what a service's tasks print, or all services' without a name, in order of time.", 1,
        options};
    unsigned count;
    int exit_code;
    if (!options_parse(&usage, argc, argv, &count, &arguments, &exit_code))
        return exit_code;
    logs.last_lines = LINES_DEFAULT;
    if (lines != NULL && slice_parse_u64(slice_of_cstr(lines), &logs.last_lines) < 0) {
        fprintf(stderr, "weir logs: --lines is a number, not %s\n", lines);
        return OPTIONS_EXIT_USAGE;
    }
    if (!place_find("logs", file, state, false, &logs.place))
        return 1;
    const char *no_colour = self_variable("NO_COLOR");
    logs.service = count > 0 ? arguments[0] : NULL;
    logs.in_colour = self_has_terminal(1) && (no_colour == NULL || no_colour[0] == '\0');
    logs.zone_offset_s = self_zone_offset_s(self_wall_s());
    return run(&logs);
}
