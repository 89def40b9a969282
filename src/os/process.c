/*
 * fork and exec with an error pipe: what fails on the other side, exec included, comes back as an
 * error of process_spawn. Used by supervisor, control and shim, all of them small, so that copying
 * the page tables costs little; between fork and exec only async-signal-safe calls are made.
 */
#include "os/process.h"

#include "base/cleanup.h"
#include "os/io.h"
#include "os/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PASSED_FDS_MAX 200

enum step { STEP_SESSION, STEP_DIRECTORY, STEP_DESCRIPTORS, STEP_EXEC };

/* What the child sends through the error pipe. */
struct failure {
    enum step step;
    int code;
};

static void reset_signals(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &action, NULL);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int source_of(const struct process_options *options, int target)
{
    const int stdio[3] = {options->input, options->output, options->errors};
    if (target >= 3)
        return options->passed[target - 3];
    return stdio[target] >= 0 ? stdio[target] : open("/dev/null", O_RDWR | O_CLOEXEC);
}

/* Two passes, by numbers above all targets, since a source may have the number of another one's
 * target. */
static int place_descriptors(const struct process_options *options, int error_fd)
{
    int count = 3 + (int)options->passed_count;
    int spares[3 + PASSED_FDS_MAX];
    for (int target = 0; target < count; target++) {
        spares[target] = fcntl(source_of(options, target), F_DUPFD_CLOEXEC, count);
        if (spares[target] < 0)
            return -errno;
    }
    int kept_error_fd = fcntl(error_fd, F_DUPFD_CLOEXEC, count);
    for (int target = 0; target < count; target++) {
        if (dup2(spares[target], target) < 0)
            return -errno;
    }
    /* Refused by kernels before 5.11; all that Weir opens is close-on-exec anyway. */
    (void)close_range((unsigned)count, ~0U, CLOSE_RANGE_CLOEXEC);
    return kept_error_fd;
}

static int prepare_session(const struct process_options *options, pid_t parent)
{
    if (options->new_session && setsid() < 0)
        return -errno;
    if (options->on_parent_death == 0)
        return 0;
    if (prctl(PR_SET_PDEATHSIG, options->on_parent_death) < 0)
        return -errno;
    /* The parent may have ended before the call: then nobody would send the signal. */
    return getppid() == parent ? 0 : -ESRCH;
}

static void give_up(int error_fd, enum step step, int code)
{
    struct failure failure = {step, code};
    (void)!write(error_fd, &failure, sizeof failure);
    _exit(127);
}

static void become_program(const struct process_options *options, pid_t parent, int error_fd)
{
    reset_signals();
    int rc = prepare_session(options, parent);
    if (rc < 0)
        give_up(error_fd, STEP_SESSION, rc);
    if (options->directory != NULL && chdir(options->directory) < 0)
        give_up(error_fd, STEP_DIRECTORY, -errno);
    rc = place_descriptors(options, error_fd);
    if (rc < 0)
        give_up(error_fd, STEP_DESCRIPTORS, rc);
    char *const *arguments = (char *const *)(uintptr_t)options->arguments;
    char *const *environment =
        options->environment == NULL ? environ : (char *const *)(uintptr_t)options->environment;
    (void)execve(options->program, arguments, environment);
    give_up(rc, STEP_EXEC, -errno);
}

static int describe(const struct process_options *options, const struct failure *failure,
                    struct error *error)
{
    switch (failure->step) {
    case STEP_DIRECTORY:
        return error_set_errno(error, failure->code, "cannot enter the folder %s",
                               options->directory);
    case STEP_EXEC:
        return error_set_errno(error, failure->code, "cannot run %s", options->program);
    case STEP_SESSION:
    case STEP_DESCRIPTORS:
        break;
    }
    return error_set_errno(error, failure->code, "cannot prepare %s", options->program);
}

/* Nothing comes through the pipe when exec closes it. */
static bool has_failed(int error_fd, struct failure *ret_failure)
{
    ssize_t got;
    do {
        got = read(error_fd, ret_failure, sizeof *ret_failure);
    } while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof *ret_failure;
}

static pid_t fork_program(const struct process_options *options, int error_pipe[2])
{
    sigset_t all, before;
    (void)sigfillset(&all);
    /* No handler of ours may run in the child before it is reset. */
    (void)sigprocmask(SIG_BLOCK, &all, &before);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become_program(options, parent, error_pipe[1]);
    int code = errno;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return pid < 0 ? -code : pid;
}

