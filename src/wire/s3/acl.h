/*
 * Access control lists (S3's user guide, "Access control list (ACL) overview"): who besides its
 * owner may do what with a bucket or an object. They come as a document, as one of S3's canned
 * lists, or as fields x-amz-grant-*, and are kept packed: a line for each grant, of a letter for
 * the permission, one for the kind of grantee, and his id.
 */
#pragma once

#include "base/writer.h"
#include "wire/s3/fields.h"

#define S3_GRANTS_MAX      100
#define S3_ACL_BYTES_MAX   8192 /* packed */
#define S3_GRANTEE_LEN_MAX 128
#define S3_ALL_USERS       "http://acs.amazonaws.com/groups/global/AllUsers"
#define S3_AUTHENTICATED   "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
#define S3_LOG_DELIVERY    "http://acs.amazonaws.com/groups/s3/LogDelivery"

/* Bits. */
enum s3_permission {
    S3_MAY_READ = 1,
    S3_MAY_WRITE = 2,
    S3_MAY_READ_ACL = 4,
    S3_MAY_WRITE_ACL = 8,
    S3_MAY_ALL = 15, /* FULL_CONTROL */
};

enum s3_grantee { S3_GRANTEE_USER, S3_GRANTEE_ALL, S3_GRANTEE_AUTHENTICATED, S3_GRANTEE_LOG };

struct s3_grant {
    enum s3_permission permission; /* one, or S3_MAY_ALL */
    enum s3_grantee grantee;
    struct slice id; /* of a user */
};

struct s3_acl {
    struct s3_grant at[S3_GRANTS_MAX];
    unsigned count;
};

struct s3_owner {
    struct slice id;
    struct slice name; /* a NULL start without one */
};

/*
 * The document; its slices lie in the arena. The owner in it has to be `owner_id`. Returns 0, or a
 * negative code with *fault filled: MalformedACLError, AccessDenied (another owner),
 * UnresolvableGrantByEmailAddress, InvalidArgument (a group that there is none of), SlowDown.
 */
int s3_acl_parse(struct slice xml, struct slice owner_id, struct arena *arena,
                 struct s3_fault *fault, struct s3_acl *ret_acl);

/* What a word of x-amz-acl stands for: the owner's full control, and what else. InvalidArgument for
 * one that S3 does not know. */
int s3_acl_of_word(struct slice word, struct slice owner_id, struct s3_fault *fault,
                   struct s3_acl *ret_acl);

/* Adds the grants of a field: `id="…", uri="…"` (also without quotes). InvalidArgument,
 * UnresolvableGrantByEmailAddress. */
int s3_acl_add_field(struct s3_acl *acl, enum s3_permission permission, struct slice value,
                     struct s3_fault *fault);

/* AccessControlPolicy. Returns 0, -ENOMEM or
 * -EMSGSIZE. */
int s3_acl_write(struct buffer *out, const struct s3_owner *owner, const struct s3_acl *acl);

/* Does it let everybody do something, or every key? */
bool s3_acl_is_public(const struct s3_acl *acl);

/* A writer that overflows: InvalidRequest is the caller's to say. */
void s3_acl_pack(struct writer *writer, const struct s3_acl *acl);

/* What was packed; slices of it. Lines that are none are passed over. */
void s3_acl_unpack(struct slice packed, struct s3_acl *ret_acl);

/*
 * What a packed list lets somebody do, in bits of s3_permission: `id` is his, a NULL start for who
 * is not known. What is granted to groups counts only where `with_public`.
 */
unsigned s3_acl_permissions(struct slice packed, struct slice id, bool with_public);
