/* Checking a file without serving it. The texts come from src/conf; the command prints them. */
#include "cli/check.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "conf/credentials.h"
#include "conf/snapshot.h"
#include "os/self.h"

#include <errno.h>

#define FILE_BYTES_MAX 16777216
#define SHOWN_MAX      10 /* certificates, and names of each */

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
    groups -= snapshot->remotes_count;
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
    if (rc == 0 && snapshot->buckets_count > 0)
        rc = append_count(out, ", ", snapshot->buckets_count, "bucket");
    if (rc == 0 && snapshot->proxies_count > 0)
        rc = buffer_format(out, ", %u forward prox%s", snapshot->proxies_count,
                           snapshot->proxies_count == 1 ? "y" : "ies");
    return rc < 0 ? rc : buffer_append_char(out, '\n');
}

static int tell_listener(const struct conf_listener *listener, struct buffer *out)
{
    const struct conf_address *address = &listener->address;
    bool has_tls = listener->tls.source != CONF_TLS_OFF;
    const char *scheme = listener->protocol == CONF_PROTOCOL_TCP ? (has_tls ? "tls" : "tcp")
                         : has_tls                               ? "https"
                                                                 : "http";
    if (address->kind == CONF_ADDRESS_UNIX)
        return buffer_format(out, "listens at %.*s for %s\n", SLICE_ARG(address->text), scheme);
    return buffer_format(out, "listens at %s://%s%.*s%s\n", scheme,
                         address->host.len == 0 ? "*" : "", SLICE_ARG(address->text),
                         listener->proxy == NULL ? "" : " as a forward proxy");
}

static int tell_managed(const struct conf_managed *managed, struct buffer *out)
{
    bool is_internal = managed->source == CONF_TLS_INTERNAL;
    int rc = buffer_append(out, SLICE("gets a certificate for "));
    for (unsigned i = 0; rc == 0 && i < managed->names_count && i < SHOWN_MAX; i++)
        rc = buffer_format(out, "%s%.*s", i == 0 ? "" : ", ", SLICE_ARG(managed->names[i]));
    if (rc == 0 && managed->names_count > SHOWN_MAX)
        rc = buffer_format(out, " and %u more", managed->names_count - SHOWN_MAX);
    return rc < 0
               ? rc
               : buffer_format(out, " %s\n", is_internal ? "from Weir's own authority" : "by ACME");
}

static int tell_doors(const struct snapshot *snapshot, struct buffer *out)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < snapshot->listeners_count; i++)
        rc = tell_listener(&snapshot->listeners[i], out);
    for (unsigned i = 0; rc == 0 && i < snapshot->managed_count && i < SHOWN_MAX; i++)
        rc = tell_managed(snapshot->managed[i], out);
    if (rc == 0 && snapshot->managed_count > SHOWN_MAX)
        rc = buffer_format(out, "gets %u more certificates\n", snapshot->managed_count - SHOWN_MAX);
    return rc;
}

int check_write_errors(const struct conf_errors *errors, const char *file, struct slice text,
                       struct buffer *out)
{
    int rc = conf_errors_format(errors, slice_of_cstr(file), text, out);
    if (rc == 0)
        rc = append_count(out, "", (size_t)errors->count + errors->dropped, "error");
    return rc < 0 ? rc : buffer_format(out, " in %s\n", file);
}

/* What clients will not like. */
static int tell_warnings(const struct conf_error *warnings, unsigned count, const char *file,
                         struct slice text, struct buffer *out)
{
    return conf_warnings_format(warnings, count, slice_of_cstr(file), text, out);
}

/* The files of certificates that it names. */
static int check_credentials(const struct snapshot *snapshot, const char *state,
                             struct conf_errors *errors, struct conf_errors *warnings)
{
    SCOPED(bundle_finish) struct bundle bundle;
    bundle_init(&bundle);
    int rc = credentials_gather(snapshot, state, &bundle, errors);
    return rc < 0 ? rc : credentials_check(snapshot, &bundle, self_wall_s(), errors, warnings);
}

int check_file(const char *file, const char *state, struct buffer *ret_out,
               struct buffer *ret_errors)
{
    SCOPED(conf_errors_finish) struct conf_errors errors;
    SCOPED(conf_errors_finish) struct conf_errors warnings;
    SCOPED(buffer_finish) struct buffer text;
    struct snapshot *snapshot = NULL;
    buffer_init(&text, FILE_BYTES_MAX);
    conf_errors_init(&errors);
    conf_errors_init(&warnings);
    int rc = snapshot_read(file, &text, &snapshot, &errors);
    int told = 0;
    if (rc == 0)
        rc = check_credentials(snapshot, state, &errors, &warnings);
    if (rc == 0) {
        told = tell_contents(snapshot, file, ret_out);
        struct slice lines = buffer_slice(&text);
        if (told == 0)
            told = tell_doors(snapshot, ret_out);
        if (told == 0)
            told = tell_warnings(snapshot->warnings, snapshot->warnings_count, file, lines,
                                 ret_errors);
        if (told == 0)
            told = tell_warnings(warnings.at, warnings.count, file, lines, ret_errors);
    } else if (rc == -EINVAL) {
        told = check_write_errors(&errors, file, buffer_slice(&text), ret_errors);
    }
    snapshot_unref(snapshot);
    return told < 0 ? told : rc;
}
