/*
 * The folders of a simulated disk. There are no links, so each node bears its name now and the one
 * that would last; the changes between wait in a list until their folder is synced.
 */
#include "os/disk_sim_internal.h"

#include "base/memory.h"

#include <errno.h>
#include <string.h>

enum naming_kind { MADE, RENAMED, REMOVED };

struct naming {
    struct list link;
    enum naming_kind kind;
    struct disk_sim_node *node;
    bool is_wanted;               /* while a folder is synced */
    char path[DISK_PATH_MAX + 1]; /* of a rename the new one */
};

static size_t parent_len(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? 0 : (size_t)(slash - path);
}

static bool is_in(const char *path, const char *folder)
{
    size_t len = parent_len(path);
    return *path != '\0' && strlen(folder) == len && memcmp(path, folder, len) == 0;
}

static void set_path(char *room, const char *path)
{
    memcpy(room, path, strlen(path) + 1);
}

const char *disk_sim_names_last(const char *path)
{
    size_t len = parent_len(path);
    return len == 0 ? path : path + len + 1;
}

static struct disk_sim_node *find(struct disk_sim *sim, const char *path, size_t len)
{
    LIST_FOR_EACH (&sim->nodes, link) {
        struct disk_sim_node *node = CONTAINER_OF(link, struct disk_sim_node, link);
        if (strncmp(node->path, path, len) == 0 && node->path[len] == '\0')
            return node;
    }
    return NULL;
}

struct disk_sim_node *disk_sim_names_find(struct disk_sim *sim, const char *path)
{
    return find(sim, path, strlen(path));
}

struct disk_sim_node *disk_sim_names_next(struct disk_sim *sim, const char *folder, uint64_t id)
{
    LIST_FOR_EACH (&sim->nodes, link) {
        struct disk_sim_node *node = CONTAINER_OF(link, struct disk_sim_node, link);
        if (node->id > id && is_in(node->path, folder))
            return node;
    }
    return NULL;
}

/* From the root down, as a kernel walks. */
static int check_folder(struct disk_sim *sim, const char *path, size_t len)
{
    for (size_t at = 1; at <= len; at++) {
        if (at < len && path[at] != '/')
            continue;
        const struct disk_sim_node *node = find(sim, path, at);
        if (node == NULL)
            return -ENOENT;
        if (!node->is_folder)
            return -ENOTDIR;
    }
    return 0;
}

int disk_sim_names_check_folder(struct disk_sim *sim, const char *folder)
{
    return check_folder(sim, folder, strlen(folder));
}

int disk_sim_names_check_parent(struct disk_sim *sim, const char *path)
{
    return check_folder(sim, path, parent_len(path));
}

void disk_sim_node_release(struct disk_sim_node *node)
{
    if (node->open_files > 0 || node->namings > 0 || *node->path != '\0' ||
        *node->synced_path != '\0')
        return;
    list_remove(&node->link);
    disk_sim_content_finish(node);
    memory_free(node);
}

static int note(struct disk_sim *sim, enum naming_kind kind, struct disk_sim_node *node,
                const char *path)
{
    struct naming *naming = NEW(struct naming);
    if (naming == NULL)
        return -ENOMEM;
    naming->kind = kind;
    naming->node = node;
    set_path(naming->path, path);
    node->namings++;
    list_append(&sim->namings, &naming->link);
    return 0;
}

static void naming_destroy(struct naming *naming)
{
    list_remove(&naming->link);
    naming->node->namings--;
    disk_sim_node_release(naming->node);
    memory_free(naming);
}

int disk_sim_names_make(struct disk_sim *sim, const char *path, bool is_folder,
                        struct disk_sim_node **ret_node)
{
    struct disk_sim_node *node = NEW(struct disk_sim_node);
    if (node == NULL)
        return -ENOMEM;
    int rc = note(sim, MADE, node, path);
    if (rc < 0) {
        memory_free(node);
        return rc;
    }
    node->is_folder = is_folder;
    node->id = ++sim->next_id;
    list_init(&node->changes);
    set_path(node->path, path);
    list_append(&sim->nodes, &node->link);
    *ret_node = node;
    return 0;
}

int disk_sim_names_rename(struct disk_sim *sim, struct disk_sim_node *node, const char *to)
{
    struct disk_sim_node *old = disk_sim_names_find(sim, to);
    if (old == node)
        return 0;
    int rc = note(sim, RENAMED, node, to);
    if (rc < 0)
        return rc;
    set_path(node->path, to);
    if (old != NULL) {
        *old->path = '\0';
        disk_sim_node_release(old);
    }
    return 0;
}

