/*
 * Owners and access control lists of buckets and objects, as they are kept (wire/s3/acl.h): with
 * SETTING_ACL of a bucket, with `access` of a version. Where nothing is kept, a bucket is Weir's
 * own, and an object its bucket's owner's alone.
 */
#pragma once

#include "edge/s3/call.h"
#include "wire/s3/access.h"
#include "wire/s3/acl.h"
#include "wire/xml/writer.h"

struct slice s3_bucket_owner(const struct store_bucket *bucket);

/* Does the caller work for the bucket's owner? */
bool s3_is_bucket_owner(const struct s3_call *call, const struct store_bucket *bucket);

/* Of a bucket that says none, objects are their writers', and lists count. */
enum s3_ownership s3_ownership_of(const struct store_bucket *bucket);

/* What the bucket blocks of public access; nothing where it says nothing. */
void s3_public_access_of(const struct store_bucket *bucket, struct s3_public_access *ret_access);

/* The list of a bucket, or of a version in it. Borrowed from them. */
void s3_acl_of(const struct store_bucket *bucket, const struct version *version,
               struct s3_acl *ret_acl);

/*
 * What x-amz-acl or x-amz-grant-… say of the object that is about to be, as its version keeps it;
 * in the call's arena. 0 or the fault.
 */
int s3_access_of_object(struct s3_call *call, struct slice *ret_access);

/* The same for a bucket that is about to be, where `ownership` is asked for. */
int s3_access_of_bucket(struct s3_call *call, enum s3_ownership ownership,
                        struct slice *ret_access);

/* What an owner is called: a s3_owner_name for a call. */
struct slice s3_name_of_owner(const void *call, struct slice id);

/* <Owner> or the like. */
void s3_put_owner(const struct s3_call *call, struct xml_writer *xml, const char *element,
                  struct slice id);

/* The owner of a version in the call's bucket. */
struct slice s3_version_owner(const struct s3_call *call, const struct version *version);
