/* A job collects the names and writes the page; the fiber that waits for it sends what it wrote. */
#include "edge/files/listing.h"

#include "base/cleanup.h"
#include "edge/files/listing_page.h"
#include "edge/files/load.h"
#include "edge/files/path.h"
#include "http/exchange.h"
#include "http/worker.h"
#include "os/beneath.h"
#include "os/offload.h"

#include <errno.h>
#include <stdatomic.h>

#define NAMES_BYTES_MAX ((size_t)4 << 20)
#define PAGE_BYTES_MAX  ((size_t)16 << 20)

/* Of all pages that are on their way to their readers, who may take their time. */
#define PAGES_BYTES_MAX ((size_t)64 << 20)

static atomic_size_t pages_bytes;

struct work {
    const struct conf_files *files; /* borrowed */
    const char *folder;             /* borrowed; below the root, no '/' at its end */
    struct listing listing;         /* its entries are owned */
    struct arena names;
    struct buffer page;
    bool is_json;
    int result;
};

/* "folder/name" is where the configuration lies. */
static bool is_configuration(const struct work *work, struct slice name)
{
    struct slice hidden = work->files->hidden, folder = slice_of_cstr(work->folder);
    if (!slice_starts_with(hidden, folder))
        return false;
    hidden = slice_from(hidden, folder.len);
    if (folder.len > 0 && slice_starts_with(hidden, SLICE("/")))
        hidden = slice_from(hidden, 1);
    return slice_equal(hidden, name);
}

static int take_name(void *arg, const char *text, const struct file_info *info)
{
    struct work *work = arg;
    struct listing *listing = &work->listing;
    struct slice name = slice_of_cstr(text);
    if (text[0] == '.' || !(info->is_folder || info->is_regular) || is_configuration(work, name))
        return 0;
    listing->is_cut = listing->count == LISTING_ENTRIES_MAX;
    if (listing->is_cut)
        return 1;
    struct listing_entry *entry = &listing->at[listing->count];
    *entry = (struct listing_entry){.name = arena_copy(&work->names, name),
                                    .size = info->is_folder ? 0 : info->size,
                                    .modified_s = info->modified_ns / 1000000000,
                                    .is_folder = info->is_folder};
    listing->count += entry->name.at != NULL ? 1 : 0;
    return entry->name.at == NULL ? -ENOMEM : 0;
}

/* On a worker thread. */
static void list_folder(void *arg)
{
    struct work *work = arg;
    work->listing.at = memory_alloc_array(LISTING_ENTRIES_MAX, sizeof *work->listing.at);
    int rc = work->listing.at == NULL ? -ENOMEM : 0;
    if (rc == 0)
        rc = beneath_list(work->files->root.at, work->folder, take_name, work);
    if (rc >= 0) {
        listing_sort(&work->listing);
        rc = work->is_json ? listing_write_json(&work->listing, &work->page)
                           : listing_write_page(&work->listing, &work->page);
    }
    work->result = files_plain_error(rc);
}

static bool reserve(size_t bytes)
{
    if (atomic_fetch_add(&pages_bytes, bytes) + bytes <= PAGES_BYTES_MAX)
        return true;
    (void)atomic_fetch_sub(&pages_bytes, bytes);
    return false;
}

static void send_page(struct exchange *exchange, const struct work *work)
{
    struct slice page = buffer_slice(&work->page);
    struct writer *head = exchange_begin(exchange, 200, (struct slice){0}, page.len);
    if (head == NULL)
        return;
    exchange_write_own_fields(head);
    h1_write_field(head, field_name(FIELD_CONTENT_TYPE),
                   work->is_json ? SLICE("application/json") : SLICE("text/html; charset=utf-8"));
    write_literal(head, "X-Content-Type-Options: nosniff\r\nCache-Control: no-cache\r\n"
                        "Vary: Accept\r\n");
    if (!work->is_json) /* names are anybody's */
        write_literal(head, "Content-Security-Policy: default-src 'none'; "
                            "style-src 'unsafe-inline'\r\n");
    (void)exchange_send(exchange, page, false);
}

static bool wants_json(const struct exchange *exchange)
{
    struct slice accept = fields_value(&exchange->request.fields, FIELD_ACCEPT);
    return http_list_has(accept, SLICE("application/json")) &&
           !http_list_has(accept, SLICE("text/html"));
}

int listing_run(struct exchange *exchange, const struct conf_files *files, struct slice path)
{
    char *folder = arena_alloc(&exchange->arena, path.len + 1);
    if (folder == NULL)
        return -ENOMEM;
    ssize_t len = files_path_map(path, SLICE(""), folder);
    if (len < 0)
        return (int)len;
    if (len > 0 && folder[len - 1] == '/')
        folder[len - 1] = '\0';
    struct work work = {
        .files = files,
        .folder = folder,
        .listing = {.path = exchange->path, .is_root = path.len == 1},
        .is_json = wants_json(exchange),
    };
    arena_init(&work.names, NULL, 0, NAMES_BYTES_MAX);
    buffer_init(&work.page, PAGE_BYTES_MAX);
    int rc = offload(list_folder, &work);
    if (rc == 0)
        rc = work.result;
    arena_finish(&work.names);
    memory_free(work.listing.at);
    size_t bytes = work.page.cap;
    if (rc == 0 && reserve(bytes)) {
        send_page(exchange, &work);
        (void)atomic_fetch_sub(&pages_bytes, bytes);
    } else if (rc == 0) {
        counter_add(&worker_current()->counters.listings_refused, 1);
        exchange_refuse(exchange, 503, "too many listings are on their way to slow readers",
                        SLICE("Retry-After: 1\r\n"));
    }
    buffer_finish(&work.page);
    return rc;
}
