/* The operations of the S3 API, as call.h says; each is called once its caller was found to have
 * the right that its row in s3.c names. */
#pragma once

#include "edge/s3/call.h"
#include "edge/s3/settings.h"

/* service.c, bucket.c */
int s3_list_buckets(struct s3_call *call);
int s3_create_bucket(struct s3_call *call);
int s3_delete_bucket(struct s3_call *call);
int s3_head_bucket(struct s3_call *call);
int s3_get_location(struct s3_call *call);
int s3_get_versioning(struct s3_call *call);
int s3_put_versioning(struct s3_call *call);

/* The bucket's setting becomes this one; a NULL start takes it away. 0 or the fault. */
int s3_set(struct s3_call *call, enum setting which, struct slice value);

/* Several of them at once. */
int s3_set_all(struct s3_call *call, const struct setting_value *values, unsigned count);

/* documents.c: those that the request's parameter names */
int s3_get_document(struct s3_call *call);
int s3_put_document(struct s3_call *call);
int s3_delete_document(struct s3_call *call);
int s3_get_policy_status(struct s3_call *call);
int s3_get_accelerate(struct s3_call *call);
int s3_get_request_payment(struct s3_call *call);
int s3_put_request_payment(struct s3_call *call);
int s3_get_replication(struct s3_call *call);

/* logging.c */
int s3_get_logging(struct s3_call *call);
int s3_put_logging(struct s3_call *call);

/* owners.c */
int s3_get_acl(struct s3_call *call);
int s3_put_acl(struct s3_call *call);

/* list.c */
int s3_list_objects(struct s3_call *call);
int s3_list_objects_v2(struct s3_call *call);
int s3_list_versions(struct s3_call *call);

/* get.c */
int s3_get_object(struct s3_call *call);
/* The fields that the query would override. 0 or the fault. */
int s3_check_overrides(struct s3_call *call); /* and HEAD */

/* put.c */
int s3_put_object(struct s3_call *call);

/* post.c */
int s3_post_object(struct s3_call *call);

/* copy.c */
int s3_copy_object(struct s3_call *call);

/* amend.c, attributes.c */
int s3_get_tagging(struct s3_call *call);
int s3_put_tagging(struct s3_call *call);
int s3_delete_tagging(struct s3_call *call);
int s3_get_attributes(struct s3_call *call);

/* lock.c */
int s3_get_retention(struct s3_call *call);
int s3_put_retention(struct s3_call *call);
int s3_get_legal_hold(struct s3_call *call);
int s3_put_legal_hold(struct s3_call *call);

/* delete.c */
int s3_delete_object(struct s3_call *call);
int s3_delete_objects(struct s3_call *call);

/* multipart.c, multipart_list.c */
int s3_create_upload(struct s3_call *call);
int s3_upload_part(struct s3_call *call);
int s3_upload_part_copy(struct s3_call *call);
int s3_complete_upload(struct s3_call *call);
int s3_abort_upload(struct s3_call *call);
int s3_list_uploads(struct s3_call *call);
int s3_list_parts(struct s3_call *call);
