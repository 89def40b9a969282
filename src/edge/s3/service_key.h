/* The service's own key for contents (SSE-S3): `service.key` in the store's folder, made when it is
 * missing, by who has the store open. Blocking. */
#pragma once

#include "wire/s3/cipher.h"

#define SERVICE_KEY_FILE "service.key"

/* 0, 1 when it was made, -EBADMSG when the file is something else, or -errno. */
int service_key_load(const char *folder, unsigned char ret_key[static S3_CIPHER_KEY_BYTES]);
