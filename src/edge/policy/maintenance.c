/* A small map under a lock: it is looked at only while some site is closed. */
#include "edge/policy/maintenance.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "http/exchange.h"
#include "http/worker.h"
#include "wire/json/json.h"

#include <errno.h>

#define SAVE_BYTES ((size_t)1 << 14)

#define RETRY_AFTER SLICE("Retry-After: 60\r\nCache-Control: no-store\r\n")

struct closed_site {
    char *name;    /* owned */
    char *message; /* owned */
    unsigned allowed_count;
    struct network allowed[];
};

void maintenance_init(struct maintenance *maintenance, struct hash_key key)
{
    atomic_init(&maintenance->count, 0);
    (void)lock_init(&maintenance->lock);
    map_init(&maintenance->sites, key);
}

static void destroy(struct closed_site *site)
{
    if (site == NULL)
        return;
    memory_free(site->name);
    memory_free(site->message);
    memory_free(site);
}

static void destroy_all(struct map *sites)
{
    size_t cursor = 0;
    const struct map_entry *entry;
    while ((entry = map_next(sites, &cursor)) != NULL)
        destroy(entry->value);
    map_finish(sites);
}

void maintenance_finish(struct maintenance *maintenance)
{
    destroy_all(&maintenance->sites);
    lock_finish(&maintenance->lock);
}

static struct closed_site *create(struct slice name, struct slice message,
                                  const struct network *allowed, unsigned count)
{
    struct closed_site *site = memory_alloc(sizeof *site + count * sizeof *allowed);
    if (site == NULL)
        return NULL;
    site->name = memory_copy_text(name.at, name.len);
    site->message = memory_copy_text(message.at, message.len);
    site->allowed_count = count;
    if (count > 0)
        memcpy(site->allowed, allowed, count * sizeof *allowed);
    if (site->name != NULL && site->message != NULL)
        return site;
    destroy(site);
    return NULL;
}

static void tell_count(struct maintenance *maintenance)
{
    atomic_store(&maintenance->count, (unsigned)maintenance->sites.used);
}

/* The entry's key is borrowed from its value: the old one goes with it. */
static int replace(struct maintenance *maintenance, struct closed_site *site)
{
    struct slice name = slice_of_cstr(site->name);
    if (map_get(&maintenance->sites, name) == NULL &&
        maintenance->sites.used >= MAINTENANCE_SITES_MAX)
        return -ENOSPC;
    struct closed_site *old = map_remove(&maintenance->sites, name);
    int rc = map_set(&maintenance->sites, name, site);
    if (rc < 0 && old != NULL && map_set(&maintenance->sites, slice_of_cstr(old->name), old) == 0)
        return rc;
    destroy(old);
    return rc;
}

int maintenance_set(struct maintenance *maintenance, struct slice site, struct slice message,
                    const struct network *allowed, unsigned allowed_count)
{
    struct closed_site *closed = create(site, message, allowed, allowed_count);
    if (closed == NULL)
        return -ENOMEM;
    lock_take(&maintenance->lock);
    int rc = replace(maintenance, closed);
    tell_count(maintenance);
    lock_release(&maintenance->lock);
    if (rc < 0)
        destroy(closed);
    return rc;
}

bool maintenance_clear(struct maintenance *maintenance, struct slice site)
{
    lock_take(&maintenance->lock);
    struct closed_site *closed = map_remove(&maintenance->sites, site);
    tell_count(maintenance);
    lock_release(&maintenance->lock);
    destroy(closed);
    return closed != NULL;
}

static bool is_allowed(const struct closed_site *site, struct slice client)
{
    struct address address = {0};
    if (site->allowed_count == 0)
        return false;
    (void)address_from_ip(client, 0, &address);
    return networks_contain(site->allowed, site->allowed_count, &address);
}

static void refuse(struct exchange *exchange, struct slice message)
{
    exchange->notes.reason = "the site is closed for maintenance";
    struct writer *head = exchange_begin(exchange, 503, (struct slice){0}, message.len + 1);
    if (head == NULL)
        return;
    exchange_write_own_fields(head);
    write_slice(head, RETRY_AFTER);
    h1_write_field(head, field_name(FIELD_CONTENT_TYPE), SLICE("text/plain; charset=utf-8"));
    if (exchange_send(exchange, message, true) == 0)
        (void)exchange_send(exchange, SLICE("\n"), false);
}

