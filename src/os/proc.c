/* Readers of /proc/PID/stat, /proc/PID/fd and /proc/net/tcp*, all of them bounded line parsers. */
#include "os/proc.h"

#include "base/cleanup.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ANCESTORS_MAX 128
#define PATH_BYTES    64

static void close_folder(DIR **folder)
{
    if (*folder != NULL)
        (void)closedir(*folder);
}

static void close_file(FILE **file)
{
    if (*file != NULL)
        (void)fclose(*file);
}

/* The name stands in parentheses and may hold any character, parentheses included. */
static int parse_stat(char *text, struct proc_info *ret_info)
{
    char *open = strchr(text, '(');
    char *close = strrchr(text, ')');
    if (open == NULL || close == NULL || close < open)
        return -ESRCH;
    *close = '\0';
    struct proc_info info = {0};
    int parent, group, session;
    if (sscanf(close + 1,
               " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
               "%*d %" SCNu64,
               &info.state, &parent, &group, &session, &info.start_ticks) != 5)
        return -ESRCH;
    info.parent = parent;
    info.group = group;
    info.session = session;
    (void)snprintf(info.name, sizeof info.name, "%s", open + 1);
    *ret_info = info;
    return 0;
}

int proc_read(pid_t pid, struct proc_info *ret_info)
{
    char path[PATH_BYTES], text[1024];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -ESRCH;
    ssize_t got = read(fd, text, sizeof text - 1);
    (void)close(fd);
    if (got <= 0)
        return -ESRCH;
    text[got] = '\0';
    int rc = parse_stat(text, ret_info);
    if (rc == 0)
        ret_info->pid = pid;
    return rc;
}

int proc_each(int (*visit)(void *arg, const struct proc_info *info), void *arg)
{
    SCOPED(close_folder) DIR *folder = opendir("/proc");
    if (folder == NULL)
        return -errno;
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        struct proc_info info;
        uint64_t pid;
        if (slice_parse_u64(slice_of_cstr(entry->d_name), &pid) < 0 ||
            proc_read((pid_t)pid, &info) < 0)
            continue;
        int rc = visit(arg, &info);
        if (rc != 0)
            return rc;
    }
    return 0;
}

bool proc_is_below(pid_t pid, pid_t ancestor)
{
    for (int i = 0; i < ANCESTORS_MAX && pid > 0; i++) {
        struct proc_info info;
        if (pid == ancestor)
            return true;
        if (proc_read(pid, &info) < 0)
            return false;
        pid = info.parent;
    }
    return false;
}

/* "sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode", numbers in hex. */
static void collect_listeners(const char *path, uint16_t port, uint64_t *inodes, unsigned *count)
{
    SCOPED(close_file) FILE *file = fopen(path, "re");
    char line[512];
    while (file != NULL && *count < PROC_LISTENERS_MAX && fgets(line, sizeof line, file) != NULL) {
        unsigned local_port, state;
        uint64_t inode;
        if (sscanf(line, " %*u: %*[0-9A-F]:%4x %*[0-9A-F]:%*4x %2x %*s %*s %*s %*u %*u %" SCNu64,
                   &local_port, &state, &inode) == 3 &&
            local_port == port && state == 0x0a)
            inodes[(*count)++] = inode;
    }
}

unsigned proc_listeners(uint16_t port, uint64_t ret_inodes[static PROC_LISTENERS_MAX])
{
    unsigned count = 0;
    collect_listeners("/proc/self/net/tcp", port, ret_inodes, &count);
    collect_listeners("/proc/self/net/tcp6", port, ret_inodes, &count);
    return count;
}

static bool is_one_of(const char *link, const uint64_t *inodes, unsigned count)
{
    uint64_t inode;
    if (sscanf(link, "socket:[%" SCNu64 "]", &inode) != 1)
        return false;
    for (unsigned i = 0; i < count; i++) {
        if (inodes[i] == inode)
            return true;
    }
    return false;
}

static bool holds_socket(pid_t pid, const uint64_t *inodes, unsigned count)
{
    char path[PATH_BYTES], link[PATH_BYTES];
    (void)snprintf(path, sizeof path, "/proc/%d/fd", pid);
    SCOPED(close_folder) DIR *folder = opendir(path);
    struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        ssize_t len = readlinkat(dirfd(folder), entry->d_name, link, sizeof link - 1);
        if (len <= 0)
            continue;
        link[len] = '\0';
        if (is_one_of(link, inodes, count))
            return true;
    }
    return false;
}

struct holder_search {
    const uint64_t *inodes;
    unsigned inodes_count;
    pid_t below; /* 0: anywhere */
    struct proc_info found;
};

static int is_holder(void *arg, const struct proc_info *info)
{
    struct holder_search *search = arg;
    if (search->below != 0 && !proc_is_below(info->pid, search->below))
        return 0;
    if (!holds_socket(info->pid, search->inodes, search->inodes_count))
        return 0;
    search->found = *info;
    return 1;
}

int proc_find_holder(const uint64_t *inodes, unsigned inodes_count, struct proc_info *ret_info)
{
    struct holder_search search = {.inodes = inodes, .inodes_count = inodes_count};
    if (proc_each(is_holder, &search) != 1)
        return -ESRCH;
    *ret_info = search.found;
    return 0;
}

bool proc_listens_below(pid_t ancestor, uint16_t port)
{
    uint64_t inodes[PROC_LISTENERS_MAX];
    struct holder_search search = {.inodes = inodes, .below = ancestor};
    search.inodes_count = proc_listeners(port, inodes);
    return search.inodes_count > 0 && proc_each(is_holder, &search) == 1;
}

void proc_ephemeral_ports(uint16_t *ret_first, uint16_t *ret_last)
{
    SCOPED(close_file) FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
    *ret_first = 32768;
    *ret_last = 60999;
    if (file != NULL)
        (void)!fscanf(file, "%" SCNu16 " %" SCNu16, ret_first, ret_last);
}
