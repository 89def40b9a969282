/*
 * Which files there are stands in one walk, each_file; gathering and the stamp differ only in what
 * they do with each. Called by the supervisor and by `weir check`.
 */
#include "conf/credentials.h"

#include "base/cleanup.h"
#include "base/writer.h"
#include "conf/errors.h"
#include "conf/s3_keys.h"
#include "os/file.h"
#include "os/folder.h"
#include "wire/http/date.h"
#include "wire/tls/connection.h"
#include "wire/tls/context.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#define NAMES_SHOWN 3
#define DATE_FROM   5 /* "06 Nov 1994" of "Sun, 06 Nov 1994 08:49:37 GMT" */
#define DATE_LEN    11

/* A file that is wanted. */
struct wanted {
    struct conf_place place;
    const char *what;
    struct slice path;
    struct slice name; /* in the bundle */
    bool may_be_missing;
};

typedef int visit_file(void *arg, const struct wanted *wanted);

static struct slice write_name(char *room, const char *before, struct slice id, const char *after)
{
    int len = snprintf(room, CREDENTIALS_NAME_BYTES, "%s%.*s%s", before, SLICE_ARG(id), after);
    return slice_of(room, len < 0 ? 0 : (size_t)len);
}

struct slice credentials_managed_name(const struct conf_managed *managed,
                                      char room[static CREDENTIALS_NAME_BYTES])
{
    return write_name(room, "managed/", managed->id, "");
}

struct slice credentials_managed_file(const struct conf_managed *managed,
                                      char room[static CREDENTIALS_NAME_BYTES])
{
    return write_name(room, "certificates/", managed->id, ".pem");
}

/* The walk. */

static int visit_path(struct conf_place place, const char *what, struct slice path,
                      visit_file *visit, void *arg)
{
    const struct wanted wanted = {.place = place, .what = what, .path = path, .name = path};
    return path.len == 0 ? 0 : visit(arg, &wanted);
}

static int each_certificate(const struct conf_certificate *at, unsigned count, visit_file *visit,
                            void *arg)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < count; i++) {
        rc = visit_path(at[i].place, "the certificate", at[i].certificate, visit, arg);
        if (rc == 0)
            rc = visit_path(at[i].place, "the key", at[i].key, visit, arg);
    }
    return rc;
}

static int each_of_identity(const struct conf_identity *identity, visit_file *visit, void *arg)
{
    const struct conf_client_auth *auth = &identity->client_auth;
    int rc = each_certificate(identity->certificates, identity->certificates_count, visit, arg);
    if (rc == 0 && auth->mode != CONF_CLIENT_NONE)
        rc = visit_path(auth->place, "the file of authorities", auth->ca, visit, arg);
    return rc;
}

static bool wants_system(const struct conf_group_tls *tls)
{
    return tls->enabled && tls->verify && tls->ca.len == 0;
}

static int each_of_group(const struct conf_group_tls *tls, visit_file *visit, void *arg)
{
    const struct wanted system = {.place = tls->place,
                                  .what = "the file of the system's authorities",
                                  .path = SLICE(CREDENTIALS_SYSTEM),
                                  .name = SLICE(CREDENTIALS_SYSTEM),
                                  .may_be_missing = true};
    int rc = visit_path(tls->place, "the file of authorities", tls->ca, visit, arg);
    if (rc == 0 && wants_system(tls))
        rc = visit(arg, &system);
    if (rc == 0)
        rc = visit_path(tls->place, "the certificate", tls->certificate, visit, arg);
    return rc < 0 ? rc : visit_path(tls->place, "the key", tls->key, visit, arg);
}

static int each_managed(const struct snapshot *snapshot, const char *state, visit_file *visit,
                        void *arg)
{
    char path[PATH_MAX], file[CREDENTIALS_NAME_BYTES], name[CREDENTIALS_NAME_BYTES];
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < snapshot->managed_count; i++) {
        const struct conf_managed *managed = snapshot->managed[i];
        (void)credentials_managed_file(managed, file);
        int len = snprintf(path, sizeof path, "%s/%s", state, file);
        if (len < 0 || (size_t)len >= sizeof path)
            continue;
        const struct wanted wanted = {.place = managed->place,
                                      .what = "the certificate",
                                      .path = slice_of(path, (size_t)len),
                                      .name = credentials_managed_name(managed, name),
                                      .may_be_missing = true};
        rc = visit(arg, &wanted);
    }
    return rc;
}

