/* snapshot_parse and the bundle for processes, with what is wrong told. */
#include "main/configuration.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "cli/check.h"
#include "cli/place.h"
#include "conf/credentials.h"
#include "os/file.h"
#include "os/self.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_BYTES_MAX   16777216
#define ERRORS_BYTES_MAX (1 << 20)

static int tell_unread(const char *file, int rc, struct buffer *told)
{
    const char *why = rc == -EMSGSIZE  ? "it is larger than 16 MiB"
                      : rc == -ENOTSUP ? "it is no regular file"
                                       : strerror(-rc);
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

static void tell_warnings(const char *file, const struct conf_error *at, unsigned count,
                          struct buffer *told)
{
    for (unsigned i = 0; i < count; i++) {
        log_warn("%s, line %u: %.*s", file, at[i].place.line, SLICE_ARG(at[i].text));
        if (told != NULL)
            (void)buffer_format(told, "%s:%u:%u: warning: %.*s\n", file, at[i].place.line,
                                at[i].place.column, SLICE_ARG(at[i].text));
    }
}

/* Gathers and judges; the errors are the caller's to tell. What is there stands in the bundle also
 * when something is wrong. */
static int judge_bundle(const struct place *place, const struct snapshot *snapshot,
                        struct bundle *bundle, struct conf_errors *errors, struct buffer *told)
{
    SCOPED(conf_errors_finish) struct conf_errors warnings;
    conf_errors_init(&warnings);
    int rc = credentials_gather(snapshot, place->state, bundle, errors);
    if (rc == 0)
        rc = credentials_check(snapshot, bundle, self_wall_s(), errors, &warnings);
    tell_warnings(place->file, warnings.at, warnings.count, told);
    return rc;
}

/* Where something is wrong, -EINVAL, or with `takes_partial` what is right. */
static int read_bundle(const struct place *place, const struct snapshot *snapshot,
                       bool takes_partial, struct conf_errors *errors, struct buffer *told,
                       struct credentials *ret_credentials)
{
    static const struct hash_key key = {0x77656972, 0x6b657973};
    SCOPED(bundle_finish) struct bundle bundle;
    bundle_init(&bundle);
    uint64_t stamp = credentials_stamp(snapshot, place->state);
    int rc = judge_bundle(place, snapshot, &bundle, errors, told);
    bool is_partial = rc == -EINVAL && takes_partial;
    if (rc < 0 && !is_partial)
        return rc;
    int fd = file_in_memory("weir credentials", bundle_bytes(&bundle));
    if (fd < 0)
        return fd;
    *ret_credentials = (struct credentials){.fd = fd,
                                            .digest = hash_bytes(key, bundle_bytes(&bundle)),
                                            .stamp = stamp,
                                            .is_partial = is_partial};
    return 0;
}

/* With its line, where it stands in one. */
static void tell_fault(const char *file, const struct conf_error *error, struct buffer *told)
{
    char line[32] = "";
    if (error->place.line > 0)
        (void)snprintf(line, sizeof line, ", line %u", error->place.line);
    log_error("%s%s: %.*s", file, line, SLICE_ARG(error->text));
    if (told != NULL)
        (void)buffer_format(told, "%s%s: %.*s\n", file, line, SLICE_ARG(error->text));
}

int credentials_read(const struct place *place, const struct snapshot *snapshot,
                     struct buffer *told, struct credentials *ret_credentials)
{
    SCOPED(conf_errors_finish) struct conf_errors errors;
    conf_errors_init(&errors);
    int rc = read_bundle(place, snapshot, false, &errors, NULL, ret_credentials);
    for (unsigned i = 0; i < errors.count; i++)
        tell_fault(place->file, &errors.at[i], told);
    return rc == -EINVAL ? rc : tell_unread("certificates", rc, told);
}

static int make(parse_text *parse_by, const struct place *place, struct slice text,
                struct buffer *told, struct configuration *ret_configuration)
{
    static const struct hash_key key = {0x77656972, 0x636f6e66};
    struct snapshot *snapshot = NULL;
    SCOPED(conf_errors_finish) struct conf_errors errors;
    struct credentials credentials;
    const char *file = place->file;
    conf_errors_init(&errors);
    int rc = parse(parse_by, file, text, told, &snapshot);
    if (rc < 0)
        return rc;
    bool takes_partial = parse_by == snapshot_parse_accepted;
    rc = read_bundle(place, snapshot, takes_partial, &errors, told, &credentials);
    if (errors.count > 0)
        tell_errors(&errors, file, text, told);
    if (rc < 0) {
        snapshot_unref(snapshot);
        return rc == -EINVAL ? rc : tell_unread("certificates", rc, told);
    }
    int fd = tell_unread(file, file_in_memory("weir.yaml", text), told);
    if (fd < 0) {
        snapshot_unref(snapshot);
        (void)close(credentials.fd);
        return fd;
    }
    tell_warnings(file, snapshot->warnings, snapshot->warnings_count, told);
    *ret_configuration = (struct configuration){.snapshot = snapshot,
                                                .text = fd,
                                                .digest = hash_bytes(key, text),
                                                .credentials = credentials};
    return 0;
}

int configuration_read(const struct place *place, struct buffer *told,
                       struct configuration *ret_configuration)
{
    SCOPED(buffer_finish) struct buffer text;
    buffer_init(&text, FILE_BYTES_MAX);
    int rc = tell_unread(place->file, file_read_regular(place->file, &text), told);
    return rc < 0 ? rc : make(snapshot_parse, place, buffer_slice(&text), told, ret_configuration);
}

void configuration_release(struct configuration *configuration)
{
    if (configuration->snapshot == NULL)
        return;
    snapshot_unref(configuration->snapshot);
    (void)close(configuration->text);
    (void)close(configuration->credentials.fd);
    *configuration = (struct configuration){0};
}

/* Of a path below a root: would `files` show it? */
static bool is_shown(struct slice below)
{
    struct slice segment;
    bool is_first = true;
    while (slice_cut(&below, '/', &segment)) {
        if (slice_starts_with(segment, SLICE(".")) &&
            !(is_first && slice_equal(segment, SLICE(".well-known"))))
            return false;
        is_first &= segment.len == 0;
    }
    return true;
}

static bool shows(struct slice root, struct slice state)
{
    char real[PATH_MAX];
    int len = file_real_path(root.at, real, sizeof real);
    if (len < 0 || !slice_starts_with(state, slice_of(real, (size_t)len)))
        return false;
    struct slice below = slice_from(state, (size_t)len);
    bool is_below = len == 1 || below.len == 0 || below.at[0] == '/';
    return is_below && is_shown(below);
}

int configuration_check_state(const struct configuration *configuration, const char *state,
                              struct error *error)
{
    const struct snapshot *snapshot = configuration->snapshot;
    char real[PATH_MAX];
    int len = file_real_path(state, real, sizeof real);
    struct slice last = {NULL, 0}; /* rule after rule often serves the same */
    for (unsigned i = 0; len > 0 && i < snapshot->sites_count; i++) {
        const struct conf_site *site = &snapshot->sites[i];
        for (unsigned k = 0; k < site->rules_count; k++) {
            const struct conf_rule *rule = &site->rules[k];
            if (rule->action != CONF_ACTION_FILES || slice_equal(rule->files.root, last))
                continue;
            last = rule->files.root;
            if (shows(last, slice_of(real, (size_t)len)))
                return error_set(
                    error, -EPERM,
                    "%.*s:%u: the state folder %s lies in the folder that is served "
                    "here, and anybody could read it; take one elsewhere, or one whose "
                    "name begins with a dot",
                    SLICE_ARG(snapshot->file), rule->place.line, state);
        }
    }
    return 0;
}

int configuration_keep(const struct configuration *configuration, const char *path)
{
    SCOPED(buffer_finish) struct buffer text;
    SCOPED(buffer_finish) struct buffer kept;
    buffer_init(&text, FILE_BYTES_MAX);
    buffer_init(&kept, FILE_BYTES_MAX);
    int rc = file_read_open(configuration->text, &text);
    if (rc < 0)
        return rc;
    if (file_read_regular(path, &kept) == 0 &&
        slice_equal(buffer_slice(&kept), buffer_slice(&text)))
        return 0;
    return file_replace(path, buffer_slice(&text), 0600);
}

int configuration_read_kept(const char *path, const struct place *place, int64_t *ret_accepted_s,
                            struct configuration *ret_configuration)
{
    SCOPED(buffer_finish) struct buffer text;
    struct file_info info = {0};
    buffer_init(&text, FILE_BYTES_MAX);
    int rc = file_stat(path, &info);
    if (rc == -ENOENT)
        return rc;
    if (rc == 0)
        rc = file_read_regular(path, &text);
    rc = tell_unread(path, rc, NULL);
    if (rc == 0)
        rc = make(snapshot_parse_accepted, place, buffer_slice(&text), NULL, ret_configuration);
    if (rc == 0)
        *ret_accepted_s = info.modified_ns / 1000000000;
    return rc;
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

int credentials_take(int fd, struct bundle *bundle)
{
    SCOPED(buffer_finish) struct buffer content;
    buffer_init(&content, BUNDLE_BYTES_MAX);
    int rc = file_read_open(fd, &content);
    (void)close(fd);
    if (rc == 0)
        rc = bundle_take(bundle, buffer_slice(&content));
    if (content.at != NULL)
        explicit_bzero(content.at, content.len);
    return tell_unread("certificates", rc, NULL);
}
