/* The note that outlives a supervisor. */
#include "cli/scratch.h"
#include "conf/conf_unit.h"

#include "base/cleanup.h"
#include "main/edge_note.h"
#include "os/proc.h"

static struct scratch scratch;

static int begin(void **state)
{
    (void)state;
    scratch_begin(&scratch, "state");
    return 0;
}

static int end(void **state)
{
    (void)state;
    scratch_end(&scratch);
    return 0;
}

/* Of this process, which surely runs. */
static void note_self(struct edge_note *note)
{
    struct proc_info self;
    assert_int_equal(proc_read(getpid(), &self), 0);
    *note = (struct edge_note){.pid = getpid(), .start_ticks = self.start_ticks};
    note->digest = UINT64_C(0xfedcba9876543210);
}

static void add_listener(struct edge_note *note, const char *address, int fd)
{
    struct note_listener *listener = &note->listeners[note->listeners_count++];
    (void)snprintf(listener->address, sizeof listener->address, "%s", address);
    listener->fd = fd;
}

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    struct edge_note note, read;
    struct process edge;
    note_self(&note);
    add_listener(&note, ":80", 3);
    add_listener(&note, "[::1]:8080", 4);
    add_listener(&note, "unix:/run/my app/weir.sock", 17);
    assert_int_equal(edge_note_write("edge.note", &note), 0);
    assert_int_equal(edge_note_read("edge.note", &read, &edge), 0);
    assert_int_equal(read.pid, note.pid);
    assert_int_equal(read.start_ticks, note.start_ticks);
    assert_true(read.digest == note.digest);
    assert_int_equal(read.listeners_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_string_equal(read.listeners[i].address, note.listeners[i].address);
        assert_int_equal(read.listeners[i].fd, note.listeners[i].fd);
    }
    assert_int_equal(edge.pid, getpid());
    process_release(&edge);
}

static void a_note_is_its_owner_s_alone(void **state)
{
    (void)state;
    struct edge_note note;
    struct stat info;
    note_self(&note);
    assert_int_equal(edge_note_write("edge.note", &note), 0);
    assert_int_equal(stat("edge.note", &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
}

static void all_listeners_there_may_be_fit(void **state)
{
    (void)state;
    struct edge_note note, read;
    struct process edge;
    char address[120];
    note_self(&note);
    memset(address, 'x', sizeof address - 1);
    address[sizeof address - 1] = '\0';
    for (int i = 0; i < NOTE_LISTENERS_MAX; i++)
        add_listener(&note, address, i);
    assert_int_equal(edge_note_write("edge.note", &note), 0);
    assert_int_equal(edge_note_read("edge.note", &read, &edge), 0);
    assert_int_equal(read.listeners_count, NOTE_LISTENERS_MAX);
    assert_string_equal(read.listeners[NOTE_LISTENERS_MAX - 1].address, address);
    process_release(&edge);
}

static void no_note_removes_it(void **state)
{
    (void)state;
    struct edge_note note, read;
    struct process edge;
    note_self(&note);
    assert_int_equal(edge_note_write("edge.note", &note), 0);
    assert_int_equal(edge_note_write("edge.note", NULL), 0);
    assert_int_equal(edge_note_read("edge.note", &read, &edge), -ENOENT);
}

static void an_edge_that_ended_is_not_taken_for_a_stranger_of_its_number(void **state)
{
    (void)state;
    struct edge_note note, read;
    struct process edge;
    note_self(&note);
    note.start_ticks++;
    assert_int_equal(edge_note_write("edge.note", &note), 0);
    assert_int_equal(edge_note_read("edge.note", &read, &edge), -ESRCH);
    assert_int_equal(read.pid, getpid()); /* what it said is there to be told */
}

static void a_damaged_note_is_an_error(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "edge\n", "edge x 1 2\n", "listener 3 :80\n", "edge 1"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct edge_note read;
        struct process edge;
        scratch_write("edge.note", texts[i]);
        assert_int_equal(edge_note_read("edge.note", &read, &edge), -EBADMSG);
    }
    struct edge_note read;
    struct process edge;
    scratch_write("edge.note", "edge 0 0 0\n");
    assert_true(edge_note_read("edge.note", &read, &edge) < 0);
    scratch_write("edge.note", "edge -1 0 0\n");
    assert_true(edge_note_read("edge.note", &read, &edge) < 0);
}

static void listeners_are_compared_by_name_in_any_order(void **state)
{
    (void)state;
    struct snapshot *snapshot = parse_good("listeners: { a: \":80\", b: \"127.0.0.1:81\" }\n"
                                           "sites: { s: { respond: 200 } }\n");
    struct edge_note note = {0};
    add_listener(&note, "127.0.0.1:81", 4);
    assert_false(edge_note_listens_as(&note, snapshot));
    add_listener(&note, ":80", 3);
    assert_true(edge_note_listens_as(&note, snapshot));
    add_listener(&note, ":82", 5);
    assert_false(edge_note_listens_as(&note, snapshot));
    note.listeners_count = 1;
    add_listener(&note, ":8", 3);
    assert_false(edge_note_listens_as(&note, snapshot));
    snapshot_unref(snapshot);
}

static void without_memory_the_old_note_stays(void **state)
{
    (void)state;
    struct edge_note note, read;
    struct process edge;
    note_self(&note);
    assert_int_equal(edge_note_write("edge.note", &note), 0);
    add_listener(&note, ":80", 3);
    memory_fail_from(1);
    assert_int_equal(edge_note_write("edge.note", &note), -ENOMEM);
    assert_int_equal(edge_note_read("edge.note", &read, &edge), -ENOMEM);
    memory_fail_from(0);
    assert_int_equal(edge_note_read("edge.note", &read, &edge), 0);
    assert_int_equal(read.listeners_count, 0);
    process_release(&edge);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read_again),
        TEST(a_note_is_its_owner_s_alone),
        TEST(all_listeners_there_may_be_fit),
        TEST(no_note_removes_it),
        TEST(an_edge_that_ended_is_not_taken_for_a_stranger_of_its_number),
        TEST(a_damaged_note_is_an_error),
        TEST(listeners_are_compared_by_name_in_any_order),
        TEST(without_memory_the_old_note_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
