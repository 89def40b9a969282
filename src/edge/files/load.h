/*
 * One look at a file: opened, and read when it is small. Touches no loop, so that it can run on a
 * worker thread; with `may_wait` false it runs on the loop and gives up where a disk is needed.
 */
#pragma once

#include "os/file.h"

/* Files up to here are kept in memory, larger ones as an open descriptor. */
#define FILES_CONTENT_BYTES_MAX 65536

struct files_load {
    const char *root; /* borrowed */
    const char *file; /* borrowed; its name below root */
    int64_t now_ns;   /* wall clock */
    bool may_wait;

    /*
     * 0; -ENOENT for all that is not to be seen (not there, outside, not a regular file); -EACCES;
     * -EAGAIN without `may_wait`; or another -errno. What follows is set with 0 alone.
     */
    int result;
    struct file_info info;
    /* Changes after this look will show in the info: the last one is older than a clock's tick. */
    bool is_settled;
    int fd; /* owned by the caller; -1 for folders and small files */
    char
        *content; /* owned by the caller, by memory_free; NULL for folders, large and empty files */
};

/* `load` is a struct files_load. */
void files_load_run(void *load);

/* What a client may know of why there is nothing: not that it lies outside, or is a socket. */
int files_plain_error(int code);
