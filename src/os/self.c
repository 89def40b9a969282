/* Thin calls, here so that no layer above asks the system itself. */
#include "os/self.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

const char *self_variable(const char *name)
{
    return getenv(name);
}

const char *const *self_environment(void)
{
    return (const char *const *)environ;
}

pid_t self_pid(void)
{
    return getpid();
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
