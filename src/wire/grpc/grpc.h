/*
 * gRPC over HTTP/2, as far as a proxy takes part in it: which requests are calls, their deadlines,
 * and answers of its own. After the gRPC project's PROTOCOL-HTTP2.md, http-grpc-status-mapping.md
 * and statuscodes.md.
 */
#pragma once

#include "base/writer.h"

enum grpc_status {
    GRPC_OK,
    GRPC_CANCELLED,
    GRPC_UNKNOWN,
    GRPC_INVALID_ARGUMENT,
    GRPC_DEADLINE_EXCEEDED,
    GRPC_NOT_FOUND,
    GRPC_ALREADY_EXISTS,
    GRPC_PERMISSION_DENIED,
    GRPC_RESOURCE_EXHAUSTED,
    GRPC_FAILED_PRECONDITION,
    GRPC_ABORTED,
    GRPC_OUT_OF_RANGE,
    GRPC_UNIMPLEMENTED,
    GRPC_INTERNAL,
    GRPC_UNAVAILABLE,
    GRPC_DATA_LOSS,
    GRPC_UNAUTHENTICATED,
    GRPC_STATUSES,
};

/* "application/grpc", alone or with what the messages are written in. Not gRPC-Web's. */
bool grpc_is_content_type(struct slice content_type);

/* Of grpc-timeout: "100m" is 100 ms; parts of a millisecond count as one. 0, or -EINVAL. */
int grpc_parse_timeout(struct slice value, int64_t *ret_ms);

/* What grpc-status says: one of grpc_status, or GRPC_UNKNOWN for what is none. */
enum grpc_status grpc_parse_status(struct slice value);

/* "UNAVAILABLE". */
struct slice grpc_status_name(enum grpc_status status);

/*
 * The status that stands for one of HTTP in an answer of a proxy. Beyond the mapping: 504 is said
 * of deadlines, 408 and 499 of calls that their client gave up, 413 and 431 of what is too large.
 */
enum grpc_status grpc_status_of_http(unsigned status);

/* Text as a grpc-message: other than printable ASCII is percent-encoded. */
void grpc_write_message(struct writer *writer, struct slice text);