static int visit_s3_keys(const char *state, visit_file *visit, void *arg)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/" S3_KEYS_FILE, state);
    if (len < 0 || (size_t)len >= sizeof path)
        return 0;
    const struct wanted wanted = {.what = "the file of S3 keys",
                                  .path = slice_of(path, (size_t)len),
                                  .name = SLICE(S3_KEYS_NAME),
                                  .may_be_missing = true};
    return visit(arg, &wanted);
}

#define STAPLE_PREFIX       "ocsp-"
#define STAPLE_DIGEST_BYTES 16

struct slice credentials_staple_name(const struct tls_certificate *certificate,
                                     char room[static CREDENTIALS_NAME_BYTES])
{
    struct writer writer;
    writer_init(&writer, room, CREDENTIALS_NAME_BYTES);
    write_literal(&writer, "ocsp/");
    for (unsigned i = 0; i < STAPLE_DIGEST_BYTES; i++)
        write_hex(&writer, tls_certificate_digest(certificate)[i], 2);
    return writer_slice(&writer);
}

struct staples {
    const char *state;
    visit_file *visit;
    void *arg;
};

/* Whatever it is about: the edge looks for those of the certificates that it shows. */
static int visit_staple(void *arg, const char *file)
{
    const struct staples *staples = arg;
    struct slice text = slice_of_cstr(file), prefix = SLICE(STAPLE_PREFIX), suffix = SLICE(".der");
    char path[PATH_MAX], name[CREDENTIALS_NAME_BYTES];
    size_t wanted_len = prefix.len + 2 * (size_t)STAPLE_DIGEST_BYTES + suffix.len;
    if (text.len != wanted_len || !slice_starts_with(text, prefix) ||
        !slice_ends_with(text, suffix))
        return 0;
    struct slice digest = slice_of(text.at + prefix.len, 2 * (size_t)STAPLE_DIGEST_BYTES);
    int len = snprintf(path, sizeof path, "%s/certificates/%s", staples->state, file);
    if (len < 0 || (size_t)len >= sizeof path)
        return 0;
    const struct wanted wanted = {.what = "the OCSP answer",
                                  .path = slice_of(path, (size_t)len),
                                  .name = write_name(name, "ocsp/", digest, ""),
                                  .may_be_missing = true};
    return staples->visit(staples->arg, &wanted);
}

static int each_staple(const char *state, visit_file *visit, void *arg)
{
    char folder[PATH_MAX];
    struct staples staples = {state, visit, arg};
    int len = snprintf(folder, sizeof folder, "%s/certificates", state);
    if (len < 0 || (size_t)len >= sizeof folder)
        return 0;
    int rc = folder_each(folder, visit_staple, &staples);
    return rc == -ENOENT ? 0 : rc;
}

/* Until visit returns other than 0; returns that. A file may be visited more than once. */
static int each_file(const struct snapshot *snapshot, const char *state, visit_file *visit,
                     void *arg)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < snapshot->listeners_count; i++) {
        const struct conf_listener *listener = &snapshot->listeners[i];
        rc = each_certificate(listener->tls.certificates, listener->tls.certificates_count, visit,
                              arg);
        if (rc == 0 && listener->identity != NULL)
            rc = each_of_identity(listener->identity, visit, arg);
    }
    for (unsigned i = 0; rc == 0 && i < snapshot->sites_count; i++) {
        for (unsigned k = 0; rc == 0 && k < snapshot->sites[i].identities_count; k++)
            rc = each_of_identity(&snapshot->sites[i].identities[k], visit, arg);
    }
    for (unsigned i = 0; rc == 0 && i < snapshot->groups_count; i++)
        rc = each_of_group(&snapshot->groups[i].tls, visit, arg);
    if (rc == 0)
        rc = each_managed(snapshot, state, visit, arg);
    if (rc == 0 && snapshot->has_s3)
        rc = visit_s3_keys(state, visit, arg);
    return rc < 0 ? rc : each_staple(state, visit, arg);
}

/* Gathering. */

