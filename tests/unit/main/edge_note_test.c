/* The note that outlives a supervisor. */
#include "cli/scratch.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "main/edge_note.h"
#include "os/proc.h"

#include <errno.h>

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
    *note = (struct edge_note){.count = 1};
    note->edges[0] = (struct noted_edge){getpid(), self.start_ticks, UINT64_C(0xfedcba9876543210)};
}

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    struct edge_note note, read;
    struct process edge;
    note_self(&note);
    note.edges[note.count++] = (struct noted_edge){4711, 12, 3};
    note.edges[note.count++] = (struct noted_edge){4712, 13, 0};
    assert_int_equal(edge_note_write("edge.note", &note), 0);
    assert_int_equal(edge_note_read("edge.note", &read), 0);
    assert_int_equal(read.count, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(read.edges[i].pid, note.edges[i].pid);
        assert_true(read.edges[i].start_ticks == note.edges[i].start_ticks);
        assert_true(read.edges[i].digest == note.edges[i].digest);
    }
    assert_int_equal(edge_note_hold(&read.edges[0], &edge), 0);
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

static void all_edges_there_may_be_fit_and_no_more(void **state)
{
    (void)state;
    static char text[NOTE_EDGES_MAX * 32 + 64];
    struct edge_note note = {.count = NOTE_EDGES_MAX}, read;
    for (int i = 0; i < NOTE_EDGES_MAX; i++)
        note.edges[i] = (struct noted_edge){i + 1, UINT64_MAX, UINT64_MAX};
    assert_int_equal(edge_note_write("edge.note", &note), 0);
    assert_int_equal(edge_note_read("edge.note", &read), 0);
    assert_int_equal(read.count, NOTE_EDGES_MAX);
    assert_true(read.edges[NOTE_EDGES_MAX - 1].start_ticks == UINT64_MAX);
    for (int i = 0; i <= NOTE_EDGES_MAX; i++)
        (void)strcat(text, "edge 1 2 3\n");
    scratch_write("edge.note", text);
    assert_int_equal(edge_note_read("edge.note", &read), -EBADMSG);
}

static void no_note_removes_it(void **state)
{
    (void)state;
    struct edge_note note, read;
    note_self(&note);
    assert_int_equal(edge_note_write("edge.note", &note), 0);
    assert_int_equal(edge_note_write("edge.note", NULL), 0);
    assert_int_equal(edge_note_read("edge.note", &read), -ENOENT);
}

static void an_edge_that_ended_is_not_taken_for_a_stranger_of_its_number(void **state)
{
    (void)state;
    struct edge_note note;
    struct process edge;
    note_self(&note);
    note.edges[0].start_ticks++;
    assert_int_equal(edge_note_hold(&note.edges[0], &edge), -ESRCH);
}

static void a_damaged_note_is_an_error(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "edge\n",
                                        "edge x 1 2\n",
                                        "listener 3 :80\n",
                                        "edge 1",
                                        "edge 0 0 0\n",
                                        "edge -1 0 0\n",
                                        "edge 1 2 3\nedge 4 5\n",
                                        "edge 1 2 3\njunk"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct edge_note read;
        scratch_write("edge.note", texts[i]);
        assert_int_equal(edge_note_read("edge.note", &read), -EBADMSG);
    }
}

static void without_memory_the_old_note_stays(void **state)
{
    (void)state;
    struct edge_note note, read;
    note_self(&note);
    assert_int_equal(edge_note_write("edge.note", &note), 0);
    note.edges[note.count++] = (struct noted_edge){1, 2, 3};
    memory_fail_from(1);
    assert_int_equal(edge_note_write("edge.note", &note), -ENOMEM);
    assert_int_equal(edge_note_read("edge.note", &read), -ENOMEM);
    memory_fail_from(0);
    assert_int_equal(edge_note_read("edge.note", &read), 0);
    assert_int_equal(read.count, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read_again),
        TEST(a_note_is_its_owner_s_alone),
        TEST(all_edges_there_may_be_fit_and_no_more),
        TEST(no_note_removes_it),
        TEST(an_edge_that_ended_is_not_taken_for_a_stranger_of_its_number),
        TEST(a_damaged_note_is_an_error),
        TEST(without_memory_the_old_note_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
