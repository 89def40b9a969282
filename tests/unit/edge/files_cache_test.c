#include "unit.h"

#include "base/memory.h"
#include "conf/snapshot.h"
#include "edge/files/cache.h"
#include "edge/files/load.h"
#include "os/folder.h"
#include "os/kernel.h"
#include "os/offload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEADLINE_MS 20000

static char root[64];
static struct conf_files files;
static struct files_cache *cache;
static struct loop *loop;
static unsigned running;

static void put(const char *name, char byte, size_t len)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(fputc(byte, file), byte);
    assert_int_equal(fclose(file), 0);
}

static void take_away(const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", root, name);
    assert_int_equal(unlink(path), 0);
}

static int set_up(void **state)
{
    (void)state;
    memcpy(root, "/tmp/weir-files-XXXXXX", 23);
    if (mkdtemp(root) == NULL)
        return -1;
    files = (struct conf_files){.root = slice_of_cstr(root),
                                .index = SLICE("index.html"),
                                .identity = slice_of(root, sizeof root),
                                .identity_hash = 7};
    put("small.txt", 's', 5);
    put("empty.txt", 'e', 0);
    put("large.bin", 'l', FILES_CONTENT_BYTES_MAX + 1);
    put("index.html", 'i', 10);
    char folder[128];
    (void)snprintf(folder, sizeof folder, "%s/folder", root);
    return mkdir(folder, 0700) < 0 ? -1 : offload_start(2);
}

static int tear_down(void **state)
{
    (void)state;
    offload_stop();
    return folder_remove(root);
}

/* Runs the test's fibers to their end, over a loop and a cache of their own. */
static void run(const struct files_limits *limits, fiber_main *main, unsigned fibers)
{
    struct kernel *kernel;
    assert_int_equal(kernel_real_create(&kernel), 0);
    assert_int_equal(loop_create(kernel, &loop), 0);
    assert_int_equal(files_cache_create((struct hash_key){1, 2}, limits, &cache), 0);
    running = fibers;
    for (unsigned i = 0; i < fibers; i++)
        assert_int_equal(fiber_start(main, NULL, NULL), 0);
    if (running > 0)
        assert_int_equal(loop_run(loop), 0);
    files_cache_destroy(cache);
    loop_destroy(loop);
    kernel_real_destroy(kernel);
}

/* The last thing a test's fiber does. */
static void end(void)
{
    if (--running == 0)
        loop_stop(loop);
}

static struct files_entry *find(const char *path)
{
    struct files_entry *entry = NULL;
    assert_int_equal(
        files_cache_find(cache, &files, slice_of_cstr(path), ENCODING_IDENTITY, &entry), 0);
    return entry;
}

static int find_code(const char *path)
{
    struct files_entry *entry;
    int rc = files_cache_find(cache, &files, slice_of_cstr(path), ENCODING_IDENTITY, &entry);
    if (rc == 0)
        files_entry_give(entry);
    return rc;
}

static struct files_cache_stats stats(void)
{
    struct files_cache_stats now;
    files_cache_stats_read(cache, &now);
    return now;
}

static void small_files(void *arg)
{
    (void)arg;
    struct files_entry *entry = find("/small.txt");
    assert_int_equal(entry->state, FILES_FILE);
    assert_int_equal(entry->fd, -1);
    assert_int_equal(entry->info.size, 5);
    assert_memory_equal(entry->content, "sssss", 5);
    struct files_entry *again = find("/small.txt");
    assert_ptr_equal(again, entry);
    assert_int_equal(stats().loads, 1);
    assert_int_equal(stats().hits, 1);
    files_entry_give(again);
    files_entry_give(entry);
    entry = find("/empty.txt");
    assert_int_equal(entry->fd, -1);
    assert_int_equal(entry->info.size, 0);
    files_entry_give(entry);
    end();
}

static void a_small_file_is_kept_in_memory(void **state)
{
    (void)state;
    run(&files_limits_default, small_files, 1);
}