int disk_sim_names_remove(struct disk_sim *sim, struct disk_sim_node *node)
{
    int rc = note(sim, REMOVED, node, node->path);
    if (rc < 0)
        return rc;
    *node->path = '\0';
    return 0;
}

static struct disk_sim_node *find_synced(struct disk_sim *sim, const char *path, size_t len)
{
    LIST_FOR_EACH (&sim->nodes, link) {
        struct disk_sim_node *node = CONTAINER_OF(link, struct disk_sim_node, link);
        if (strncmp(node->synced_path, path, len) == 0 && node->synced_path[len] == '\0')
            return node;
    }
    return NULL;
}

static bool has_synced_names(struct disk_sim *sim, const char *folder)
{
    LIST_FOR_EACH (&sim->nodes, link) {
        if (is_in(CONTAINER_OF(link, struct disk_sim_node, link)->synced_path, folder))
            return true;
    }
    return false;
}

/* Makes a change of names last. Whoever bears the name gives it up. */
static void apply(struct disk_sim *sim, const struct naming *naming)
{
    struct disk_sim_node *old = find_synced(sim, naming->path, strlen(naming->path));
    bool is_full = old != NULL && old->is_folder && has_synced_names(sim, naming->path);
    if (is_full)
        return; /* removals within it were undone */
    if (old != NULL)
        *old->synced_path = '\0';
    if (naming->kind != REMOVED)
        set_path(naming->node->synced_path, naming->path);
    if (old != NULL && old != naming->node)
        disk_sim_node_release(old);
}

/*
 * Of a rename between folders the new one counts. What happened to the same node before comes
 * along: a file system's journal keeps that order.
 */
void disk_sim_names_sync(struct disk_sim *sim, const char *folder)
{
    for (struct list *link = sim->namings.prev; link != &sim->namings; link = link->prev) {
        struct naming *naming = CONTAINER_OF(link, struct naming, link);
        if (is_in(naming->path, folder))
            naming->node->is_wanted = true;
        naming->is_wanted = naming->node->is_wanted;
    }
    LIST_FOR_EACH (&sim->namings, link) {
        struct naming *naming = CONTAINER_OF(link, struct naming, link);
        naming->node->is_wanted = false;
        if (naming->is_wanted) {
            apply(sim, naming);
            naming_destroy(naming);
        }
    }
}

/* All, none, the first ones (a journal), or each on its own. */
static void settle(struct disk_sim *sim, struct prng *prng)
{
    unsigned mood = (unsigned)prng_below(prng, 5);
    bool is_kept = mood != 1;
    LIST_FOR_EACH (&sim->namings, link) {
        struct naming *naming = CONTAINER_OF(link, struct naming, link);
        if (mood == 2)
            is_kept = is_kept && prng_below(prng, 8) > 0;
        if (mood > 2)
            is_kept = prng_below(prng, 2) == 0;
        if (is_kept)
            apply(sim, naming);
        naming_destroy(naming);
    }
}

/* A folder that is not there takes along what was in it. Returns whether one did. */
static bool lose_orphans(struct disk_sim *sim)
{
    bool is_lost = false;
    LIST_FOR_EACH (&sim->nodes, link) {
        struct disk_sim_node *node = CONTAINER_OF(link, struct disk_sim_node, link);
        size_t len = parent_len(node->synced_path);
        if (len == 0)
            continue;
        const struct disk_sim_node *folder = find_synced(sim, node->synced_path, len);
        if (folder == NULL || !folder->is_folder) {
            *node->synced_path = '\0';
            is_lost = true;
        }
    }
    return is_lost;
}

void disk_sim_names_crash(struct disk_sim *sim, struct prng *prng)
{
    settle(sim, prng);
    while (lose_orphans(sim))
        continue;
    LIST_FOR_EACH (&sim->nodes, link) {
        struct disk_sim_node *node = CONTAINER_OF(link, struct disk_sim_node, link);
        set_path(node->path, node->synced_path);
        disk_sim_node_release(node);
    }
}

void disk_sim_names_finish(struct disk_sim *sim)
{
    LIST_FOR_EACH (&sim->namings, link) {
        list_remove(link);
        memory_free(CONTAINER_OF(link, struct naming, link));
    }
    LIST_FOR_EACH (&sim->nodes, link) {
        struct disk_sim_node *node = CONTAINER_OF(link, struct disk_sim_node, link);
        list_remove(link);
        disk_sim_content_finish(node);
        memory_free(node);
    }
}
