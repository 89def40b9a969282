/* Folders as a whole, and lock files. Blocking, for starting up and for programs without a loop. */
#pragma once

#include "base/slice.h"

/* Calls visit with each name but "." and ".." until it returns other than 0; returns that, 0, or
 * -errno. Entries may be removed meanwhile. */
int folder_each(const char *path, int (*visit)(void *arg, const char *name), void *arg);

/* Removes it with all below; links are removed, not followed. One that is not there is no error. */
int folder_remove(const char *path);

/* Removes a file. One that is not there is no error. */
int file_remove(const char *path);

/* In place of what has the new name. */
int file_rename(const char *path, const char *new_path);

/*
 * Opens or makes a file and locks it (flock) for as long as the descriptor is open, in this process
 * only. Returns the descriptor, -EAGAIN when another process has the lock, or -errno.
 */
int file_lock(const char *path);

/* Replaces the content of an open file. For notes in lock files: not atomic, not synced. */
int file_write_note(int fd, struct slice note);
