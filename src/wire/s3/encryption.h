/*
 * What is said of encryption: a bucket's ServerSideEncryptionConfiguration, the ids of keys, and
 * the context of an object. Functions return 0, or a negative code with *fault filled; the write
 * function 0, -ENOMEM or -EMSGSIZE.
 */
#pragma once

#include "wire/s3/fields.h"

#define S3_KMS_KEY_ID_BYTES_MAX  512
#define S3_KMS_CONTEXT_BYTES_MAX 2048 /* decoded */

/* Which encryption is refused (BlockedEncryptionTypes): that by a key of the client's, or none. */
enum s3_blocked { S3_BLOCKED_UNSAID, S3_BLOCKED_NONE, S3_BLOCKED_CUSTOMERS };

/* The default of a bucket: AES256 (the service's key), or aws:kms (a key with an id). */
struct s3_encryption {
    bool has_default; /* else there is only `blocked` */
    bool is_kms;
    struct slice key_id; /* of aws:kms; a NULL start: none is named */
    enum s3_blocked blocked;
    bool has_bucket_key; /* BucketKeyEnabled was said */
    bool is_bucket_key;
};

/* MalformedXML; InvalidEncryptionAlgorithmError; InvalidArgument; NotImplemented for what is
 * encrypted twice (aws:kms:dsse). */
int s3_encryption_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                        struct s3_encryption *ret_encryption);
int s3_encryption_write(struct buffer *out, const struct s3_encryption *encryption);

/* What was written says, without reading all of it: is there a default, is SSE-C refused? */
bool s3_encryption_has_default(struct slice written);
bool s3_encryption_blocks_customers(struct slice written);

/*
 * An id: letters, digits and "-_./:", 512 bytes at most, as key ids, "alias/NAME" and ARNs of KMS
 * are; what begins as an ARN is one of a key or an alias. KMS.NotFoundException, as AWS answers.
 */
int s3_kms_key_id_check(struct slice id, struct s3_fault *fault);

/* x-amz-server-side-encryption-context: base64 of a JSON object of texts. Decoded, in the arena.
 * InvalidArgument. */
int s3_kms_context_read(struct slice text, struct arena *arena, struct s3_fault *fault,
                        struct slice *ret_context);
