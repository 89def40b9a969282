/* The list of places, from what the snapshot serves and what name resolution reads. */
#include "edge/confine.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/map.h"
#include "http/fetch.h"
#include "os/confine.h"
#include "os/file.h"
#include "os/self.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#define PLACES_BYTES_MAX ((size_t)64 << 20)

/* The user that the Debian package makes. */
#define DEFAULT_USER "weir"

struct places {
    struct arena arena;
    const char **at;
    unsigned count;
    unsigned max;
    bool out_of_memory;
};

/* The folder that a path stands in; "/" stays as it is. */
static struct slice parent_of(struct slice path)
{
    while (path.len > 1 && path.at[path.len - 1] == '/')
        path.len--;
    while (path.len > 1 && path.at[path.len - 1] != '/')
        path.len--;
    return path.len > 1 ? slice_first(path, path.len - 1) : path;
}

static struct slice served_folder(struct slice root)
{
    struct slice parent = parent_of(root);
    return parent.len > 1 ? parent : root;
}

/* Calls visit for each folder that is served until it returns other than 0; returns that. Where
 * rule after rule serves the same one, it is called once: a site often has ten of them. */
static int each_root(const struct snapshot *snapshot, int (*visit)(void *arg, struct slice root),
                     void *arg)
{
    int rc = 0;
    struct slice last = {NULL, 0};
    for (unsigned i = 0; i < snapshot->sites_count; i++) {
        const struct conf_site *site = &snapshot->sites[i];
        for (unsigned j = 0; rc == 0 && j < site->rules_count; j++) {
            const struct conf_rule *rule = &site->rules[j];
            if (rule->action != CONF_ACTION_FILES || slice_equal(rule->files.root, last))
                continue;
            last = rule->files.root;
            rc = visit(arg, last);
        }
    }
    return rc;
}

static void add(struct places *places, struct slice path)
{
    struct slice copy = arena_copy(&places->arena, path);
    if (copy.at == NULL || places->count == places->max) {
        places->out_of_memory = true;
        return;
    }
    places->at[places->count++] = copy.at;
}

/*
 * A folder that is served is often replaced as a whole, or is a link that is turned to another
 * release: what may be opened is the folder it stands in, and the one that it leads to stands in.
 */
static void add_root(struct places *places, struct slice root)
{
    char real[PATH_MAX];
    add(places, served_folder(root));
    int len = file_real_path(root.at, real, sizeof real);
    if (len > 0)
        add(places, served_folder(slice_of(real, (size_t)len)));
}

/* Name resolution reads these when it likes. */
static const char *const resolver_files[] = {"/etc/resolv.conf",   "/etc/hosts",
                                             "/etc/nsswitch.conf", "/etc/host.conf",
                                             "/etc/services",      "/etc/localtime"};

/* As they were when this process was confined: one that is another file by now cannot be opened. */
static struct file_info resolver_files_then[COUNT_OF(resolver_files)];
static bool may_read_etc;

static bool resolver_files_are_the_same(void)
{
    for (size_t i = 0; i < COUNT_OF(resolver_files) && !may_read_etc; i++) {
        struct file_info info = {0};
        if (file_stat(resolver_files[i], &info) == 0 &&
            info.inode != resolver_files_then[i].inode && resolver_files_then[0].inode != 0)
            return false;
    }
    return true;
}

/* /etc as a whole only where file permissions hold. */
static void add_resolver(struct places *places, bool keeps_root)
{
    char real[PATH_MAX];
    const char *hosts = self_variable("CARES_HOSTS"); /* c-ares' own, for another /etc/hosts */
    for (size_t i = 0; i < COUNT_OF(resolver_files); i++) {
        add(places, slice_of_cstr(resolver_files[i]));
        (void)file_stat(resolver_files[i], &resolver_files_then[i]);
    }
    /* For the numbers of c-ares' questions: they come from rand() otherwise, foreseeable. */
    add(places, SLICE("/dev/urandom"));
    may_read_etc = !keeps_root;
    if (may_read_etc)
        add(places, SLICE("/etc"));
    if (hosts != NULL)
        add(places, parent_of(slice_of_cstr(hosts)));
    int len = file_real_path("/etc/resolv.conf", real, sizeof real);
    struct slice folder = len <= 0 ? SLICE("/etc") : parent_of(slice_of(real, (size_t)len));
    if (!slice_equal(folder, SLICE("/etc")))
        add(places, folder);
}