static bool has(struct slice fields, const char *line)
{
    return slice_search(fields, slice_of_cstr(line)) >= 0;
}

static void identities(void *arg)
{
    (void)arg;
    /* As after a reload: the same folder elsewhere in memory, and another one in its place. */
    char copy[sizeof root];
    memcpy(copy, root, sizeof copy);
    struct conf_files same = files, other = files;
    same.identity = slice_of(copy, sizeof copy);
    other.root = SLICE("/nonexistent");
    other.identity = SLICE("/nonexistent\0");
    struct files_entry *entry = find("/small.txt"), *again, *none;
    struct slice path = SLICE("/small.txt");
    assert_int_equal(files_cache_find(cache, &same, path, ENCODING_IDENTITY, &again), 0);
    assert_ptr_equal(again, entry);
    assert_int_equal(files_cache_find(cache, &other, path, ENCODING_IDENTITY, &none), -ENOENT);
    memset(copy, 'x', sizeof copy); /* the first snapshot has gone */
    files_entry_give(again);
    assert_int_equal(find_code("/small.txt"), 0);
    assert_int_equal(stats().loads, 2);
    files_entry_give(entry);
    end();
}

static void a_folder_is_its_text_wherever_it_lies(void **state)
{
    (void)state;
    run(&files_limits_default, identities, 1);
}

static void encodings(void *arg)
{
    (void)arg;
    struct files_entry *plain = find("/"), *br, *direct, *none;
    struct slice path = SLICE("/");
    assert_int_equal(files_cache_find(cache, &files, path, ENCODING_BR, &br), 0);
    assert_int_equal(files_cache_find(cache, &files, path, ENCODING_GZIP, &none), -ENOENT);
    direct = find("/index.html.br");
    assert_memory_equal(br->content, "bbb", 3);
    assert_true(has(br->fields, "Content-Type: text/html; charset=utf-8\r\n"));
    assert_true(has(br->fields, "Content-Encoding: br\r\n"));
    assert_true(has(br->fields_untyped, "Content-Encoding: br\r\n"));
    assert_false(has(br->fields_validators, "Content-Encoding"));
    assert_false(has(plain->fields, "Content-Encoding"));
    assert_false(slice_equal(plain->validators.etag, br->validators.etag));
    assert_true(has(direct->fields, "Content-Type: application/x-brotli\r\n"));
    assert_false(has(direct->fields, "Content-Encoding"));
    files_entry_give(plain);
    files_entry_give(br);
    files_entry_give(direct);
    end();
}

static void a_neighbour_has_the_type_of_the_file_and_its_own_tag(void **state)
{
    (void)state;
    put("index.html.br", 'b', 3);
    run(&files_limits_default, encodings, 1);
    take_away("index.html.br");
}

static void large_files(void *arg)
{
    (void)arg;
    struct files_entry *entry = find("/large.bin");
    assert_true(entry->fd >= 0);
    assert_null(entry->content);
    assert_int_equal(stats().descriptors, 1);
    files_entry_give(entry);
    end();
}

static void a_large_file_is_kept_open(void **state)
{
    (void)state;
    run(&files_limits_default, large_files, 1);
}

static void written_fields(void *arg)
{
    (void)arg;
    struct files_entry *entry = find("/");
    assert_true(has(entry->fields, "Content-Type: text/html; charset=utf-8\r\n"));
    assert_true(has(entry->fields, "X-Content-Type-Options: nosniff\r\n"));
    assert_true(has(entry->fields, "Accept-Ranges: bytes\r\n"));
    assert_true(has(entry->fields, "\r\nLast-Modified: "));
    assert_true(has(entry->fields, " GMT\r\nETag: \""));
    assert_true(slice_ends_with(entry->fields, SLICE("\"\r\n")));
    assert_true(slice_starts_with(entry->fields_untyped, SLICE("X-Content-Type-Options")));
    assert_true(slice_starts_with(entry->fields_validators, SLICE("Last-Modified: ")));
    assert_true(slice_ends_with(entry->validators.etag, SLICE("\"")));
    files_entry_give(entry);
    end();
}

