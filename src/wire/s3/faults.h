/*
 * The errors of the S3 API: one table of codes with their HTTP status and text (S3's API reference,
 * "Error responses"; NoSuchTagSet and the like from the pages of their operations), a fault as a
 * function returns it, and the body of an answer that tells one.
 */
#pragma once

#include "base/buffer.h"

/* row(NAME, code, HTTP status, text) */
/* clang-format off */
#define S3_FAULTS(row) \
    row(ACCESS_CONTROL_LIST_NOT_SUPPORTED, "AccessControlListNotSupported", 400, \
        "The bucket does not allow ACLs") \
    row(ACCESS_DENIED, "AccessDenied", 403, "Access Denied") \
    row(ACCESS_FORBIDDEN, "AccessForbidden", 403, "Access Forbidden") \
    row(AUTHORIZATION_HEADER_MALFORMED, "AuthorizationHeaderMalformed", 400, \
        "The authorization header you provided is invalid.") \
    row(AUTHORIZATION_QUERY_PARAMETERS_ERROR, "AuthorizationQueryParametersError", 400, \
        "The authorization query parameters that you provided are not valid.") \
    row(BAD_DIGEST, "BadDigest", 400, \
        "The Content-MD5 or checksum value that you specified did not match what the " \
        "server received.") \
    row(BAD_REQUEST, "BadRequest", 400, "Bad Request") \
    row(BUCKET_ALREADY_EXISTS, "BucketAlreadyExists", 409, \
        "The requested bucket name is not available. The bucket namespace is shared by all " \
        "users of the system. Please select a different name and try again.") \
    row(BUCKET_ALREADY_OWNED_BY_YOU, "BucketAlreadyOwnedByYou", 409, \
        "Your previous request to create the named bucket succeeded and you already own it.") \
    row(BUCKET_NOT_EMPTY, "BucketNotEmpty", 409, "The bucket you tried to delete is not empty.") \
    row(CONDITIONAL_REQUEST_CONFLICT, "ConditionalRequestConflict", 409, \
        "The conditional request cannot succeed due to a conflicting operation against " \
        "this resource.") \
    row(CREDENTIALS_NOT_SUPPORTED, "CredentialsNotSupported", 400, \
        "This request does not support credentials.") \
    row(ENTITY_TOO_LARGE, "EntityTooLarge", 400, \
        "Your proposed upload exceeds the maximum allowed object size.") \
    row(ENTITY_TOO_SMALL, "EntityTooSmall", 400, \
        "Your proposed upload is smaller than the minimum allowed object size.") \
    row(EXPIRED_TOKEN, "ExpiredToken", 400, "The provided token has expired.") \
    row(FORBIDDEN, "Forbidden", 403, "Forbidden") \
    row(ILLEGAL_LOCATION_CONSTRAINT, "IllegalLocationConstraintException", 400, \
        "The specified location constraint is incompatible for the region specific " \
        "endpoint this request was sent to.") \
    row(ILLEGAL_VERSIONING_CONFIGURATION, "IllegalVersioningConfigurationException", 400, \
        "The versioning configuration specified in the request is invalid.") \
    row(INCOMPLETE_BODY, "IncompleteBody", 400, \
        "You did not provide the number of bytes specified by the Content-Length HTTP " \
        "header.") \
    row(INCORRECT_NUMBER_OF_FILES, "IncorrectNumberOfFilesInPostRequest", 400, \
        "POST requires exactly one file upload per request.") \
    row(INLINE_DATA_TOO_LARGE, "InlineDataTooLarge", 400, \
        "Inline data exceeds the maximum allowed size.") \
    row(INSUFFICIENT_STORAGE, "InsufficientStorage", 507, \
        "There is not enough storage left to complete the request.") \
    row(INTERNAL_ERROR, "InternalError", 500, \
        "We encountered an internal error. Please try again.") \
    row(INVALID_ACCESS_KEY_ID, "InvalidAccessKeyId", 403, \
        "The AWS Access Key Id you provided does not exist in our records.") \
    row(INVALID_ACL_WITH_OWNERSHIP, "InvalidBucketAclWithObjectOwnership", 400, \
        "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting.") \
    row(INVALID_ARGUMENT, "InvalidArgument", 400, "Invalid Argument") \
    row(INVALID_BUCKET_NAME, "InvalidBucketName", 400, "The specified bucket is not valid.") \
    row(INVALID_BUCKET_STATE, "InvalidBucketState", 409, \
        "The request is not valid with the current state of the bucket.") \
    row(INVALID_DIGEST, "InvalidDigest", 400, \
        "The Content-MD5 or checksum value you specified is not valid.") \
    row(INVALID_ENCRYPTION_ALGORITHM, "InvalidEncryptionAlgorithmError", 400, \
        "The encryption request you specified is not valid. The valid value is AES256.") \
    row(INVALID_LOCATION_CONSTRAINT, "InvalidLocationConstraint", 400, \
        "The specified location-constraint is not valid") \
    row(INVALID_OBJECT_STATE, "InvalidObjectState", 403, \
        "The operation is not valid for the object's storage class or access tier.") \
    row(INVALID_PART, "InvalidPart", 400, \
        "One or more of the specified parts could not be found. The part may not have been " \
        "uploaded, or the specified entity tag may not match the part's entity tag.") \
    row(INVALID_PART_NUMBER, "InvalidPartNumber", 416, \
        "The requested partnumber is not satisfiable") \
    row(INVALID_PART_ORDER, "InvalidPartOrder", 400, \
        "The list of parts was not in ascending order. Parts must be ordered by part " \
        "number.") \
    row(INVALID_POLICY_DOCUMENT, "InvalidPolicyDocument", 400, \
        "The content of the form does not meet the conditions specified in the policy " \
        "document.") \
    row(INVALID_RANGE, "InvalidRange", 416, "The requested range is not satisfiable") \
    row(INVALID_REQUEST, "InvalidRequest", 400, "Invalid Request") \
    row(INVALID_RETENTION_PERIOD, "InvalidRetentionPeriod", 400, \
        "Default retention period must be a positive integer value.") \
    row(INVALID_SECURITY, "InvalidSecurity", 403, \
        "The provided security credentials are not valid.") \
    row(INVALID_STORAGE_CLASS, "InvalidStorageClass", 400, \
        "The storage class you specified is not valid") \
    row(INVALID_TAG, "InvalidTag", 400, "The tag provided was not a valid tag.") \
    row(INVALID_TARGET_BUCKET_FOR_LOGGING, "InvalidTargetBucketForLogging", 400, \
        "The target bucket for logging does not exist, is not owned by you, or does not " \
        "have the appropriate grants for the log-delivery group.") \
    row(INVALID_TOKEN, "InvalidToken", 400, \
        "The provided token is malformed or otherwise invalid.") \
    row(INVALID_URI, "InvalidURI", 400, "Couldn't parse the specified URI.") \
    row(KEY_TOO_LONG, "KeyTooLongError", 400, "Your key is too long.") \
    row(KMS_NOT_FOUND, "KMS.NotFoundException", 400, \
        "The request was rejected because the specified entity or resource could not be " \
        "found.") \
    row(MALFORMED_ACL, "MalformedACLError", 400, \
        "The XML you provided was not well-formed or did not validate against our " \
        "published schema") \
    row(MALFORMED_POLICY, "MalformedPolicy", 400, \
        "The policy is not in the valid JSON format, or is not a valid policy.") \
    row(MALFORMED_POST_REQUEST, "MalformedPOSTRequest", 400, \
        "The body of your POST request is not well-formed multipart/form-data.") \
    row(MALFORMED_TRAILER, "MalformedTrailerError", 400, \
        "The request contained trailing data that was not well-formed or did not conform " \
        "to our published schema.") \
    row(MALFORMED_XML, "MalformedXML", 400, \
        "The XML you provided was not well-formed or did not validate against our " \
        "published schema") \
    row(MAX_MESSAGE_LENGTH_EXCEEDED, "MaxMessageLengthExceeded", 400, \
        "Your request was too big.") \
    row(MAX_POST_PRE_DATA_LENGTH_EXCEEDED, "MaxPostPreDataLengthExceededError", 400, \
        "Your POST request fields preceding the upload file were too large.") \
    row(METADATA_TOO_LARGE, "MetadataTooLarge", 400, \
        "Your metadata headers exceed the maximum allowed metadata size.") \
    row(METHOD_NOT_ALLOWED, "MethodNotAllowed", 405, \
        "The specified method is not allowed against this resource.") \
    row(MISSING_CONTENT_LENGTH, "MissingContentLength", 411, \
        "You must provide the Content-Length HTTP header.") \
    row(MISSING_REQUEST_BODY, "MissingRequestBodyError", 400, "Request Body is empty") \
    row(MISSING_SECURITY_ELEMENT, "MissingSecurityElement", 400, \
        "The SOAP 1.1 request is missing a security element.") \
    row(MISSING_SECURITY_HEADER, "MissingSecurityHeader", 400, \
        "Your request was missing a required header.") \
    row(NO_LOGGING_STATUS_FOR_KEY, "NoLoggingStatusForKey", 400, \
        "There is no such thing as a logging status subresource for a key.") \
    row(NO_SUCH_BUCKET, "NoSuchBucket", 404, "The specified bucket does not exist") \
    row(NO_SUCH_BUCKET_POLICY, "NoSuchBucketPolicy", 404, "The bucket policy does not exist") \
    row(NO_SUCH_CORS_CONFIGURATION, "NoSuchCORSConfiguration", 404, \
        "The CORS configuration does not exist") \
    row(NO_SUCH_ENCRYPTION_CONFIGURATION, "ServerSideEncryptionConfigurationNotFoundError", 404, \
        "The server side encryption configuration was not found") \
    row(NO_SUCH_KEY, "NoSuchKey", 404, "The specified key does not exist.") \
    row(NO_SUCH_LIFECYCLE_CONFIGURATION, "NoSuchLifecycleConfiguration", 404, \
        "The lifecycle configuration does not exist") \
    row(NO_SUCH_OBJECT_LOCK, "NoSuchObjectLockConfiguration", 404, \
        "The specified object does not have a ObjectLock configuration") \
    row(NO_SUCH_OBJECT_LOCK_ON_BUCKET, "ObjectLockConfigurationNotFoundError", 404, \
        "Object Lock configuration does not exist for this bucket") \
    row(NO_SUCH_OWNERSHIP_CONTROLS, "OwnershipControlsNotFoundError", 404, \
        "The bucket ownership controls were not found") \
    row(NO_SUCH_PUBLIC_ACCESS_BLOCK, "NoSuchPublicAccessBlockConfiguration", 404, \
        "The public access block configuration was not found") \
    row(NO_SUCH_REPLICATION_CONFIGURATION, "ReplicationConfigurationNotFoundError", 404, \
        "The replication configuration was not found") \
    row(NO_SUCH_TAG_SET, "NoSuchTagSet", 404, "The TagSet does not exist") \
    row(NO_SUCH_UPLOAD, "NoSuchUpload", 404, \
        "The specified multipart upload does not exist. The upload ID might be invalid, or " \
        "the multipart upload might have been aborted or completed.") \
    row(NO_SUCH_VERSION, "NoSuchVersion", 404, "The specified version does not exist.") \
    row(NO_SUCH_WEBSITE_CONFIGURATION, "NoSuchWebsiteConfiguration", 404, \
        "The specified bucket does not have a website configuration") \
    row(NOT_IMPLEMENTED, "NotImplemented", 501, \
        "A header or query you provided implies functionality that is not implemented") \
    row(NOT_MODIFIED, "NotModified", 304, "Not Modified") \
    row(OBJECT_NOT_APPENDABLE, "ObjectNotAppendable", 409, "The object cannot be appended to.") \
    row(OPERATION_ABORTED, "OperationAborted", 409, \
        "A conflicting conditional operation is currently in progress against this " \
        "resource. Please try again.") \
    row(PERMANENT_REDIRECT, "PermanentRedirect", 301, \
        "The bucket you are attempting to access must be addressed using the specified " \
        "endpoint. Please send all future requests to this endpoint.") \
    row(POLICY_TOO_LARGE, "PolicyTooLarge", 400, "Policies must not be larger than 20 KB.") \
    row(PRECONDITION_FAILED, "PreconditionFailed", 412, \
        "At least one of the pre-conditions you specified did not hold") \
    row(REDIRECT, "Redirect", 307, "Temporary redirect.") \
    row(REQUEST_EXPIRED, "RequestExpired", 403, "Request has expired") \
    row(REQUEST_HEADER_SECTION_TOO_LARGE, "RequestHeaderSectionTooLarge", 400, \
        "Your request header section exceeds the maximum allowed request header section " \
        "size.") \
    row(REQUEST_IS_NOT_MULTIPART, "RequestIsNotMultiPartContent", 412, \
        "Bucket POST must be of the enclosure-type multipart/form-data.") \
    row(REQUEST_TIME_TOO_SKEWED, "RequestTimeTooSkewed", 403, \
        "The difference between the request time and the server's time is too large.") \
    row(REQUEST_TIMEOUT, "RequestTimeout", 400, \
        "Your socket connection to the server was not read from or written to within the " \
        "timeout period.") \
    row(SERVICE_UNAVAILABLE, "ServiceUnavailable", 503, "Please reduce your request rate.") \
    row(SIGNATURE_DOES_NOT_MATCH, "SignatureDoesNotMatch", 403, \
        "The request signature we calculated does not match the signature you provided. " \
        "Check your key and signing method.") \
    row(SLOW_DOWN, "SlowDown", 503, "Please reduce your request rate.") \
    row(TOKEN_REFRESH_REQUIRED, "TokenRefreshRequired", 400, \
        "The provided token must be refreshed.") \
    row(TOO_MANY_BUCKETS, "TooManyBuckets", 400, \
        "You have attempted to create more buckets than allowed.") \
    row(TOO_MANY_PARTS, "TooManyParts", 400, \
        "You have attempted to add more parts than the maximum that are allowed for this " \
        "object.") \
    row(UNEXPECTED_CONTENT, "UnexpectedContent", 400, "This request does not support content") \
    row(UNRESOLVABLE_GRANT_BY_EMAIL_ADDRESS, "UnresolvableGrantByEmailAddress", 400, \
        "The email address you provided does not match any account on record.") \
    row(UNSUPPORTED_SIGNATURE, "UnsupportedSignature", 400, \
        "The provided request is signed with an unsupported version of the signature.") \
    row(USER_KEY_MUST_BE_SPECIFIED, "UserKeyMustBeSpecified", 400, \
        "The bucket POST must contain the specified field name. If it is specified, check " \
        "the order of the fields.") \
    row(XAMZ_CONTENT_CHECKSUM_MISMATCH, "XAmzContentChecksumMismatch", 400, \
        "The provided 'x-amz-checksum' header does not match what was computed.") \
    row(XAMZ_CONTENT_SHA256_MISMATCH, "XAmzContentSHA256Mismatch", 400, \
        "The provided 'x-amz-content-sha256' header does not match what was computed.")
