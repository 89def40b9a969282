/* snapshot_read, with its errors told. */
#include "main/configuration.h"

#include "base/cleanup.h"
#include "cli/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ERRORS_BYTES_MAX (1 << 20)

int configuration_read(const char *file, struct snapshot **ret_snapshot)
{
    SCOPED(conf_errors_finish) struct conf_errors errors;
    SCOPED(buffer_finish) struct buffer out;
    SCOPED(buffer_finish) struct buffer told;
    conf_errors_init(&errors);
    buffer_init(&out, ERRORS_BYTES_MAX);
    buffer_init(&told, ERRORS_BYTES_MAX);
    int rc = snapshot_read(file, ret_snapshot, &errors);
    if (rc == -EINVAL && check_file(file, &out, &told) < 0)
        (void)fwrite(told.at, 1, told.len, stderr);
    else if (rc < 0)
        (void)fprintf(stderr, "weir: cannot read %s: %s\n", file, strerror(-rc));
    return rc;
}
