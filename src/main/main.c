/*
 * The program's entry: a table of commands, and Weir's own log on its way to the terminal. Internal
 * commands (a process that starts itself again in another role) stand in a table of their own.
 */
#include "base/cleanup.h"
#include "base/log.h"
#include "cli/cli.h"
#include "control/control.h"
#include "main/children.h"
#include "main/down.h"
#include "main/guard.h"
#include "main/shim.h"
#include "main/supervisor.h"
#include "main/trust.h"
#include "os/self.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct command {
    const char *name;
    int (*run)(int argc, const char **argv);
    const char *help;
};

static int run_help(int argc, const char **argv);

static int run_version(int argc, const char **argv)
{
    (void)argc;
    (void)argv;
    return printf("weir %s\n", WEIR_VERSION) < 0;
}

static const struct command commands[] = {
    {"init", cli_init, "write a first weir.yaml for the folder you stand in"},
    {"check", cli_check, "tell what is wrong with a weir.yaml"},
    {"up", supervisor_up, "run everything in the file: proxy and services, until Ctrl-C"},
    {"edge", supervisor_edge, "run the proxy only, as one runs nginx"},
    {"reload", cli_reload, "read the file again, without dropping anything"},
    {"status", cli_status, "show listeners, target groups and tasks"},
    {"explain", cli_explain, "tell what was decided about a request, or what would be"},
    {"logs", cli_logs, "show what the services print"},
    {"maintenance", cli_maintenance, "close a site for a while, and open it again"},
    {"bucket", cli_bucket, "look at the object store: verify it, show what is in it"},
    {"s3", cli_s3, "make, show and remove keys for the S3 API"},
    {"trust", trust_main, "let this machine's browsers believe Weir's own certificates"},
    {"down", down_main, "stop what runs here"},
    {"version", run_version, "print the version"},
    {"help", run_help, "print this, or a command's own help: weir help COMMAND"},
};

static const struct command internal[] = {
    {"shim", shim_main, NULL},
    {CONTROL_GUARD, guard_main, NULL},
    {EDGE_PROCESS, edge_process, NULL},
    {CONTROL_PROCESS, control_process, NULL},
    {KEEPER_PROCESS, keeper_process, NULL},
};

/* Commands that the design names and that do not work yet. */
static const char *const planned[] = {
    "dev",    "plan",    "deploy", "events", "scale",   "restart", "rollback",
    "run",    "exec",    "purge",  "secret", "token",   "db",      "builds",
    "backup", "restore", "doctor", "audit",  "sidecar",
};

static const struct command *find(const struct command *table, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    }
    return NULL;
}

static int refuse(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(planned); i++) {
        if (strcmp(planned[i], name) == 0) {
            (void)fprintf(stderr, "weir %s: not yet, it comes in a later version\n", name);
            return 1;
        }
    }
    (void)fprintf(stderr, "weir: there is no command `%s`; `weir help` lists them\n", name);
    return 2;
}

static int run_help(int argc, const char **argv)
{
    const struct command *command = argc > 1 ? find(commands, COUNT_OF(commands), argv[1]) : NULL;
    if (argc > 1 && command == NULL && argv[1][0] != '-')
        return refuse(argv[1]);
    if (command != NULL && command->run != run_help && command->run != run_version)
        return command->run(2, (const char *[]){argv[1], "--help", NULL});
    printf("weir: load balancer, static server and application platform in one program\n\n"
           "usage: weir COMMAND [OPTIONS]\n\n");
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        printf("  %-11s %s\n", commands[i].name, commands[i].help);
    return printf("\nEach command explains itself: weir COMMAND --help\n") < 0;
}

/* Whoever does not read what we say, a pager or a stopped terminal, must not hold up who serves. */
static bool can_write(int fd)
{
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    return poll(&room, 1, 0) != 0;
}

/* Information goes to standard output, what went wrong to standard error. One write a line, so that
 * lines of several processes do not mix. */
static void print_line(void *arg, enum log_level level, const char *line, size_t len)
{
    char text[2100];
    int fd = level >= LOG_LEVEL_WARN ? STDERR_FILENO : STDOUT_FILENO;
    bool in_colour = *(const bool *)arg && level >= LOG_LEVEL_WARN && self_has_terminal(fd);
    int written = snprintf(text, sizeof text, "%s%.*s%s\n",
                           !in_colour                ? ""
                           : level == LOG_LEVEL_WARN ? "\033[33m"
                                                     : "\033[31m",
                           (int)len, line, in_colour ? "\033[0m" : "");
    if (written > 0 && can_write(fd))
        (void)!write(fd, text, (size_t)written < sizeof text ? (size_t)written : sizeof text - 1);
}

/* A reader that had enough, as head has, is no failure; a full disk is one. */
static int finish_output(int exit_code)
{
    struct pollfd output = {.fd = STDOUT_FILENO};
    bool is_whole = fflush(stdout) == 0 && ferror(stdout) == 0;
    bool has_reader = poll(&output, 1, 0) <= 0 || (output.revents & POLLERR) == 0;
    if (is_whole || !has_reader)
        return exit_code;
    (void)fprintf(stderr, "weir: cannot write all of the output; is the disk full?\n");
    return exit_code == 0 ? 1 : exit_code;
}

int main(int argc, char **argv)
{
    static bool may_colour;
    const char *no_colour = self_variable("NO_COLOR");
    may_colour = no_colour == NULL || no_colour[0] == '\0';
    self_ignore_broken_pipes();
    log_set_sink(print_line, &may_colour, LOG_LEVEL_INFO);
    const char **words = (const char **)(uintptr_t)argv;
    if (argc < 2)
        return run_help(1, words), 2;
    const char *name = words[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    const struct command *command = find(commands, COUNT_OF(commands), name);
    if (command == NULL)
        command = find(internal, COUNT_OF(internal), name);
    return command == NULL ? refuse(name) : finish_output(command->run(argc - 1, words + 1));
}
