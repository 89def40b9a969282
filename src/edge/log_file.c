/* Opened by the supervisor where there is one, which may do what the edge must not. */
#include "edge/log_file.h"

#include "os/append.h"
#include "os/file.h"

#include <errno.h>
#include <limits.h>

#define FILE_MODE   0640
#define FOLDER_MODE 0750

/* A log in the state folder is made with it; any other folder is the user's to make. */
static int make_state_folder(struct slice path)
{
    char folder[PATH_MAX];
    size_t len = path.len;
    while (len > 0 && path.at[len - 1] != '/')
        len--;
    if (len < 2 || len >= sizeof folder ||
        slice_search(slice_first(path, len), SLICE("/.weir/")) < 0)
        return 0;
    memcpy(folder, path.at, len - 1);
    folder[len - 1] = '\0';
    return folder_make(folder, FOLDER_MODE);
}

static const char *advice(int error)
{
    switch (error) {
    case -ENOENT:
    case -ENOTDIR:
        return "make its folder first, or set access_log.path to another place";
    case -EACCES:
    case -EPERM:
    case -EROFS:
        return "let this user write there, or set access_log.path to another place";
    case -ENXIO:
        return "it is a FIFO that nobody reads; start its reader first";
    case -EISDIR:
        return "it is a folder; access_log.path names a file";
    default:
        return "set access_log.path to another place, or access_log to off";
    }
}

int log_file_open(struct slice path, struct error *ret_error)
{
    char text[PATH_MAX];
    if (path.len == 0)
        return APPEND_STANDARD_OUTPUT;
    if (path.len >= sizeof text)
        return error_set(ret_error, -ENAMETOOLONG, "the path of the access log is too long");
    memcpy(text, path.at, path.len);
    text[path.len] = '\0';
    int rc = make_state_folder(path);
    if (rc == 0)
        rc = append_open(text, FILE_MODE);
    if (rc >= 0)
        return rc;
    struct error system;
    (void)error_set_errno(&system, rc, "cannot write the access log %s", text);
    return error_set(ret_error, rc, "%s; %s", system.text, advice(rc));
}
