/* update-ca-certificates and certutil do the work. */
#include "main/trust_stores.h"

#include "base/cleanup.h"
#include "os/confine.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/loop.h"
#include "os/process.h"

#include <errno.h>
#include <stdio.h>

#define SYSTEM_FOLDER "/usr/local/share/ca-certificates"
#define SYSTEM_TOOL   "/usr/sbin/update-ca-certificates"
#define NSS_TOOL      "/usr/bin/certutil"
#define RUN_MS        120000

static bool is_there(const char *path)
{
    struct file_info info;
    return file_stat(path, &info) == 0;
}

/* Its exit code, or an error. What it says is not for people. */
static int run(const char *const *arguments)
{
    struct process process;
    struct process_end end = {0};
    const struct process_options options = {
        .program = arguments[0], .arguments = arguments, .input = -1, .output = -1, .errors = -1};
    int rc = process_spawn(&options, &process, NULL);
    if (rc < 0)
        return rc;
    rc = process_wait(&process, loop_deadline(RUN_MS), &end);
    if (rc < 0) {
        (void)process_signal(&process, SIGKILL);
        (void)process_wait(&process, FIBER_FOREVER, &end);
        return rc;
    }
    return end.by_signal ? -EPROTO : end.code;
}

/* The system's. */

static int update_system(struct error *error)
{
    const char *const arguments[] = {SYSTEM_TOOL, NULL};
    int code = run(arguments);
    if (code < 0)
        return error_set_errno(error, code, SYSTEM_TOOL);
    return code == 0 ? 1
                     : error_set(error, -EPROTO, "%s ended with exit status %d", SYSTEM_TOOL, code);
}

static int may_change_system(struct error *error)
{
    if (!confine_is_root())
        return error_set(error, -EPERM, "only root may change it: run the same with sudo");
    if (!is_there(SYSTEM_TOOL))
        return error_set(error, -ENOENT, "apt-get install ca-certificates, then again");
    return 0;
}

static void system_path(const struct trusted *trusted, char room[static PATH_MAX])
{
    (void)snprintf(room, PATH_MAX, SYSTEM_FOLDER "/%s", trusted->file_name);
}

int store_add_to_system(const struct trusted *trusted, struct error *ret_error)
{
    char path[PATH_MAX];
    int rc = may_change_system(ret_error);
    if (rc < 0)
        return rc;
    system_path(trusted, path);
    rc = folder_make(SYSTEM_FOLDER, 0755);
    if (rc == 0)
        rc = file_replace(path, trusted->pem, 0644);
    return rc < 0 ? error_set_errno(ret_error, rc, "cannot write %s", path)
                  : update_system(ret_error);
}

int store_remove_from_system(const struct trusted *trusted, struct error *ret_error)
{
    char path[PATH_MAX];
    system_path(trusted, path);
    if (!is_there(path))
        return 0;
    int rc = may_change_system(ret_error);
    if (rc == 0 && (rc = file_remove(path)) < 0)
        (void)error_set_errno(ret_error, rc, "cannot remove %s", path);
    return rc < 0 ? rc : update_system(ret_error);
}

/* NSS. */

struct search {
    struct nss_store *stores;
    unsigned count;
    const char *folder;
};

static void add(struct search *search, const char *folder, const char *owner, const char *profile)
{
    char database[PATH_MAX];
    int len = snprintf(database, sizeof database, "%s/cert9.db", folder);
    if (len < 0 || (size_t)len >= sizeof database || !is_there(database) ||
        search->count == STORES_MAX)
        return;
    struct nss_store *store = &search->stores[search->count++];
    (void)snprintf(store->folder, sizeof store->folder, "%s", folder);
    (void)snprintf(store->owner, sizeof store->owner, "%s%s%s%s", owner,
                   profile[0] == '\0' ? "" : " (", profile, profile[0] == '\0' ? "" : ")");
}

static int look_at_profile(void *arg, const char *name)
{
    struct search *search = arg;
    char folder[PATH_MAX];
    int len = snprintf(folder, sizeof folder, "%s/%s", search->folder, name);
    if (len > 0 && (size_t)len < sizeof folder)
        add(search, folder, "Firefox", name);
    return 0;
}

static bool has_chromium(void)
{
    return is_there("/usr/bin/chromium") || is_there("/usr/bin/google-chrome") ||
           is_there("/usr/bin/google-chrome-stable");
}

/* Chromium makes it at its first start, which may come later. */
static void make_chromium_store(const char *folder)
{
    char database[PATH_MAX + 8];
    (void)snprintf(database, sizeof database, "sql:%s", folder);
    const char *const arguments[] = {NSS_TOOL, "-N", "-d", database, "--empty-password", NULL};
    if (has_chromium() && nss_has_tool() && folder_make(folder, 0700) == 0)
        (void)run(arguments);
}

unsigned nss_stores_find(const char *home, bool may_make,
                         struct nss_store ret_stores[static STORES_MAX])
{
    static const char *const firefoxes[] = {".mozilla/firefox",
                                            "snap/firefox/common/.mozilla/firefox",
                                            ".var/app/org.mozilla.firefox/.mozilla/firefox"};
    struct search search = {.stores = ret_stores};
    char folder[PATH_MAX], database[PATH_MAX + 16];
    (void)snprintf(folder, sizeof folder, "%s/.pki/nssdb", home);
    (void)snprintf(database, sizeof database, "%s/cert9.db", folder);
    if (may_make && !is_there(database))
        make_chromium_store(folder);
    add(&search, folder, "Chromium", "");
    for (size_t i = 0; i < COUNT_OF(firefoxes); i++) {
        (void)snprintf(folder, sizeof folder, "%s/%s", home, firefoxes[i]);
        search.folder = folder;
        (void)folder_each(folder, look_at_profile, &search);
    }
    return search.count;
}

bool nss_has_tool(void)
{
    return is_there(NSS_TOOL);
}

static int judge(int code, struct error *error)
{
    if (code < 0)
        return error_set_errno(error, code, NSS_TOOL);
    return code == 0 ? 1
                     : error_set(error, -EPROTO,
                                 "%s ended with exit status %d; is the database "
                                 "behind a password?",
                                 NSS_TOOL, code);
}

static bool has(const char *database, const struct trusted *trusted)
{
    const char *const arguments[] = {NSS_TOOL, "-L", "-d", database, "-n", trusted->nickname, NULL};
    return run(arguments) == 0;
}

int nss_add(const struct nss_store *store, const struct trusted *trusted, const char *pem_path,
            struct error *ret_error)
{
    char database[PATH_MAX + 8];
    (void)snprintf(database, sizeof database, "sql:%s", store->folder);
    const char *const arguments[] = {NSS_TOOL,          "-A", "-d",     database, "-t", "C,,", "-n",
                                     trusted->nickname, "-i", pem_path, NULL};
    return judge(run(arguments), ret_error);
}

int nss_remove(const struct nss_store *store, const struct trusted *trusted,
               struct error *ret_error)
{
    char database[PATH_MAX + 8];
    (void)snprintf(database, sizeof database, "sql:%s", store->folder);
    const char *const arguments[] = {NSS_TOOL, "-D", "-d", database, "-n", trusted->nickname, NULL};
    return has(database, trusted) ? judge(run(arguments), ret_error) : 0;
}
