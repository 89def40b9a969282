/* Thin calls, here so that no layer above asks the system itself. */
#include "os/self.h"

#include <errno.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *self_variable(const char *name)
{
    return getenv(name);
}

bool self_take_variable(const char *name)
{
    bool was_set = getenv(name) != NULL;
    (void)unsetenv(name);
    return was_set;
}

int self_program_path(char *room, size_t room_len)
{
    static const char mark[] = " (deleted)";
    ssize_t len = readlink(SELF_PROGRAM, room, room_len - 1);
    if (len < 0)
        return -errno;
    if ((size_t)len >= room_len - 1)
        return -ENAMETOOLONG;
    size_t mark_len = sizeof mark - 1;
    if ((size_t)len > mark_len && memcmp(room + (size_t)len - mark_len, mark, mark_len) == 0)
        len -= (ssize_t)mark_len;
    room[len] = '\0';
    return 0;
}

int self_become(const char *program, const char **argv, const char *variable)
{
    if (putenv((char *)(uintptr_t)variable) != 0 || close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        return -errno;
    (void)execv(program, (char *const *)(uintptr_t)argv);
    return -errno;
}

const char *const *self_environment(void)
{
    return (const char *const *)environ;
}

pid_t self_pid(void)
{
    return getpid();
}

int self_home_folder(char *room, size_t room_len)
{
    const char *home = getenv("HOME"), *caller = geteuid() == 0 ? getenv("SUDO_USER") : NULL;
    const struct passwd *entry = caller == NULL ? NULL : getpwnam(caller);
    if (entry != NULL)
        home = entry->pw_dir;
    if (home == NULL || home[0] != '/')
        return -ENOENT;
    int len = snprintf(room, room_len, "%s", home);
    return len < 0 || (size_t)len >= room_len ? -ENAMETOOLONG : 0;
}

void self_host_name(char *room, size_t room_len)
{
    if (gethostname(room, room_len) < 0 || room[0] == '\0')
        (void)snprintf(room, room_len, "localhost");
    room[room_len - 1] = '\0';
}

_Noreturn void self_abort(void)
{
    abort();
}

bool self_has_terminal(int fd)
{
    return isatty(fd) == 1;
}

int64_t self_wall_s(void)
{
    return (int64_t)time(NULL);
}

int self_zone_offset_s(int64_t wall_s)
{
    time_t at = (time_t)wall_s;
    struct tm local;
    return localtime_r(&at, &local) == NULL ? 0 : (int)local.tm_gmtoff;
}

void self_ignore_broken_pipes(void)
{
    struct sigaction action = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &action, NULL);
}