struct gathering {
    struct bundle *bundle;
    struct conf_errors *errors;
    struct map seen; /* names; keys in the arena */
    struct arena arena;
};

static const char *why_unread(int rc, char *room, size_t room_len)
{
    if (rc == -EACCES || rc == -EPERM)
        return "Weir may not read it; let its owner be root, or the user that starts Weir";
    if (rc == -ENOENT)
        return "there is no such file";
    if (rc == -EMSGSIZE)
        return "it is larger than 1 MiB";
    if (rc == -ENOTSUP)
        return "it is no regular file";
    (void)snprintf(room, room_len, "%s", strerror(-rc));
    return room;
}

static int refuse(struct gathering *gathering, const struct wanted *wanted, int rc)
{
    char room[100];
    return conf_errors_add(gathering->errors, wanted->place, "%s %.*s cannot be read: %s",
                           wanted->what, SLICE_ARG(wanted->path),
                           why_unread(rc, room, sizeof room));
}

static int gather(void *arg, const struct wanted *wanted)
{
    struct gathering *gathering = arg;
    struct buffer content;
    if (map_get(&gathering->seen, wanted->name) != NULL)
        return 0;
    struct slice name = arena_copy(&gathering->arena, wanted->name);
    int rc = name.at == NULL ? -ENOMEM : map_set(&gathering->seen, name, gathering);
    if (rc < 0)
        return rc;
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%.*s", SLICE_ARG(wanted->path));
    buffer_init(&content, BUNDLE_FILE_BYTES_MAX);
    rc = file_read_regular(path, &content);
    if (rc == 0)
        rc = bundle_add(gathering->bundle, name, buffer_slice(&content));
    else if (rc != -ENOMEM)
        rc = rc == -ENOENT && wanted->may_be_missing ? 0 : refuse(gathering, wanted, rc);
    if (content.at != NULL)
        explicit_bzero(content.at, content.len);
    buffer_finish(&content);
    return rc;
}

int credentials_gather(const struct snapshot *snapshot, const char *state, struct bundle *bundle,
                       struct conf_errors *errors)
{
    struct gathering gathering = {.bundle = bundle, .errors = errors};
    unsigned before = errors->count + errors->dropped;
    map_init(&gathering.seen, (struct hash_key){1, 2});
    arena_init(&gathering.arena, NULL, 0, BUNDLE_BYTES_MAX);
    int rc = each_file(snapshot, state, gather, &gathering);
    map_finish(&gathering.seen);
    arena_finish(&gathering.arena);
    if (rc < 0)
        return rc;
    conf_errors_sort(errors);
    rc = bundle_seal(bundle);
    return rc < 0 ? rc : errors->count + errors->dropped > before ? -EINVAL : 0;
}

static int stamp_file(void *arg, const struct wanted *wanted)
{
    uint64_t *stamp = arg;
    char path[PATH_MAX];
    struct file_info info = {0};
    (void)snprintf(path, sizeof path, "%.*s", SLICE_ARG(wanted->path));
    int rc = file_stat(path, &info);
    const int64_t facts[] = {rc, info.modified_ns, info.changed_ns, (int64_t)info.size,
                             (int64_t)info.inode};
    *stamp = hash_bytes((struct hash_key){*stamp, 1}, slice_of(facts, sizeof facts));
    return 0;
}

uint64_t credentials_stamp(const struct snapshot *snapshot, const char *state)
{
    uint64_t stamp = 1;
    (void)each_file(snapshot, state, stamp_file, &stamp);
    return stamp;
}

/* Judging. */

int credentials_parse(const struct bundle *bundle, const struct conf_certificate *conf,
                      struct tls_certificate **ret_certificate, struct error *ret_error)
{
    struct slice chain, key;
    if (!bundle_find(bundle, conf->certificate, &chain) || !bundle_find(bundle, conf->key, &key))
        return error_set(ret_error, -ENOENT, "it was not read");
    return tls_certificate_parse(chain, key, ret_certificate, ret_error);
}

bool credentials_cover(const struct tls_certificate *certificate, struct slice domain)
{
    if (slice_equal(domain, SLICE("*")))
        return true;
    if (!slice_starts_with(domain, SLICE("*.")))
        return tls_certificate_covers(certificate, domain);
    for (unsigned i = 0; i < tls_certificate_names_count(certificate); i++) {
        if (slice_equal(tls_certificate_name(certificate, i), domain))
            return true;
    }
    return false;
}

