/* What control understands of a shim's lines, beside a shim made of cardboard. */
#include "http/http_unit.h"

#include "control/shim_link.h"

#define FOLDER "/tasks/api-1"

/* The shim's end of the one connection. */
static struct {
    int listening_fd;
    struct acceptor acceptor;
    struct io io;
    const char *greeting; /* said at once; NULL: nothing */
    bool leaves;          /* right behind it */
} shim;

static struct shim_link found;
static unsigned changes;

static void note_change(struct shim_link *changed)
{
    assert_ptr_equal(changed, &found);
    changes++;
}

static void say_line(const char *text)
{
    struct iovec part = {(void *)(uintptr_t)text, strlen(text)};
    assert_int_equal(io_write(&shim.io, &part, 1), (ssize_t)strlen(text));
}

static void greet(struct acceptor *acceptor, int fd, const struct address *peer)
{
    (void)acceptor;
    (void)peer;
    io_init(&shim.io, NULL);
    assert_int_equal(io_open(&shim.io, fd), 0);
    if (shim.greeting != NULL)
        say_line(shim.greeting);
    if (shim.leaves)
        io_close(&shim.io);
}

static int begin(void **state)
{
    (void)state;
    memset(&shim, 0, sizeof shim);
    io_init(&shim.io, NULL);
    changes = 0;
    return world_begin(NULL, BLOCK_LARGE_BYTES, greet);
}

static int end(void **state)
{
    (void)state;
    return world_end();
}

static void shim_begin(const char *greeting)
{
    struct address address;
    shim.greeting = greeting;
    assert_int_equal(address_from_path(SLICE(FOLDER "/shim.sock"), &address), 0);
    shim.listening_fd = world.kernel->ops->listen(world.kernel, &address, 8, false);
    assert_true(shim.listening_fd >= 0);
    assert_int_equal(acceptor_start(&shim.acceptor, shim.listening_fd, greet), 0);
}

static void shim_end(void)
{
    shim_finish(&found);
    io_close(&shim.io);
    acceptor_stop(&shim.acceptor);
    world.kernel->ops->close(world.kernel, shim.listening_fd);
}

static int find(void)
{
    return shim_find(&found, FOLDER, note_change);
}

static void expect_greeting(const char *greeting, pid_t task, pid_t own, const char *label)
{
    shim_begin(greeting);
    assert_int_equal(find(), 0);
    assert_int_equal(found.task_pid, task);
    assert_int_equal(found.shim_pid, own);
    assert_string_equal(found.label, label);
    assert_false(found.has_ended || found.is_gone);
    shim_end();
}

static void greetings(void)
{
    expect_greeting("task pid=1234 shim=1230 start=99881 label=service=api number=1\n", 1234, 1230,
                    "service=api number=1");
    expect_greeting("task pid=1 shim=2 start=3 label=x\n", 1, 2, "x");
    expect_greeting("task pid=1 shim=2 start=3 label=\n", 1, 2, "");
    expect_greeting("task pid=1 shim=2 start=3 label=a  b label=c\n", 1, 2, "a  b label=c");
    expect_greeting("hello\ntask shim=2 later=x pid=1 label=y\n", 1, 2, "y");
}

static void a_greeting_names_task_shim_and_label(void **state)
{
    (void)state;
    world_run(greetings);
}

static void say_in_parts(void *arg)
{
    (void)arg;
    static const char text[] = "task pid=1234 shim=1230 start=1 label=a b\n";
    while (!io_is_open(&shim.io))
        assert_int_equal(fiber_sleep(1), 0);
    for (size_t i = 0; i < sizeof text - 1; i++) {
        char byte[] = {text[i], '\0'};
        say_line(byte);
        assert_int_equal(fiber_sleep(1), 0);
    }
}

static void slow_greetings(void)
{
    shim_begin(NULL);
    assert_int_equal(fiber_start(say_in_parts, NULL, NULL), 0);
    assert_int_equal(find(), 0);
    assert_int_equal(found.task_pid, 1234);
    assert_string_equal(found.label, "a b");
    shim_end();
}

static void a_greeting_may_come_in_parts(void **state)
{
    (void)state;
    world_run(slow_greetings);
}

static void expect_no_shim(const char *greeting, bool leaves, int error)
{
    shim.leaves = leaves;
    shim_begin(greeting);
    assert_int_equal(find(), error);
    assert_false(io_is_open(&found.io));
    assert_int_equal(changes, 0);
    shim_end();
}

static void missing_shims(void)
{
    assert_true(find() < 0); /* nobody listens */
    expect_no_shim("failed cannot start sh: No such file\n", true, -ECHILD);
    expect_no_shim("ended exit 1\n", false, -ECHILD); /* a task that nobody named */
    expect_no_shim("task pid=x shim=2 label=\n", false, -ECHILD);
    expect_no_shim("task pid=99", true, -ECONNRESET);
    expect_no_shim(NULL, true, -ECONNRESET);
    int64_t began_ms = loop_now_ms();
    expect_no_shim(NULL, false, -ETIMEDOUT);
    assert_in_range(loop_now_ms() - began_ms, 10000, 10100);
}

