/*
 * The file, read once by the supervisor. Its children get the text that was accepted, whatever
 * becomes of the file meanwhile: one that is started anew after a crash serves what ran before.
 * What is wrong is told on standard error, as `weir check` does.
 */
#pragma once

#include "conf/snapshot.h"

struct buffer;
struct bundle;
struct place;

/* The files of certificates and keys that it names (conf/credentials.h). */
struct credentials {
    int fd;          /* a descriptor of the bundle for children, see credentials_take */
    uint64_t digest; /* of the bundle */
    uint64_t stamp;  /* of the files when they were read */
    bool is_partial; /* some are wrong; what was accepted before goes on without them */
};

struct configuration {
    struct snapshot *snapshot;
    int text;        /* a descriptor for children, see configuration_take */
    uint64_t digest; /* of the text */
    struct credentials credentials;
};

/* 0 or an error, which has been told, and is added to *told as well (may be NULL), as are warnings.
 * What is no
 * regular file is not read: a pipe would hold up its reader. */
int configuration_read(const struct place *place, struct buffer *told,
                       struct configuration *ret_configuration);
void configuration_release(struct configuration *configuration); /* a zeroed one is fine */

struct error;

/*
 * Nobody may ask for what is in the state folder: it must not lie in a folder that is served,
 * unless a part of its path there begins with a dot, which is never served. 0, or -EPERM told in
 * *error.
 */
int configuration_check_state(const struct configuration *configuration, const char *state,
                              struct error *error);

/* Its name in the state folder. */
#define CONFIGURATION_KEPT "accepted.yaml"

/*
 * The accepted text is kept in a file of the state folder, for a supervisor that comes after one
 * that was killed. Written anew only when it has changed: the file's time tells since when it is
 * accepted. 0 or -errno.
 */
int configuration_keep(const struct configuration *configuration, const char *path);

/*
 * What was kept at `path` as if it still stood in the place's file; certificates that are wrong by
 * now are left out. 0 with the seconds since 1970 of its
 * acceptance, -ENOENT when nothing was kept, or another error, which has been told.
 */
int configuration_read_kept(const char *path, const struct place *place, int64_t *ret_accepted_s,
                            struct configuration *ret_configuration);

/* Only the files of certificates and keys, again. What is wrong with them is logged by their paths,
 * and added to *told (may be NULL). As configuration_read. */
int credentials_read(const struct place *place, const struct snapshot *snapshot,
                     struct buffer *told, struct credentials *ret_credentials);

/* In a child, which closes its `fd`. The bundle is initialised. 0 or an error, which was told. */
int credentials_take(int fd, struct bundle *bundle);

/* In a child, which closes its `text`. Relative paths begin where `file` is; folders that were
 * there when the supervisor read it may be gone: what they served is not found. */
int configuration_take(int text, const char *file, struct snapshot **ret_snapshot);