static int add_served(void *arg, struct slice root)
{
    add_root(arg, root);
    return 0;
}

/* Of a bucket at another endpoint. */
static int each_secret(const struct conf_bucket *bucket, int (*visit)(void *arg, struct slice path),
                       void *arg)
{
    const struct conf_remote *remote = &bucket->backend.s3;
    int rc = remote->access_key.file.len == 0 ? 0 : visit(arg, remote->access_key.file);
    return rc < 0 || remote->secret_key.file.len == 0 ? rc : visit(arg, remote->secret_key.file);
}

/* Calls visit for each file that a reload reads again: passwords, error pages, secrets,
 * webhooks' authorities. */
static int each_file(const struct snapshot *snapshot, int (*visit)(void *arg, struct slice path),
                     void *arg)
{
    int rc = 0;
    for (unsigned i = 0; i < snapshot->sites_count; i++) {
        const struct conf_site *site = &snapshot->sites[i];
        for (unsigned j = 0; rc == 0 && j < site->errors.pages_count; j++)
            rc = visit(arg, site->errors.pages[j].file);
        for (unsigned j = 0; rc == 0 && j < site->rules_count; j++) {
            if (site->rules[j].basic_auth.enabled)
                rc = visit(arg, site->rules[j].basic_auth.file);
        }
    }
    for (unsigned i = 0; rc == 0 && i < snapshot->buckets_count; i++)
        rc = each_secret(&snapshot->buckets[i], visit, arg);
    for (unsigned i = 0; rc == 0 && i < snapshot->webhooks_count; i++) {
        const struct conf_webhook *webhook = &snapshot->webhooks[i];
        rc = webhook->secret.file.len == 0 ? 0 : visit(arg, webhook->secret.file);
        if (rc == 0 && webhook->ca.len > 0)
            rc = visit(arg, webhook->ca);
    }
    return rc;
}

static int add_file(void *arg, struct slice path)
{
    add(arg, path);
    return 0;
}

/* By its descriptor: the user may not be able to pass the folders above it. */
static const char *path_of(int store_fd, char room[static 32])
{
    (void)snprintf(room, 32, "/proc/self/fd/%d", store_fd);
    return room;
}

static void list_places(struct places *places, const struct snapshot *snapshot, bool keeps_root)
{
    add(places, SLICE("/proc/self"));
    add(places, SLICE(FETCH_SYSTEM_AUTHORITIES));
    add_resolver(places, keeps_root);
    (void)each_root(snapshot, add_served, places);
    (void)each_file(snapshot, add_file, places);
}

static int count_one(void *arg, struct slice root)
{
    (void)root;
    *(unsigned *)arg += 1;
    return 0;
}

static int confine_places(const struct snapshot *snapshot, bool keeps_root, int store_fd,
                          struct error *ret_error)
{
    struct places places = {.max = 0};
    bool is_held = false;
    char store[32];
    if (store_fd >= 0 && !confine_can_move()) {
        log_warn("this kernel's Landlock lets nobody move a file, as the object store must: the "
                 "edge could open any file that its user may");
        return 0;
    }
    (void)each_root(snapshot, count_one, &places.max);
    (void)each_file(snapshot, count_one, &places.max);
    places.max = 16 + 2 * places.max;
    arena_init(&places.arena, NULL, 0, PLACES_BYTES_MAX);
    places.at = arena_alloc_array(&places.arena, places.max, sizeof *places.at);
    if (places.at != NULL)
        list_places(&places, snapshot, keeps_root);
    int rc = places.at == NULL || places.out_of_memory
                 ? error_set(ret_error, -ENOMEM, "out of memory")
                 : confine_files_but(store_fd < 0 ? NULL : path_of(store_fd, store), places.at,
                                     places.count, &is_held, ret_error);
    arena_finish(&places.arena);
    if (rc == 0 && !is_held)
        log_warn("this kernel has no Landlock: the edge could open any file that its user may");
    return rc;
}

