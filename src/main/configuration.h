/*
 * The file, read once by the supervisor. Its children get the text that was accepted, whatever
 * becomes of the file meanwhile: one that is started anew after a crash serves what ran before.
 * What is wrong is told on standard error, as `weir check` does.
 */
#pragma once

#include "conf/snapshot.h"

struct buffer;

struct configuration {
    struct snapshot *snapshot;
    int text;        /* a descriptor for children, see configuration_take */
    uint64_t digest; /* of the text */
};

/* 0 or an error, which has been told, and is added to *told as well (may be NULL). */
int configuration_read(const char *file, struct buffer *told,
                       struct configuration *ret_configuration);
void configuration_release(struct configuration *configuration);

/* In a child, which closes its `text`. Relative paths begin where `file` is; folders that were
 * there when the supervisor read it may be gone: what they served is not found. */
int configuration_take(int text, const char *file, struct snapshot **ret_snapshot);
