/* The file as the supervisor reads it, and as its children get it. */
#include "cli/scratch.h"

#include "base/memory.h"
#include "cli/place.h"
#include "conf/bundle.h"
#include "main/configuration.h"

#include <errno.h>
#include <string.h>

static const char right[] =
    "app: one\nlisteners: { http: \":8080\" }\nsites: { a: { files: ./www } }\n";

static struct scratch scratch;
static const struct place place = {.file = "weir.yaml", .state = ".weir"};

static int begin(void **state)
{
    (void)state;
    scratch_begin(&scratch, "project");
    scratch_write("www/index.html", "x");
    scratch_write("weir.yaml", right);
    return 0;
}

static int end(void **state)
{
    (void)state;
    scratch_end(&scratch);
    return 0;
}

/* What it said goes to scratch.why. */
static int read_file(struct configuration *configuration)
{
    scratch_listen(&scratch);
    int rc = configuration_read(&place, NULL, configuration);
    scratch_heard(&scratch);
    return rc;
}

static int take(const struct configuration *configuration, struct snapshot **ret_snapshot)
{
    scratch_listen(&scratch);
    int rc = configuration_take(dup(configuration->text), "weir.yaml", ret_snapshot);
    scratch_heard(&scratch);
    return rc;
}

static void a_child_gets_the_accepted_text_whatever_the_file_says_now(void **state)
{
    (void)state;
    struct configuration configuration;
    assert_int_equal(read_file(&configuration), 0);
    for (int round = 0; round < 3; round++) {
        struct snapshot *snapshot = NULL;
        assert_int_equal(take(&configuration, &snapshot), 0);
        assert_true(slice_equal(snapshot->app, SLICE("one")));
        const struct conf_rule *rule = &snapshot->sites[0].rules[0];
        assert_non_null(strstr(rule->files.root.at, "/project/www"));
        snapshot_unref(snapshot);
        if (round == 0)
            scratch_write("weir.yaml", "sites: [");
        else
            (void)unlink("weir.yaml");
    }
    configuration_release(&configuration);
}

static void nobody_can_change_the_accepted_text(void **state)
{
    (void)state;
    struct configuration configuration;
    assert_int_equal(read_file(&configuration), 0);
    assert_int_equal(pwrite(configuration.text, "x", 1, 0), -1);
    assert_int_equal(ftruncate(configuration.text, 0), -1);
    configuration_release(&configuration);
}

static void a_folder_that_is_gone_keeps_no_child_from_starting(void **state)
{
    (void)state;
    struct configuration configuration;
    struct snapshot *snapshot = NULL;
    assert_int_equal(read_file(&configuration), 0);
    assert_int_equal(unlink("www/index.html"), 0);
    assert_int_equal(rmdir("www"), 0);
    assert_int_equal(take(&configuration, &snapshot), 0);
    assert_non_null(strstr(snapshot->sites[0].rules[0].files.root.at, "/project/www"));
    snapshot_unref(snapshot);
    configuration_release(&configuration);
    assert_int_equal(read_file(&configuration), -EINVAL);
    assert_non_null(strstr(scratch.why.at, "nothing is at"));
}

static void what_is_wrong_is_told_with_its_line(void **state)
{
    (void)state;
    struct configuration configuration;
    scratch_write("weir.yaml", "app: one\nlistenres: {}\n");
    assert_int_equal(read_file(&configuration), -EINVAL);
    assert_non_null(strstr(scratch.why.at, "weir.yaml:2:1: error:"));
    assert_non_null(strstr(scratch.why.at, "did you mean"));
    assert_int_equal(unlink("weir.yaml"), 0);
    assert_int_equal(read_file(&configuration), -ENOENT);
    assert_non_null(strstr(scratch.why.at, "cannot read weir.yaml: No such file"));
}

static void a_digest_is_of_the_content(void **state)
{
    (void)state;
    struct configuration first, same, other;
    assert_int_equal(read_file(&first), 0);
    assert_int_equal(read_file(&same), 0);
    scratch_write("weir.yaml",
                  "app: two\nlisteners: { http: \":8080\" }\nsites: { a: { files: ./www } }\n");
    assert_int_equal(read_file(&other), 0);
    assert_true(first.digest == same.digest && first.digest != other.digest);
    configuration_release(&first);
    configuration_release(&same);
    configuration_release(&other);
}

static void what_was_kept_is_read_as_if_it_stood_in_the_file(void **state)
{
    (void)state;
    struct configuration configuration, kept;
    struct file_info first, second;
    int64_t since_s = 0;
    assert_int_equal(configuration_read_kept("kept.yaml", &place, &since_s, &kept), -ENOENT);
    assert_int_equal(read_file(&configuration), 0);
    assert_int_equal(configuration_keep(&configuration, "kept.yaml"), 0);
    assert_int_equal(file_stat("kept.yaml", &first), 0);
    assert_int_equal(configuration_keep(&configuration, "kept.yaml"), 0);
    assert_int_equal(file_stat("kept.yaml", &second), 0);
    assert_true(first.inode == second.inode && first.modified_ns == second.modified_ns);
    scratch_write("weir.yaml", "sites: [");
    assert_int_equal(unlink("www/index.html"), 0);
    assert_int_equal(rmdir("www"), 0);
    assert_int_equal(configuration_read_kept("kept.yaml", &place, &since_s, &kept), 0);
    assert_true(kept.digest == configuration.digest);
    assert_true(since_s == first.modified_ns / 1000000000);
    assert_non_null(strstr(kept.snapshot->sites[0].rules[0].files.root.at, "/project/www"));
    configuration_release(&kept);
    configuration_release(&configuration);
}

static void a_pipe_is_refused_without_waiting_for_its_writer(void **state)
{
    (void)state;
    struct configuration configuration;
    assert_int_equal(unlink("weir.yaml"), 0);
    assert_int_equal(mkfifo("weir.yaml", 0600), 0);
    assert_int_equal(read_file(&configuration), -ENOTSUP);
    assert_non_null(strstr(scratch.why.at, "cannot read weir.yaml: it is no regular file"));
}

static void without_memory_it_is_refused(void **state)
{
    (void)state;
    struct configuration configuration;
    int rc = -ENOMEM;
    long nth = 0;
    while (rc < 0) {
        scratch_listen(&scratch);
        memory_fail_from(++nth);
        rc = configuration_read(&place, NULL, &configuration);
        memory_fail_from(0);
        scratch_heard(&scratch);
        assert_true(rc == 0 || rc == -ENOMEM);
    }
    assert_true(nth > 5);
    configuration_release(&configuration);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_child_gets_the_accepted_text_whatever_the_file_says_now),
        TEST(nobody_can_change_the_accepted_text),
        TEST(a_folder_that_is_gone_keeps_no_child_from_starting),
        TEST(what_is_wrong_is_told_with_its_line),
        TEST(a_digest_is_of_the_content),
        TEST(what_was_kept_is_read_as_if_it_stood_in_the_file),
        TEST(a_pipe_is_refused_without_waiting_for_its_writer),
        TEST(without_memory_it_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
