/*
 * Files and folders, by calls that may block: for starting up, for worker threads (os/offload.h)
 * and for programs without a loop. The data plane opens and reads what it serves through offload,
 * or here when it is known to be in the page cache.
 */
#pragma once

#include "base/buffer.h"

#include <stdint.h>

struct file_info {
    uint64_t size;
    int64_t modified_ns; /* since 1970 */
    int64_t changed_ns;  /* content or attributes; no program sets it at will */
    uint64_t inode;
    uint64_t device;
    bool is_folder;
    bool is_regular;
};

/* Appends the whole file. Returns 0, or -EMSGSIZE when it is larger than the buffer's maximum. */
int file_read_all(const char *path, struct buffer *buffer);

/* The same of a regular file only, so that a pipe without a writer holds up nobody: else -EISDIR or
 * -ENOTSUP. */
int file_read_regular(const char *path, struct buffer *buffer);

/*
 * A descriptor of memory that holds these bytes and never others. Whoever has it open as
 * /proc/self/fd/N reads it from the beginning. Returns it, owned by the caller, or -errno.
 */
int file_in_memory(const char *name, struct slice bytes);

/* Temporary file beside it, fsync, rename, fsync of the folder: the old content or the new. */
int file_replace(const char *path, struct slice content, unsigned mode);

/* Is it the name of a temporary file of that for `file`, which a kill has left? Names alone. */
bool file_is_temporary_of(const char *name, const char *file);

int file_stat(const char *path, struct file_info *ret_info);
int file_stat_open(int fd, struct file_info *ret_info);

/* Makes the folder and those above it that are missing. */
int folder_make(const char *path, unsigned mode);

/* All of an open file that does not change, wherever it was read to. As file_read_all. */
int file_read_open(int fd, struct buffer *buffer);

/* An absolute path without links or dot segments. Returns its length, -ENAMETOOLONG, or -errno. */
int file_real_path(const char *path, char *ret_path, size_t ret_size);
