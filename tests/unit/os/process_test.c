#include "unit.h"

#include "os/kernel.h"
#include "os/loop.h"
#include "os/proc.h"
#include "os/process.h"
#include "os/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static struct kernel *kernel;
static struct loop *loop;

static int begin(void **state)
{
    (void)state;
    return kernel_real_create(&kernel) < 0 || loop_create(kernel, &loop) < 0;
}

static int end(void **state)
{
    (void)state;
    loop_destroy(loop);
    kernel_real_destroy(kernel);
    return 0;
}

static struct process_options shell(const char *command)
{
    static const char *arguments[4] = {"sh", "-c"};
    arguments[2] = command;
    return (struct process_options){
        .program = "/bin/sh", .arguments = arguments, .input = -1, .output = -1, .errors = 2};
}

/* Runs it in a fiber until it has ended. */
struct run {
    struct process_options options;
    struct process_end end;
    int rc;
    int signal;
};

static void run_main(void *arg)
{
    struct run *run = arg;
    struct process process;
    run->rc = process_spawn(&run->options, &process, NULL);
    if (run->rc == 0 && run->signal != 0)
        run->rc = process_signal_group(&process, run->signal);
    if (run->rc == 0)
        run->rc = process_wait(&process, loop_deadline(20000), &run->end);
    loop_stop(loop);
}

static struct process_end run(struct process_options options, int signal_number)
{
    struct run it = {.options = options, .signal = signal_number};
    assert_int_equal(fiber_start(run_main, &it, NULL), 0);
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(it.rc, 0);
    assert_true(it.end.is_known);
    return it.end;
}

static void the_exit_status_comes_back(void **state)
{
    (void)state;
    struct process_end ended = run(shell("exit 7"), 0);
    assert_false(ended.by_signal);
    assert_int_equal(ended.code, 7);
    char text[PROCESS_END_TEXT_BYTES];
    assert_string_equal(process_end_format(&ended, text), "exit status 7");
}

/* Who waits in vain may wait again: as often as it takes. */
static void wait_again_and_again(void *arg)
{
    struct run *run = arg;
    struct process process;
    assert_int_equal(process_spawn(&run->options, &process, NULL), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(process_wait(&process, loop_deadline(20), &run->end), -ETIMEDOUT);
    assert_int_equal(process_signal_group(&process, SIGKILL), 0);
    run->rc = process_wait(&process, loop_deadline(20000), &run->end);
    loop_stop(loop);
}

static void a_wait_that_was_too_short_is_no_last_one(void **state)
{
    struct run it = {.options = shell("sleep 60")};
    (void)state;
    it.options.new_session = true;
    assert_int_equal(fiber_start(wait_again_and_again, &it, NULL), 0);
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(it.rc, 0);
    assert_true(it.end.by_signal && it.end.code == SIGKILL);
}

static void a_signal_reaches_the_whole_group(void **state)
{
    (void)state;
    struct process_options options = shell("sleep 60 & wait");
    options.new_session = true;
    struct process_end ended = run(options, SIGKILL);
    assert_true(ended.by_signal);
    assert_int_equal(ended.code, SIGKILL);
    char text[PROCESS_END_TEXT_BYTES];
    assert_string_equal(process_end_format(&ended, text), "signal 9 (Killed)");
}

static void output_folder_and_environment_are_as_told(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    const char *environment[] = {"COLOUR=blue", NULL};
    struct process_options options = shell("echo $COLOUR $(pwd); ls /proc/self/fd | wc -l");
    options.output = ends[1];
    options.directory = "/usr";
    options.environment = environment;
    assert_int_equal(run(options, 0).code, 0);
    (void)close(ends[1]);
    char text[100] = {0};
    assert_true(read(ends[0], text, sizeof text - 1) > 0);
    (void)close(ends[0]);
    /* 0, 1, 2, and the one that ls reads the folder with: nothing of ours. */
    assert_string_equal(text, "blue /usr\n4\n");
}

static void passed_descriptors_start_at_three_in_order(void **state)
{
    (void)state;
    int first[2], second[2];
    assert_int_equal(pipe2(first, O_CLOEXEC), 0);
    assert_int_equal(pipe2(second, O_CLOEXEC), 0);
    int passed[] = {second[1], first[1]};
    struct process_options options = shell("echo three >&3; echo four >&4");
    options.passed = passed;
    options.passed_count = 2;
    assert_int_equal(run(options, 0).code, 0);
    char text[16] = {0};
    assert_int_equal(read(second[0], text, sizeof text - 1), 6);
    assert_string_equal(text, "three\n");
    assert_int_equal(read(first[0], text, sizeof text - 1), 5);
    for (int i = 0; i < 2; i++) {
        (void)close(first[i]);
        (void)close(second[i]);
    }
}

static void signals_are_as_a_program_expects_them(void **state)
{
    (void)state;
    sigset_t set, before;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, &before);
    (void)signal(SIGPIPE, SIG_IGN);
    struct process_end ended = run(shell("kill -PIPE $$; exit 1"), 0);
    assert_int_equal(ended.code, SIGPIPE);
    ended = run(shell("kill -TERM $$; exit 1"), 0);
    assert_int_equal(ended.code, SIGTERM);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
}

