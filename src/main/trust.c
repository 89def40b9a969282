/*
 * Each store is tried and told of on a line of its own: what could not be done for want of rights
 * or programs is named with the command that does it.
 */
#include "main/trust.h"

#include "base/cleanup.h"
#include "base/writer.h"
#include "cli/fiber_run.h"
#include "cli/options.h"
#include "cli/place.h"
#include "control/identity/authorities.h"
#include "main/trust_stores.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/self.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define AUTHORITIES_MAX 2
#define DIGEST_SHOWN    4 /* bytes */

struct trust {
    struct place place;
    bool removes, exports;
    struct vault vault;
    struct trusted trusted[AUTHORITIES_MAX];
    struct buffer pems[AUTHORITIES_MAX];                /* owned */
    struct tls_authority *authorities[AUTHORITIES_MAX]; /* owned */
    unsigned count;
    unsigned failed; /* stores */
    struct nss_store stores[STORES_MAX];
};

static void describe(const struct tls_authority *authority, bool is_open, struct buffer *pem,
                     struct trusted *ret_trusted)
{
    char digest[2 * DIGEST_SHOWN + 1];
    struct writer writer;
    struct slice name = tls_authority_name(authority);
    writer_init(&writer, digest, sizeof digest);
    for (unsigned i = 0; i < DIGEST_SHOWN; i++)
        write_hex(&writer, tls_authority_digest(authority)[i], 2);
    write_char(&writer, '\0');
    ret_trusted->name = name;
    ret_trusted->pem = buffer_slice(pem);
    (void)snprintf(ret_trusted->file_name, sizeof ret_trusted->file_name, "weir-%s%s.crt",
                   is_open ? "open-" : "", digest);
    (void)snprintf(ret_trusted->nickname, sizeof ret_trusted->nickname, "%.*s %s", SLICE_ARG(name),
                   digest);
}

static int take(struct trust *trust, enum tls_authority_reach reach, struct error *error)
{
    unsigned at = trust->count;
    bool is_new = false, may_make = reach == TLS_AUTHORITY_LOCAL && !trust->removes;
    struct tls_authority **authority = &trust->authorities[at];
    int rc = may_make ? authorities_take(&trust->vault, reach, authority, &is_new, error)
                      : authorities_find(&trust->vault, reach, authority, error);
    if (rc == -ENOENT)
        return 0;
    if (rc < 0)
        return rc;
    trust->count++;
    rc = tls_authority_write_certificate(*authority, &trust->pems[at]);
    if (rc < 0)
        return error_set(error, rc, "out of memory");
    describe(*authority, reach == TLS_AUTHORITY_OPEN, &trust->pems[at], &trust->trusted[at]);
    return 0;
}

/* What became of one store. */
static void tell(struct trust *trust, const char *store, int rc, const struct error *error)
{
    if (rc < 0) {
        trust->failed++;
        (void)fprintf(stderr, "  %s: %s\n", store, error->text);
    } else if (rc > 0) {
        printf("  %s: %s\n", store, trust->removes ? "removed" : "trusted");
    }
}

static void change_system(struct trust *trust, const struct trusted *trusted)
{
    struct error error = {0};
    int rc = trust->removes ? store_remove_from_system(trusted, &error)
                            : store_add_to_system(trusted, &error);
    tell(trust, "the system (curl, wget, Python and others)", rc, &error);
}

static void change_nss(struct trust *trust, const struct trusted *trusted, const char *home)
{
    char path[PATH_MAX];
    bool is_under_sudo = self_variable("SUDO_USER") != NULL;
    unsigned count = nss_stores_find(home, !trust->removes && !is_under_sudo, trust->stores);
    if (count > 0 && !nss_has_tool()) {
        struct error error = {0};
        (void)error_set(&error, -ENOENT, NSS_TOOL_HINT ", then again");
        tell(trust, "Chromium and Firefox", -ENOENT, &error);
        return;
    }
    int fd = count > 0 ? file_in_memory("weir authority", trusted->pem) : -1;
    (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)self_pid(), fd);
    for (unsigned i = 0; i < count; i++) {
        struct error error = {0};
        int rc = fd < 0           ? error_set_errno(&error, fd, "no memory for the certificate")
                 : trust->removes ? nss_remove(&trust->stores[i], trusted, &error)
                                  : nss_add(&trust->stores[i], trusted, path, &error);
        tell(trust, trust->stores[i].owner, rc, &error);
    }
}

