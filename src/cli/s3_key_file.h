/*
 * The file of S3 keys as commands change it: read, and written as a whole under a lock of its own,
 * so that two commands lose nothing of each other. The lock is `s3-keys.lock` beside it.
 */
#pragma once

#include "cli/place.h"
#include "conf/s3_keys.h"

struct s3_key_file {
    char path[PATH_MAX];
    struct s3_keys *keys; /* counted: what stands in it */
    int lock;             /* -1: none, it is only read */
};

/* Reads it; one that is not there has no keys. 0, or an error told in *ret_error. */
int s3_key_file_read(const struct place *place, struct s3_key_file *ret_file,
                     struct error *ret_error);

/* The same to change it: makes the state folder, and waits for its turn. */
int s3_key_file_open(const struct place *place, struct s3_key_file *ret_file,
                     struct error *ret_error);

/* With `added` (may be NULL) and without the one named `removed` (may be empty), durable. 0, or an
 * error told in *ret_error: the file is as it was. Of one that is open. */
int s3_key_file_change(const struct s3_key_file *file, const struct s3_key *added,
                       struct slice removed, struct error *ret_error);

void s3_key_file_close(struct s3_key_file *file);
