/* /proc/self and the limits of getrlimit. */
#include "os/usage.h"

#include "base/buffer.h"
#include "os/file.h"
#include "os/folder.h"

#include <sys/resource.h>
#include <unistd.h>

#define STATM_BYTES_MAX 256

/* The second number of statm, in pages (proc(5)). */
static uint64_t resident_bytes(void)
{
    struct buffer text;
    uint64_t pages = 0;
    buffer_init(&text, STATM_BYTES_MAX);
    if (file_read_all("/proc/self/statm", &text) == 0) {
        struct slice rest = buffer_slice(&text), part;
        (void)slice_cut(&rest, ' ', &part);
        if (!slice_cut(&rest, ' ', &part) || slice_parse_u64(part, &pages) < 0)
            pages = 0;
    }
    buffer_finish(&text);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int count_one(void *arg, const char *name)
{
    (void)name;
    *(uint64_t *)arg += 1;
    return 0;
}

static uint64_t time_us(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

void usage_read(struct usage *ret_usage)
{
    struct usage usage = {.memory_bytes = resident_bytes()};
    struct rlimit limit;
    struct rusage times;
    /* The folder's own descriptor is among them. */
    if (folder_each("/proc/self/fd", count_one, &usage.descriptors) == 0 && usage.descriptors > 0)
        usage.descriptors--;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        usage.descriptors_max = limit.rlim_cur;
    if (getrusage(RUSAGE_SELF, &times) == 0)
        usage.cpu_us = time_us(times.ru_utime) + time_us(times.ru_stime);
    *ret_usage = usage;
}
