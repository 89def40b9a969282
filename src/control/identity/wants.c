/*
 * Two walks over a snapshot's certificates: to compare two of them, and to list the places that
 * they stand in.
 */
#include "control/identity/wants.h"

#include "base/cleanup.h"
#include "control/identity/vault.h"
#include "os/confine.h"
#include "os/file.h"
#include "os/self.h"

#include <errno.h>
#include <stdio.h>

#define PLACES_BYTES_MAX ((size_t)16 << 20)

static bool is_same_acme(const struct snapshot *a, const struct snapshot *b)
{
    return slice_equal(a->acme.directory, b->acme.directory) &&
           slice_equal(a->acme.ca, b->acme.ca) && slice_equal(a->acme.hook, b->acme.hook) &&
           a->acme.challenge == b->acme.challenge && a->acme.key == b->acme.key &&
           a->acme.looks_first == b->acme.looks_first &&
           slice_equal(a->acme.eab_id, b->acme.eab_id) &&
           slice_equal(a->acme.eab_key, b->acme.eab_key) && slice_equal(a->email, b->email);
}

static bool are_same_files(const struct conf_certificate *a, unsigned a_count,
                           const struct conf_certificate *b, unsigned b_count)
{
    bool are_same = a_count == b_count;
    for (unsigned i = 0; are_same && i < a_count; i++)
        are_same =
            slice_equal(a[i].certificate, b[i].certificate) && slice_equal(a[i].key, b[i].key);
    return are_same;
}

/* The user's own certificates, which may be asked about at their authorities. */
static bool has_same_files(const struct snapshot *a, const struct snapshot *b)
{
    if (a->listeners_count != b->listeners_count || a->sites_count != b->sites_count)
        return false;
    for (unsigned i = 0; i < a->listeners_count; i++) {
        const struct conf_tls *x = &a->listeners[i].tls, *y = &b->listeners[i].tls;
        if (!are_same_files(x->certificates, x->certificates_count, y->certificates,
                            y->certificates_count))
            return false;
    }
    for (unsigned i = 0; i < a->sites_count; i++) {
        const struct conf_site *x = &a->sites[i], *y = &b->sites[i];
        if (x->identities_count != y->identities_count)
            return false;
        for (unsigned k = 0; k < x->identities_count; k++) {
            if (!are_same_files(x->identities[k].certificates, x->identities[k].certificates_count,
                                y->identities[k].certificates, y->identities[k].certificates_count))
                return false;
        }
    }
    return true;
}

static bool has_files(const struct snapshot *snapshot)
{
    for (unsigned i = 0; i < snapshot->listeners_count; i++) {
        if (snapshot->listeners[i].tls.certificates_count > 0)
            return true;
    }
    for (unsigned i = 0; i < snapshot->sites_count; i++) {
        for (unsigned k = 0; k < snapshot->sites[i].identities_count; k++) {
            if (snapshot->sites[i].identities[k].certificates_count > 0)
                return true;
        }
    }
    return false;
}

/* An id stands for source and names. */
bool keeper_must_change(const struct snapshot *now, const struct snapshot *next)
{
    if (now->managed_count != next->managed_count || !is_same_acme(now, next) ||
        !has_same_files(now, next))
        return true;
    for (unsigned i = 0; i < now->managed_count; i++) {
        if (!slice_equal(now->managed[i]->id, next->managed[i]->id))
            return true;
    }
    return false;
}

bool keeper_is_wanted(const struct snapshot *snapshot)
{
    return snapshot->managed_count > 0 || has_files(snapshot);
}

/* Giving up rights. */

struct places {
    struct arena arena;
    const char **at;
    unsigned count, max;
    bool out_of_memory;
};

/* The folder, not the file: that is often replaced by another one. */
static void add_folder(struct places *places, struct slice path)
{
    while (path.len > 1 && path.at[path.len - 1] != '/')
        path.len--;
    struct slice copy = path.len == 0 ? path : arena_copy(&places->arena, path);
    if (path.len == 0)
        return;
    if (copy.at == NULL || places->count == places->max)
        places->out_of_memory = true;
    else
        places->at[places->count++] = copy.at;
}

static void add_real_folder(struct places *places, struct slice path)
{
    char real[PATH_MAX], text[PATH_MAX];
    int len = snprintf(text, sizeof text, "%.*s", SLICE_ARG(path));
    add_folder(places, path);
    if (len <= 0 || (size_t)len >= sizeof text)
        return;
    len = file_real_path(text, real, sizeof real);
    if (len > 0)
        add_folder(places, slice_of(real, (size_t)len));
}

static void add_files(struct places *places, const struct conf_certificate *at, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        add_real_folder(places, at[i].certificate);
        add_real_folder(places, at[i].key);
    }
}

static void list_places(struct places *places, const struct snapshot *snapshot)
{
    static const char *const systems[] = {"/etc/",
                                          "/usr/share/ca-certificates/",
                                          "/usr/local/share/ca-certificates/",
                                          "/run/",
                                          "/proc/self/",
                                          "/dev/urandom"};
    const char *hosts = self_variable("CARES_HOSTS"); /* c-ares' own, for another /etc/hosts */
    for (size_t i = 0; i < COUNT_OF(systems); i++)
        places->at[places->count++] = systems[i];
    if (hosts != NULL)
        add_folder(places, slice_of_cstr(hosts));
    add_real_folder(places, snapshot->acme.ca);
    add_real_folder(places, snapshot->acme.eab_key);
    for (unsigned i = 0; i < snapshot->listeners_count; i++)
        add_files(places, snapshot->listeners[i].tls.certificates,
                  snapshot->listeners[i].tls.certificates_count);
    for (unsigned i = 0; i < snapshot->sites_count; i++) {
        for (unsigned k = 0; k < snapshot->sites[i].identities_count; k++)
            add_files(places, snapshot->sites[i].identities[k].certificates,
                      snapshot->sites[i].identities[k].certificates_count);
    }
}

static unsigned count_files(const struct snapshot *snapshot)
{
    unsigned count = 16;
    for (unsigned i = 0; i < snapshot->listeners_count; i++)
        count += 4 * snapshot->listeners[i].tls.certificates_count;
    for (unsigned i = 0; i < snapshot->sites_count; i++) {
        for (unsigned k = 0; k < snapshot->sites[i].identities_count; k++)
            count += 4 * snapshot->sites[i].identities[k].certificates_count;
    }
    return count;
}

static int confine_places(const struct snapshot *snapshot, const struct vault *vault,
                          struct error *error)
{
    bool is_held;
    struct places places = {.max = count_files(snapshot)};
    arena_init(&places.arena, NULL, 0, PLACES_BYTES_MAX);
    places.at = arena_alloc_array(&places.arena, places.max, sizeof *places.at);
    if (places.at != NULL)
        list_places(&places, snapshot);
    int rc = places.at == NULL || places.out_of_memory
                 ? error_set(error, -ENOMEM, "out of memory")
                 : confine_files_but(vault->folder, places.at, places.count, &is_held, error);
    arena_finish(&places.arena);
    return rc;
}

int keeper_confine(const struct snapshot *snapshot, const char *state, struct error *ret_error)
{
    struct vault vault;
    int rc = vault_open(&vault, state);
    if (rc < 0)
        return error_set_errno(ret_error, rc, "cannot make %s/" VAULT_FOLDER, state);
    rc = confine_become(NULL, ret_error);
    if (rc < 0 || snapshot->acme.hook.len > 0)
        return rc;
    return confine_places(snapshot, &vault, ret_error);
}
