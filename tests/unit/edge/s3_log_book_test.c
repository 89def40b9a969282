/* Lines on their way to objects: which page they are on, when it is due, what is too much. */
#include "unit.h"

#include "base/cleanup.h"
#include "edge/s3/log_book.h"

#include <stdio.h>

static const struct log_subject one = {SLICE("one"), SLICE("o"), SLICE("eu"), SLICE("<to logs>")};
static const struct log_subject two = {SLICE("two"), SLICE("o"), SLICE("eu"), SLICE("<to logs>")};
static const struct log_subject far = {SLICE("far"), SLICE("o"), SLICE("eu"), SLICE("<to far>")};

static unsigned woken;

static void wake(void *arg)
{
    assert_null(arg);
    woken++;
}

static void expect_page(struct log_page *page, const char *bucket, const char *lines)
{
    assert_non_null(page);
    assert_true(slice_equal(page->subject.bucket, slice_of_cstr(bucket)));
    assert_true(slice_equal(buffer_slice(&page->lines), slice_of_cstr(lines)));
    log_page_destroy(page);
}

static void pages_are_of_a_bucket_and_a_day(void **state)
{
    (void)state;
    SCOPED(log_book_finish) struct log_book book;
    woken = 0;
    assert_int_equal(log_book_init(&book), 0);
    assert_int_equal(log_book_due_ms(&book, 0), -1);
    book.wake = wake;
    log_book_add(&book, &one, 7, SLICE("a\n"), 1000);
    log_book_add(&book, &two, 7, SLICE("b\n"), 1500);
    log_book_add(&book, &one, 7, SLICE("c\n"), 2000);
    log_book_add(&book, &one, 8, SLICE("d\n"), 2000);
    log_book_add(&book, &far, 7, SLICE("e\n"), 2500);
    assert_int_equal(woken, 4);
    assert_int_equal(book.bytes, 10);
    assert_int_equal(log_book_due_ms(&book, 2500), S3_LOG_AGE_MS - 1500);
    assert_null(log_book_take(&book, S3_LOG_AGE_MS + 999, false, NULL));
    struct log_page *first = log_book_take(&book, S3_LOG_AGE_MS + 1000, false, NULL);
    assert_non_null(first);
    assert_int_equal(first->day, 7);
    /* Of another bucket, with the same settings and day: it goes along. */
    expect_page(log_book_take(&book, S3_LOG_AGE_MS + 1000, false, first), "two", "b\n");
    assert_null(log_book_take(&book, S3_LOG_AGE_MS + 1000, false, first));
    expect_page(first, "one", "a\nc\n");
    assert_null(log_book_take(&book, S3_LOG_AGE_MS + 1000, false, NULL));
    expect_page(log_book_take(&book, 0, true, NULL), "one", "d\n");
    expect_page(log_book_take(&book, 0, true, NULL), "far", "e\n");
    assert_null(log_book_take(&book, 0, true, NULL));
    assert_int_equal(book.bytes, 0);
    assert_int_equal(log_book_dropped(&book), 0);
}

static char line[100 << 10];

static void a_full_page_is_due_at_once(void **state)
{
    (void)state;
    SCOPED(log_book_finish) struct log_book book;
    assert_int_equal(log_book_init(&book), 0);
    unsigned fits = S3_LOG_PAGE_BYTES_MAX / sizeof line;
    for (unsigned i = 0; i < fits; i++)
        log_book_add(&book, &one, 7, slice_of(line, sizeof line), 1000);
    assert_null(log_book_take(&book, 1000, false, NULL));
    log_book_add(&book, &one, 7, slice_of(line, sizeof line), 1000);
    assert_int_equal(log_book_due_ms(&book, 1000), 0);
    struct log_page *page = log_book_take(&book, 1000, false, NULL);
    assert_non_null(page);
    assert_int_equal(page->lines.len, fits * sizeof line);
    log_page_destroy(page);
    assert_null(log_book_take(&book, 1000, false, NULL));
    assert_int_equal(book.bytes, sizeof line);
}

static void what_is_too_much_is_dropped_and_counted(void **state)
{
    (void)state;
    SCOPED(log_book_finish) struct log_book book;
    char name[16];
    assert_int_equal(log_book_init(&book), 0);
    unsigned fit = S3_LOG_BOOK_BYTES_MAX / sizeof line;
    for (unsigned i = 0; i < fit + 3; i++)
        log_book_add(&book, &one, 7, slice_of(line, sizeof line), 1000);
    assert_int_equal(log_book_dropped(&book), 3);
    assert_true(book.bytes <= S3_LOG_BOOK_BYTES_MAX);
    struct log_page *page = log_book_take(&book, 1000, true, NULL);
    memset(page->lines.at, '\n', 5);
    log_book_drop(&book, page);
    log_page_destroy(page);
    assert_int_equal(log_book_dropped(&book), 8);
    for (unsigned i = 0; i < S3_LOG_PAGES_MAX; i++) {
        int len = snprintf(name, sizeof name, "bucket-%u", i);
        const struct log_subject subject = {slice_of(name, (size_t)len), one.owner_id, one.region,
                                            one.logging};
        log_book_add(&book, &subject, 7, SLICE("a\n"), 1000);
    }
    assert_int_equal(book.pages_count, S3_LOG_PAGES_MAX);
    assert_true(log_book_dropped(&book) > 8);
}

static void without_memory_lines_are_dropped(void **state)
{
    (void)state;
    SCOPED(log_book_finish) struct log_book book;
    assert_int_equal(log_book_init(&book), 0);
    for (long n = 1; n <= 2; n++) {
        memory_fail_from(n);
        log_book_add(&book, &one, 7, SLICE("a\n"), 1000);
        memory_fail_from(0);
        assert_int_equal(log_book_dropped(&book), n);
    }
    log_book_add(&book, &one, 7, SLICE("b\n"), 1000);
    expect_page(log_book_take(&book, 0, true, NULL), "one", "b\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_of_a_bucket_and_a_day),
        cmocka_unit_test(a_full_page_is_due_at_once),
        cmocka_unit_test(what_is_too_much_is_dropped_and_counted),
        cmocka_unit_test(without_memory_lines_are_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