/* 1 with the user to become, 0 to stay, or an error. */
static int choose_user(const struct snapshot *snapshot, struct confine_user *ret_user,
                       struct error *ret_error)
{
    const char *name = snapshot->user.len > 0 ? snapshot->user.at : DEFAULT_USER;
    if (!confine_is_root())
        return 0;
    if (confine_find_user(name, ret_user) == 0)
        return ret_user->uid != 0;
    if (snapshot->user.len == 0)
        return 0;
    return error_set(ret_error, -ENOENT,
                     "line %u: there is no user \"%s\" on this machine; adduser --system --group "
                     "%s makes one",
                     snapshot->user_place.line, name, name);
}

bool edge_wants_store(const struct snapshot *snapshot)
{
    unsigned locals = snapshot->buckets_count - snapshot->remotes_count;
    return locals > 0 || (snapshot->has_s3 && snapshot->remotes_count == 0);
}

/* -1 when no store is wanted. */
static int open_store_folder(const struct snapshot *snapshot, const char *state,
                             const struct confine_user *user, int *ret_fd, struct error *ret_error)
{
    char path[PATH_MAX];
    *ret_fd = -1;
    if (!edge_wants_store(snapshot))
        return 0;
    int len = snapshot->store.folder.len > 0
                  ? snprintf(path, sizeof path, "%s", snapshot->store.folder.at)
                  : snprintf(path, sizeof path, "%s/edge/store", state);
    if (len < 0 || (size_t)len >= sizeof path)
        return error_set(ret_error, -ENAMETOOLONG, "the path of the object store is too long");
    *ret_fd = confine_open_folder(path, user, ret_error);
    return *ret_fd < 0 ? *ret_fd : 0;
}

int edge_confine(const struct snapshot *snapshot, const char *state, int *ret_store_fd,
                 struct error *ret_error)
{
    struct confine_user user;
    (void)self_zone_offset_s(self_wall_s()); /* reads the zone while it can */
    int changes = choose_user(snapshot, &user, ret_error);
    if (changes < 0)
        return changes;
    bool keeps_root = confine_is_root() && changes == 0;
    int rc =
        open_store_folder(snapshot, state, changes == 1 ? &user : NULL, ret_store_fd, ret_error);
    if (rc == 0)
        rc = confine_become(changes == 1 ? &user : NULL, ret_error);
    if (rc == 0)
        rc = confine_places(snapshot, keeps_root, *ret_store_fd, ret_error);
    return rc < 0 ? rc : confine_calls(ret_error);
}

static int note_folder(void *arg, struct slice root)
{
    return map_set(arg, served_folder(root), arg);
}

/* 0 when the folder, or one above it, may be opened. */
static int look_for_folder(void *arg, struct slice root)
{
    for (struct slice at = root;; at = parent_of(at)) {
        if (map_get(arg, at) != NULL)
            return 0;
        if (at.len <= 1)
            return -EACCES;
    }
}

bool edge_confinement_covers(const struct snapshot *now, const struct snapshot *next,
                             const char **ret_what)
{
    SCOPED(map_finish) struct map folders;
    map_init(&folders, (struct hash_key){1, 2});
    *ret_what = "user has changed";
    if (!slice_equal(now->user, next->user))
        return false;
    *ret_what = "the object store is another one";
    if (edge_wants_store(now) != edge_wants_store(next) ||
        !slice_equal(now->store.folder, next->store.folder) ||
        now->store.reserve_bytes != next->store.reserve_bytes)
        return false;
    *ret_what = "a file of name resolution, such as /etc/hosts, was replaced";
    if (!resolver_files_are_the_same())
        return false;
    /* A file that is another one by now, or that only root may read. */
    *ret_what = "a file that it names has to be read anew";
    if (next->lacks_files)
        return false;
    *ret_what = "another folder is served";
    return each_root(now, note_folder, &folders) == 0 &&
           each_root(next, look_for_folder, &folders) == 0;
}