static void the_fields_are_written_beforehand(void **state)
{
    (void)state;
    run(&files_limits_default, written_fields, 1);
}

static void not_files(void *arg)
{
    (void)arg;
    struct files_entry *entry = find("/folder");
    assert_int_equal(entry->state, FILES_FOLDER);
    files_entry_give(entry);
    assert_int_equal(find_code("/folder/"), -ENOENT);
    assert_int_equal(find_code("/missing"), -ENOENT);
    assert_int_equal(find_code("/missing"), -ENOENT);
    assert_int_equal(find_code("/small.txt/"), -ENOENT);
    assert_int_equal(find_code("/.hidden"), -ENOENT);
    assert_int_equal(find_code("*"), -ENOENT);
    assert_int_equal(stats().entries, 4);
    assert_int_equal(stats().hits, 1);
    end();
}

static void folders_and_missing_names_are_remembered_too(void **state)
{
    (void)state;
    run(&files_limits_default, not_files, 1);
}

static void wait_until_fresh_no_more(void)
{
    int64_t until_ms = loop_now_ms() + FILES_FRESH_MS;
    while (loop_now_ms() < until_ms)
        assert_int_equal(fiber_sleep(until_ms - loop_now_ms()), 0);
}

static void changes(void *arg)
{
    (void)arg;
    put("changing.txt", 'a', 5);
    struct files_entry *before = find("/changing.txt");
    assert_int_equal(find_code("/appearing.txt"), -ENOENT);
    put("changing.txt", 'b', 5);
    put("appearing.txt", 'c', 1);
    wait_until_fresh_no_more();
    struct files_entry *after = find("/changing.txt");
    assert_ptr_not_equal(after, before);
    assert_memory_equal(before->content, "aaaaa", 5);
    assert_memory_equal(after->content, "bbbbb", 5);
    assert_false(slice_equal(before->validators.etag, after->validators.etag));
    assert_int_equal(find_code("/appearing.txt"), 0);
    files_entry_give(before);
    files_entry_give(after);
    take_away("changing.txt");
    take_away("appearing.txt");
    wait_until_fresh_no_more();
    assert_int_equal(find_code("/changing.txt"), -ENOENT);
    end();
}

static void a_change_is_seen_and_who_has_the_old_content_keeps_it(void **state)
{
    (void)state;
    run(&files_limits_default, changes, 1);
}

static void unchanged(void *arg)
{
    (void)arg;
    int64_t deadline_ms = loop_deadline(DEADLINE_MS);
    struct files_entry *entry = find("/small.txt");
    while (!entry->is_settled && loop_now_ms() < deadline_ms) {
        wait_until_fresh_no_more();
        files_entry_give(entry);
        entry = find("/small.txt");
    }
    uint64_t loads = stats().loads;
    wait_until_fresh_no_more();
    struct files_entry *again = find("/small.txt");
    assert_ptr_equal(again, entry);
    assert_int_equal(stats().loads, loads);
    files_entry_give(again);
    files_entry_give(entry);
    end();
}

static void a_file_that_stays_is_not_read_again(void **state)
{
    (void)state;
    run(&files_limits_default, unchanged, 1);
}

static void ask_at_once(void *arg)
{
    (void)arg;
    struct files_entry *entry = find("/cold.txt");
    assert_int_equal(stats().loads, 1);
    assert_memory_equal(entry->content, "ccccc", 5);
    files_entry_give(entry);
    end();
}

/* Out of the page cache, where the file system has one: then the load is on a worker thread. */
static void make_cold(const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", root, name);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    assert_int_equal(close(fd), 0);
}

static void who_asks_at_once_shares_one_load(void **state)
{
    (void)state;
    put("cold.txt", 'c', FILES_CONTENT_BYTES_MAX);
    make_cold("cold.txt");
    run(&files_limits_default, ask_at_once, 20);
}

