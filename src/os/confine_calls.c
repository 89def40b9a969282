/*
 * The system calls of the data plane, by libseccomp. What glibc, c-ares and the sanitizers do on
 * the way is among them; found by running all tests under it, and by reading.
 */
#include "os/confine.h"

#include "base/cleanup.h"
#include "os/sanitizer.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* In whatever arguments. */
static const char *const allowed[] = {
    /* bytes and descriptors */
    "read",
    "write",
    "readv",
    "writev",
    "pread64",
    "pwrite64",
    "preadv",
    "pwritev",
    "preadv2",
    "pwritev2",
    "sendfile",
    "splice",
    "tee",
    "copy_file_range",
    "close",
    "close_range",
    "dup",
    "dup2",
    "dup3",
    "fcntl",
    "ioctl",
    "lseek",
    "pipe",
    "pipe2",
    "eventfd2",
    "memfd_create",
    /* sockets; which families, below */
    "connect",
    "accept",
    "accept4",
    "bind",
    "listen",
    "shutdown",
    "getsockname",
    "getpeername",
    "setsockopt",
    "getsockopt",
    "sendto",
    "recvfrom",
    "sendmsg",
    "recvmsg",
    "sendmmsg",
    "recvmmsg",
    "socketpair",
    /* files; which of them, says Landlock */
    "open",
    "openat",
    "openat2",
    "stat",
    "lstat",
    "fstat",
    "newfstatat",
    "statx",
    "fstatfs",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "getdents64",
    "getcwd",
    "fsync",
    "fdatasync",
    "ftruncate",
    "fallocate",
    "flock",
    "fadvise64",
    "readahead",
    "unlink",
    "unlinkat",
    "rename",
    "renameat",
    "renameat2",
    "mkdir",
    "mkdirat",
    "umask",
    "fchmod",
    /* waiting */
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "poll",
    "ppoll",
    "select",
    "pselect6",
    "timerfd_create",
    "timerfd_settime",
    "timerfd_gettime",
    "futex",
    "futex_waitv",
    "nanosleep",
    "clock_nanosleep",
    "restart_syscall",
    /* time, chance, the process itself */
    "clock_gettime",
    "clock_getres",
    "gettimeofday",
    "time",
    "getrandom",
    "getpid",
    "gettid",
    "getppid",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getresuid",
    "getresgid",
    "getgroups",
    "getpgrp",
    "getpgid",
    "getsid",
    "uname",
    "sysinfo",
    "getcpu",
    "getrusage",
    "times",
    "prlimit64",
    "getrlimit",
    "setrlimit",
    "sched_yield",
    "sched_getaffinity",
    "sched_setaffinity",
    "sched_getparam",
    "sched_getscheduler",
    "sched_getattr",
    "sched_setattr",
    "getpriority",
    "capget",
    /* threads and signals */
    "exit",
    "exit_group",
    "set_tid_address",
    "set_robust_list",
    "get_robust_list",
    "rseq",
    "membarrier",
    "arch_prctl",
    "prctl",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigpending",
    "rt_sigtimedwait",
    "rt_sigsuspend",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "sigaltstack",
    "signalfd4",
    "tgkill",
    "tkill",
    /* memory; not executable, below */
    "munmap",
    "mremap",
    "madvise",
    "brk",
    "mincore",
    "msync",
};

/* Nothing but an intruder calls these. */
static const char *const fatal[] = {
    "execve",
    "execveat",
    "fork",
    "vfork",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "pidfd_getfd",
    "kcmp",
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "setns",
    "unshare",
    "move_mount",
    "fsopen",
    "fsmount",
    "open_tree",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "kexec_file_load",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "keyctl",
    "add_key",
    "request_key",
    "setuid",
    "setgid",
    "setresuid",
    "setresgid",
    "setreuid",
    "setregid",
    "setgroups",
    "capset",
    "mknod",
    "mknodat",
    "open_by_handle_at",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "quotactl",
    "reboot",
    "swapon",
    "swapoff",
    "acct",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "iopl",
    "ioperm",
    "personality",
    "modify_ldt",
    "lookup_dcookie",
    "syslog",
    "sethostname",
    "setdomainname",
    "vhangup",
    "uselib",
};

/* A call that this architecture does not have needs no rule. */
static int add(scmp_filter_ctx filter, uint32_t action, const char *name)
{
    int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR)
        return 0;
    int rc = seccomp_rule_add(filter, action, number, 0);
    return rc == -EDOM || rc == -EEXIST ? 0 : rc;
}

static int add_all(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t count)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = add(filter, action, names[i]);
    return rc;
}

static int allow_families(scmp_filter_ctx filter)
{
    /* AF_NETLINK: how the resolver sorts addresses by the interfaces there are. */
    static const unsigned families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < COUNT_OF(families); i++)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                              SCMP_A0(SCMP_CMP_EQ, families[i]));
    return rc;
}

static int allow_data_memory(scmp_filter_ctx filter)
{
    int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                              SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                              SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    return rc;
}

/* clone3 keeps its flags in memory, where no filter sees them: glibc goes on with clone. */
static int allow_threads(scmp_filter_ctx filter)
{
    int rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                              SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone), 1,
                              SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
    return rc;
}

/* The sanitizers trace their own process when they look for leaks, and map what they like. */
#if defined(WEIR_ASAN) || defined(WEIR_TSAN)
#define OTHERWISE SCMP_ACT_ALLOW
static const char *const fatal_in_tests[] = {"execve", "execveat", "mount", "setuid", "bpf"};
#endif

static int fill(scmp_filter_ctx filter)
{
#if defined(OTHERWISE)
    (void)allowed, (void)fatal, (void)allow_families, (void)allow_data_memory, (void)allow_threads;
    return add_all(filter, SCMP_ACT_KILL_PROCESS, fatal_in_tests, COUNT_OF(fatal_in_tests));
#else
    int rc = add_all(filter, SCMP_ACT_ALLOW, allowed, COUNT_OF(allowed));
    if (rc == 0)
        rc = add_all(filter, SCMP_ACT_KILL_PROCESS, fatal, COUNT_OF(fatal));
    if (rc == 0)
        rc = allow_families(filter);
    if (rc == 0)
        rc = allow_data_memory(filter);
    return rc == 0 ? allow_threads(filter) : rc;
#endif
}

#if !defined(OTHERWISE)
#define OTHERWISE SCMP_ACT_ERRNO(EPERM)
#endif

int confine_calls(struct error *ret_error)
{
    scmp_filter_ctx filter = seccomp_init(OTHERWISE);
    if (filter == NULL)
        return error_set(ret_error, -ENOMEM, "out of memory");
    /* As a tree: a call costs a few comparisons, not a walk over two hundred. */
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1); /* it would cost every load */
    int rc = fill(filter);
    if (rc == 0)
        rc = seccomp_load(filter);
    seccomp_release(filter);
    return rc < 0 ? error_set_errno(ret_error, rc, "cannot confine the process's system calls") : 0;
}
