/* Paths, and the calls of os/file.h behind them. Files are small: blocking is fine here. */
#include "control/identity/vault.h"

#include "os/descriptor.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/loop.h"

#include <errno.h>
#include <stdio.h>

#define FOLDER_MODE  0700
#define FILE_MODE    0600
#define LOCK_MS      30000
#define LOCK_STEP_MS 20

int vault_open(struct vault *vault, const char *state)
{
    int len = snprintf(vault->folder, sizeof vault->folder, "%s/" VAULT_FOLDER, state);
    if (len < 0 || (size_t)len >= sizeof vault->folder)
        return -ENAMETOOLONG;
    struct file_info info = {0};
    int rc = folder_make(vault->folder, FOLDER_MODE);
    if (rc == 0)
        rc = file_stat(vault->folder, &info);
    vault->inode = info.inode;
    vault->device = info.device;
    return rc;
}

bool vault_is_lost(const struct vault *vault)
{
    struct file_info info = {0};
    return file_stat(vault->folder, &info) < 0 || info.inode != vault->inode ||
           info.device != vault->device;
}

static bool path_of(const struct vault *vault, struct slice name, const char *suffix,
                    char ret_path[static PATH_MAX])
{
    int len = snprintf(ret_path, PATH_MAX, "%s/%.*s%s", vault->folder, SLICE_ARG(name), suffix);
    return len > 0 && len < PATH_MAX;
}

int vault_read(const struct vault *vault, struct slice name, const char *suffix,
               struct buffer *ret_content)
{
    char path[PATH_MAX];
    return path_of(vault, name, suffix, path) ? file_read_all(path, ret_content) : -ENAMETOOLONG;
}

/* The folder may have been cleared away meanwhile. */
int vault_write(const struct vault *vault, struct slice name, const char *suffix,
                struct slice content)
{
    char path[PATH_MAX];
    if (!path_of(vault, name, suffix, path))
        return -ENAMETOOLONG;
    int rc = folder_make(vault->folder, FOLDER_MODE);
    return rc < 0 ? rc : file_replace(path, content, FILE_MODE);
}

struct vault_stamp vault_stamp_of(const struct vault *vault, struct slice name, const char *suffix)
{
    char path[PATH_MAX];
    struct file_info info = {0};
    if (!path_of(vault, name, suffix, path) || file_stat(path, &info) < 0)
        return (struct vault_stamp){0};
    return (struct vault_stamp){info.inode, info.changed_ns};
}

int vault_remove(const struct vault *vault, struct slice name, const char *suffix)
{
    char path[PATH_MAX];
    return path_of(vault, name, suffix, path) ? file_remove(path) : -ENAMETOOLONG;
}

int vault_lock(const struct vault *vault)
{
    char path[PATH_MAX];
    int64_t deadline_ms = loop_deadline(LOCK_MS);
    if (!path_of(vault, SLICE("lock"), "", path))
        return -ENAMETOOLONG;
    int lock;
    while ((lock = file_lock(path)) == -EAGAIN && loop_now_ms() < deadline_ms) {
        int rc = fiber_sleep(LOCK_STEP_MS);
        if (rc < 0)
            return rc;
    }
    return lock;
}

void vault_unlock(int lock)
{
    if (lock >= 0)
        descriptor_close(lock);
}
