/*
 * The keys of the S3 API: who may ask, and for what. They stand in `s3-keys.json` of the state
 * folder, made and removed by `weir s3 key`, and travel to the edge with the certificates
 * (conf/credentials.h). A table is immutable and counted; its secrets are wiped when it goes.
 *
 *     {"keys": [{"name": "ci", "access_key": "WEIR…", "secret_key": "…", "buckets": ["media"],
 *                "rights": "write", "created": 1764187200}]}
 *
 * "owner", where there is one, is for whom the key works: what it makes is his, and its rights are
 * for his buckets alone. Without it that is Weir's own owner, as all buckets of the file are.
 * "buckets" is "all" or a list of names, "rights" is "read" or "write", which is both; "created" is
 * in seconds since 1970.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/map.h"
#include "conf/bundle.h"

#include <stdatomic.h>

#define S3_KEYS_FILE      "s3-keys.json" /* in the state folder */
#define S3_KEYS_NAME      "s3-keys"      /* in the bundle */
#define S3_KEYS_BYTES_MAX BUNDLE_FILE_BYTES_MAX

#define S3_ACCESS_KEY_PREFIX "WEIR"
#define S3_ACCESS_KEY_LEN    20 /* of one that is made here: the prefix, then A-Z and 2-7 */
#define S3_SECRET_KEY_LEN    40 /* the same: letters and digits */
#define S3_KEY_PART_LEN_MIN  16 /* of one that was written by hand */
#define S3_KEY_PART_LEN_MAX  128
#define S3_KEY_BUCKETS_MAX   1000

enum s3_rights { S3_RIGHTS_READ, S3_RIGHTS_WRITE };

struct s3_key {
    struct slice name; /* unique, as a site's name is written */
    struct slice access_key;
    struct slice secret_key;
    struct slice owner;    /* his name; S3_OWNER_NAME without one */
    struct slice owner_id; /* as lists show it; S3_OWNER_ID */
    struct slice *buckets; /* of names */
    unsigned buckets_count;
    bool is_for_all; /* buckets, those to come too; the list is empty then */
    enum s3_rights rights;
    int64_t created_s;
};

struct s3_keys {
    atomic_uint references;
    struct arena arena; /* of all below */
    struct s3_key *at;  /* in the order of the file */
    unsigned count;
    struct map by_access_key; /* to struct s3_key */
};

/*
 * The file's text; an empty one has no keys. Strict: what is not as above is -EBADMSG, told in
 * *ret_error with the key's place or name, never with its secret. Or -ENOMEM.
 */
int s3_keys_parse(struct slice text, struct s3_keys **ret_keys, struct error *ret_error);

/* The file's text for these keys, with a line end. 0, -ENOMEM, or -EMSGSIZE when it would pass the
 * buffer's maximum or S3_KEYS_BYTES_MAX. */
int s3_keys_write(const struct s3_key *keys, unsigned count, struct buffer *out);

/* The table of a bundle; NULL, with 0, when it holds none. Errors as s3_keys_parse. */
int s3_keys_take(const struct bundle *bundle, struct s3_keys **ret_keys, struct error *ret_error);

struct s3_keys *s3_keys_ref(struct s3_keys *keys); /* NULL is fine for these three */
void s3_keys_unref(struct s3_keys *keys);

/* By a request's access key; NULL when there is none. Borrowed from the table. */
const struct s3_key *s3_keys_find(const struct s3_keys *keys, struct slice access_key);

/* By its name; NULL when there is none. In linear time, for commands. */
const struct s3_key *s3_keys_named(const struct s3_keys *keys, struct slice name);

/* May it read, or write, in that bucket? An empty name is what is for all buckets together: making
 * one, say. */
bool s3_key_may(const struct s3_key *key, struct slice bucket, bool writes);

/* A new pair out of the system's randomness, each with a NUL behind it. */
void s3_key_make(char ret_access_key[static S3_ACCESS_KEY_LEN + 1],
                 char ret_secret_key[static S3_SECRET_KEY_LEN + 1]);

struct json_writer;

/* The members of a key's object, of the open one; without its secret where that is empty. */
void s3_key_put(struct json_writer *json, const struct s3_key *key);