bool maintenance_admit(struct maintenance *maintenance, struct slice site,
                       struct exchange *exchange)
{
    struct slice message = {NULL, 0};
    lock_take(&maintenance->lock);
    const struct closed_site *closed = map_get(&maintenance->sites, site);
    bool goes_on = closed == NULL || is_allowed(closed, exchange->client);
    if (!goes_on)
        message = arena_copy(&exchange->arena, slice_of_cstr(closed->message));
    lock_release(&maintenance->lock);
    if (goes_on)
        return true;
    counter_add(&worker_current()->counters.maintenance_refused, 1);
    if (message.len > 0)
        refuse(exchange, message);
    else
        exchange_refuse(exchange, 503, "the site is closed for maintenance", RETRY_AFTER);
    return false;
}

void maintenance_write(struct maintenance *maintenance, struct slice site, struct json_writer *json)
{
    lock_take(&maintenance->lock);
    const struct closed_site *closed = map_get(&maintenance->sites, site);
    if (closed != NULL)
        json_put_text(json, "maintenance", slice_of_cstr(closed->message));
    lock_release(&maintenance->lock);
}

static void save_site(const struct closed_site *site, struct json_writer *json)
{
    char text[NETWORK_TEXT_BYTES];
    json_open_object(json, NULL);
    json_put_text(json, "site", slice_of_cstr(site->name));
    json_put_text(json, "message", slice_of_cstr(site->message));
    json_open_list(json, "allow");
    for (unsigned i = 0; i < site->allowed_count; i++)
        json_put_text(json, NULL, slice_of(text, network_format(&site->allowed[i], text)));
    json_close_list(json);
    json_close_object(json);
}

static void save_all(struct maintenance *maintenance, struct writer *writer)
{
    size_t cursor = 0;
    const struct map_entry *entry;
    struct json_writer json;
    json_writer_init(&json, writer);
    json_open_list(&json, NULL);
    lock_take(&maintenance->lock);
    while ((entry = map_next(&maintenance->sites, &cursor)) != NULL)
        save_site(entry->value, &json);
    lock_release(&maintenance->lock);
    json_close_list(&json);
    write_char(writer, '\n');
}

int maintenance_save(struct maintenance *maintenance, char **ret_text, size_t *ret_len)
{
    for (size_t bytes = SAVE_BYTES; bytes <= MAINTENANCE_BYTES_MAX; bytes *= 2) {
        char *text = memory_alloc_raw(bytes);
        struct writer writer;
        if (text == NULL)
            return -ENOMEM;
        writer_init(&writer, text, bytes);
        save_all(maintenance, &writer);
        if (!writer.overflown) {
            *ret_text = text;
            *ret_len = writer_slice(&writer).len;
            return 0;
        }
        memory_free(text);
    }
    return -EMSGSIZE;
}

static int load_site(struct maintenance *maintenance, const struct json *site)
{
    struct network networks[MAINTENANCE_NETWORKS_MAX];
    unsigned count = 0;
    struct slice name = json_get_text(site, SLICE("site"));
    if (name.len == 0)
        return -EBADMSG;
    JSON_FOR_EACH(json_get(site, SLICE("allow")), each)
    {
        if (count == MAINTENANCE_NETWORKS_MAX || network_parse(each->text, &networks[count]) < 0)
            return -EBADMSG;
        count++;
    }
    return maintenance_set(maintenance, name, json_get_text(site, SLICE("message")), networks,
                           count);
}

int maintenance_load(struct maintenance *maintenance, struct slice text)
{
    SCOPED(arena_finish) struct arena arena;
    const struct json *document = NULL;
    struct map before = {0};
    arena_init(&arena, NULL, 0, MAINTENANCE_BYTES_MAX * 4);
    int rc = text.len == 0 ? 0 : json_parse(text, &arena, &document);
    if (rc == 0 && document != NULL && document->kind != JSON_ARRAY)
        rc = -EBADMSG;
    if (rc < 0)
        return rc;
    lock_take(&maintenance->lock);
    before = maintenance->sites;
    map_init(&maintenance->sites, before.hash_key);
    tell_count(maintenance);
    lock_release(&maintenance->lock);
    destroy_all(&before);
    JSON_FOR_EACH(document, each)
    {
        int site_rc = load_site(maintenance, each);
        rc = site_rc < 0 ? site_rc : rc;
    }
    return rc;
}