struct judging {
    const struct snapshot *snapshot;
    const struct bundle *bundle;
    int64_t now_s;
    struct conf_errors *errors;
    struct conf_errors *warnings;
    struct map seen; /* path of a certificate → struct judged */
    struct arena arena;
};

struct judged {
    struct tls_certificate *certificate; /* counted; NULL: it is of no use */
    struct slice key;
    struct judged *next; /* with the same file of certificates and another key */
};

static void date_text(int64_t time_s, char ret_text[static DATE_LEN + 1])
{
    char text[HTTP_DATE_BYTES];
    http_date_write(text, time_s);
    memcpy(ret_text, text + DATE_FROM, DATE_LEN);
    ret_text[DATE_LEN] = '\0';
}

static int judge_times(struct judging *judging, const struct conf_certificate *conf,
                       const struct tls_certificate *certificate)
{
    char date[DATE_LEN + 1];
    int64_t ends_s = tls_certificate_not_after_s(certificate);
    int64_t begins_s = tls_certificate_not_before_s(certificate);
    if (judging->now_s > ends_s) {
        date_text(ends_s, date);
        return conf_errors_add(judging->warnings, conf->place,
                               "the certificate %.*s has expired on %s: clients refuse it; put a "
                               "new one in its place, Weir takes it up by itself",
                               SLICE_ARG(conf->certificate), date);
    }
    if (judging->now_s < begins_s) {
        date_text(begins_s, date);
        return conf_errors_add(judging->warnings, conf->place,
                               "the certificate %.*s holds from %s on: clients refuse it until "
                               "then; is this machine's clock right?",
                               SLICE_ARG(conf->certificate), date);
    }
    return 0;
}

static int parse_new(struct judging *judging, const struct conf_certificate *conf,
                     struct judged *judged)
{
    struct error error = {0};
    struct slice ignored;
    if (!bundle_find(judging->bundle, conf->certificate, &ignored) ||
        !bundle_find(judging->bundle, conf->key, &ignored))
        return 0; /* that has been told */
    int rc = credentials_parse(judging->bundle, conf, &judged->certificate, &error);
    if (rc == 0)
        return judge_times(judging, conf, judged->certificate);
    if (rc == -ENOMEM)
        return rc;
    bool has_own_key = !slice_equal(conf->certificate, conf->key);
    return conf_errors_add(judging->errors, conf->place,
                           "the certificate %.*s%s%.*s cannot be used: %s",
                           SLICE_ARG(conf->certificate), has_own_key ? " with the key " : "",
                           (int)(has_own_key ? conf->key.len : 0), conf->key.at, error.text);
}

/* Each pair of files is judged once. *ret_certificate is borrowed; NULL: it is of no use. */
static int judge_certificate(struct judging *judging, const struct conf_certificate *conf,
                             const struct tls_certificate **ret_certificate)
{
    struct judged *first = map_get(&judging->seen, conf->certificate), *judged = first;
    while (judged != NULL && !slice_equal(judged->key, conf->key))
        judged = judged->next;
    if (judged != NULL) {
        *ret_certificate = judged->certificate;
        return 0;
    }
    judged = arena_alloc(&judging->arena, sizeof *judged);
    if (judged == NULL)
        return -ENOMEM;
    *judged = (struct judged){.key = conf->key, .next = first};
    int rc = parse_new(judging, conf, judged);
    if (rc == 0)
        rc = map_set(&judging->seen, conf->certificate, judged);
    if (rc < 0)
        tls_certificate_unref(judged->certificate);
    else
        *ret_certificate = judged->certificate;
    return rc;
}

/* "a.org, b.org and 7 more" */
static struct slice names_text(const struct tls_certificate *certificate, char *room, size_t len)
{
    struct writer writer;
    unsigned count = tls_certificate_names_count(certificate);
    writer_init(&writer, room, len);
    for (unsigned i = 0; i < count && i < NAMES_SHOWN; i++) {
        if (i > 0)
            write_literal(&writer, ", ");
        write_slice(&writer, slice_first(tls_certificate_name(certificate, i), 80));
    }
    if (count > NAMES_SHOWN) {
        write_literal(&writer, " and ");
        write_u64(&writer, count - NAMES_SHOWN);
        write_literal(&writer, " more");
    }
    return writer_slice(&writer);
}

