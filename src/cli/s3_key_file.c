/* Used by `weir s3`. The edge never looks at the file: the supervisor hands it on. */
#include "cli/s3_key_file.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "cli/fiber_run.h"
#include "os/descriptor.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/loop.h"

#include <errno.h>
#include <string.h>

#define LOCK_FILE    "s3-keys.lock"
#define LOCK_MS      10000
#define LOCK_STEP_MS 20
#define FILE_MODE    0600

static void wipe(struct buffer *buffer)
{
    if (buffer->at != NULL)
        explicit_bzero(buffer->at, buffer->len);
    buffer_finish(buffer);
}

static int read_keys(struct s3_key_file *file, struct error *ret_error)
{
    SCOPED(wipe) struct buffer text;
    struct error error = {0};
    buffer_init(&text, S3_KEYS_BYTES_MAX);
    int rc = file_read_regular(file->path, &text);
    if (rc < 0 && rc != -ENOENT)
        return error_set_errno(ret_error, rc, "cannot read %s", file->path);
    rc = s3_keys_parse(buffer_slice(&text), &file->keys, &error);
    return rc < 0 ? error_set(ret_error, rc, "%s cannot be used: %s", file->path, error.text) : 0;
}

static int find_path(const struct place *place, struct s3_key_file *ret_file,
                     struct error *ret_error)
{
    *ret_file = (struct s3_key_file){.lock = -1};
    return place_path(place, S3_KEYS_FILE, ret_file->path)
               ? 0
               : error_set_errno(ret_error, -ENAMETOOLONG, "%s", place->state);
}

int s3_key_file_read(const struct place *place, struct s3_key_file *ret_file,
                     struct error *ret_error)
{
    int rc = find_path(place, ret_file, ret_error);
    return rc < 0 ? rc : read_keys(ret_file, ret_error);
}

struct locking {
    char path[PATH_MAX];
    int fd;
};

static int lock_main(void *arg)
{
    struct locking *locking = arg;
    int64_t deadline_ms = loop_deadline(LOCK_MS);
    while ((locking->fd = file_lock(locking->path)) == -EAGAIN && loop_now_ms() < deadline_ms) {
        int rc = fiber_sleep(LOCK_STEP_MS);
        if (rc < 0)
            return rc;
    }
    return locking->fd < 0 ? locking->fd : 0;
}

/* What a command that was killed has left. */
static int remove_temporary(void *arg, const char *name)
{
    char path[PATH_MAX];
    if (file_is_temporary_of(name, S3_KEYS_FILE) && place_path(arg, name, path))
        (void)file_remove(path);
    return 0;
}

static int take_turn(const struct place *place, struct s3_key_file *file, struct error *ret_error)
{
    struct locking locking = {.fd = -1};
    struct place kept = *place;
    int rc = place_make_state(place);
    if (rc < 0)
        return error_set_errno(ret_error, rc, "cannot make the state folder %s", place->state);
    if (!place_path(place, LOCK_FILE, locking.path))
        return error_set_errno(ret_error, -ENAMETOOLONG, "%s", place->state);
    rc = fiber_run(lock_main, &locking);
    if (rc == -EAGAIN)
        return error_set(ret_error, rc, "another command holds %s for too long", locking.path);
    if (rc < 0)
        return error_set_errno(ret_error, rc, "cannot lock %s", locking.path);
    file->lock = locking.fd;
    (void)folder_each(place->state, remove_temporary, &kept);
    return 0;
}

int s3_key_file_open(const struct place *place, struct s3_key_file *ret_file,
                     struct error *ret_error)
{
    int rc = find_path(place, ret_file, ret_error);
    if (rc == 0)
        rc = take_turn(place, ret_file, ret_error);
    if (rc == 0)
        rc = read_keys(ret_file, ret_error);
    if (rc < 0)
        s3_key_file_close(ret_file);
    return rc;
}

static int write_keys(const struct s3_key_file *file, const struct s3_key *keys, unsigned count)
{
    SCOPED(wipe) struct buffer text;
    buffer_init(&text, S3_KEYS_BYTES_MAX);
    int rc = s3_keys_write(keys, count, &text);
    return rc < 0 ? rc : file_replace(file->path, buffer_slice(&text), FILE_MODE);
}

int s3_key_file_change(const struct s3_key_file *file, const struct s3_key *added,
                       struct slice removed, struct error *ret_error)
{
    const struct s3_keys *keys = file->keys;
    SCOPED_FREE struct s3_key *next = memory_alloc_array((size_t)keys->count + 1, sizeof *next);
    unsigned count = 0;
    if (next == NULL)
        return error_set(ret_error, -ENOMEM, "out of memory");
    for (unsigned i = 0; i < keys->count; i++) {
        if (!slice_equal(keys->at[i].name, removed))
            next[count++] = keys->at[i];
    }
    if (added != NULL)
        next[count++] = *added;
    int rc = write_keys(file, next, count);
    if (rc == -EMSGSIZE)
        return error_set(ret_error, rc, "there are too many keys: all together take 1 MiB");
    return rc < 0 ? error_set_errno(ret_error, rc, "cannot write %s", file->path) : 0;
}

void s3_key_file_close(struct s3_key_file *file)
{
    s3_keys_unref(file->keys);
    if (file->lock >= 0)
        descriptor_close(file->lock);
    *file = (struct s3_key_file){.lock = -1};
}
