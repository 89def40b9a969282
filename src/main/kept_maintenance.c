/* A file, and a descriptor of memory with the same text. */
#include "main/kept_maintenance.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "edge/policy/maintenance.h"
#include "os/file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int maintenance_open(struct kept_maintenance *kept, const char *path)
{
    SCOPED(buffer_finish) struct buffer text;
    buffer_init(&text, MAINTENANCE_BYTES_MAX);
    int rc = file_read_regular(path, &text);
    if (rc < 0 && rc != -ENOENT) {
        log_error("cannot read %s: %s; no site is closed for maintenance", path, strerror(-rc));
        text.len = 0;
    }
    int fd = file_in_memory(MAINTENANCE_KEPT, buffer_slice(&text));
    if (fd < 0)
        return fd;
    *kept = (struct kept_maintenance){.path = path, .text = fd};
    return 0;
}

int maintenance_keep(struct kept_maintenance *kept, int text)
{
    SCOPED(buffer_finish) struct buffer bytes;
    buffer_init(&bytes, MAINTENANCE_BYTES_MAX);
    if (text < 0)
        return -EBADMSG;
    (void)close(kept->text);
    kept->text = text;
    kept->version++;
    int rc = file_read_open(text, &bytes);
    return rc < 0 ? rc : file_replace(kept->path, buffer_slice(&bytes), 0600);
}
