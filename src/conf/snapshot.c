/*
 * The way from a file's text to a snapshot: tree, inheritance, schema, links. And a snapshot's
 * life: its arena holds the struct's parts, the struct itself stands on the heap.
 */
#include "conf/snapshot.h"

#include "base/cleanup.h"
#include "conf/errors.h"
#include "conf/inherit.h"
#include "conf/link.h"
#include "conf/read.h"
#include "conf/tree.h"
#include "os/file.h"

#include <errno.h>
#include <limits.h>

#define ARENA_BYTES_MAX   536870912
#define SCRATCH_BYTES_MAX 1073741824

/* What the file cannot set yet. */
#define DRAIN_MS 30000

static struct snapshot *create(struct slice file, struct slice folder)
{
    struct snapshot *snapshot = NEW(struct snapshot);
    if (snapshot == NULL)
        return NULL;
    atomic_init(&snapshot->references, 1);
    arena_init(&snapshot->arena, NULL, 0, ARENA_BYTES_MAX);
    snapshot->drain_ms = DRAIN_MS;
    snapshot->file = arena_copy(&snapshot->arena, file);
    snapshot->folder = arena_copy(&snapshot->arena, folder);
    if (snapshot->file.at != NULL && snapshot->folder.at != NULL)
        return snapshot;
    snapshot_unref(snapshot);
    return NULL;
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
    atomic_fetch_add_explicit(&snapshot->references, 1, memory_order_relaxed);
    return snapshot;
}

static void wipe(const struct conf_secret *secret)
{
    if (secret->value.len > 0)
        explicit_bzero((char *)(uintptr_t)secret->value.at, secret->value.len);
}

/* They lie in the arena. */
static void wipe_secrets(const struct snapshot *snapshot)
{
    for (unsigned i = 0; i < snapshot->buckets_count; i++) {
        wipe(&snapshot->buckets[i].backend.s3.access_key);
        wipe(&snapshot->buckets[i].backend.s3.secret_key);
    }
    for (unsigned i = 0; i < snapshot->webhooks_count; i++)
        wipe(&snapshot->webhooks[i].secret);
}

void snapshot_unref(struct snapshot *snapshot)
{
    if (snapshot == NULL ||
        atomic_fetch_sub_explicit(&snapshot->references, 1, memory_order_acq_rel) != 1)
        return;
    wipe_secrets(snapshot);
    arena_finish(&snapshot->arena);
    memory_free(snapshot);
}

/* The absolute folder of a file. Returns its length or a negative errno. */
static int find_folder(struct slice file, char folder[static PATH_MAX])
{
    char path[PATH_MAX] = ".";
    size_t len = file.len;
    while (len > 0 && file.at[len - 1] != '/')
        len--;
    if (len >= sizeof path)
        return -ENAMETOOLONG;
    if (len > 0) {
        memcpy(path, file.at, len);
        path[len] = '\0';
    }
    return file_real_path(path, folder, PATH_MAX);
}

static void keep_warnings(struct snapshot *snapshot, struct reading *reading)
{
    struct conf_errors *warnings = &reading->warnings;
    conf_errors_sort(warnings);
    snapshot->warnings =
        reading_alloc(reading, reading->arena, warnings->count, sizeof *snapshot->warnings);
    for (unsigned i = 0; i < warnings->count && !reading->out_of_memory; i++) {
        struct slice text = reading_keep(reading, warnings->at[i].text);
        snapshot->warnings[snapshot->warnings_count++] =
            (struct conf_error){warnings->at[i].place, text};
    }
}

static int fill(struct snapshot *snapshot, struct slice text, bool was_accepted,
                struct arena *scratch, struct conf_errors *errors)
{
    struct reading reading = {.arena = &snapshot->arena,
                              .scratch = scratch,
                              .errors = errors,
                              .folder = snapshot->folder,
                              .was_accepted = was_accepted};
    struct tree_node *root;
    struct draft draft = {.workers = 0};
    int rc = tree_parse(text, scratch, errors, &root);
    if (rc < 0)
        return rc;
    struct tree_node *services = root->kind == TREE_MAP ? tree_find(root, "services") : NULL;
    if (services != NULL && services->kind == TREE_MAP)
        rc = inherit_services(services, scratch, errors);
    if (rc < 0)
        return rc;
    conf_errors_init(&reading.warnings);
    read_struct(&reading, root, &schema_top, &draft);
    if (!reading.out_of_memory)
        link_snapshot(&reading, &draft, snapshot);
    if (!reading.out_of_memory)
        keep_warnings(snapshot, &reading);
    conf_errors_finish(&reading.warnings);
    if (reading.out_of_memory)
        return -ENOMEM;
    snapshot->lacks_files = reading.lacks_files;
    return errors->count > 0 ? -EINVAL : 0;
}

static int parse(struct slice file, struct slice text, bool was_accepted,
                 struct snapshot **ret_snapshot, struct conf_errors *errors)
{
    char folder[PATH_MAX];
    int len = find_folder(file, folder);
    if (len < 0) {
        int rc = conf_errors_add(errors, (struct conf_place){0, 0},
                                 "its folder cannot be found: %s", strerror(-len));
        return rc < 0 ? rc : -EINVAL;
    }
    struct snapshot *snapshot = create(file, slice_of(folder, (size_t)len));
    if (snapshot == NULL)
        return -ENOMEM;
    SCOPED(arena_finish) struct arena scratch;
    arena_init(&scratch, NULL, 0, SCRATCH_BYTES_MAX);
    int rc = fill(snapshot, text, was_accepted, &scratch, errors);
    conf_errors_sort(errors);
    if (rc < 0)
        snapshot_unref(snapshot);
    else
        *ret_snapshot = snapshot;
    return rc;
}

int snapshot_parse(struct slice file, struct slice text, struct snapshot **ret_snapshot,
                   struct conf_errors *errors)
{
    return parse(file, text, false, ret_snapshot, errors);
}

int snapshot_parse_accepted(struct slice file, struct slice text, struct snapshot **ret_snapshot,
                            struct conf_errors *errors)
{
    return parse(file, text, true, ret_snapshot, errors);
}

static int read_file(const char *file, bool was_accepted, struct buffer *text,
                     struct snapshot **ret_snapshot, struct conf_errors *errors)
{
    SCOPED(buffer_finish) struct buffer own;
    buffer_init(&own, TREE_TEXT_BYTES_MAX);
    if (text == NULL)
        text = &own;
    int rc = file_read_all(file, text);
    if (rc == 0)
        return parse(slice_of_cstr(file), buffer_slice(text), was_accepted, ret_snapshot, errors);
    if (rc == -ENOMEM)
        return rc;
    rc = conf_errors_add(errors, (struct conf_place){0, 0}, "cannot be read: %s",
                         rc == -EMSGSIZE ? "it is larger than 16 MiB" : strerror(-rc));
    return rc < 0 ? rc : -EINVAL;
}

int snapshot_read(const char *file, struct buffer *text, struct snapshot **ret_snapshot,
                  struct conf_errors *errors)
{
    return read_file(file, false, text, ret_snapshot, errors);
}

int snapshot_read_accepted(const char *file, struct snapshot **ret_snapshot,
                           struct conf_errors *errors)
{
    return read_file(file, true, NULL, ret_snapshot, errors);
}
