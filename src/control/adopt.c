/* A shim's label says all: service, number, hash of the definition, port. */
#include "control/adopt.h"

#include "base/log.h"
#include "control/control.h"
#include "os/folder.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define STOP_ORPHAN_MS 10000

struct adoption {
    struct control *control;
    char folder[PATH_MAX]; /* tasks/ */
};

static void ignore_change(struct shim_link *link)
{
    (void)link;
}

static struct service *find_service(struct control *control, const char *name)
{
    for (unsigned i = 0; i < control->services_count; i++) {
        if (slice_equal(control->services[i].conf->name, slice_of_cstr(name)))
            return &control->services[i];
    }
    return NULL;
}

/* Returns whether it was taken over. */
static bool take_over(struct control *control, const struct shim_link *link)
{
    char name[TASK_ID_BYTES];
    unsigned number, port;
    uint64_t hash;
    if (sscanf(link->label, "service=%95s number=%u hash=%" SCNx64 " port=%u", name, &number, &hash,
               &port) != 4 ||
        port > UINT16_MAX)
        return false;
    struct service *service = find_service(control, name);
    return service != NULL && task_adopt(service, number, hash, (uint16_t)port) == 0;
}

static int look_at(void *arg, const char *name)
{
    struct adoption *adoption = arg;
    struct shim_link link;
    char folder[PATH_MAX];
    int len = snprintf(folder, sizeof folder, "%s/%s", adoption->folder, name);
    if (len < 0 || (size_t)len >= sizeof folder)
        return 0;
    if (shim_find(&link, folder, ignore_change) < 0) {
        (void)folder_remove(folder);
        return 0;
    }
    if (!take_over(adoption->control, &link)) {
        log_info("%s: stopped, it is no longer in weir.yaml", name);
        shim_stop(&link, STOP_ORPHAN_MS);
    }
    io_close(&link.io);
    return 0;
}

void adopt_tasks(struct control *control)
{
    struct adoption adoption = {.control = control};
    int len =
        snprintf(adoption.folder, sizeof adoption.folder, "%s/tasks", control->options->state);
    if (len > 0 && (size_t)len < sizeof adoption.folder)
        (void)folder_each(adoption.folder, look_at, &adoption);
}