static void ask_for_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < 100; i++) {
        char path[32];
        (void)snprintf(path, sizeof path, "/none-%d", i);
        assert_int_equal(find_code(path), -ENOENT);
        assert_int_equal(find_code("/small.txt"), 0);
        assert_true(stats().entries <= 10);
    }
    assert_true(stats().evictions >= 90);
    assert_int_equal(stats().loads, 101);
    end();
}

static void what_is_asked_for_once_pushes_nothing_out_that_is_asked_for_often(void **state)
{
    (void)state;
    const struct files_limits limits = {10, (size_t)1 << 20, 10};
    run(&limits, ask_for_many, 1);
}

static void fill_memory(void *arg)
{
    (void)arg;
    struct files_entry *held = find("/small.txt");
    for (int i = 0; i < 20; i++) {
        char path[32];
        (void)snprintf(path, sizeof path, "fill-%d", i);
        put(path, 'f', 10000);
        (void)snprintf(path, sizeof path, "/fill-%d", i);
        assert_int_equal(find_code(path), 0);
        assert_true(stats().bytes <= 50000);
    }
    assert_memory_equal(held->content, "sssss", 5);
    files_entry_give(held);
    assert_int_equal(find_code("/large.bin"), 0);
    assert_int_equal(stats().descriptors, 0);
    end();
}

static void memory_and_descriptors_are_bounded(void **state)
{
    (void)state;
    const struct files_limits limits = {1000, 50000, 0};
    run(&limits, fill_memory, 1);
}

static void out_of_memory(void *arg)
{
    (void)arg;
    int rc = -ENOMEM;
    for (long nth = 1; rc == -ENOMEM; nth++) {
        memory_fail_from(nth);
        rc = find_code("/small.txt");
        memory_fail_from(0);
        assert_true(nth < 10);
        assert_int_equal(stats().entries, rc == 0 ? 1 : 0);
    }
    assert_int_equal(rc, 0);
    end();
}

static void each_allocation_may_fail_and_nothing_is_remembered_of_it(void **state)
{
    (void)state;
    memory_fail_from(1);
    assert_int_equal(files_cache_create((struct hash_key){1, 2}, &files_limits_default, &cache),
                     -ENOMEM);
    memory_fail_from(0);
    run(&files_limits_default, out_of_memory, 1);
}

/* Root may read everything, so it becomes somebody else for a moment. */
static void what_must_not_be_read_is_told(void **state)
{
    (void)state;
    put("forbidden.txt", 'f', 5);
    char path[128];
    (void)snprintf(path, sizeof path, "%s/forbidden.txt", root);
    assert_int_equal(chmod(path, 0), 0);
    assert_int_equal(chmod(root, 0755), 0);
    bool was_root = geteuid() == 0;
    if (was_root)
        assert_int_equal(seteuid(65534), 0);
    struct files_load load = {.root = root, .file = "forbidden.txt", .may_wait = true};
    files_load_run(&load);
    if (was_root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(load.result, -EACCES);
    assert_int_equal(load.fd, -1);
    assert_null(load.content);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_file_is_kept_in_memory),
        cmocka_unit_test(a_folder_is_its_text_wherever_it_lies),
        cmocka_unit_test(a_neighbour_has_the_type_of_the_file_and_its_own_tag),
        cmocka_unit_test(a_large_file_is_kept_open),
        cmocka_unit_test(the_fields_are_written_beforehand),
        cmocka_unit_test(folders_and_missing_names_are_remembered_too),
        cmocka_unit_test(a_change_is_seen_and_who_has_the_old_content_keeps_it),
        cmocka_unit_test(a_file_that_stays_is_not_read_again),
        cmocka_unit_test(who_asks_at_once_shares_one_load),
        cmocka_unit_test(what_is_asked_for_once_pushes_nothing_out_that_is_asked_for_often),
        cmocka_unit_test(memory_and_descriptors_are_bounded),
        cmocka_unit_test(each_allocation_may_fail_and_nothing_is_remembered_of_it),
        cmocka_unit_test(what_must_not_be_read_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
