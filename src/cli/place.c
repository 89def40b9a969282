/* Paths made absolute once, so that nothing depends on the working folder later. */
#include "cli/place.h"

#include "os/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STATE_MODE 0700

static bool tell_missing(const char *command, const char *file, int rc)
{
    if (rc == -ENOENT)
        fprintf(stderr,
                "weir %s: there is no %s. `weir init` writes a first one for the folder you stand "
                "in; -f FILE names another\n",
                command, file);
    else
        fprintf(stderr, "weir %s: cannot find %s: %s\n", command, file, strerror(-rc));
    return false;
}

static int folder_of(const char *file, char ret_folder[static PATH_MAX])
{
    char text[PATH_MAX];
    const char *slash = strrchr(file, '/');
    int len = slash == NULL   ? snprintf(text, sizeof text, ".")
              : slash == file ? snprintf(text, sizeof text, "/")
                              : snprintf(text, sizeof text, "%.*s", (int)(slash - file), file);
    if (len < 0 || (size_t)len >= sizeof text)
        return -ENAMETOOLONG;
    return file_real_path(text, ret_folder, PATH_MAX);
}

/* The state folder need not exist yet: the last part is added to its parent's real path. */
static bool absolute(const char *folder, const char *path, char ret_path[static PATH_MAX])
{
    const char *above = strcmp(folder, "/") == 0 ? "" : folder;
    int len = path[0] == '/' ? snprintf(ret_path, PATH_MAX, "%s", path)
                             : snprintf(ret_path, PATH_MAX, "%s/%s", above, path);
    return len > 0 && len < PATH_MAX;
}

bool place_find(const char *command, const char *file, const char *state, bool must_exist,
                struct place *ret_place)
{
    struct file_info info;
    char here[PATH_MAX];
    ret_place->file = file != NULL ? file : PLACE_FILE_DEFAULT;
    int rc = must_exist ? file_stat(ret_place->file, &info) : 0;
    if (rc == 0)
        rc = folder_of(ret_place->file, ret_place->folder);
    if (rc >= 0)
        rc = file_real_path(".", here, sizeof here);
    if (rc < 0)
        return tell_missing(command, ret_place->file, rc);
    bool fits = state == NULL ? absolute(ret_place->folder, ".weir", ret_place->state)
                              : absolute(here, state, ret_place->state);
    return fits || tell_missing(command, state == NULL ? ".weir" : state, -ENAMETOOLONG);
}

bool place_path(const struct place *place, const char *name, char ret_path[static PATH_MAX])
{
    int len = snprintf(ret_path, PATH_MAX, "%s/%s", place->state, name);
    return len > 0 && len < PATH_MAX;
}

int place_make_state(const struct place *place)
{
    char path[PATH_MAX];
    struct file_info info;
    int rc = folder_make(place->state, STATE_MODE);
    if (rc == 0 && place_path(place, ".gitignore", path) && file_stat(path, &info) < 0)
        rc = file_replace(path, SLICE("*\n"), 0600);
    return rc;
}
