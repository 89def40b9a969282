/* The cold part of serving files: see load.h. */
#include "edge/files/load.h"

#include "base/memory.h"
#include "os/beneath.h"
#include "os/descriptor.h"

#include <errno.h>

#define READ_TRIES 3

/* Kernels stamp files by a clock that ticks every 1 to 10 ms; network file systems by the other
 * side's. */
#define SETTLED_NS INT64_C(100000000)

static bool is_same(const struct file_info *a, const struct file_info *b)
{
    return a->size == b->size && a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

static int read_whole(struct files_load *load, int fd)
{
    size_t size = (size_t)load->info.size;
    char *content = size == 0 ? NULL : memory_alloc_raw(size);
    if (content == NULL && size > 0)
        return -ENOMEM;
    ssize_t got = size == 0 ? 0 : beneath_read(fd, content, size, 0, load->may_wait);
    if (got != (ssize_t)size) {
        memory_free(content);
        return got < 0 ? (int)got : -EIO;
    }
    load->content = content;
    return 0;
}

/*
 * A file that is written to while it is read is read again. One that is never at rest, a log say,
 * is taken as it is and counts as not settled. 1 when it has grown out of what is read.
 */
static int read_content(struct files_load *load, int fd)
{
    for (int tries = 1;; tries++) {
        if (load->info.size > FILES_CONTENT_BYTES_MAX)
            return 1;
        struct file_info after;
        int rc = read_whole(load, fd);
        if (rc == 0 || rc == -EIO) {
            int asked = file_stat_open(fd, &after);
            rc = asked < 0 ? asked : rc;
        }
        if (rc == 0 && is_same(&load->info, &after))
            return 0;
        if (rc == 0 && tries == READ_TRIES) {
            load->is_settled = false;
            return 0;
        }
        memory_free(load->content);
        load->content = NULL;
        if ((rc < 0 && rc != -EIO) || tries == READ_TRIES)
            return rc;
        load->info = after;
    }
}

static int run(struct files_load *load)
{
    int fd;
    int rc = beneath_open(load->root, load->file, load->may_wait, &fd, &load->info);
    if (rc < 0 || load->info.is_folder)
        return rc;
    rc = read_content(load, fd);
    if (rc == 1)
        load->fd = fd;
    else
        descriptor_close(fd);
    return rc < 0 ? rc : 0;
}

int files_plain_error(int code)
{
    switch (code) {
    case -ENOTDIR:
    case -ENAMETOOLONG:
    case -ELOOP:
    case -EXDEV:
    case -ENXIO:
        return -ENOENT;
    case -EPERM:
        return -EACCES;
    default:
        return code;
    }
}

void files_load_run(void *arg)
{
    struct files_load *load = arg;
    load->fd = -1;
    load->content = NULL;
    load->is_settled = true;
    load->result = files_plain_error(run(load));
    if (load->result == 0 && load->now_ns - load->info.changed_ns < SETTLED_NS)
        load->is_settled = false;
}
