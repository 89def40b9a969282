/* Killed ones hand their children to us, so killing is repeated until nobody is left. */
#include "main/descendants.h"

#include "os/proc.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What the command leaves behind may so long finish what it has begun. */
#define LEFTOVER_MS   1000
#define KILL_AGAIN_MS 20

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int descendants_init(struct descendants *all)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    *all = (struct descendants){.kill_at_ms = INT64_MAX};
    all->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return all->signal_fd < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ? -errno : 0;
}

void descendants_stop(struct descendants *all, int64_t within_ms)
{
    int64_t at_ms = now_ms() + within_ms;
    if (at_ms < all->kill_at_ms)
        all->kill_at_ms = at_ms;
    if (!all->has_ended) {
        (void)kill(-all->command.pid, SIGTERM);
        (void)kill(-all->command.pid, SIGCONT);
    }
}

static int kill_own_child(void *arg, const struct proc_info *info)
{
    if (info->parent == *(const pid_t *)arg && info->state != 'Z')
        (void)kill(info->pid, SIGKILL);
    return 0;
}

static void kill_all(struct descendants *all)
{
    pid_t self = getpid();
    if (!all->has_ended)
        (void)kill(-all->command.pid, SIGKILL);
    (void)proc_each(kill_own_child, &self);
    all->kill_at_ms = now_ms() + KILL_AGAIN_MS;
}

/* Called before it is reaped: its number still is its group's and nobody else's. */
static void command_ended(struct descendants *all, const siginfo_t *info)
{
    descendants_stop(all, LEFTOVER_MS);
    all->has_ended = true;
    all->end.is_known = true;
    all->end.by_signal = info->si_code != CLD_EXITED;
    all->end.code = info->si_status;
}

static bool reap(struct descendants *all)
{
    bool had_ended = all->has_ended;
    for (;;) {
        siginfo_t info = {0};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0) {
            all->is_clear = errno == ECHILD && all->has_ended;
            break;
        }
        if (info.si_pid == 0)
            break;
        if (info.si_pid == all->command.pid)
            command_ended(all, &info);
        (void)waitid(P_PID, (id_t)info.si_pid, &info, WEXITED);
    }
    return all->has_ended && !had_ended;
}

bool descendants_take_signals(struct descendants *all, int64_t stop_within_ms)
{
    struct signalfd_siginfo info;
    while (read(all->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo != SIGCHLD)
            descendants_stop(all, all->kill_at_ms == INT64_MAX ? stop_within_ms : 0);
    }
    return reap(all);
}

int descendants_wait_ms(const struct descendants *all)
{
    if (all->kill_at_ms == INT64_MAX)
        return -1;
    int64_t left_ms = all->kill_at_ms - now_ms();
    return left_ms < 0 ? 0 : (int)left_ms;
}

bool descendants_turn(struct descendants *all)
{
    if (now_ms() < all->kill_at_ms)
        return false;
    kill_all(all);
    return reap(all);
}