int process_spawn(const struct process_options *options, struct process *ret_process,
                  struct error *error)
{
    int error_pipe[2];
    if (options->passed_count > PASSED_FDS_MAX)
        return error_set(error, -E2BIG, "too many descriptors to pass to %s", options->program);
    if (pipe2(error_pipe, O_CLOEXEC) < 0)
        return error_set_errno(error, -errno, "cannot start %s", options->program);
    pid_t pid = fork_program(options, error_pipe);
    (void)close(error_pipe[1]);
    struct failure failure;
    bool failed = pid > 0 && has_failed(error_pipe[0], &failure);
    (void)close(error_pipe[0]);
    if (pid < 0)
        return error_set_errno(error, pid, "cannot start %s", options->program);
    if (failed) {
        (void)waitpid(pid, NULL, 0);
        return describe(options, &failure, error);
    }
    int pidfd = pidfd_open(pid, 0); /* ours until reaped: the number cannot be another's */
    if (pidfd < 0) {
        int rc = error_set_errno(error, -errno, "cannot watch %s", options->program);
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        return rc;
    }
    *ret_process = (struct process){.pid = pid, .pidfd = pidfd, .is_child = true};
    return 0;
}

int process_hold(pid_t pid, uint64_t start_ticks, struct process *ret_process)
{
    struct proc_info info;
    int pidfd = pid > 0 ? pidfd_open(pid, 0) : (errno = ESRCH, -1);
    if (pidfd < 0)
        return -errno;
    /* Read after the pidfd was made: what is held now is what was looked at. */
    bool is_same = proc_read(pid, &info) == 0 && info.start_ticks == start_ticks;
    bool is_child = is_same && info.parent == getpid();
    if (!is_same || info.state == 'Z') {
        if (is_child)
            (void)waitid(P_PIDFD, (id_t)pidfd, &(siginfo_t){0}, WEXITED | WNOHANG);
        (void)close(pidfd);
        return -ESRCH;
    }
    *ret_process = (struct process){.pid = pid, .pidfd = pidfd, .is_child = is_child};
    return 0;
}

void process_release(struct process *process)
{
    if (process->pidfd > 0)
        (void)close(process->pidfd);
    *process = (struct process){.pidfd = -1};
}

static struct process_end reap(const struct process *process)
{
    siginfo_t info = {0};
    if (!process->is_child || waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED) < 0)
        return (struct process_end){.is_known = false};
    return (struct process_end){
        .is_known = true,
        .by_signal = info.si_code != CLD_EXITED,
        .code = info.si_status,
    };
}

int process_wait(struct process *process, int64_t deadline_ms, struct process_end *ret_end)
{
    struct io io;
    io_init(&io, NULL);
    int fd = fcntl(process->pidfd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return -errno;
    int rc = io_open(&io, fd);
    if (rc < 0) {
        (void)close(fd);
        return rc;
    }
    rc = io_wait(&io, IO_READABLE, deadline_ms);
    /* The process's own descriptor is the same file: its watch does not end by a close. */
    io_discard(io_release(&io));
    if (rc < 0)
        return rc;
    *ret_end = reap(process);
    process_release(process);
    return 0;
}

int process_signal(const struct process *process, int number)
{
    return pidfd_send_signal(process->pidfd, number, NULL, 0) < 0 ? -errno : 0;
}

int process_terminate(const struct process *process)
{
    int rc = process_signal(process, SIGTERM);
    process_wake(process->pid);
    return rc;
}

void process_wake(pid_t pid)
{
    struct proc_info info;
    if (pid > 1 && proc_read(pid, &info) == 0 && info.state == 'T')
        (void)kill(pid, SIGCONT);
}

int process_signal_group(const struct process *process, int number)
{
    if (process->pid <= 1)
        return -ESRCH;
    return kill(-process->pid, number) < 0 ? -errno : 0;
}

int process_take_descriptor(const struct process *process, int fd)
{
    int taken = pidfd_getfd(process->pidfd, fd, 0);
    return taken < 0 ? -errno : taken;
}

const char *process_end_format(const struct process_end *end,
                               char ret_text[static PROCESS_END_TEXT_BYTES])
{
    if (!end->is_known)
        (void)snprintf(ret_text, PROCESS_END_TEXT_BYTES, "an unknown result");
    else if (end->by_signal)
        (void)snprintf(ret_text, PROCESS_END_TEXT_BYTES, "signal %d (%s)", end->code,
                       strsignal(end->code));
    else
        (void)snprintf(ret_text, PROCESS_END_TEXT_BYTES, "exit status %d", end->code);
    return ret_text;
}
