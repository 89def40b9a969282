/* A folder of a test's own that it stands in, and what the program says there. */
#pragma once

#include "unit.h"

#include "base/buffer.h"
#include "os/file.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct scratch {
    char top[64];            /* absolute */
    char folder[PATH_MAX];   /* below it, the one to stand in */
    int output, errors;      /* as they were, while the program speaks */
    struct buffer said, why; /* on standard output, on standard error */
};

static inline void scratch_begin(struct scratch *scratch, const char *name)
{
    (void)snprintf(scratch->top, sizeof scratch->top, "/tmp/weir-unit-XXXXXX");
    assert_non_null(mkdtemp(scratch->top));
    (void)snprintf(scratch->folder, sizeof scratch->folder, "%s/%s", scratch->top, name);
    assert_int_equal(folder_make(scratch->folder, 0700), 0);
    assert_int_equal(chdir(scratch->folder), 0);
    buffer_init(&scratch->said, 1 << 20);
    buffer_init(&scratch->why, 1 << 20);
}

static inline int scratch_remove(const char *path, const struct stat *info, int kind,
                                 struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

static inline void scratch_end(struct scratch *scratch)
{
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(nftw(scratch->top, scratch_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
    buffer_finish(&scratch->said);
    buffer_finish(&scratch->why);
}

/* Writes a file, and the folders above it. */
static inline void scratch_write(const char *path, const char *text)
{
    char folder[PATH_MAX];
    (void)snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash != NULL) {
        *slash = '\0';
        assert_int_equal(folder_make(folder, 0700), 0);
    }
    assert_int_equal(file_replace(path, slice_of_cstr(text), 0600), 0);
}

static inline int scratch_redirect(int descriptor, const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "/tmp/weir-unit-%d-%s", (int)getpid(), name);
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int before = dup(descriptor);
    assert_true(file >= 0 && before >= 0);
    assert_int_equal(dup2(file, descriptor), descriptor);
    assert_int_equal(close(file), 0);
    return before;
}

static inline void scratch_restore(int descriptor, int before, const char *name,
                                   struct buffer *ret_text)
{
    char path[128];
    (void)snprintf(path, sizeof path, "/tmp/weir-unit-%d-%s", (int)getpid(), name);
    assert_int_equal(dup2(before, descriptor), descriptor);
    assert_int_equal(close(before), 0);
    ret_text->len = 0;
    assert_int_equal(file_read_all(path, ret_text), 0);
    assert_int_equal(buffer_append_char(ret_text, '\0'), 0);
    assert_int_equal(unlink(path), 0);
}

/* Between the two, what is printed goes to `said` and `why`. */
static inline void scratch_listen(struct scratch *scratch)
{
    (void)fflush(stdout);
    scratch->output = scratch_redirect(STDOUT_FILENO, "said");
    scratch->errors = scratch_redirect(STDERR_FILENO, "why");
}

static inline void scratch_heard(struct scratch *scratch)
{
    (void)fflush(stdout);
    scratch_restore(STDOUT_FILENO, scratch->output, "said", &scratch->said);
    scratch_restore(STDERR_FILENO, scratch->errors, "why", &scratch->why);
}