static void few_descriptors_are_enough(void **state)
{
    (void)state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){64, before.rlim_max}), 0);
    int code = run(shell("exit 7"), 0).code;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(code, 7);
}

static void what_cannot_be_started_says_why(void **state)
{
    (void)state;
    struct process process;
    struct error error = {0};
    struct process_options options = shell("true");
    options.program = "/nonexistent/program";
    assert_int_equal(process_spawn(&options, &process, &error), -ENOENT);
    assert_string_equal(error.text, "cannot run /nonexistent/program: No such file or directory");
    options = shell("true");
    options.directory = "/nonexistent";
    assert_int_equal(process_spawn(&options, &process, &error), -ENOENT);
    assert_string_equal(error.text,
                        "cannot enter the folder /nonexistent: No such file or directory");
}

static void a_stranger_is_held_by_number_and_start_time(void **state)
{
    (void)state;
    struct proc_info self;
    struct process process;
    assert_int_equal(proc_read(getpid(), &self), 0);
    assert_int_equal(process_hold(getpid(), self.start_ticks + 1, &process), -ESRCH);
    assert_int_equal(process_hold(getpid(), self.start_ticks, &process), 0);
    assert_int_equal(process.pid, getpid());
    assert_false(process.is_child);
    process_release(&process);
    assert_int_equal(process_hold(0, 0, &process), -ESRCH);
}

static void the_process_that_listens_is_found(void **state)
{
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    uint16_t port = ntohs(address.sin_port);
    uint64_t inodes[PROC_LISTENERS_MAX];
    assert_int_equal(proc_listeners(port, inodes), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(proc_listeners(port, inodes), 1);
    struct proc_info holder;
    assert_int_equal(proc_find_holder(inodes, 1, &holder), 0);
    assert_int_equal(holder.pid, getpid());
    assert_true(proc_listens_below(getpid(), port));
    assert_true(proc_listens_below(getppid(), port));
    assert_false(proc_listens_below(getpid() + 1, port));
    (void)close(fd);
}

static void ephemeral_ports_are_a_range(void **state)
{
    (void)state;
    uint16_t first, last;
    proc_ephemeral_ports(&first, &last);
    assert_true(first > 1023 && first < last);
}

static void send_and_await_signals(void *arg)
{
    struct signals signals;
    int *results = arg;
    results[0] = signals_open(&signals, (const int[]){SIGUSR1, SIGUSR2, 0});
    (void)kill(getpid(), SIGUSR2);
    results[1] = signals_next(&signals, loop_deadline(1000));
    results[2] = signals_next(&signals, loop_deadline(1));
    (void)kill(getpid(), SIGUSR1);
    results[3] = signals_next(&signals, loop_deadline(1000));
    signals_close(&signals);
    loop_stop(loop);
}

static void signals_are_waited_for(void **state)
{
    (void)state;
    int results[4];
    assert_int_equal(fiber_start(send_and_await_signals, results, NULL), 0);
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(results[0], 0);
    assert_int_equal(results[1], SIGUSR2);
    assert_int_equal(results[2], -ETIMEDOUT);
    assert_int_equal(results[3], SIGUSR1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_exit_status_comes_back),
        cmocka_unit_test(a_wait_that_was_too_short_is_no_last_one),
        cmocka_unit_test(a_signal_reaches_the_whole_group),
        cmocka_unit_test(output_folder_and_environment_are_as_told),
        cmocka_unit_test(passed_descriptors_start_at_three_in_order),
        cmocka_unit_test(signals_are_as_a_program_expects_them),
        cmocka_unit_test(few_descriptors_are_enough),
        cmocka_unit_test(what_cannot_be_started_says_why),
        cmocka_unit_test(a_stranger_is_held_by_number_and_start_time),
        cmocka_unit_test(the_process_that_listens_is_found),
        cmocka_unit_test(ephemeral_ports_are_a_range),
        cmocka_unit_test(signals_are_waited_for),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
