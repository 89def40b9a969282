/* Checking a file without serving it. The texts come from src/conf; the command prints them. */
#include "cli/check.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "conf/snapshot.h"

#include <errno.h>

#define FILE_BYTES_MAX 16777216

static int append_count(struct buffer *out, const char *separator, size_t count, const char *noun)
{
    return buffer_format(out, "%s%zu %s%s", separator, count, noun, count == 1 ? "" : "s");
}

static int tell_contents(const struct snapshot *snapshot, const char *file, struct buffer *out)
{
    size_t rules = 0, groups = 0;
    for (unsigned i = 0; i < snapshot->sites_count; i++)
        rules += snapshot->sites[i].rules_count;
    for (unsigned i = 0; i < snapshot->groups_count; i++)
        groups += !snapshot->groups[i].is_service;
    int rc = buffer_format(out, "%s is right: ", file);
    if (rc == 0)
        rc = append_count(out, "", snapshot->listeners_count, "listener");
    if (rc == 0)
        rc = append_count(out, ", ", snapshot->sites_count, "site");
    if (rc == 0)
        rc = append_count(out, ", ", rules, "rule");
    if (rc == 0)
        rc = append_count(out, ", ", snapshot->services_count, "service");
    if (rc == 0)
        rc = append_count(out, ", ", groups, "target group");
    return rc < 0 ? rc : buffer_append_char(out, '\n');
}

int check_write_errors(const struct conf_errors *errors, const char *file, struct slice text,
                       struct buffer *out)
{
    int rc = conf_errors_format(errors, slice_of_cstr(file), text, out);
    if (rc == 0)
        rc = append_count(out, "", (size_t)errors->count + errors->dropped, "error");
    return rc < 0 ? rc : buffer_format(out, " in %s\n", file);
}

int check_file(const char *file, struct buffer *ret_out, struct buffer *ret_errors)
{
    SCOPED(conf_errors_finish) struct conf_errors errors;
    SCOPED(buffer_finish) struct buffer text;
    struct snapshot *snapshot = NULL;
    buffer_init(&text, FILE_BYTES_MAX);
    conf_errors_init(&errors);
    int rc = snapshot_read(file, &text, &snapshot, &errors);
    int told = 0;
    if (rc == 0)
        told = tell_contents(snapshot, file, ret_out);
    else if (rc == -EINVAL)
        told = check_write_errors(&errors, file, buffer_slice(&text), ret_errors);
    snapshot_unref(snapshot);
    return told < 0 ? told : rc;
}
