/* Few pages are open at a time, so they are found by going through them. */
#include "edge/s3/log_book.h"

#include "base/cleanup.h"

#include <errno.h>

int log_book_init(struct log_book *book)
{
    *book = (struct log_book){.bytes = 0};
    list_init(&book->pages);
    return lock_init(&book->lock);
}

void log_page_destroy(struct log_page *page)
{
    if (page == NULL)
        return;
    buffer_finish(&page->lines);
    memory_free(page);
}

void log_book_finish(struct log_book *book)
{
    while (!list_is_empty(&book->pages)) {
        struct log_page *page = CONTAINER_OF(book->pages.next, struct log_page, link);
        list_remove(&page->link);
        log_page_destroy(page);
    }
    lock_finish(&book->lock);
}

static bool is_of(const struct log_page *page, const struct log_subject *subject, int64_t day)
{
    return page->day == day && slice_equal(page->subject.bucket, subject->bucket) &&
           slice_equal(page->subject.logging, subject->logging) &&
           slice_equal(page->subject.owner_id, subject->owner_id) &&
           slice_equal(page->subject.region, subject->region);
}

static struct log_page *find(struct log_book *book, const struct log_subject *subject, int64_t day)
{
    LIST_FOR_EACH (&book->pages, link) {
        struct log_page *page = CONTAINER_OF(link, struct log_page, link);
        if (!page->is_full && is_of(page, subject, day))
            return page;
    }
    return NULL;
}

static struct slice keep(char **at, struct slice text)
{
    char *start = *at;
    if (text.len > 0)
        memcpy(start, text.at, text.len);
    *at += text.len;
    return slice_of(start, text.len);
}

static struct log_page *begin_page(struct log_book *book, const struct log_subject *subject,
                                   int64_t day, int64_t now_ms)
{
    size_t len =
        subject->bucket.len + subject->owner_id.len + subject->region.len + subject->logging.len;
    struct log_page *page =
        book->pages_count == S3_LOG_PAGES_MAX ? NULL : memory_alloc(sizeof *page + len);
    if (page == NULL)
        return NULL;
    char *at = page->memory;
    page->subject = (struct log_subject){
        .bucket = keep(&at, subject->bucket),
        .owner_id = keep(&at, subject->owner_id),
        .region = keep(&at, subject->region),
        .logging = keep(&at, subject->logging),
    };
    page->day = day;
    page->first_ms = now_ms;
    page->is_full = false;
    buffer_init(&page->lines, S3_LOG_PAGE_BYTES_MAX);
    list_append(&book->pages, &page->link);
    book->pages_count++;
    return page;
}

/* True when somebody is to be woken. */
static bool add(struct log_book *book, const struct log_subject *subject, int64_t day,
                struct slice line, int64_t now_ms)
{
    struct log_page *page = find(book, subject, day);
    bool must_wake = false;
    if (page != NULL && page->lines.len + line.len > S3_LOG_PAGE_BYTES_MAX) {
        page->is_full = true;
        must_wake = true;
        page = NULL;
    }
    bool has_room = line.len <= S3_LOG_BOOK_BYTES_MAX - book->bytes;
    if (page == NULL && has_room) {
        page = begin_page(book, subject, day, now_ms);
        must_wake = must_wake || page != NULL;
    }
    if (page == NULL || !has_room || buffer_append(&page->lines, line) < 0) {
        atomic_fetch_add(&book->dropped, 1);
        return must_wake;
    }
    book->bytes += line.len;
    return must_wake;
}

void log_book_add(struct log_book *book, const struct log_subject *subject, int64_t day,
                  struct slice line, int64_t now_ms)
{
    lock_take(&book->lock);
    bool must_wake = add(book, subject, day, line, now_ms);
    lock_release(&book->lock);
    if (must_wake && book->wake != NULL)
        book->wake(book->wake_arg);
}

unsigned long long log_book_dropped(const struct log_book *book)
{
    return atomic_load(&book->dropped);
}

void log_book_drop(struct log_book *book, const struct log_page *page)
{
    unsigned long long lines = 0;
    for (size_t i = 0; i < page->lines.len; i++)
        lines += page->lines.at[i] == '\n' ? 1 : 0;
    atomic_fetch_add(&book->dropped, lines);
}

static int64_t due_ms(const struct log_page *page, int64_t now_ms)
{
    int64_t left_ms = page->first_ms + S3_LOG_AGE_MS - now_ms;
    return page->is_full || left_ms < 0 ? 0 : left_ms;
}

int64_t log_book_due_ms(struct log_book *book, int64_t now_ms)
{
    int64_t least_ms = -1;
    lock_take(&book->lock);
    LIST_FOR_EACH (&book->pages, link) {
        int64_t at_ms = due_ms(CONTAINER_OF(link, struct log_page, link), now_ms);
        if (least_ms < 0 || at_ms < least_ms)
            least_ms = at_ms;
    }
    lock_release(&book->lock);
    return least_ms;
}

static bool is_wanted(const struct log_page *page, int64_t now_ms, bool takes_all,
                      const struct log_page *like)
{
    if (like != NULL)
        return page->day == like->day && slice_equal(page->subject.logging, like->subject.logging);
    return takes_all || due_ms(page, now_ms) == 0;
}

struct log_page *log_book_take(struct log_book *book, int64_t now_ms, bool takes_all,
                               const struct log_page *like)
{
    struct log_page *taken = NULL;
    lock_take(&book->lock);
    LIST_FOR_EACH (&book->pages, link) {
        struct log_page *page = CONTAINER_OF(link, struct log_page, link);
        if (is_wanted(page, now_ms, takes_all, like)) {
            taken = page;
            break;
        }
    }
    if (taken != NULL) {
        list_remove(&taken->link);
        book->pages_count--;
        book->bytes -= taken->lines.len;
    }
    lock_release(&book->lock);
    return taken;
}
