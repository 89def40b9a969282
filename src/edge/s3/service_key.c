#include "edge/s3/service_key.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "os/file.h"
#include "os/random.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#define FILE_MODE 0600

static int make(const char *path, unsigned char ret_key[static S3_CIPHER_KEY_BYTES])
{
    random_system_bytes(ret_key, S3_CIPHER_KEY_BYTES);
    return file_replace(path, slice_of(ret_key, S3_CIPHER_KEY_BYTES), FILE_MODE);
}

int service_key_load(const char *folder, unsigned char ret_key[static S3_CIPHER_KEY_BYTES])
{
    SCOPED(buffer_finish) struct buffer text;
    char path[PATH_MAX];
    buffer_init(&text, S3_CIPHER_KEY_BYTES);
    int len = snprintf(path, sizeof path, "%s/" SERVICE_KEY_FILE, folder);
    if (len < 0 || (size_t)len >= sizeof path)
        return -ENAMETOOLONG;
    int rc = file_read_regular(path, &text);
    if (rc == -ENOENT) {
        rc = make(path, ret_key);
        return rc == 0 ? 1 : rc;
    }
    if (rc < 0 || text.len != S3_CIPHER_KEY_BYTES)
        return rc < 0 ? rc : -EBADMSG;
    memcpy(ret_key, text.at, S3_CIPHER_KEY_BYTES);
    explicit_bzero(text.at, text.len);
    return 0;
}
