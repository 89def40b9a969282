/*
 * Access control lists of buckets and objects: who owns it, and what is granted to whom. They come
 * as documents, as one word (x-amz-acl) or as fields (x-amz-grant-…), and are kept as lines: the
 * owner's id, then a grant each: its permission (R, W, r and w for READ_ACP and WRITE_ACP, F), a
 * blank, and the grantee: "*" everybody, "+" whoever has a key, "log", or an owner's id.
 *
 * Functions return 0, or a negative code with *fault filled.
 */
#pragma once

#include "wire/s3/fields.h"

struct xml_writer;

#define S3_GRANTS_MAX     100
#define S3_OWNER_ID_BYTES 64
/* The owner of whatever no other one has. */
#define S3_OWNER_ID   "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"
#define S3_OWNER_NAME "weir"

/* An owner's id by its name, in hexadecimal. -ENOMEM. */
int s3_owner_id_make(struct slice name, char ret_id[static S3_OWNER_ID_BYTES]);

enum s3_permission {
    S3_READ = 1 << 0,
    S3_WRITE = 1 << 1,
    S3_READ_ACP = 1 << 2,
    S3_WRITE_ACP = 1 << 3,
    S3_FULL_CONTROL = (1 << 4) - 1,
};

enum s3_grantee { S3_ALL_USERS, S3_AUTHENTICATED_USERS, S3_LOG_DELIVERY, S3_ONE_OWNER };

struct s3_grant {
    enum s3_permission permission;
    enum s3_grantee grantee;
    struct slice id; /* of S3_ONE_OWNER */
};

struct s3_acl {
    struct slice owner_id;
    struct s3_grant grants[S3_GRANTS_MAX];
    unsigned count;
};

/* AccessControlPolicy; its texts lie in the arena. MalformedACLError, InvalidArgument,
 * UnresolvableGrantByEmailAddress. */
int s3_acl_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                 struct s3_acl *ret_acl);

/* The value of x-amz-acl for what `owner_id` owns; a NULL start is "private". InvalidArgument. */
int s3_acl_parse_word(struct slice word, struct slice owner_id, struct slice bucket_owner_id,
                      struct s3_fault *fault, struct s3_acl *ret_acl);

/* Adds what a field of the request grants, if it is one of x-amz-grant-…: id="…", uri="…".
 * InvalidArgument. */
int s3_acl_add_field(struct s3_acl *acl, struct slice name, struct slice value,
                     struct s3_fault *fault);

/* As documents show it. `name_of` tells what an owner is called; NULL start: it is not known.
 * 0, -ENOMEM or -EMSGSIZE. */
typedef struct slice s3_owner_name(const void *arg, struct slice id);
int s3_acl_write(struct buffer *out, const struct s3_acl *acl, s3_owner_name *name_of,
                 const void *arg);

/* The <Grant>s inside an element, added; and such, written. */
int s3_acl_read_grants(const struct xml_element *element, struct s3_fault *fault,
                       struct s3_acl *acl);
void s3_acl_put_grants(struct xml_writer *xml, const struct s3_acl *acl, s3_owner_name *name_of,
                       const void *arg);

/* As it is kept. 0, -ENOMEM or -EMSGSIZE. */
int s3_acl_keep(struct buffer *out, const struct s3_acl *acl);

/* What is kept, borrowed from it; an empty one is that of `owner_id`, who may do all. */
void s3_acl_read(struct slice kept, struct slice owner_id, struct s3_acl *ret_acl);

/* The owner that is kept; `owner_id` where nothing is. */
struct slice s3_acl_owner(struct slice kept, struct slice owner_id);

/* Is `permission` granted to that owner (a NULL start: to somebody without a key)? Without
 * `has_groups`, grants to everybody count for nothing. */
bool s3_acl_allows(const struct s3_acl *acl, struct slice id, enum s3_permission permission,
                   bool has_groups);

/* Is anything granted to everybody, or to whoever has a key? */
bool s3_acl_is_public(const struct s3_acl *acl);

/* Has the owner everything, and nobody else anything? */
bool s3_acl_is_private(const struct s3_acl *acl);