static void without_a_task_there_is_no_shim(void **state)
{
    (void)state;
    world_run(missing_shims);
}

static void endings(void)
{
    static const struct {
        const char *line;
        bool by_signal;
        int code;
    } cases[] = {
        {"ended exit 0\n", false, 0}, {"ended exit 3\n", false, 3}, {"ended signal 9\n", true, 9}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        changes = 0;
        shim_begin("task pid=1 shim=2 label=\n");
        assert_int_equal(find(), 0);
        assert_int_equal(changes, 0);
        say_line(cases[i].line);
        assert_int_equal(fiber_sleep(10), 0);
        assert_true(found.has_ended && found.end.is_known);
        assert_int_equal(found.end.by_signal, cases[i].by_signal);
        assert_int_equal(found.end.code, cases[i].code);
        assert_false(found.is_gone); /* its processes are being cleared away */
        assert_int_equal(changes, 1);
        io_close(&shim.io);
        assert_int_equal(fiber_sleep(10), 0);
        assert_true(found.is_gone);
        assert_false(io_is_open(&found.io));
        assert_int_equal(changes, 2);
        shim_end();
    }
}

static void the_end_of_the_command_comes_before_the_end_of_all(void **state)
{
    (void)state;
    world_run(endings);
}

static void quick_endings(void)
{
    shim.leaves = true;
    shim_begin("task pid=1 shim=2 label=z\nended signal 15\n");
    assert_int_equal(find(), 0);
    assert_int_equal(fiber_sleep(10), 0);
    assert_int_equal(found.task_pid, 1);
    assert_true(found.has_ended && found.end.by_signal && found.is_gone);
    assert_int_equal(found.end.code, 15);
    assert_true(changes > 0);
    shim_end();
}

static void a_task_may_be_over_before_it_was_found(void **state)
{
    (void)state;
    world_run(quick_endings);
}

static void strange_lines(void)
{
    static char long_line[4000];
    memset(long_line, 'x', sizeof long_line - 2);
    long_line[sizeof long_line - 2] = '\n';
    shim_begin("task pid=1 shim=2 label=\n");
    assert_int_equal(find(), 0);
    say_line("\nended\nended \nended exit\nended exit x\nended exit -1\nwhatever\n");
    say_line(long_line);
    assert_int_equal(fiber_sleep(10), 0);
    assert_false(found.has_ended || found.is_gone);
    say_line("\nended exit 7\n");
    assert_int_equal(fiber_sleep(10), 0);
    assert_true(found.has_ended);
    assert_int_equal(found.end.code, 7);
    shim_end();
}

static void lines_that_are_not_understood_are_passed_over(void **state)
{
    (void)state;
    world_run(strange_lines);
}

static void long_labels(void)
{
    char greeting[64 + SHIM_LABEL_BYTES + 100] = "task pid=1 shim=2 label=";
    size_t head = strlen(greeting);
    memset(greeting + head, 'l', SHIM_LABEL_BYTES + 50);
    greeting[head + SHIM_LABEL_BYTES + 50] = '\n';
    shim_begin(greeting);
    assert_int_equal(find(), 0);
    assert_int_equal(strlen(found.label), SHIM_LABEL_BYTES - 1);
    shim_end();
}

static void a_label_too_long_is_cut(void **state)
{
    (void)state;
    world_run(long_labels);
}

static void stops(void)
{
    char text[64] = "";
    shim_begin("task pid=1 shim=2 label=\n");
    assert_int_equal(find(), 0);
    shim_stop(&found, 1500);
    ssize_t got = io_read_wait(&shim.io, text, sizeof text - 1, loop_deadline(1000));
    assert_int_equal(got, 10);
    assert_string_equal(text, "stop 1500\n");
    io_close(&shim.io);
    assert_int_equal(fiber_sleep(10), 0);
    shim_stop(&found, 0); /* harmless once it is gone */
    shim_end();
}

static void a_stop_is_a_line_with_its_time(void **state)
{
    (void)state;
    world_run(stops);
}

static void a_folder_too_deep_is_an_error(void **state)
{
    (void)state;
    static char deep[5000];
    memset(deep, 'x', sizeof deep - 1);
    assert_int_equal(shim_find(&found, deep, note_change), -ENAMETOOLONG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_greeting_names_task_shim_and_label),
        TEST(a_greeting_may_come_in_parts),
        TEST(without_a_task_there_is_no_shim),
        TEST(the_end_of_the_command_comes_before_the_end_of_all),
        TEST(a_task_may_be_over_before_it_was_found),
        TEST(lines_that_are_not_understood_are_passed_over),
        TEST(a_label_too_long_is_cut),
        TEST(a_stop_is_a_line_with_its_time),
        cmocka_unit_test(a_folder_too_deep_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
