/* Where a client of the S3 API finds it, as far as the file says. */
#pragma once

#include "conf/snapshot.h"

#define S3_ENDPOINT_BYTES 400

/*
 * "https://s3.example.org", of the first site that serves S3, with its port unless that is the
 * scheme's. False when no site does, or only at a Unix socket. *ret_region is the rule's, borrowed
 * from the snapshot.
 */
bool s3_endpoint(const struct snapshot *snapshot, char ret_url[static S3_ENDPOINT_BYTES],
                 struct slice *ret_region);
