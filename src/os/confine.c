/* setresuid and capset, landlock(7), libseccomp. */
#include "os/confine.h"

#include "base/cleanup.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Those of later kernels than our headers know; each is asked for only where the kernel has it. */
#define ACCESS_FS_TRUNCATE  (UINT64_C(1) << 14)
#define ACCESS_FS_IOCTL_DEV (UINT64_C(1) << 15)
#define SCOPE_SIGNAL        (UINT64_C(1) << 1)

struct ruleset_attr {
    uint64_t handled_access_fs;
    uint64_t handled_access_net;
    uint64_t scoped;
};

int confine_find_user(const char *name, struct confine_user *ret_user)
{
    const struct passwd *entry = getpwnam(name);
    if (entry == NULL || strlen(name) >= sizeof ret_user->name)
        return -ENOENT;
    *ret_user = (struct confine_user){.uid = entry->pw_uid, .gid = entry->pw_gid};
    (void)snprintf(ret_user->name, sizeof ret_user->name, "%s", name);
    return 0;
}

/* Links are given, not followed. */
static int give_all(const char *path, const struct confine_user *user)
{
    char copy[PATH_MAX];
    size_t len = strlen(path);
    if (len >= sizeof copy)
        return -ENAMETOOLONG;
    memcpy(copy, path, len + 1);
    char *roots[] = {copy, NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    int rc = walk == NULL ? -errno : 0;
    while (rc == 0) {
        const FTSENT *entry = fts_read(walk);
        if (entry == NULL)
            break;
        if (entry->fts_info != FTS_DP && lchown(entry->fts_accpath, user->uid, user->gid) < 0)
            rc = -errno;
    }
    if (walk != NULL)
        (void)fts_close(walk);
    return rc;
}

int confine_open_folder(const char *path, const struct confine_user *user, struct error *ret_error)
{
    struct stat info;
    int rc = folder_make(path, 0700);
    int fd = rc < 0 ? rc : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && rc == 0)
        fd = -errno;
    if (fd < 0)
        return error_set_errno(ret_error, fd, "cannot open the folder %s", path);
    rc = fstat(fd, &info) < 0 ? -errno : 0;
    if (rc == 0 && user != NULL && info.st_uid != user->uid)
        rc = give_all(path, user);
    if (rc == 0)
        return fd;
    (void)close(fd);
    return error_set_errno(ret_error, rc, "cannot give the folder %s to the user %s", path,
                           user == NULL ? "" : user->name);
}

bool confine_is_root(void)
{
    return geteuid() == 0;
}

/* Of the 64 there may be, all but `kept`. */
static int set_capabilities(uint64_t kept)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    for (int i = 0; i < 2; i++)
        data[i].effective = data[i].permitted = (uint32_t)(kept >> (32 * i));
    for (int capability = 0; capability <= CAP_LAST_CAP; capability++) {
        if ((kept >> capability & 1) == 0)
            (void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    }
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static int change_user(const struct confine_user *user)
{
    if (initgroups(user->name, user->gid) < 0 || setresgid(user->gid, user->gid, user->gid) < 0 ||
        setresuid(user->uid, user->uid, user->uid) < 0)
        return -errno;
    return setuid(0) == 0 && user->uid != 0 ? -EPERM : 0;
}

int confine_become(const struct confine_user *user, struct error *ret_error)
{
    int rc = 0;
    if (confine_is_root() && user == NULL)
        rc = set_capabilities(UINT64_C(1) << CAP_DAC_OVERRIDE | UINT64_C(1) << CAP_DAC_READ_SEARCH);
    else if (user != NULL)
        rc = change_user(user);
    if (rc < 0)
        return error_set_errno(ret_error, rc, "cannot give up root's rights");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_set_errno(ret_error, -errno, "cannot refuse new rights");
    return 0;
}

/* All that the kernel's version of Landlock can deny (landlock(7)). */
static uint64_t all_access(int version)
{
    uint64_t access = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1; /* of version 1 */
    if (version >= 2)
        access |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3)
        access |= ACCESS_FS_TRUNCATE;
    if (version >= 5)
        access |= ACCESS_FS_IOCTL_DEV;
    return access;
}

static int make_ruleset(int version)
{
    struct ruleset_attr attr = {.handled_access_fs = all_access(version)};
    size_t len = version < 4 ? 8 : version < 6 ? 16 : 24;
    if (version >= 6)
        attr.scoped = SCOPE_SIGNAL;
    int fd = (int)syscall(SYS_landlock_create_ruleset, &attr, len, 0);
    return fd < 0 ? -errno : fd;
}

/* A path that is not there is left out: it cannot be opened either. */
static int add_path(int ruleset, const char *path, uint64_t file_access, uint64_t folder_access)
{
    struct stat info;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return 0;
    struct landlock_path_beneath_attr beneath = {.allowed_access = file_access, .parent_fd = fd};
    if (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode))
        beneath.allowed_access |= folder_access;
    long rc = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
    int result = rc < 0 ? -errno : 0;
    (void)close(fd);
    return result;
}

static int add_written(int ruleset, const char *path, int version)
{
    uint64_t file = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
    if (version >= 3)
        file |= ACCESS_FS_TRUNCATE;
    return add_path(ruleset, path, file,
                    LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                        LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                        LANDLOCK_ACCESS_FS_REMOVE_DIR |
                        (version >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0));
}

static int restrict_to(const char *written, const char *const *paths, unsigned count, int version)
{
    int ruleset = make_ruleset(version);
    int rc = ruleset < 0 ? ruleset : 0;
    for (unsigned i = 0; rc == 0 && i < count; i++)
        rc = add_path(ruleset, paths[i], LANDLOCK_ACCESS_FS_READ_FILE, LANDLOCK_ACCESS_FS_READ_DIR);
    if (rc == 0 && written != NULL)
        rc = add_written(ruleset, written, version);
    if (rc == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        rc = -errno;
    if (ruleset >= 0)
        (void)close(ruleset);
    return rc;
}

static long landlock_version(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

bool confine_can_move(void)
{
    return landlock_version() != 1;
}

int confine_files_but(const char *written, const char *const *paths, unsigned count,
                      bool *ret_is_held, struct error *ret_error)
{
    long version = landlock_version();
    *ret_is_held = version > 0;
    if (version <= 0)
        return 0;
    int rc = restrict_to(written, paths, count, (int)version);
    return rc < 0 ? error_set_errno(ret_error, rc, "cannot confine the process to its files") : 0;
}

int confine_files(const char *const *paths, unsigned count, bool *ret_is_held,
                  struct error *ret_error)
{
    return confine_files_but(NULL, paths, count, ret_is_held, ret_error);
}
