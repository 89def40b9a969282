/* The action itself: which file, the fallback, folders, and what is said when there is none. */
#include "edge/files/files.h"

#include "edge/files/listing.h"
#include "edge/files/path.h"
#include "edge/files/send.h"
#include "edge/respond.h"
#include "edge/state.h"
#include "http/exchange.h"

#include <errno.h>

/*
 * A fallback is a page under many names, and what a name answers depends on who asks: it must be
 * asked about again each time, which costs a 304. With precompressed neighbours all answers depend
 * on Accept-Encoding, also where there is none yet (RFC 9110 §12.5.5).
 */
static const struct slice extra_fields[2][2] = {
    {{"", 0}, SLICE("Vary: Accept-Encoding\r\n")},
    {SLICE("Cache-Control: no-cache\r\nVary: Accept, Sec-Fetch-Mode\r\n"),
     SLICE("Cache-Control: no-cache\r\nVary: Accept, Accept-Encoding, Sec-Fetch-Mode\r\n")},
};

static void refuse_method(struct exchange *exchange)
{
    exchange->notes.reason = "a folder answers GET and HEAD only";
    struct writer *head = exchange_begin(exchange, 405, (struct slice){0}, 0);
    if (head == NULL)
        return;
    exchange_write_own_fields(head);
    h1_write_field(head, field_name(FIELD_ALLOW), SLICE("GET, HEAD"));
    (void)exchange_send(exchange, (struct slice){0}, false);
}

static void answer_failure(struct exchange *exchange, int code)
{
    switch (code) {
    case -ENOENT:
        exchange_respond_error(exchange, 404, "no such file");
        break;
    case -EACCES:
        exchange_respond_error(exchange, 403, "the file must not be read");
        break;
    case -ECANCELED:
        exchange_break(exchange);
        break;
    case -ENOMEM:
    case -EMFILE:
    case -ENFILE:
    case -ETIMEDOUT:
    case -ESHUTDOWN:
        exchange_respond_error(exchange, 503,
                               "no memory, descriptor or time left to open the file");
        break;
    default:
        exchange_respond_error(exchange, 500, "the file cannot be read");
        break;
    }
}

/* The fallback's own file, when this request may have it: else the error stays. */
static int find_fallback(struct exchange *exchange, const struct conf_files *files,
                         struct files_cache *cache, struct files_entry **ret_entry)
{
    if (files->fallback.len == 0 ||
        !files_wants_fallback(&exchange->request, exchange->action_path))
        return -ENOENT;
    struct files_entry *entry;
    int rc = files_cache_find(cache, files, files->fallback, ENCODING_IDENTITY, &entry);
    if (rc < 0)
        return rc;
    if (entry->state == FILES_FOLDER) {
        files_entry_give(entry);
        return -ENOENT;
    }
    *ret_entry = entry;
    return 0;
}

/* The file's neighbour in that coding; NULL when there is none, or it was left behind by a change
 * of the file. */
static struct files_entry *find_neighbour(struct files_cache *cache, const struct conf_files *files,
                                          struct slice path, enum http_encoding encoding,
                                          const struct files_entry *entry)
{
    struct files_entry *neighbour;
    if (files_cache_find(cache, files, path, encoding, &neighbour) < 0)
        return NULL;
    if (neighbour->state == FILES_FILE && neighbour->info.modified_ns >= entry->info.modified_ns)
        return neighbour;
    files_entry_give(neighbour);
    return NULL;
}

/* The best that the client takes and that is there takes the place of the file itself. */
static void prefer_neighbour(struct exchange *exchange, const struct conf_files *files,
                             struct slice path, struct files_entry **entry)
{
    struct files_cache *cache = edge_worker_current()->files_cache;
    struct accept_encoding accept;
    enum http_encoding offered[ENCODINGS_COUNT], chosen;
    unsigned count = 0;
    accept_encoding_parse(&exchange->request.fields, &accept);
    for (; count < files->precompressed_count && count < ENCODINGS_COUNT; count++)
        offered[count] = files->precompressed[count];
    while ((chosen = accept_encoding_choose(&accept, offered, count)) != ENCODING_IDENTITY) {
        struct files_entry *neighbour = find_neighbour(cache, files, path, chosen, *entry);
        if (neighbour != NULL) {
            files_entry_give(*entry);
            *entry = neighbour;
            return;
        }
        accept.quality[chosen] = 0;
    }
}

void files_run(struct exchange *exchange, const struct conf_files *files)
{
    enum http_method method = exchange->request.method;
    if (method != METHOD_GET && method != METHOD_HEAD) {
        refuse_method(exchange);
        return;
    }
    struct files_cache *cache = edge_worker_current()->files_cache;
    struct files_entry *entry;
    struct slice path = exchange->action_path;
    int rc = files_cache_find(cache, files, path, ENCODING_IDENTITY, &entry);
    if (rc == -ENOENT && files->listing == CONF_LISTING_ON && slice_ends_with(path, SLICE("/"))) {
        rc = listing_run(exchange, files, path);
        if (rc == 0)
            return;
    }
    bool is_fallback = rc == -ENOENT;
    if (is_fallback) {
        rc = find_fallback(exchange, files, cache, &entry);
        path = files->fallback;
    }
    if (rc < 0) {
        answer_failure(exchange, rc);
        return;
    }
    bool may_be_encoded = files->precompressed_count > 0;
    if (entry->state == FILES_FOLDER) {
        respond_with_folder(exchange);
    } else {
        if (may_be_encoded)
            prefer_neighbour(exchange, files, path, &entry);
        files_send(exchange, entry, extra_fields[is_fallback][may_be_encoded]);
    }
    files_entry_give(entry);
}