static bool is_for_any(const struct tls_certificate *certificate,
                       const struct conf_identity *identity)
{
    for (unsigned i = 0; i < identity->domains_count; i++) {
        if (credentials_cover(certificate, identity->domains[i]))
            return true;
    }
    return false;
}

/* A site's own certificate is meant for it; those of a listener are for some of its sites. */
static bool is_own(const struct conf_identity *identity)
{
    return identity->listeners[0]->tls.certificates != identity->certificates;
}

static int refuse_foreign(struct judging *judging, const struct conf_identity *identity,
                          const struct conf_certificate *conf,
                          const struct tls_certificate *certificate)
{
    char room[NAMES_SHOWN * 90];
    if (tls_certificate_names_count(certificate) == 0)
        return conf_errors_add(judging->errors, conf->place,
                               "the certificate %.*s names nobody: clients look at its "
                               "subjectAltName alone, and it has none",
                               SLICE_ARG(conf->certificate));
    return conf_errors_add(judging->errors, conf->place,
                           "the certificate %.*s is for %.*s, and for no domain of the site "
                           "\"%.*s\"",
                           SLICE_ARG(conf->certificate),
                           SLICE_ARG(names_text(certificate, room, sizeof room)),
                           SLICE_ARG(identity->site->name));
}

static int warn_uncovered(struct judging *judging, const struct conf_identity *identity,
                          struct slice domain)
{
    return conf_errors_add(judging->warnings, identity->site->place,
                           "no certificate of the site \"%.*s\" is for \"%.*s\": browsers warn of "
                           "it there",
                           SLICE_ARG(identity->site->name), SLICE_ARG(domain));
}

/* Each domain should be one that some certificate is for. One is named. */
static int judge_cover(struct judging *judging, const struct conf_identity *identity,
                       const struct tls_certificate *const *certificates)
{
    for (unsigned i = 0; i < identity->domains_count; i++) {
        unsigned k = 0;
        while (k < identity->certificates_count && certificates[k] != NULL &&
               !credentials_cover(certificates[k], identity->domains[i]))
            k++;
        if (k == identity->certificates_count)
            return warn_uncovered(judging, identity, identity->domains[i]);
    }
    return 0;
}

/* OpenSSL alone knows whether these authorities are any. */
static int judge_client_auth(struct judging *judging, const struct conf_identity *identity,
                             const struct tls_certificate *certificate)
{
    struct slice authorities;
    struct tls_identity *made = NULL;
    struct error error = {0};
    struct tls_certificate *one = (struct tls_certificate *)(uintptr_t)certificate;
    const struct conf_client_auth *auth = &identity->client_auth;
    if (auth->mode == CONF_CLIENT_NONE || certificate == NULL ||
        !bundle_find(judging->bundle, auth->ca, &authorities))
        return 0;
    const struct tls_identity_settings settings = {.certificates = &one,
                                                   .certificates_count = 1,
                                                   .client_auth = TLS_CLIENT_REQUIRE,
                                                   .client_authorities_pem = authorities};
    int rc = tls_identity_create(&settings, &made, &error);
    tls_identity_unref(made);
    if (rc == 0 || rc == -ENOMEM)
        return rc;
    return conf_errors_add(judging->errors, auth->place,
                           "the file of authorities %.*s cannot be used: %s", SLICE_ARG(auth->ca),
                           error.text);
}

static int judge_identity(struct judging *judging, const struct conf_identity *identity)
{
    unsigned count = identity->certificates_count;
    SCOPED_FREE const struct tls_certificate **certificates =
        memory_alloc_array((size_t)count + 1, sizeof *certificates);
    int rc = certificates == NULL ? -ENOMEM : 0;
    for (unsigned i = 0; rc == 0 && i < count; i++) {
        const struct conf_certificate *conf = &identity->certificates[i];
        rc = judge_certificate(judging, conf, &certificates[i]);
        if (rc == 0 && certificates[i] != NULL && identity->site != NULL && is_own(identity) &&
            !is_for_any(certificates[i], identity))
            rc = refuse_foreign(judging, identity, conf, certificates[i]);
    }
    if (rc == 0 && count > 0 && identity->site != NULL)
        rc = judge_cover(judging, identity, certificates);
    return rc < 0 || count == 0 ? rc : judge_client_auth(judging, identity, certificates[0]);
}

