/* Under the vault's lock, so that `weir trust` and the keeper never make two of them. */
#include "control/identity/authorities.h"

#include "base/cleanup.h"
#include "os/loop.h"
#include "os/self.h"

#include <errno.h>

#define LASTS_S        ((int64_t)180 * 86400) /* one that ends sooner is made anew */
#define HOST_BYTES_MAX 256

struct slice authorities_name(enum tls_authority_reach reach)
{
    return reach == TLS_AUTHORITY_LOCAL ? SLICE("authority") : SLICE("authority-open");
}

int authorities_find(const struct vault *vault, enum tls_authority_reach reach,
                     struct tls_authority **ret_authority, struct error *ret_error)
{
    struct slice name = authorities_name(reach);
    struct error why = {0};
    SCOPED(buffer_finish) struct buffer pem;
    buffer_init(&pem, AUTHORITY_PEM_BYTES_MAX);
    int rc = vault_read(vault, name, ".pem", &pem);
    if (rc == -ENOENT)
        return rc;
    if (rc < 0)
        return error_set_errno(ret_error, rc, "cannot read %s/%.*s.pem", vault->folder,
                               SLICE_ARG(name));
    rc = tls_authority_parse(buffer_slice(&pem), ret_authority, &why);
    if (pem.at != NULL)
        explicit_bzero(pem.at, pem.len);
    return rc == 0 ? 0
                   : error_set(ret_error, rc,
                               "the local authority in %s/%.*s.pem cannot be used: %s; remove it "
                               "and a new one is made, which has to be trusted anew",
                               vault->folder, SLICE_ARG(name), why.text);
}

static int make(const struct vault *vault, enum tls_authority_reach reach,
                struct tls_authority **ret_authority, struct error *error)
{
    char host[HOST_BYTES_MAX];
    struct tls_authority *authority = NULL;
    SCOPED(buffer_finish) struct buffer pem;
    buffer_init(&pem, AUTHORITY_PEM_BYTES_MAX);
    self_host_name(host, sizeof host);
    int rc = tls_authority_create(reach, slice_of_cstr(host), self_wall_s(), &authority);
    if (rc == 0)
        rc = tls_authority_write(authority, &pem);
    if (rc < 0)
        (void)error_set_errno(error, rc, "cannot make a local authority");
    else if ((rc = vault_write(vault, authorities_name(reach), ".pem", buffer_slice(&pem))) < 0)
        (void)error_set_errno(error, rc, "cannot write the local authority to %s", vault->folder);
    if (pem.at != NULL)
        explicit_bzero(pem.at, pem.len);
    if (rc < 0)
        tls_authority_destroy(authority);
    else
        *ret_authority = authority;
    return rc;
}

static int take_locked(const struct vault *vault, enum tls_authority_reach reach,
                       struct tls_authority **ret_authority, bool *ret_is_new, struct error *error)
{
    struct tls_authority *found = NULL;
    *ret_is_new = false;
    int rc = authorities_find(vault, reach, &found, error);
    if (rc == 0 && tls_authority_not_after_s(found) > self_wall_s() + LASTS_S) {
        *ret_authority = found;
        return 0;
    }
    tls_authority_destroy(found);
    if (rc < 0 && rc != -ENOENT)
        return rc;
    rc = make(vault, reach, ret_authority, error);
    *ret_is_new = rc == 0;
    return rc;
}

int authorities_take(const struct vault *vault, enum tls_authority_reach reach,
                     struct tls_authority **ret_authority, bool *ret_is_new,
                     struct error *ret_error)
{
    int lock = vault_lock(vault);
    if (lock < 0)
        return error_set_errno(ret_error, lock, "cannot lock %s", vault->folder);
    int rc = take_locked(vault, reach, ret_authority, ret_is_new, ret_error);
    vault_unlock(lock);
    return rc;
}

enum tls_authority_reach authorities_reach(const struct slice *names, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (!tls_authority_is_local(names[i]))
            return TLS_AUTHORITY_OPEN;
    }
    return TLS_AUTHORITY_LOCAL;
}
