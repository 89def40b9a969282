/*
 * A program that is confined as the edge is, and then tries what an intruder in the edge would:
 * `escape FOLDER WHAT`. FOLDER is what it may read. It prints "escaped" when it got through, else
 * it says what stopped it, or is ended by SIGSYS. tests/scenario/test_confinement.py runs it.
 */
#include "os/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *folder;

static int try_exec(void)
{
    return execl("/bin/true", "true", (char *)NULL);
}

static int try_fork(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid;
}

static int try_ptrace(void)
{
    return (int)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static int try_mount(void)
{
    return mount("none", folder, "tmpfs", 0, NULL);
}

static int try_setuid(void)
{
    return setuid(0);
}

static int try_open_outside(void)
{
    return open("/etc/passwd-", O_RDONLY) >= 0 || open("/usr/bin/env", O_RDONLY) >= 0 ||
                   open("/root", O_RDONLY) >= 0
               ? 0
               : -1;
}

static int try_write_inside(void)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/index.html", folder);
    if (open(path, O_WRONLY) >= 0)
        return 0;
    (void)snprintf(path, sizeof path, "%s/planted", folder);
    return open(path, O_WRONLY | O_CREAT, 0600);
}

static int try_make_executable(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static int try_signal_parent(void)
{
    return kill(getppid(), SIGTERM);
}

static int try_raw_socket(void)
{
    return socket(AF_PACKET, SOCK_RAW, 0);
}

static int try_io_uring(void)
{
    return (int)syscall(SYS_io_uring_setup, 1, NULL);
}

static int try_unshare(void)
{
    return unshare(CLONE_NEWUSER);
}

static int try_bpf(void)
{
    union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY};
    return (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr);
}

/* What it must still be able to do, so that a filter of everything is no success. */
static void *count_up(void *arg)
{
    ++*(int *)arg;
    return NULL;
}

static int serve(void)
{
    char path[4096], byte;
    int count = 0;
    pthread_t thread;
    (void)snprintf(path, sizeof path, "%s/index.html", folder);
    int file = open(path, O_RDONLY);
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool works = file >= 0 && read(file, &byte, 1) == 1 && fd >= 0 && listen(fd, 1) == 0 &&
                 pthread_create(&thread, NULL, count_up, &count) == 0 &&
                 pthread_join(thread, NULL) == 0 && count == 1;
    return works ? 0 : 3;
}

static const struct {
    const char *name;
    int (*attempt)(void);
} attempts[] = {
    {"exec", try_exec},
    {"fork", try_fork},
    {"ptrace", try_ptrace},
    {"mount", try_mount},
    {"setuid", try_setuid},
    {"open-outside", try_open_outside},
    {"write-inside", try_write_inside},
    {"make-executable", try_make_executable},
    {"signal-parent", try_signal_parent},
    {"raw-socket", try_raw_socket},
    {"io-uring", try_io_uring},
    {"unshare", try_unshare},
    {"bpf", try_bpf},
};

static int confine(void)
{
    struct error error = {0};
    bool is_held = false;
    int rc = confine_become(NULL, &error);
    if (rc == 0)
        rc = confine_files(&folder, 1, &is_held, &error);
    if (rc == 0)
        rc = confine_calls(&error);
    if (rc < 0 || !is_held)
        (void)fprintf(stderr, "not confined: %s\n", error.text);
    return rc < 0 || !is_held ? 4 : 0;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    folder = argv[1];
    int rc = confine();
    if (rc != 0 || strcmp(argv[2], "serve") == 0)
        return rc != 0 ? rc : serve();
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
        if (strcmp(attempts[i].name, argv[2]) != 0)
            continue;
        if (attempts[i].attempt() >= 0) {
            (void)puts("escaped");
            return 1;
        }
        (void)printf("refused: %s\n", strerror(errno));
        return 0;
    }
    return 2;
}