/* clang-format on */

enum s3_code {
    S3_NO_FAULT,
#define S3_FAULT_NAME(name, code, status, text) S3_##name,
    S3_FAULTS(S3_FAULT_NAME)
#undef S3_FAULT_NAME
        S3_CODES
};

/* What a person should know beyond the table's text; empty: that text. One line of UTF-8. */
struct s3_fault {
    enum s3_code code;
    char text[256];
};

/* The code as it is sent, its HTTP status, and the table's text. Not for S3_NO_FAULT. */
struct slice s3_code_name(enum s3_code code);
unsigned s3_code_status(enum s3_code code);
struct slice s3_code_text(enum s3_code code);

/* The code of that name, or S3_NO_FAULT. */
enum s3_code s3_code_find(struct slice name);

/* Fills *fault with the code and the table's text. Returns -EBADMSG, for `return`. */
int s3_fault_set(struct s3_fault *fault, enum s3_code code);

/* The same with a text of its own. */
int s3_fault_say(struct s3_fault *fault, enum s3_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Out of memory: SlowDown, which clients try again later. Returns -ENOMEM. */
int s3_fault_memory(struct s3_fault *fault);

/* The text that is sent. */
struct slice s3_fault_text(const struct s3_fault *fault);

/* A further element of an error, as ArgumentName, Condition or Region; `name` is a plain word. */
struct s3_detail {
    const char *name;
    struct slice value;
};

/* All borrowed; slices with a NULL start are left away. */
struct s3_error {
    struct s3_fault fault;
    struct slice key;
    struct slice bucket;
    struct slice resource; /* the path, as it was sent */
    struct slice request_id;
    struct slice host_id;
    const struct s3_detail *details;
    size_t details_count;
};

/* Appends <Error>…</Error>. Returns 0, -ENOMEM or -EMSGSIZE. */
int s3_error_write(struct buffer *out, const struct s3_error *error);
