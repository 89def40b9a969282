/* Written whole each time: there are few certificates, and they change seldom. */
#include "control/identity/report.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "wire/json/json.h"

#include <errno.h>
#include <stdio.h>

#define ROOM_FIRST     ((size_t)1 << 16)
#define TREE_BYTES_MAX ((size_t)8 << 20)

static const char *const phases[] = {
    [REPORT_WAITING] = "waiting",
    [REPORT_GOOD] = "good",
    [REPORT_ORDERING] = "ordering",
    [REPORT_FAILING] = "failing",
};

static void put_time(struct json_writer *json, const char *name, int64_t time_s)
{
    if (time_s > 0)
        json_put_u64(json, name, (uint64_t)time_s);
}

static void put_entry(struct json_writer *json, const struct report_entry *entry)
{
    json_open_object(json, NULL);
    json_put_text(json, "id", entry->id);
    json_put_text(json, "source", slice_of_cstr(entry->source));
    json_open_list(json, "names");
    for (unsigned i = 0; i < entry->names_count; i++)
        json_put_text(json, NULL, entry->names[i]);
    json_close_list(json);
    json_put_text(json, "phase", slice_of_cstr(phases[entry->phase]));
    put_time(json, "not_before", entry->not_before_s);
    put_time(json, "not_after", entry->not_after_s);
    put_time(json, "renew_from", entry->renew_from_s);
    put_time(json, "next_try", entry->next_try_s);
    json_put_u64(json, "failures", entry->failures);
    if (entry->is_refused)
        json_put_bool(json, "refused", true);
    if (entry->is_asked_to_wait)
        json_put_bool(json, "asked_to_wait", true);
    if (entry->error[0] != '\0')
        json_put_text(json, "error", slice_of_cstr(entry->error));
    json_close_object(json);
}

static void render(struct writer *writer, const struct report_entry *const *entries, unsigned count)
{
    struct json_writer json;
    json_writer_init(&json, writer);
    json_open_object(&json, NULL);
    json_open_list(&json, "certificates");
    for (unsigned i = 0; i < count; i++)
        put_entry(&json, entries[i]);
    json_close_list(&json);
    json_close_object(&json);
    write_char(writer, '\n');
}

int report_write(const struct vault *vault, const struct report_entry *const *entries,
                 unsigned count)
{
    for (size_t bytes = ROOM_FIRST; bytes <= VAULT_FILE_BYTES_MAX; bytes *= 2) {
        SCOPED_FREE char *room = memory_alloc_raw(bytes);
        struct writer writer;
        if (room == NULL)
            return -ENOMEM;
        writer_init(&writer, room, bytes);
        render(&writer, entries, count);
        if (!writer.overflown)
            return vault_write(vault, SLICE("state"), ".json", writer_slice(&writer));
    }
    return -EMSGSIZE;
}

void report_recall(const struct vault *vault, struct report_entry *entry)
{
    SCOPED(buffer_finish) struct buffer text;
    SCOPED(arena_finish) struct arena arena;
    const struct json *document = NULL;
    buffer_init(&text, VAULT_FILE_BYTES_MAX);
    arena_init(&arena, NULL, 0, TREE_BYTES_MAX);
    if (vault_read(vault, SLICE("state"), ".json", &text) < 0 ||
        json_parse(buffer_slice(&text), &arena, &document) < 0)
        return;
    JSON_FOR_EACH(json_get(document, SLICE("certificates")), each)
    {
        if (!slice_equal(json_get_text(each, SLICE("id")), entry->id) ||
            !json_get_bool(each, SLICE("refused"), false))
            continue;
        struct slice error = json_get_text(each, SLICE("error"));
        int64_t failures = json_get_integer(each, SLICE("failures"), 0);
        entry->failures = failures > 0 && failures < 1000 ? (unsigned)failures : 0;
        entry->next_try_s = json_get_integer(each, SLICE("next_try"), 0);
        entry->is_refused = true;
        entry->is_asked_to_wait = json_get_bool(each, SLICE("asked_to_wait"), false);
        (void)snprintf(entry->error, sizeof entry->error, "%.*s", SLICE_ARG(error));
    }
}
