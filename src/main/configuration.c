/* snapshot_parse for processes, with its errors told. */
#include "main/configuration.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "cli/check.h"
#include "os/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_BYTES_MAX   16777216
#define ERRORS_BYTES_MAX (1 << 20)

static int tell_unread(const char *file, int rc, struct buffer *told)
{
    const char *why = rc == -EMSGSIZE ? "it is larger than 16 MiB" : strerror(-rc);
    if (rc >= 0)
        return rc;
    (void)fprintf(stderr, "weir: cannot read %s: %s\n", file, why);
    if (told != NULL)
        (void)buffer_format(told, "cannot read %s: %s", file, why);
    return rc;
}

typedef int parse_text(struct slice file, struct slice text, struct snapshot **ret_snapshot,
                       struct conf_errors *errors);

static void tell_errors(const struct conf_errors *errors, const char *file, struct slice text,
                        struct buffer *told)
{
    SCOPED(buffer_finish) struct buffer own;
    buffer_init(&own, ERRORS_BYTES_MAX);
    if (check_write_errors(errors, file, text, &own) < 0)
        return;
    (void)fwrite(own.at, 1, own.len, stderr);
    if (told != NULL)
        (void)buffer_append(told, buffer_slice(&own));
}

static int parse(parse_text *parse_by, const char *file, struct slice text, struct buffer *told,
                 struct snapshot **ret_snapshot)
{
    SCOPED(conf_errors_finish) struct conf_errors errors;
    conf_errors_init(&errors);
    int rc = parse_by(slice_of_cstr(file), text, ret_snapshot, &errors);
    if (rc != -EINVAL)
        return tell_unread(file, rc, told);
    tell_errors(&errors, file, text, told);
    return rc;
}

int configuration_read(const char *file, struct buffer *told,
                       struct configuration *ret_configuration)
{
    static const struct hash_key key = {0x77656972, 0x636f6e66};
    SCOPED(buffer_finish) struct buffer text;
    struct snapshot *snapshot = NULL;
    buffer_init(&text, FILE_BYTES_MAX);
    int rc = tell_unread(file, file_read_all(file, &text), told);
    if (rc == 0)
        rc = parse(snapshot_parse, file, buffer_slice(&text), told, &snapshot);
    if (rc < 0)
        return rc;
    int fd = tell_unread(file, file_in_memory("weir.yaml", buffer_slice(&text)), told);
    if (fd < 0) {
        snapshot_unref(snapshot);
        return fd;
    }
    *ret_configuration = (struct configuration){
        .snapshot = snapshot, .text = fd, .digest = hash_bytes(key, buffer_slice(&text))};
    return 0;
}

void configuration_release(struct configuration *configuration)
{
    snapshot_unref(configuration->snapshot);
    (void)close(configuration->text);
}

int configuration_take(int text, const char *file, struct snapshot **ret_snapshot)
{
    SCOPED(buffer_finish) struct buffer content;
    buffer_init(&content, FILE_BYTES_MAX);
    int rc = tell_unread(file, file_read_open(text, &content), NULL);
    (void)close(text);
    if (rc < 0)
        return rc;
    return parse(snapshot_parse_accepted, file, buffer_slice(&content), NULL, ret_snapshot);
}
