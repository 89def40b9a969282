/*
 * Regular files below a folder and no others: openat2(2) with RESOLVE_BENEATH, so that neither
 * "..", nor an absolute link, nor one that leads out, nor a folder moved meanwhile opens anything
 * outside. Relative links that stay inside are followed. FIFOs, sockets and devices are looked at
 * but never opened. The folder's own path may hold links: whoever configures it chose them.
 *
 * With `may_wait` false no call waits for a disk: -EAGAIN when it would have to, ask again on a
 * worker thread (os/offload.h) then.
 */
#pragma once

#include "os/file.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * What lies at `path` (relative, not empty) below `root`. Returns 0, -EXDEV when it lies outside,
 * -ELOOP, -ENOENT, -ENOTDIR, -EACCES, or another -errno.
 */
int beneath_stat(const char *root, const char *path, bool may_wait, struct file_info *ret_info);

/*
 * The same, and opens a regular file for reading; of a folder *ret_fd is -1. Besides -ENXIO when it
 * is neither. The descriptor is the caller's.
 */
int beneath_open(const char *root, const char *path, bool may_wait, int *ret_fd,
                 struct file_info *ret_info);

/* Reads up to `len` bytes at `offset`. Bytes read, less than `len` only at the file's end, or
 * -errno. */
ssize_t beneath_read(int fd, void *bytes, size_t len, uint64_t offset, bool may_wait);

/*
 * Calls visit with each name in the folder at `path` ("" for the root itself) but "." and "..", and
 * with what it is: a link that stays below the root is what it leads to, one that does not, and
 * whatever else cannot be looked at, is left out. Ends when visit returns other than 0; returns
 * that, 0, or -errno as above; -ENOTDIR when it is no folder. Waits for the disk.
 */
int beneath_list(const char *root, const char *path,
                 int (*visit)(void *arg, const char *name, const struct file_info *info),
                 void *arg);