static int change_all(struct trust *trust)
{
    char home[PATH_MAX];
    bool has_home = self_home_folder(home, sizeof home) == 0;
    if (trust->count == 0)
        printf("there is no authority in %s\n", trust->vault.folder);
    for (unsigned i = 0; i < trust->count; i++) {
        printf("%.*s (%s)\n", SLICE_ARG(trust->trusted[i].name), trust->trusted[i].file_name);
        (void)fflush(stdout);
        change_system(trust, &trust->trusted[i]);
        if (has_home)
            change_nss(trust, &trust->trusted[i], home);
    }
    if (trust->count > 0 && trust->failed == 0 && !trust->removes)
        printf("browsers that run have to be started anew\n");
    return trust->failed > 0;
}

static int export_all(const struct trust *trust)
{
    for (unsigned i = 0; i < trust->count; i++)
        (void)fwrite(trust->trusted[i].pem.at, 1, trust->trusted[i].pem.len, stdout);
    return 0;
}

static int make_state(const struct trust *trust, struct error *error)
{
    int rc = place_make_state(&trust->place);
    return rc < 0 ? error_set_errno(error, rc, "cannot make %s", trust->place.state) : 0;
}

static int open_vault(struct trust *trust, struct error *error)
{
    struct file_info info;
    bool is_missing = file_stat(trust->place.state, &info) == -ENOENT;
    int rc = is_missing ? make_state(trust, error) : 0;
    if (rc < 0)
        return rc;
    rc = vault_open(&trust->vault, trust->place.state);
    return rc < 0 ? error_set(error, rc,
                              "cannot open %s/certificates: %s; run it as the user that runs "
                              "Weir, or with sudo",
                              trust->place.state, strerror(-rc))
                  : 0;
}

static int trust_fiber(void *arg)
{
    struct trust *trust = arg;
    struct error error = {0};
    int rc = open_vault(trust, &error);
    if (rc == 0)
        rc = take(trust, TLS_AUTHORITY_LOCAL, &error);
    if (rc == 0)
        rc = take(trust, TLS_AUTHORITY_OPEN, &error);
    if (rc < 0) {
        (void)fprintf(stderr, "weir trust: %s\n", error.text);
        return 1;
    }
    return trust->exports ? export_all(trust) : change_all(trust);
}

int trust_main(int argc, const char **argv)
{
    static struct trust trust;
    const char *file = NULL, *state = NULL, **arguments;
    const struct option_row options[] = {
        PLACE_FILE_ROW('f', file),
        PLACE_STATE_ROW(state),
        {'\0', "remove", OPTION_FLAG, NULL, "take it out of the stores again",
         .flag = &trust.removes},
        {'\0', "export", OPTION_FLAG, NULL,
         "print the certificate, for other machines, and change nothing", .flag = &trust.exports},
        {.name = NULL},
    };
    const struct command_usage usage = {
        "trust", "[-f FILE] [--remove | --export]",
        "Lets programs of this machine believe the certificates that Weir makes itself: its local "
        "authority is put into the system's store, which needs root, and into those of the user's "
        "Chromium and Firefox. That authority can vouch for local names and addresses only; one "
        "for other names is put there as well where a file asked for it.",
        0, options};
    unsigned count;
    int exit_code;
    if (!options_parse(&usage, argc, argv, &count, &arguments, &exit_code))
        return exit_code;
    if (!place_find("trust", file, state, false, &trust.place))
        return 1;
    for (unsigned i = 0; i < AUTHORITIES_MAX; i++)
        buffer_init(&trust.pems[i], AUTHORITY_PEM_BYTES_MAX);
    exit_code = fiber_run(trust_fiber, &trust);
    for (unsigned i = 0; i < AUTHORITIES_MAX; i++) {
        buffer_finish(&trust.pems[i]);
        tls_authority_destroy(trust.authorities[i]);
    }
    return exit_code < 0 ? 1 : exit_code;
}