static int judge_group(struct judging *judging, const struct conf_group *group)
{
    const struct conf_group_tls *tls = &group->tls;
    const struct tls_certificate *certificate = NULL;
    struct tls_client_settings settings = {.is_verified = true};
    struct tls_client *made = NULL;
    struct error error = {0};
    const struct conf_certificate conf = {tls->place, tls->certificate, tls->key};
    struct slice system;
    int rc = tls->certificate.len == 0 ? 0 : judge_certificate(judging, &conf, &certificate);
    if (rc == 0 && wants_system(tls) &&
        !bundle_find(judging->bundle, SLICE(CREDENTIALS_SYSTEM), &system))
        rc = conf_errors_add(judging->warnings, tls->place,
                             "nobody is believed, so that all targets are refused: install "
                             "ca-certificates, or say by \"ca\" whose certificates are good");
    if (rc < 0 || tls->ca.len == 0 ||
        !bundle_find(judging->bundle, tls->ca, &settings.authorities_pem))
        return rc;
    rc = tls_client_create(&settings, &made, &error);
    tls_client_unref(made);
    if (rc == 0 || rc == -ENOMEM)
        return rc;
    return conf_errors_add(judging->errors, tls->place,
                           "the file of authorities %.*s cannot be used: %s", SLICE_ARG(tls->ca),
                           error.text);
}

static int judge_listener(struct judging *judging, const struct conf_listener *listener)
{
    const struct tls_certificate *ignored;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < listener->tls.certificates_count; i++)
        rc = judge_certificate(judging, &listener->tls.certificates[i], &ignored);
    return rc < 0 || listener->identity == NULL ? rc : judge_identity(judging, listener->identity);
}

static int judge_s3_keys(struct judging *judging)
{
    struct s3_keys *keys = NULL;
    struct error error = {0};
    int rc = s3_keys_take(judging->bundle, &keys, &error);
    s3_keys_unref(keys);
    if (rc == 0 || rc == -ENOMEM)
        return rc;
    return conf_errors_add(judging->errors, (struct conf_place){0, 0},
                           "%s in the state folder cannot be used: %s", S3_KEYS_FILE, error.text);
}

static int judge_all(struct judging *judging)
{
    const struct snapshot *snapshot = judging->snapshot;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < snapshot->listeners_count; i++)
        rc = judge_listener(judging, &snapshot->listeners[i]);
    for (unsigned i = 0; rc == 0 && i < snapshot->sites_count; i++) {
        for (unsigned k = 0; rc == 0 && k < snapshot->sites[i].identities_count; k++)
            rc = judge_identity(judging, &snapshot->sites[i].identities[k]);
    }
    for (unsigned i = 0; rc == 0 && i < snapshot->groups_count; i++)
        rc = judge_group(judging, &snapshot->groups[i]);
    return rc < 0 ? rc : judge_s3_keys(judging);
}

static void release(struct judging *judging)
{
    size_t cursor = 0;
    const struct map_entry *entry;
    while ((entry = map_next(&judging->seen, &cursor)) != NULL) {
        for (struct judged *one = entry->value; one != NULL; one = one->next)
            tls_certificate_unref(one->certificate);
    }
    map_finish(&judging->seen);
    arena_finish(&judging->arena);
}

int credentials_check(const struct snapshot *snapshot, const struct bundle *bundle, int64_t now_s,
                      struct conf_errors *errors, struct conf_errors *warnings)
{
    struct judging judging = {.snapshot = snapshot,
                              .bundle = bundle,
                              .now_s = now_s,
                              .errors = errors,
                              .warnings = warnings};
    unsigned before = errors->count + errors->dropped;
    map_init(&judging.seen, (struct hash_key){1, 2});
    arena_init(&judging.arena, NULL, 0, BUNDLE_BYTES_MAX);
    int rc = judge_all(&judging);
    release(&judging);
    conf_errors_sort(errors);
    conf_errors_sort(warnings);
    return rc < 0 ? rc : errors->count + errors->dropped > before ? -EINVAL : 0;
}
