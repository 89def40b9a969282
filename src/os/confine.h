/*
 * Giving up rights for good: user, capabilities, files and system calls. Each holds for the calling
 * thread and those it makes later, so all of it is done before the first thread. Nothing can be
 * taken back.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

struct confine_user {
    uid_t uid;
    gid_t gid;
    char name[64];
};

/* Looks up a user by name. 0, or -ENOENT. Before confine_files: it reads /etc. */
int confine_find_user(const char *name, struct confine_user *ret_user);

/*
 * Makes the folder, with those above it, for its owner alone; gives it and all below to `user`
 * (NULL: it stays as it is) where it is another's; and opens it, so that it can be used through its
 * descriptor although that user may not pass the folders above. Before confine_become. The
 * descriptor, or an error that is told.
 */
int confine_open_folder(const char *path, const struct confine_user *user, struct error *ret_error);

/* Is this process root's? */
bool confine_is_root(void);

/*
 * Becomes that user, with his groups, and without a capability. NULL: stays who it is; of root's
 * capabilities only those remain that override the permissions of files, which confine_files then
 * bounds. Execution of set-user-ID programs gains nothing from now on.
 */
int confine_become(const struct confine_user *user, struct error *ret_error);

/*
 * Only these can be opened from now on, and only to be read (Landlock): a folder with all below it,
 * or a file; those that are missing are left out. Descriptors that are open stay as they are,
 * sockets are not concerned. `ret_is_held` is false where the kernel has no Landlock.
 */
int confine_files(const char *const *paths, unsigned count, bool *ret_is_held,
                  struct error *ret_error);

/*
 * The same, and below the folder `written` files are made, changed, renamed and removed; moved from
 * one folder below it to another only where confine_can_move says so.
 */
int confine_files_but(const char *written, const char *const *paths, unsigned count,
                      bool *ret_is_held, struct error *ret_error);

/* Linux 5.13 to 5.18 can confine, but then refuses each rename into another folder. */
bool confine_can_move(void);

/*
 * Only the system calls of a server that serves (seccomp). What no server does, starting programs
 * or tracing others, ends the process with SIGSYS; what is merely unknown here is -EPERM. Memory
 * cannot become executable.
 */
int confine_calls(struct error *ret_error);
